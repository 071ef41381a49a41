//! What a Deployment was told to be, from one moment to another.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::api::Api;
use crate::poll;

/// Longer than any scenario.
const LIMIT: Duration = Duration::from_secs(3_600);
/// What the API server knows comes within this, or the API server is gone.
const CATCH_UP: Duration = Duration::from_secs(30);

/// What has been seen, and up to which version of the object.
#[derive(Default)]
struct Seen {
    replicas: Vec<u64>,
    version: u64,
}

/// Hears of every change that the API server still knows of when it is asked, at once as a rule; ends with this value.
pub struct Watch {
    api: Api,
    path: String,
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    pub(super) fn start(api: Api, path: String) -> Result<Self> {
        let (seen, stop) = (Arc::<Mutex<Seen>>::default(), Arc::new(AtomicBool::new(false)));
        lock(&seen).look(&api, &path)?;
        let (kept, ended) = (Arc::clone(&seen), Arc::clone(&stop));
        let (heard_by, at) = (api.clone(), path.clone());
        let thread = thread::spawn(move || {
            let _ = poll::until_blocking("the end of a watch", LIMIT, || {
                if ended.load(Ordering::Relaxed) {
                    return Ok(());
                }
                let since = lock(&kept).version;
                let heard =
                    heard_by.changes(&at, since, |object| lock(&kept).note(object).is_some());
                // Of a version that is too old the API server does not know what came after it.
                if heard.is_err() {
                    let _ = lock(&kept).look(&heard_by, &at);
                }
                Err("not yet")
            });
        });
        Ok(Self { api, path, seen, stop, thread: Some(thread) })
    }

    /// The numbers of replicas until now, each once until it changed.
    pub fn seen(&self) -> Result<Vec<u64>> {
        let now = version(&self.api.get(&self.path)?).context("an object has a version")?;
        poll::until_blocking("the watch to have caught up", CATCH_UP, || {
            let seen = lock(&self.seen);
            if seen.version >= now { Ok(seen.replicas.clone()) } else { Err("it has not") }
        })
        .map_err(Into::into)
    }
}

impl Seen {
    /// What the object is now, which is true as of the version of the whole list.
    fn look(&mut self, api: &Api, path: &str) -> Result<()> {
        let list = api.get(&Api::of_one(path)?)?;
        let object = list.pointer("/items/0").with_context(|| format!("there is no {path}"))?;
        self.note(object).context("it has no replicas")?;
        self.version = version(&list).context("a list has a version")?;
        Ok(())
    }

    /// `None`: it is no object that could be watched.
    fn note(&mut self, object: &Value) -> Option<()> {
        let replicas = object.pointer("/spec/replicas")?.as_u64()?;
        self.version = version(object)?;
        if self.replicas.last() != Some(&replicas) {
            self.replicas.push(replicas);
        }
        Some(())
    }
}

/// Versions of one kind of object can be compared, since Kubernetes 1.35.
fn version(object: &Value) -> Option<u64> {
    object.pointer("/metadata/resourceVersion")?.as_str()?.parse().ok()
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
