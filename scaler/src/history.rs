//! PURE: the depth of each vhost over the last minutes, for the page's charts.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use amqp_admin::VhostName;

use crate::status::DepthPoint;

/// Two points are at least this far apart.
const STEP: Duration = Duration::from_secs(2);
/// Ten minutes of points.
const POINTS: usize = 300;

/// The last minutes of each vhost.
#[derive(Debug, Default)]
pub struct History(BTreeMap<VhostName, VecDeque<Point>>);

#[derive(Debug, Clone, Copy)]
struct Point {
    at: Instant,
    ready: u64,
    unacked: u64,
}

impl History {
    /// Notes a depth; one that follows too soon replaces nothing and is left out.
    pub fn note(&mut self, vhost: &VhostName, at: Instant, ready: u64, unacked: u64) {
        let points = self.0.entry(vhost.clone()).or_default();
        if points.back().is_some_and(|last| at.saturating_duration_since(last.at) < STEP) {
            return;
        }
        if points.len() == POINTS {
            points.pop_front();
        }
        points.push_back(Point { at, ready, unacked });
    }

    /// Forgets vhosts that are no longer watched.
    pub fn retain(&mut self, watched: impl Fn(&VhostName) -> bool) {
        self.0.retain(|vhost, _| watched(vhost));
    }

    /// The points of a vhost, oldest first.
    #[must_use]
    pub fn points(&self, vhost: &VhostName, now: Instant) -> Vec<DepthPoint> {
        let points = self.0.get(vhost).into_iter().flatten();
        let tell = |point: &Point| DepthPoint {
            seconds_ago: now.saturating_duration_since(point.at).as_secs(),
            ready: point.ready,
            unacked: point.unacked,
        };
        points.map(tell).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn ten_minutes_are_kept_and_no_more() {
        let (mut history, start, vhost) = (History::default(), clock::now(), VhostName::default());
        for second in 0..1_000 {
            history.note(&vhost, start + Duration::from_secs(second), second, 0);
        }
        let points = history.points(&vhost, start + Duration::from_secs(1_000));
        assert_eq!(points.len(), POINTS);
        assert_eq!(points[POINTS - 1], DepthPoint { seconds_ago: 2, ready: 998, unacked: 0 });
        assert_eq!(points[0].seconds_ago, 600);
    }
}
