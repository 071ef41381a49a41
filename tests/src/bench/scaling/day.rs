//! PURE: a day of work, pressed into minutes.

use std::ops::RangeInclusive;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// Proofs asked for in each quarter of an hour; made up, as its first lines say.
const DAY: &str = include_str!("day.csv");
/// Quarters of an hour in a day.
const QUARTERS: usize = 96;
/// Tasks of a proof, published at once.
const TASKS: RangeInclusive<u64> = 2..=4;
/// Where in its quarter a proof is asked for, and how many tasks it has: the same in every run.
const SEED: u64 = 15;

/// When each task is published, from the beginning of a day of this length.
pub(crate) fn arrivals(length: Duration) -> Result<Vec<Duration>> {
    let quarter = length / u32::try_from(QUARTERS)?;
    let mut random = Random(SEED);
    let mut all = Vec::new();
    for (number, proofs) in (0u32..).zip(proofs(DAY)?) {
        for _ in 0..proofs {
            let at = quarter * number + quarter.mul_f64(random.fraction());
            let tasks = random.among(TASKS);
            all.extend((0..tasks).map(|_| at));
        }
    }
    all.sort_unstable();
    Ok(all)
}

/// Numbers of proofs of a table, quarter by quarter.
fn proofs(table: &str) -> Result<Vec<u32>> {
    let rows = table.lines().filter(|line| !line.starts_with('#')).skip(1);
    let read = |line: &str| {
        let (_, proofs) = line.split_once(',')?;
        proofs.parse().ok()
    };
    let rows: Vec<u32> = rows
        .map(|line| read(line).with_context(|| format!("`{line}` is no row of a day")))
        .collect::<Result<_>>()?;
    ensure!(rows.len() == QUARTERS, "a day has {QUARTERS} rows, not {}", rows.len());
    Ok(rows)
}

/// Splitmix64: even enough to spread proofs over a quarter of an hour.
struct Random(u64);

impl Random {
    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// At least 0, below 1.
    fn fraction(&mut self) -> f64 {
        // The highest 32 bits, which a double holds without loss.
        let high = u32::try_from(self.draw() >> 32).unwrap_or_default();
        f64::from(high) / (f64::from(u32::MAX) + 1.0)
    }

    fn among(&mut self, range: RangeInclusive<u64>) -> u64 {
        range.start() + self.draw() % (range.end() - range.start() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: Duration = Duration::from_secs(600);

    #[test]
    fn a_day_is_the_same_each_time_and_within_its_length() {
        let day = arrivals(LENGTH).unwrap();
        assert_eq!(day, arrivals(LENGTH).unwrap());
        assert!(day.is_sorted() && day.last().unwrap() < &LENGTH);
    }

    #[test]
    fn a_day_of_another_length_is_the_same_day() {
        let (long, short) = (arrivals(LENGTH).unwrap(), arrivals(LENGTH / 10).unwrap());
        assert_eq!(long.len(), short.len());
        let apart = |(long, short): (&Duration, &Duration)| (*long / 10).abs_diff(*short);
        assert!(long.iter().zip(&short).map(apart).max().unwrap() < Duration::from_millis(1));
    }

    #[test]
    fn the_morning_is_busier_than_the_night_and_the_burst_is_there() {
        let day = proofs(DAY).unwrap();
        let hours = |from: usize, to: usize| day[from * 4..to * 4].iter().sum::<u32>();
        assert!(hours(8, 10) > 5 * hours(0, 6) / 3, "{} {}", hours(8, 10), hours(0, 6));
        assert_eq!(hours(23, 24), 0, "the last hour lets the workers go");
        assert_eq!(day.iter().max(), day.get(15 * 4 + 1));
    }

    #[test]
    fn a_row_that_is_none_and_a_day_too_short_are_refused() {
        assert!(proofs("from,proofs\n00:00,few\n").unwrap_err().to_string().contains("few"));
        assert!(proofs("from,proofs\n00:00,1\n").is_err());
    }

    #[test]
    fn a_proof_has_two_to_four_tasks_at_one_moment() {
        let day = arrivals(LENGTH).unwrap();
        let sizes = day.chunk_by(|one, other| one == other).map(<[Duration]>::len);
        let sizes: Vec<usize> = sizes.collect();
        assert!([2, 3, 4].iter().all(|size| sizes.contains(size)));
        assert!(sizes.iter().all(|size| (2..=4).contains(size)));
    }
}
