//! PURE: numbers in sentences.

/// `1 queue`, `2 queues`.
#[must_use]
pub fn plural(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", agree(number, "", "s"))
}

/// Of two forms the one that agrees with a number: one *is*, two *are*.
#[must_use]
pub fn agree<'a>(number: u64, one: &'a str, more: &'a str) -> &'a str {
    if number == 1 { one } else { more }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_one_and_none_are_many() {
        let told = |number| format!("{} {}", plural(number, "queue"), agree(number, "is", "are"));
        assert_eq!([0, 1, 2].map(told), ["0 queues are", "1 queue is", "2 queues are"]);
    }
}
