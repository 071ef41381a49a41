//! The end of a leader's run.

use std::time::Duration;

/// paladin deletes result queues in the background, and closing the connection can overtake
/// that. The real leader was never seen to be so quick, so the stand-in waits a little too.
pub async fn let_result_queues_go() {
    tokio::time::sleep(Duration::from_millis(100)).await;
}
