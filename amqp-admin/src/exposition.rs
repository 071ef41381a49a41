//! PURE: one line of the Prometheus text format → one queue's count.

/// The metric that counts ready messages.
const READY: &str = "rabbitmq_detailed_queue_messages_ready{";
/// The metric that counts unacknowledged messages.
const UNACKED: &str = "rabbitmq_detailed_queue_messages_unacked{";

/// Which count a line holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Count {
    /// Ready messages.
    Ready,
    /// Unacknowledged messages.
    Unacked,
}

/// One count of one queue.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) count: Count,
    pub(crate) vhost: String,
    pub(crate) queue: String,
    pub(crate) value: u64,
}

/// Reads one line. `Ok(None)`: a line of another metric, or a comment.
pub(crate) fn parse_line(line: &str) -> Result<Option<Sample>, String> {
    let (count, rest) = if let Some(rest) = line.strip_prefix(READY) {
        (Count::Ready, rest)
    } else if let Some(rest) = line.strip_prefix(UNACKED) {
        (Count::Unacked, rest)
    } else {
        return Ok(None);
    };
    let (labels, value) = parse_labels(rest).ok_or_else(|| bad(line, "its labels"))?;
    let value = parse_value(value.trim()).ok_or_else(|| bad(line, "its value"))?;
    let [vhost, queue] = ["vhost", "queue"].map(|wanted| {
        let label = labels.iter().find(|(name, _)| name == wanted);
        label
            .map(|(_, value)| value.clone())
            .ok_or_else(|| bad(line, &format!("its label `{wanted}`")))
    });
    Ok(Some(Sample { count, vhost: vhost?, queue: queue?, value }))
}

fn bad(line: &str, part: &str) -> String {
    let shown: String = line.chars().take(200).collect();
    format!("cannot read {part} in the line `{shown}`")
}

/// `a="x",b="y"} rest` → the labels and `rest`. Values escape `\`, `"` and newline with `\`.
fn parse_labels(mut rest: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut labels = Vec::with_capacity(2);
    loop {
        rest = rest.trim_start_matches(',');
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (name, after) = rest.split_once("=\"")?;
        let (value, after) = unescape(after)?;
        labels.push((name.trim().to_owned(), value));
        rest = after;
    }
}

fn unescape(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                escaped => value.push(escaped),
            },
            plain => value.push(plain),
        }
    }
    None
}

/// Counts are whole; the broker may write a large one as a float (`1.0e6`).
fn parse_value(text: &str) -> Option<u64> {
    if let Ok(value) = text.parse::<u64>() {
        return Some(value);
    }
    let value: f64 = text.parse().ok()?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "finite, whole and not negative is checked; above 2^64 the cast saturates"
    )]
    let whole = value as u64;
    (value.is_finite() && value >= 0.0 && value.fract() == 0.0).then_some(whole)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_as_the_broker_writes_it() {
        let line =
            r#"rabbitmq_detailed_queue_messages_ready{vhost="/",queue="task-ipc-routing-key"} 2"#;
        let sample = parse_line(line).unwrap().unwrap();
        assert_eq!((sample.count, sample.value), (Count::Ready, 2));
        assert_eq!((sample.vhost.as_str(), sample.queue.as_str()), ("/", "task-ipc-routing-key"));
    }

    #[test]
    fn comments_and_other_metrics_are_passed_over() {
        for line in [
            "# TYPE rabbitmq_detailed_queue_messages_ready gauge",
            r#"rabbitmq_detailed_queue_messages{vhost="/",queue="q"} 3"#,
            "",
        ] {
            assert_eq!(parse_line(line), Ok(None));
        }
    }

    #[test]
    fn impossible_values_are_refused_with_the_line() {
        for value in ["-1", "NaN", "+Inf", "1.5", "", "7 8"] {
            let line =
                format!(r#"rabbitmq_detailed_queue_messages_ready{{vhost="/",queue="q"}} {value}"#);
            assert!(parse_line(&line).unwrap_err().contains("its value"), "{value}");
        }
        let torn = r#"rabbitmq_detailed_queue_messages_unacked{vhost="/",que"#;
        assert!(parse_line(torn).unwrap_err().contains("its labels"));
    }

    #[test]
    fn a_float_that_is_whole_counts() {
        let line = r#"rabbitmq_detailed_queue_messages_unacked{queue="q",vhost="/"} 1.0e6"#;
        assert_eq!(parse_line(line).unwrap().unwrap().value, 1_000_000);
    }

    proptest! {
        #[test]
        fn any_name_survives_escaping(name in "\\PC{1,40}|[\"\\\\\n]{1,5}") {
            let escaped = name.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let line = format!(r#"rabbitmq_detailed_queue_messages_ready{{vhost="/",queue="{escaped}"}} 1"#);
            prop_assert_eq!(parse_line(&line).unwrap().unwrap().queue, name);
        }

        #[test]
        fn any_line_is_read_or_refused_and_never_panics(line in "\\PC{0,200}") {
            let _ = parse_line(&line);
            let _ = parse_line(&format!("{READY}{line}"));
        }
    }
}
