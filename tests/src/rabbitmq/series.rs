//! PURE: the series of RabbitMQ that the tests know, and all in which they differ for a test.
//!
//! Nothing is started or installed here. What else depends on the series asks here and names none.

use std::fmt::{self, Display};
use std::str::FromStr;

use anyhow::{anyhow, ensure};

/// A series of RabbitMQ, with a setting where that makes it another broker for us.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Series {
    /// What the machine has: 3.10 on Debian 12.
    #[default]
    V3_10,
    /// Debian 13's: messages of at most 16 MiB, delivery limits of quorum queues.
    V4_0,
    /// Debian sid's: Khepri alone, other counts of quorum queues.
    V4_3,
    /// The same without queues that are neither durable nor exclusive, as newer ones will be.
    V4_3Denied,
}

/// A test that cannot hold on a series, and why.
struct Unfit {
    /// The beginning of the test's path in its binary.
    test: &'static str,
    fits: fn(Series) -> bool,
    reason: &'static str,
}

/// A prover that talks to the broker itself declares queues that are neither durable nor exclusive.
const ALONE: &str = "a prover without a gateway is refused there";
/// Where the tests' own queues are durable, as they must be.
const NOT_DURABLE: &str = "it is about queues that are not durable";

/// The one list of tests that some series are spared.
const UNFIT: [Unfit; 10] = [
    permitted("prover::", ALONE),
    permitted("hazards::", ALONE),
    permitted("queues::leaders::", ALONE),
    permitted("queues::doubled::", ALONE),
    permitted("gateway::repair::the_same_failure_ends_a_leader_that_has_no_gateway", ALONE),
    permitted("gateway::policies::a_queue_left_by_another_policy", NOT_DURABLE),
    permitted("gateway::renewing::a_leader_whose_tasks_may_be_gone", NOT_DURABLE),
    permitted("cli::looks::queues_show_tells_all_of_one", NOT_DURABLE),
    Unfit {
        test: "cli::removals::what_was_taken_out_of_a_queue_that_may_not_be_deleted",
        fits: |series| matches!(series, Series::V3_10 | Series::V4_0),
        reason: "asking a queue for its depth takes the right to delete it there",
    },
    Unfit {
        test: "denied::",
        fits: Series::denies_transient_queues,
        reason: "it is about what a broker says that denies transient queues",
    },
];

/// For brokers that permit transient queues.
const fn permitted(test: &'static str, reason: &'static str) -> Unfit {
    Unfit { test, fits: |series| !series.denies_transient_queues(), reason }
}

impl Series {
    /// All of them, oldest first.
    pub const ALL: [Self; 4] = [Self::V3_10, Self::V4_0, Self::V4_3, Self::V4_3Denied];

    /// How it is named on command lines and in the environment.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::V3_10 => "3.10",
            Self::V4_0 => "4.0",
            Self::V4_3 => "4.3",
            Self::V4_3Denied => "4.3-denied",
        }
    }

    /// The release of Debian that has it; `None` for the machine's own.
    #[must_use]
    pub fn suite(self) -> Option<&'static str> {
        match self {
            Self::V3_10 => None,
            Self::V4_0 => Some("trixie"),
            Self::V4_3 | Self::V4_3Denied => Some("sid"),
        }
    }

    /// Whether it refuses queues that are neither durable nor exclusive: those of paladin.
    #[must_use]
    pub fn denies_transient_queues(self) -> bool {
        self == Self::V4_3Denied
    }

    /// Whether it lets clients in that take frames of 4096 bytes, the least of the specification; from 4.1 on 8192 is.
    #[must_use]
    pub fn takes_frames_of_4096(self) -> bool {
        match self {
            Self::V3_10 | Self::V4_0 => true,
            Self::V4_3 | Self::V4_3Denied => false,
        }
    }

    /// Whether a quorum queue counts what a `basic.nack` gave back towards its delivery limit.
    #[must_use]
    pub fn counts_nacks(self) -> bool {
        match self {
            Self::V3_10 | Self::V4_0 => true,
            Self::V4_3 | Self::V4_3Denied => false,
        }
    }

    /// How often a quorum queue bears to be given a message back, unless told otherwise.
    #[must_use]
    pub fn delivery_limit(self) -> Option<usize> {
        match self {
            Self::V3_10 => None,
            Self::V4_0 | Self::V4_3 | Self::V4_3Denied => Some(20),
        }
    }

    /// Why a test cannot hold on it; `test` is its path in its binary.
    #[must_use]
    pub fn unfit(self, test: &str) -> Option<&'static str> {
        let known = UNFIT.iter().find(|unfit| test.starts_with(unfit.test) && !(unfit.fits)(self));
        known.map(|unfit| unfit.reason)
    }

    /// Fails when a broker of this version is of another series.
    pub fn check(self, version: &str) -> anyhow::Result<()> {
        let number = self.name().trim_end_matches("-denied");
        let rest = version.strip_prefix(number);
        let same = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        ensure!(same, "the broker is a RabbitMQ {version}, not one of {number}");
        Ok(())
    }

    /// Lines for `rabbitmq.conf`; 3.10 refuses to start with settings that it does not know.
    pub(super) fn conf(self) -> &'static str {
        match self {
            Self::V3_10 | Self::V4_0 => "",
            // Said both ways: builds of 4.3 differ in what they permit unasked.
            Self::V4_3 => "deprecated_features.permit.transient_nonexcl_queues = true\n",
            Self::V4_3Denied => "deprecated_features.permit.transient_nonexcl_queues = false\n",
        }
    }
}

impl Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Series {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> anyhow::Result<Self> {
        let known = Self::ALL.into_iter().find(|series| series.name() == name);
        known.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            anyhow!("`{name}` is no series of RabbitMQ that the tests know: {names}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_back_to_its_series() {
        for series in Series::ALL {
            assert_eq!(series.name().parse::<Series>().unwrap(), series);
        }
        let said = "5.0".parse::<Series>().unwrap_err().to_string();
        assert!(said.contains("`5.0`") && said.contains("3.10, 4.0, 4.3, 4.3-denied"), "{said}");
    }

    #[test]
    fn a_version_belongs_to_its_series_alone() {
        assert!(Series::V4_3Denied.check("4.3.6").is_ok());
        assert!(Series::V3_10.check("3.10.8").is_ok());
        assert!(Series::V4_3.check("4.30.1").is_err());
        assert!(Series::V3_10.check("4.0.5").is_err());
    }

    #[test]
    fn a_test_is_spared_by_name_and_with_a_reason() {
        assert_eq!(Series::V4_3Denied.unfit("prover::anything"), Some(ALONE));
        assert_eq!(Series::V4_3.unfit("prover::anything"), None);
        assert!(Series::V4_3.unfit("denied::anything").is_some());
        assert_eq!(Series::V4_3Denied.unfit("denied::anything"), None);
    }

    #[test]
    fn the_two_of_one_version_differ_in_what_they_permit() {
        assert_eq!(Series::V4_3.suite(), Series::V4_3Denied.suite());
        assert_ne!(Series::V4_3.conf(), Series::V4_3Denied.conf());
        assert_eq!(Series::V3_10.conf(), "");
    }
}
