//! PURE: single looks at a child → whether it holds a task.
//!
//! A child is idle only after two witnesses agreed for longer than either can lag: the broker saw
//! no unacknowledged message on its channels, and the machine saw it use next to no CPU. The first
//! is late by up to the sampling lag, the second is not: a prover that took a task works at once.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use amqp_admin::OpenChannel;

/// A channel counts its messages every 5 s and the management plugin collects that every 5 s more
/// (RabbitMQ's defaults), so a count is up to 10 s old; 1 s is for the call and our own interval.
pub const SAMPLING_LAG: Duration = Duration::from_secs(11);

/// A worker that lost its broker does not connect again. One that nevertheless does gets this long.
pub const LOST_AFTER: Duration = Duration::from_secs(60);

/// Next to no CPU: a tenth of one core. Heartbeats cost a thousandth, a proof at least a core.
const QUIET_SHARE: u32 = 10;

/// The kernel counts CPU time in ticks of 10 ms; a difference of two readings errs by one.
const TICK: Duration = Duration::from_millis(10);

/// What one look at a child's connections showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// It owns no established TCP connection.
    NoConnection,
    /// It owns connections, and the broker lists no channel on any of them.
    Unlisted,
    /// The broker lists its channels; `None`: not all of them with a count.
    Listed(Option<u64>),
    /// The machine or the broker did not tell.
    Nothing,
}

/// One look at a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Its connections.
    pub seen: Seen,
    /// CPU time its processes have used up to now, if the machine tells.
    pub cpu: Option<Duration>,
}

/// Whether a running child holds a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holding {
    /// It connected once and now has no connection, for long enough: it takes no task any more,
    /// and could not acknowledge one.
    Lost,
    /// It has not connected yet, so it cannot have a task.
    Starting,
    /// It certainly holds none.
    Idle,
    /// The broker shows none, but not for long enough.
    Settling,
    /// Nobody can say; counts as busy.
    Unknown,
    /// It holds one.
    Busy,
}

impl Holding {
    /// The word in the status and in logs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Starting => "starting",
            Self::Idle => "idle",
            Self::Settling => "settling",
            Self::Unknown => "unknown",
            Self::Busy => "busy",
        }
    }

    /// Stopping it throws no work away.
    #[must_use]
    pub fn may_stop(self) -> bool {
        matches!(self, Self::Lost | Self::Starting | Self::Idle)
    }
}

/// Which channels of the broker belong to a child: those whose client side is one of the child's
/// own sockets. A host name instead of an address is taken on the port's word.
#[must_use]
pub fn seen(connections: Option<&[SocketAddr]>, channels: Option<&[OpenChannel]>) -> Seen {
    let Some(connections) = connections else {
        return Seen::Nothing;
    };
    if connections.is_empty() {
        return Seen::NoConnection;
    }
    let Some(channels) = channels else {
        return Seen::Nothing;
    };
    let mut own = channels
        .iter()
        .filter(|channel| connections.iter().any(|socket| is_peer(channel, socket)))
        .peekable();
    if own.peek().is_none() {
        return Seen::Unlisted;
    }
    let unacked = own
        .try_fold(0_u64, |sum, channel| channel.unacked.map(|unacked| sum.saturating_add(unacked)));
    Seen::Listed(unacked)
}

fn is_peer(channel: &OpenChannel, socket: &SocketAddr) -> bool {
    let host = channel.peer_host.parse::<IpAddr>();
    channel.peer_port == socket.port()
        && host.map_or(true, |host| host.to_canonical() == socket.ip().to_canonical())
}

/// What the looks at one child add up to.
#[derive(Debug, Clone, Copy)]
pub struct Activity {
    /// What the last look showed.
    seen: Seen,
    /// Since when every look showed that.
    seen_since: Instant,
    /// Since when every look showed next to no CPU; `None` while it works.
    quiet_since: Option<Instant>,
    last_cpu: Option<(Instant, Duration)>,
    was_listed: bool,
}

impl Activity {
    /// A child that was just started.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            seen: Seen::NoConnection,
            seen_since: now,
            quiet_since: None,
            last_cpu: None,
            was_listed: false,
        }
    }

    /// Takes in one more look.
    #[must_use]
    pub fn observe(mut self, look: Look, now: Instant) -> Self {
        if look.seen != self.seen {
            self.seen = look.seen;
            self.seen_since = now;
        }
        self.was_listed |= matches!(look.seen, Seen::Listed(_));
        self.quiet_since = match (look.cpu, self.last_cpu) {
            (Some(cpu), Some((at, before))) if is_quiet(now - at, cpu.saturating_sub(before)) => {
                // The spell covers the time between the two looks.
                self.quiet_since.or(Some(at))
            }
            _ => None,
        };
        self.last_cpu = look.cpu.map(|cpu| (now, cpu));
        self
    }

    /// What it holds, and since when.
    #[must_use]
    pub fn holding(&self, now: Instant) -> (Holding, Instant) {
        let still = self.quiet_since.map(|quiet| quiet.max(self.seen_since));
        let lasted = |spell: Duration| {
            still.is_some_and(|still| now.saturating_duration_since(still) >= spell)
        };
        let holding = match self.seen {
            Seen::NoConnection if !self.was_listed => Holding::Starting,
            Seen::NoConnection if lasted(LOST_AFTER) => Holding::Lost,
            Seen::Listed(Some(0)) if lasted(SAMPLING_LAG) => Holding::Idle,
            Seen::Listed(Some(0)) => Holding::Settling,
            Seen::Listed(Some(_)) => Holding::Busy,
            Seen::NoConnection | Seen::Unlisted | Seen::Listed(None) | Seen::Nothing => {
                Holding::Unknown
            }
        };
        let since = match holding {
            Holding::Lost | Holding::Idle => still.unwrap_or(self.seen_since),
            Holding::Starting | Holding::Settling | Holding::Unknown | Holding::Busy => {
                self.seen_since
            }
        };
        (holding, since)
    }

    /// It is connected, and the broker has not listed a channel for longer than it can lag.
    #[must_use]
    pub fn is_unlisted(&self, now: Instant) -> bool {
        self.seen == Seen::Unlisted
            && now.saturating_duration_since(self.seen_since) >= SAMPLING_LAG
    }

    /// When its connections last looked different.
    #[must_use]
    pub fn changed_at(&self) -> Instant {
        self.seen_since
    }

    /// Whether it used CPU between the last two looks. Where the machine does not tell, the
    /// broker's word must do.
    #[must_use]
    pub fn works(&self) -> bool {
        self.last_cpu.is_some() && self.quiet_since.is_none()
    }
}

fn is_quiet(elapsed: Duration, used: Duration) -> bool {
    used <= elapsed / QUIET_SHARE + TICK
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    const SECOND: Duration = Duration::from_secs(1);

    fn channel(host: &str, port: u16, unacked: Option<u64>) -> OpenChannel {
        OpenChannel { peer_host: host.into(), peer_port: port, unacked }
    }

    fn socket(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    /// Looks once a second from `start` on: (connections, CPU used since the last look).
    fn after(start: Instant, looks: &[(Seen, Duration)]) -> (Holding, Instant) {
        let mut activity = Activity::new(start);
        let (mut now, mut cpu) = (start, Duration::ZERO);
        for (seen, used) in looks {
            now += SECOND;
            cpu += *used;
            let look = Look { seen: *seen, cpu: Some(cpu) };
            activity = activity.observe(look, now);
        }
        activity.holding(now)
    }

    #[test]
    fn a_child_without_a_connection_has_no_task_yet() {
        let start = clock::now();
        let looks = [(Seen::NoConnection, SECOND); 300];
        assert_eq!(after(start, &looks), (Holding::Starting, start));
    }

    #[test]
    fn a_child_is_idle_only_after_the_sampling_lag() {
        let start = clock::now();
        let quiet = [(Seen::Listed(Some(0)), Duration::ZERO); 12];
        assert_eq!(after(start, &quiet[..11]).0, Holding::Settling);
        assert_eq!(after(start, &quiet), (Holding::Idle, start + SECOND));
    }

    #[test]
    fn cpu_use_betrays_a_task_the_broker_has_not_counted_yet() {
        let start = clock::now();
        let mut looks = vec![(Seen::Listed(Some(0)), Duration::ZERO); 30];
        assert_eq!(after(start, &looks).0, Holding::Idle);
        looks.push((Seen::Listed(Some(0)), SECOND / 2));
        assert_eq!(after(start, &looks).0, Holding::Settling);
        looks.extend([(Seen::Listed(Some(0)), Duration::ZERO); 11]);
        assert_eq!(after(start, &looks).0, Holding::Idle);
    }

    #[test]
    fn one_unacked_message_makes_it_busy_and_starts_the_wait_anew() {
        let start = clock::now();
        let mut looks = vec![(Seen::Listed(Some(0)), Duration::ZERO); 30];
        looks.push((Seen::Listed(Some(1)), Duration::ZERO));
        assert_eq!(after(start, &looks).0, Holding::Busy);
        looks.extend([(Seen::Listed(Some(0)), Duration::ZERO); 11]);
        assert_eq!(after(start, &looks).0, Holding::Settling);
    }

    #[test]
    fn what_nobody_can_say_is_unknown() {
        let start = clock::now();
        for seen in [Seen::Nothing, Seen::Unlisted, Seen::Listed(None)] {
            let looks = [(seen, Duration::ZERO); 100];
            assert_eq!(after(start, &looks).0, Holding::Unknown, "{seen:?}");
            assert!(!Holding::Unknown.may_stop());
        }
    }

    #[test]
    fn without_cpu_figures_a_child_is_never_idle_by_itself() {
        let start = clock::now();
        let look = Look { seen: Seen::Listed(Some(0)), cpu: None };
        let activity = Activity::new(start).observe(look, start);
        let late = start + Duration::from_secs(1000);
        let activity = activity.observe(look, late);
        assert_eq!(activity.holding(late).0, Holding::Settling);
        assert!(!activity.works());
    }

    #[test]
    fn a_child_that_lost_its_broker_is_lost_once_it_stays_quiet() {
        let start = clock::now();
        let mut looks = vec![(Seen::Listed(Some(0)), Duration::ZERO)];
        looks.extend([(Seen::NoConnection, Duration::ZERO); 60]);
        assert_eq!(after(start, &looks).0, Holding::Unknown);
        looks.push((Seen::NoConnection, Duration::ZERO));
        assert_eq!(after(start, &looks).0, Holding::Lost);
        looks.push((Seen::NoConnection, SECOND));
        assert_eq!(after(start, &looks).0, Holding::Unknown);
    }

    #[test]
    fn channels_belong_to_the_child_that_owns_their_socket() {
        let own = [socket("127.0.0.1:4001"), socket("[::ffff:10.0.0.5]:4002")];
        let rows = [
            channel("127.0.0.1", 4001, Some(1)),
            channel("10.0.0.5", 4002, Some(2)),
            channel("10.0.0.9", 4001, Some(40)),
            channel("127.0.0.1", 4003, Some(50)),
        ];
        assert_eq!(seen(Some(&own), Some(&rows)), Seen::Listed(Some(3)));
        let named = [channel("worker.example", 4001, Some(7))];
        assert_eq!(seen(Some(&own), Some(&named)), Seen::Listed(Some(7)));
    }

    #[test]
    fn one_channel_without_a_count_makes_the_whole_child_unknown() {
        let own = [socket("127.0.0.1:4001")];
        let rows = [channel("127.0.0.1", 4001, Some(0)), channel("127.0.0.1", 4001, None)];
        assert_eq!(seen(Some(&own), Some(&rows)), Seen::Listed(None));
        assert_eq!(seen(Some(&own), None), Seen::Nothing);
        assert_eq!(seen(None, Some(&rows)), Seen::Nothing);
        assert_eq!(seen(Some(&own), Some(&[])), Seen::Unlisted);
        assert_eq!(seen(Some(&[]), None), Seen::NoConnection);
    }
}
