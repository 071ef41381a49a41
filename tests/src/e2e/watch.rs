//! What a Deployment was told to be, from one moment to another.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::api::Api;
use crate::poll;

/// Longer than any scenario.
const LIMIT: Duration = Duration::from_secs(3_600);

/// Looks five times a second; ends with this value.
pub struct Watch {
    api: Api,
    path: String,
    seen: Arc<Mutex<Vec<u64>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    pub(super) fn start(api: Api, path: String) -> Self {
        let (seen, stop) = (Arc::<Mutex<Vec<u64>>>::default(), Arc::new(AtomicBool::new(false)));
        let (kept, ended) = (Arc::clone(&seen), Arc::clone(&stop));
        let (looked_by, at) = (api.clone(), path.clone());
        let thread = thread::spawn(move || {
            let _ = poll::until_blocking("the end of a watch", LIMIT, || {
                look(&looked_by, &at, &kept);
                if ended.load(Ordering::Relaxed) { Ok(()) } else { Err("not yet") }
            });
        });
        Self { api, path, seen, stop, thread: Some(thread) }
    }

    /// The numbers of replicas until now, each once until it changed.
    #[must_use]
    pub fn seen(&self) -> Vec<u64> {
        look(&self.api, &self.path, &self.seen);
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn look(api: &Api, path: &str, seen: &Mutex<Vec<u64>>) {
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    let told = api.get(path).ok();
    let replicas = told.and_then(|told| told.pointer("/spec/replicas")?.as_u64());
    if let Some(replicas) = replicas
        && seen.last() != Some(&replicas)
    {
        seen.push(replicas);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
