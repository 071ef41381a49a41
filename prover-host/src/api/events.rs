//! `GET /v1/proofs/{id}/events`: a proof whenever it changes, until its end.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Path, State as Shared};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use tokio::sync::watch;

use super::{Answer, Service, told};
use crate::view::View;

/// Between two events of one proof.
const PAUSE: Duration = Duration::from_millis(200);
/// A sign of life, for what stands between.
const ALIVE: Duration = Duration::from_secs(15);

/// Where a listener stands.
struct Listener {
    service: Service,
    id: String,
    number: i64,
    changes: watch::Receiver<u64>,
    last: Option<String>,
    ended: bool,
}

pub(super) async fn events(Shared(service): Shared<Service>, Path(id): Path<String>) -> Answer {
    let number = service.proofs.find(&id).await.map_err(super::refuse)?.number;
    let changes = service.proofs.changes();
    let listener = Listener { service, id, number, changes, last: None, ended: false };
    let events = stream::unfold(listener, Listener::next);
    let alive = KeepAlive::new().interval(ALIVE);
    let answer: Response = Sse::new(events).keep_alive(alive).into_response();
    Ok(answer)
}

impl Listener {
    /// The next event; none after the proof's end.
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        while !self.ended && !self.service.shutdown.is_cancelled() {
            let now = told(&self.service, &self.id).await.ok()?;
            self.ended = now.settled;
            let text = text(&now)?;
            if self.last.as_ref() != Some(&text) {
                self.last = Some(text.clone());
                return Some((Ok(Event::default().event("proof").data(text)), self));
            }
            if !self.ended {
                self.changed().await;
            }
        }
        None
    }

    /// Waits until something may have changed.
    async fn changed(&mut self) {
        let progress = self.service.proofs.progress(self.number);
        let progressed = async {
            match progress {
                Some(mut progress) => {
                    progress.mark_unchanged();
                    drop(progress.changed().await);
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.changes.changed() => {}
            () = progressed => {}
            () = self.service.shutdown.cancelled() => {}
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn text(view: &View) -> Option<String> {
    serde_json::to_string(view).ok()
}
