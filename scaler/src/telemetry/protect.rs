//! The protection of busy workers → samples.

use std::fmt;

use super::export::{Samples, Sink, flag};
use crate::drain::to_f64;
use crate::status::ProtectStatus;

impl Sink<'_> {
    /// A replica that does not act has no samples of pods, ages and holders: another has them.
    pub(super) fn protect(&mut self, protect: &ProtectStatus) -> fmt::Result {
        let one = |value| vec![(vec![], value)];
        self.gauge(
            "protect_leader",
            "1 if this replica protects busy workers",
            one(flag(protect.leads)),
        )?;
        self.gauge(
            "protect_failing",
            "1 if it is not known who is busy, or a cost or the Lease cannot be written",
            one(flag(protect.error.is_some())),
        )?;
        self.counter("protect_changes", "Deletion costs changed", protect.changes)?;
        self.counter(
            "protect_failures",
            "Changes of deletion costs that failed",
            protect.failures,
        )?;
        if !protect.leads {
            return Ok(());
        }
        let age = protect.age_ms.map(|age| (vec![], to_f64(age) / 1000.0));
        self.gauge(
            "protect_age_seconds",
            "Since broker and pods were last read completely",
            age.into_iter().collect(),
        )?;
        self.gauge(
            "protect_unmatched_holders",
            "Workers with a task that cannot be protected: no selected pod, or a shared address",
            one(to_f64(protect.unmatched)),
        )?;
        self.gauge("protect_pods", "Pods by what they hold", pods(protect))
    }
}

fn pods(protect: &ProtectStatus) -> Samples<'_> {
    let mut samples = Samples::new();
    for target in &protect.targets {
        let counts = [("busy", target.busy), ("idle", target.idle), ("unknown", target.unknown)];
        for (holding, count) in counts {
            let labels = || {
                vec![
                    ("namespace", target.namespace.as_str()),
                    ("selector", &target.selector),
                    ("holding", holding),
                ]
            };
            samples.extend(count.map(|count| (labels(), to_f64(count))));
        }
    }
    samples
}
