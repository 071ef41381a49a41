//! PURE: which of several replicas acts, by a Lease that they share.
//!
//! The rules are those of Kubernetes' own components: a Lease is another's until it was seen
//! unchanged for as long as it says. Each replica measures that on its own clock from its own
//! looks, so that clocks need not agree, only run at about the same rate.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// For so long a Lease is believed after it was last seen to change.
pub const LEASE_DURATION: Duration = Duration::from_secs(15);
/// For so long its holder acts without having renewed it: well before others may take it.
const ACTS_FOR: Duration = Duration::from_secs(10);
/// Between two looks at it.
pub const RETRY_EVERY: Duration = Duration::from_secs(2);

/// A Lease as the API server has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Who has it; nobody, when it was given back.
    pub holder: Option<String>,
    /// How long it is to be believed.
    pub duration: Duration,
    /// Differs after each renewal, and is not a time to us.
    pub renewed: String,
    /// Times it went from one to another.
    pub transitions: i32,
    /// What a change must name, so that of two at once one fails.
    pub version: String,
    /// Labels that others have put on it, and that stay.
    pub labels: BTreeMap<String, String>,
    /// Annotations likewise: by these Helm knows what is a release's.
    pub annotations: BTreeMap<String, String>,
}

/// What to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// There is none: make it.
    Create,
    /// It is free, or its holder is silent: take it.
    Take,
    /// It is ours: renew it.
    Renew,
    /// It is another's.
    Wait,
}

/// What one replica knows.
#[derive(Debug, Clone)]
pub struct Election {
    me: String,
    seen: Option<(Lease, Instant)>,
    acts_until: Option<Instant>,
}

impl Election {
    /// A replica that has seen nothing yet.
    #[must_use]
    pub fn new(me: String) -> Self {
        Self { me, seen: None, acts_until: None }
    }

    /// Takes in a look, and says what to do.
    pub fn look(&mut self, lease: Option<Lease>, now: Instant) -> Step {
        let Some(lease) = lease else {
            (self.seen, self.acts_until) = (None, None);
            return Step::Create;
        };
        let holder = lease.holder.clone().filter(|holder| !holder.is_empty());
        let is_mine = holder.as_deref() == Some(self.me.as_str());
        let since = match &self.seen {
            Some((before, since)) if is_unchanged(before, &lease) => *since,
            _ => now,
        };
        let is_silent = now.saturating_duration_since(since) >= lease.duration;
        self.seen = Some((lease, since));
        if is_mine {
            return Step::Renew;
        }
        self.acts_until = None;
        if holder.is_none() || is_silent { Step::Take } else { Step::Wait }
    }

    /// The API server took what a step that began at `asked` wrote.
    pub fn written(&mut self, asked: Instant) {
        self.acts_until = Some(asked + ACTS_FOR);
    }

    /// Until when this replica acts; `None`: it does not.
    #[must_use]
    pub fn acts_until(&self) -> Option<Instant> {
        self.acts_until
    }

    /// Who has the Lease, as far as we have seen.
    #[must_use]
    pub fn holder(&self) -> Option<&str> {
        let (lease, _) = self.seen.as_ref()?;
        lease.holder.as_deref().filter(|holder| !holder.is_empty())
    }

    /// Ours.
    #[must_use]
    pub fn me(&self) -> &str {
        &self.me
    }
}

/// Labels and the like may change without a renewal.
fn is_unchanged(before: &Lease, now: &Lease) -> bool {
    (&before.holder, &before.renewed, before.transitions)
        == (&now.holder, &now.renewed, now.transitions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(holder: &str, renewed: &str) -> Lease {
        Lease {
            holder: Some(holder.to_owned()).filter(|holder| !holder.is_empty()),
            duration: LEASE_DURATION,
            renewed: renewed.to_owned(),
            transitions: 0,
            version: renewed.to_owned(),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
        }
    }

    fn after(seconds: u64) -> Instant {
        *START.get_or_init(crate::clock::now) + Duration::from_secs(seconds)
    }

    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();

    #[test]
    fn a_lease_is_made_taken_when_free_and_renewed_when_ours() {
        let mut me = Election::new("me".into());
        assert_eq!(me.look(None, after(0)), Step::Create);
        assert_eq!(me.look(Some(lease("", "1")), after(0)), Step::Take);
        assert_eq!(me.look(Some(lease("me", "2")), after(1)), Step::Renew);
        assert_eq!(me.holder(), Some("me"));
    }

    #[test]
    fn anothers_is_taken_only_after_it_was_seen_unchanged_for_as_long_as_it_says() {
        let mut me = Election::new("me".into());
        assert_eq!(me.look(Some(lease("other", "a time far in the past")), after(0)), Step::Wait);
        assert_eq!(me.look(Some(lease("other", "a time far in the past")), after(14)), Step::Wait);
        assert_eq!(
            me.look(Some(lease("other", "a time far in the future")), after(14)),
            Step::Wait
        );
        assert_eq!(
            me.look(Some(lease("other", "a time far in the future")), after(28)),
            Step::Wait
        );
        assert_eq!(
            me.look(Some(lease("other", "a time far in the future")), after(29)),
            Step::Take
        );
    }

    #[test]
    fn who_cannot_renew_stops_before_anybody_else_may_begin() {
        let mut me = Election::new("me".into());
        me.look(Some(lease("me", "1")), after(0));
        me.written(after(0));
        let until = me.acts_until().unwrap();
        let mut other = Election::new("other".into());
        other.look(Some(lease("me", "2")), after(0));
        assert_eq!(other.look(Some(lease("me", "2")), until), Step::Wait);
    }

    #[test]
    fn who_sees_anothers_name_stops_at_once() {
        let mut me = Election::new("me".into());
        me.written(after(0));
        me.look(Some(lease("other", "1")), after(1));
        assert_eq!(me.acts_until(), None);
        me.written(after(0));
        me.look(None, after(1));
        assert_eq!(me.acts_until(), None, "somebody has deleted it");
    }
}
