//! Waits for circuits that another process makes, with words meanwhile.

use std::time::Duration;

use anyhow::Result;

use crate::circuits::Circuits;
use crate::clock;
use crate::configuration::Configuration;
use crate::signals::Signals;

/// Between two looks at the marker.
const LOOK: Duration = Duration::from_secs(1);
/// Between two words.
pub(super) const WORDS: Duration = Duration::from_secs(30);

/// True: they are complete; false: asked to end before.
pub(super) async fn for_circuits(
    circuits: &Circuits,
    wanted: &Configuration,
    signals: &mut Signals,
) -> Result<bool> {
    let since = clock::now();
    let mut words = tokio::time::interval(WORDS);
    let mut looks = tokio::time::interval(LOOK);
    let folder = circuits.folder().display();
    loop {
        if circuits.is_complete(wanted)? {
            tracing::info!("the circuits in `{folder}` are complete");
            return Ok(true);
        }
        tokio::select! {
            () = signals.end() => return Ok(false),
            _ = looks.tick() => {}
            _ = words.tick() => {
                let so_far = clock::now().saturating_duration_since(since).as_secs();
                tracing::info!(waited_s = so_far, "waiting for the circuits in `{folder}`, {so_far} s so far; `zero-worker init-circuits` makes them");
            }
        }
    }
}
