//! The programs of the tests' Kubernetes control plane, and Helm, built while cargo builds ours.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use ::tests::provision::helm;
use ::tests::provision::kubernetes::{self, Programs};
use anyhow::anyhow;

use crate::shell;

type Outcome = anyhow::Result<Programs>;

/// A build under way; dropping it ends the build.
pub(super) struct Preparation {
    give_up: Arc<AtomicBool>,
    worker: Option<JoinHandle<Outcome>>,
}

impl Preparation {
    /// Starts looking for the programs, and building them when they are missing.
    pub(super) fn start() -> Self {
        let give_up = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&give_up);
        let worker = thread::spawn(move || {
            let mut say = |line: &str| shell::say(line);
            let programs = kubernetes::ensure_programs(&mut say, &stop)?;
            helm::ensure_programs(&mut say, &stop)?;
            Ok(programs)
        });
        Self { give_up, worker: Some(worker) }
    }

    /// Waits until they are there, or known not to be had.
    pub(super) fn wait(mut self) -> Outcome {
        if self.worker.as_ref().is_some_and(|worker| !worker.is_finished()) {
            shell::say("waiting for etcd, kube-apiserver, kubectl, KWOK and Helm to be built");
        }
        let ended = self.worker.take().map(JoinHandle::join);
        match ended {
            Some(Ok(outcome)) => outcome,
            Some(Err(_)) | None => Err(anyhow!("the build panicked")),
        }
    }
}

impl Drop for Preparation {
    fn drop(&mut self) {
        self.give_up.store(true, Ordering::Relaxed);
        if let Some(worker) = self.worker.take() {
            let _ = worker.join();
        }
    }
}
