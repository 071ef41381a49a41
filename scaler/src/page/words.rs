//! PURE: numbers and times as people read them.

use maud::{Markup, html};

/// `12,480`.
pub(super) fn count(number: u64) -> String {
    grouped(&number.to_string())
}

/// A count, or the word for not having one; never 0 in its place.
pub(super) fn known(number: Option<u64>) -> Markup {
    html! {
        @match number {
            Some(number) => (count(number)),
            None => span .unknown { "unknown" },
        }
    }
}

/// `256`, `0.5` or `1,024.25`.
pub(super) fn number(number: f64) -> String {
    let text = format!("{number:.3}");
    match text.split_once('.') {
        Some((whole, rest)) => match rest.trim_end_matches('0') {
            "" => grouped(whole),
            rest => format!("{}.{rest}", grouped(whole)),
        },
        None => text,
    }
}

fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        let after = digits.len().saturating_sub(place);
        if place > 0 && after % 3 == 0 && digit.is_ascii_digit() && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `8 s`, `5 min`, `2 h 10 min` or `3 d 4 h`.
pub(super) fn span(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let pair = |whole: u64, unit: &str, part: u64, smaller: &str| match part {
        0 => format!("{whole} {unit}"),
        part => format!("{whole} {unit} {part} {smaller}"),
    };
    match seconds {
        0..120 => format!("{seconds} s"),
        120..3600 => format!("{minutes} min"),
        3600..86_400 => pair(hours, "h", minutes % 60, "min"),
        _ => pair(days, "d", hours % 24, "h"),
    }
}

/// Seconds of an estimate, as [`span`].
pub(super) fn seconds(estimate: f64) -> String {
    span(whole(estimate))
}

/// Without the fraction. What is below 0 or no number is 0.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
pub(super) fn whole(number: f64) -> u64 {
    number as u64
}

/// `0.4 s`, and from ten seconds on as [`span`].
pub(super) fn millis(age: u64) -> String {
    match age / 1000 {
        whole @ 0..10 => format!("{whole}.{} s", age % 1000 / 100),
        whole => span(whole),
    }
}

/// `1 queue`, `2 queues`.
pub(super) fn plural(number: u64, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", count(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_keep_their_sign_and_fraction() {
        assert_eq!((count(0), count(999), count(1000)), ("0".into(), "999".into(), "1,000".into()));
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(number(256.0), "256");
        assert_eq!(number(0.5), "0.5");
        assert_eq!(number(1024.25), "1,024.25");
        assert_eq!(number(-100.0), "-100");
        assert_eq!(number(f64::INFINITY), "inf");
    }

    #[test]
    fn times_have_at_most_two_units() {
        let told = [0, 119, 120, 3599, 3600, 7800, 86_400, 90_000, 277_200].map(span);
        let words =
            ["0 s", "119 s", "2 min", "59 min", "1 h", "2 h 10 min", "1 d", "1 d 1 h", "3 d 5 h"];
        assert_eq!(told, words);
        assert_eq!(millis(420), "0.4 s");
        assert_eq!(millis(34_900), "34 s");
    }

    #[test]
    fn what_is_not_known_is_never_a_number() {
        assert_eq!(known(None).into_string(), r#"<span class="unknown">unknown</span>"#);
        assert_eq!(known(Some(0)).into_string(), "0");
    }
}
