//! I/O: what the task in hand has used, from the container's cgroup, and what its worker has written
//! about what went wrong. The gateway asks for both as the task's result goes out.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use amqp_gateway::{Owner, Used};

use crate::books::used;
use crate::cgroup::{Cgroup, Usage};
use crate::last_words::LastWords;
use crate::logs::Event;

/// What has been used since a moment.
#[derive(Debug, Default)]
pub struct Meter {
    cgroup: Option<Cgroup>,
    began: Usage,
    memory_peak: Option<u64>,
}

impl Meter {
    /// Of this cgroup; without one nothing is known.
    #[must_use]
    pub fn of(cgroup: Option<Cgroup>) -> Self {
        Self { cgroup, ..Self::default() }
    }

    fn usage(&self) -> Usage {
        self.cgroup.as_ref().map(Cgroup::usage).unwrap_or_default()
    }

    /// The moment is now.
    pub fn begin(&mut self) {
        self.began = self.usage();
        self.memory_peak = self.began.memory;
    }

    /// Looks at the memory: its peak is the highest that was seen.
    pub fn look(&mut self) {
        self.memory_peak = self.memory_peak.max(self.usage().memory);
    }

    /// What has been used.
    #[must_use]
    pub fn used(&self) -> Used {
        let now = self.usage();
        used(self.began, now, self.memory_peak.max(now.memory))
    }
}

/// A worker's own account of the task in its hands. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Diary(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: Option<String>,
    meter: Mutex<Meter>,
    words: Mutex<LastWords>,
}

impl Diary {
    /// Of a worker of this name in this cgroup.
    #[must_use]
    pub fn new(name: Option<String>, cgroup: Option<Cgroup>) -> Self {
        let (meter, words) = (Mutex::new(Meter::of(cgroup)), Mutex::default());
        Self(Arc::new(Inner { name, meter, words }))
    }

    /// Looks at the memory.
    pub fn look(&self) {
        self.meter().look();
    }

    /// The worker's log told something.
    pub fn heard(&self, event: &Event<'_>) {
        self.words().heard(event);
    }

    /// The worker wrote a line to its standard error that is not of its log: a panic's words.
    pub fn wrote(&self, line: &str) {
        self.words().wrote(line);
    }

    fn meter(&self) -> MutexGuard<'_, Meter> {
        self.0.meter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn words(&self) -> MutexGuard<'_, LastWords> {
        self.0.words.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Owner for Diary {
    fn name(&self) -> Option<String> {
        self.0.name.clone()
    }

    fn begins(&self) {
        self.meter().begin();
        self.words().clear();
    }

    fn used(&self) -> Used {
        self.meter().used()
    }

    fn last_words(&self) -> Option<String> {
        self.words().told()
    }
}
