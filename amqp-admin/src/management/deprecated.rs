//! What a broker is about to give up, and whether it still permits it.

use serde::Deserialize;

use super::{Management, decode};
use crate::error::Result;

/// Queues that are neither durable nor exclusive: paladin's.
const TRANSIENT: &str = "transient_nonexcl_queues";

/// One feature, as the broker lists it; before 4.3 without a state.
#[derive(Debug, Deserialize)]
struct Row {
    name: String,
    state: Option<String>,
}

impl Management {
    /// Whether the broker permits queues that are neither durable nor exclusive. `None`: it does not
    /// tell, as none before 4.3 does. Needs the tag `management`.
    pub async fn permits_transient_queues(&self) -> Result<Option<bool>> {
        let (url, body) = match self.body("/api/deprecated-features").await {
            // Brokers before 3.13 do not know the question.
            Err(error) if error.is_not_found() => return Ok(None),
            answer => answer?,
        };
        Ok(permitted(&decode::<Vec<Row>>(&url, &body)?))
    }
}

fn permitted(rows: &[Row]) -> Option<bool> {
    let row = rows.iter().find(|row| row.name == TRANSIENT)?;
    match row.state.as_deref() {
        Some("permitted") => Some(true),
        Some("denied") => Some(false),
        Some(_) | None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As 4.3 and 4.0 send them.
    #[test]
    fn the_state_is_what_counts_and_without_one_nothing_is_known() {
        let row = |name: &str, state: &str| {
            format!(
                r#"[{{"deprecation_phase":"permitted_by_default","desc":"","doc_url":"","name":"{name}","provided_by":"rabbit"{state}}}]"#
            )
        };
        for (name, state, told) in [
            (TRANSIENT, r#","state":"permitted""#, Some(true)),
            (TRANSIENT, r#","state":"denied""#, Some(false)),
            (TRANSIENT, r#","state":"other""#, None),
            (TRANSIENT, "", None),
            ("global_qos", r#","state":"denied""#, None),
        ] {
            let rows: Vec<Row> = serde_json::from_str(&row(name, state)).unwrap();
            assert_eq!(permitted(&rows), told, "{name} {state}");
        }
    }
}
