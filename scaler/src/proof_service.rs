//! Asks the proof service what it proves, again and again.

use std::time::Duration;

use amqp_admin::{Endpoint, Service, chain};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::proofs::{self, Listing, Page, ProofsKnown};

/// Between an answer and the next question.
const PAUSE: Duration = Duration::from_secs(2);
/// Bounds each answer.
const LIMIT: Duration = Duration::from_secs(2);
/// The largest answer that is read: a proof is told in about a kilobyte.
const BODY_LIMIT: usize = 4 << 20;
/// The questions, in the order that [`Listing::of`] wants.
const QUESTIONS: [&str; 3] = [
    "/v1/proofs?state=queued&limit=20",
    "/v1/proofs?state=running",
    "/v1/proofs?ended=true&limit=20",
];

/// The proof service, and who is told.
pub struct ProofService {
    service: Service,
    known: watch::Sender<ProofsKnown>,
    tick: watch::Sender<u64>,
}

impl ProofService {
    /// Nothing is sent yet. `tick` grows with each change of what is known.
    pub fn new(endpoint: Endpoint, tick: watch::Sender<u64>) -> amqp_admin::Result<Self> {
        let nothing = ProofsKnown::nothing(endpoint.to_string(), clock::now());
        let service = Service::new(endpoint, LIMIT)?;
        Ok(Self { service, known: watch::Sender::new(nothing), tick })
    }

    /// What is known of it.
    #[must_use]
    pub fn known(&self) -> watch::Receiver<ProofsKnown> {
        self.known.subscribe()
    }

    /// Asks until `shutdown`. A failure is logged once, not each time.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut trouble = None;
        loop {
            let told = tokio::select! {
                told = self.ask() => told,
                () = shutdown.cancelled() => return,
            };
            let error = told.as_ref().err().cloned();
            match &error {
                Some(error) if trouble.is_none() => tracing::warn!("the proof service: {error}"),
                None if trouble.is_some() => tracing::info!("the proof service answers again"),
                _ => {}
            }
            trouble = error;
            if self.take(told) {
                self.tick.send_modify(|tick| *tick = tick.wrapping_add(1));
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = shutdown.cancelled() => return,
            }
        }
    }

    fn take(&self, told: Result<Listing, String>) -> bool {
        let mut is_news = false;
        self.known.send_modify(|known| is_news = known.take(told, clock::now()));
        is_news
    }

    /// What it proves now, or why it does not say.
    pub async fn ask(&self) -> Result<Listing, String> {
        let [queued, running, ended] = QUESTIONS;
        let (queued, running) = (self.page(queued).await?, self.page(running).await?);
        Ok(Listing::of(queued, running, self.page(ended).await?))
    }

    async fn page(&self, question: &str) -> Result<Page, String> {
        let body = self.service.get(question, BODY_LIMIT).await;
        let body = body.map_err(|error| chain(&error))?;
        proofs::read(&body).map_err(|why| format!("it is no proof service of this version: {why}"))
    }
}
