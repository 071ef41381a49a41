//! PURE: what is known of the protection, and how it is told.

use std::time::Instant;

use super::Target;
use crate::status::{ProtectStatus, ProtectedStatus};

/// Holders told one by one.
const TOLD: usize = 20;

/// What is known of the protection.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Known {
    /// This replica acts.
    pub leads: bool,
    /// Who has the Lease.
    pub holder: Option<String>,
    /// Why the Lease cannot be read or written.
    pub lease_error: Option<String>,
    /// When everything was last read.
    pub looked: Option<Instant>,
    /// What could not be read in the last look.
    pub look_error: Option<String>,
    /// Why the last change that failed did; `None` after a look without failures.
    pub change_error: Option<String>,
    /// Each target, and what the last look showed of it.
    pub targets: Vec<KnownTarget>,
    /// Workers with a task that are no pod of ours.
    pub unmatched: Vec<String>,
    /// Costs that were changed.
    pub changes: u64,
    /// Changes that failed.
    pub failures: u64,
}

/// One target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownTarget {
    /// Which pods.
    pub target: Target,
    /// How many are busy, idle, and neither for all we know; `None`: not known, or not ours to know.
    pub pods: Option<[u64; 3]>,
}

impl Known {
    /// Nothing, of these targets.
    #[must_use]
    pub fn nothing(targets: &[Target]) -> Self {
        let targets =
            targets.iter().map(|target| KnownTarget { target: target.clone(), pods: None });
        Self { targets: targets.collect(), ..Self::default() }
    }

    /// Another replica acts, or none: what was seen when we did says nothing any more.
    pub fn stand_down(&mut self) {
        (self.leads, self.looked, self.look_error, self.change_error) = (false, None, None, None);
        self.unmatched.clear();
        for target in &mut self.targets {
            target.pods = None;
        }
    }

    /// What the page and the JSON show.
    #[must_use]
    pub fn status(&self, now: Instant) -> ProtectStatus {
        let errors = [&self.lease_error, &self.look_error, &self.change_error];
        let age = self.looked.map(|at| now.saturating_duration_since(at).as_millis());
        ProtectStatus {
            leads: self.leads,
            leader: self.holder.clone(),
            age_ms: age.map(|age| u64::try_from(age).unwrap_or(u64::MAX)),
            error: errors.into_iter().flatten().next().cloned(),
            targets: self.targets.iter().map(KnownTarget::status).collect(),
            unmatched: self.unmatched.len() as u64,
            unmatched_holders: self.unmatched.iter().take(TOLD).cloned().collect(),
            changes: self.changes,
            failures: self.failures,
        }
    }
}

impl KnownTarget {
    fn status(&self) -> ProtectedStatus {
        let Target { namespace, selector } = self.target.clone();
        let [busy, idle, unknown] = match self.pods {
            Some(counts) => counts.map(Some),
            None => [None; 3],
        };
        ProtectedStatus { namespace, selector, busy, idle, unknown }
    }
}
