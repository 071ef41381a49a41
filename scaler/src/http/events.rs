//! `/status/events`: the page's fragment anew after each change, at most once and at least every
//! other second.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, StreamExt as _};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{sleep, timeout};

use super::{Facts, Shared};
use crate::page;

/// Between two events at least.
const PAUSE: Duration = Duration::from_secs(1);
/// After the pause at most: the ages on the page move even when nothing else does.
const PATIENCE: Duration = Duration::from_secs(1);
/// After how long a page that lost the stream asks again.
const RETRY: Duration = Duration::from_secs(1);

/// One page that follows.
struct Viewer<F> {
    facts: F,
    changes: watch::Receiver<u64>,
    greeted: bool,
    /// Given back when the page goes.
    _place: OwnedSemaphorePermit,
}

pub(super) async fn follow<F: Facts>(State(shared): State<Shared<F>>) -> Response {
    let Ok(place) = Arc::clone(&shared.viewers).try_acquire_owned() else {
        let words = "too many pages follow the events of this scaler already\n";
        return (StatusCode::SERVICE_UNAVAILABLE, words).into_response();
    };
    let changes = shared.facts.changes();
    let viewer = Viewer { facts: shared.facts, changes, greeted: false, _place: place };
    let events = stream::unfold(viewer, async |mut viewer| {
        let event = viewer.next().await;
        Some((Ok::<_, Infallible>(event), viewer))
    });
    Sse::new(events.take_until(shared.shutdown.cancelled_owned())).into_response()
}

impl<F: Facts> Viewer<F> {
    async fn next(&mut self) -> Event {
        if self.greeted {
            sleep(PAUSE).await;
            // Whether something changed or time is up, the page is told.
            let _ = timeout(PATIENCE, self.changes.changed()).await;
        }
        let event = Event::default().data(page::fragment(&self.facts.status()));
        if std::mem::replace(&mut self.greeted, true) { event } else { event.retry(RETRY) }
    }
}
