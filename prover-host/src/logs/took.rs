//! PURE: a duration as the language's own debug output writes it: `45.532755376s`, `89.6ms`, `3µs`.

use std::time::Duration;

use super::id::number;

/// Units and the number of decimal places between them and a nanosecond.
const UNITS: [(&str, u32); 4] = [("ns", 0), ("µs", 3), ("ms", 6), ("s", 9)];

/// Reads it exactly; digits beyond a nanosecond are cut.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (digits, places) =
        UNITS.iter().find_map(|(unit, places)| Some((text.strip_suffix(unit)?, *places)))?;
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    if whole.is_empty() || part.is_empty() {
        return None;
    }
    number(part.get(..part.len().min(18))?)?;
    let part: String = part.chars().chain(std::iter::repeat('0')).take(places as usize).collect();
    let part = if part.is_empty() { 0 } else { number(&part)? };
    let nanos = number(whole)?.checked_mul(10_u64.checked_pow(places)?)?.checked_add(part)?;
    Some(Duration::from_nanos(nanos))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_read_to_the_nanosecond() {
        for (text, nanos) in [
            ("65.128687909s", 65_128_687_909),
            ("515.08743ms", 515_087_430),
            ("3s", 3_000_000_000),
            ("12.5µs", 12_500),
            ("7ns", 7),
        ] {
            assert_eq!(duration(text), Some(Duration::from_nanos(nanos)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_no_duration() {
        for text in ["", "s", ".5s", "1.s", "1.5", "1,5s", "-1s", "1e3s", "99999999999999999999s"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_the_language_writes_is_what_is_read(nanos in 0_u64..u64::MAX / 2) {
            let written = Duration::from_nanos(nanos);
            prop_assert_eq!(duration(&format!("{written:?}")), Some(written));
        }
    }
}
