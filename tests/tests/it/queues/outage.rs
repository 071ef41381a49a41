//! A sift that is cut at any byte, and a broker that crashes under it: kept messages stay, each
//! once and in order, and wanted ones are in the queue or in the backup, or in both.

use std::time::Duration;

use amqp_admin::{End, Report, Success};
use futures_util::future::join_all;
use tests::amqp::Amqp;
use tests::harness::{self, Vhost};
use tests::rabbitmq::{PrivateBroker, RabbitConfig};

use super::crowd::{Crowd, Numbers, QUEUE, carry_out_within, endpoint, new_backup, plan, settled};
use super::cut_proxy::{Cut, CutProxy, Way};

/// Messages in the queue of each case.
const SIZE: u64 = 18;
/// Cuts each way.
const CUTS: u64 = 112;
/// Cuts at the same time, each in a vhost of its own.
const LANES: usize = 4;
/// Crashes of the broker; each takes seconds.
const CRASHES: u64 = 12;

/// What became of a crowd.
struct Left {
    queue: Vec<u64>,
    backup: Vec<u64>,
    closed: bool,
}

impl Left {
    /// The same, but a removal that the broker had taken note of can be forgotten by its crash: a
    /// message of a closed backup may be back in the queue.
    fn check_after_crash(mut self, crowd: &Crowd, report: &Report, case: &str) {
        let kept = crowd.kept();
        if self.closed {
            self.queue.retain(|number| kept.contains(number));
        }
        self.check(crowd, report, case);
    }

    /// Nothing lost, nothing that stays doubled or out of order, whatever happened.
    fn check(&self, crowd: &Crowd, report: &Report, case: &str) {
        let kept = crowd.kept();
        let stayed: Vec<u64> =
            self.queue.iter().copied().filter(|number| kept.contains(number)).collect();
        assert_eq!(stayed, kept, "{case}: {report:?}");
        assert!(self.backup.iter().all(|number| !kept.contains(number)), "{case}");
        for wanted in crowd.wanted() {
            let times =
                |numbers: &[u64]| numbers.iter().filter(|number| **number == wanted).count();
            let (queue, backup) = (times(&self.queue), times(&self.backup));
            assert!(queue + backup >= 1, "{case}: message {wanted} is lost; {report:?}");
            assert!(queue <= 1 && backup <= 1, "{case}: message {wanted} is doubled");
            if self.closed {
                assert_eq!((queue, backup), (0, 1), "{case}: message {wanted} of a closed backup");
            }
        }
        assert_eq!(self.closed, report.success() == Success::All, "{case}: {report:?}");
    }
}

/// One case: a fresh crowd, a sift through a proxy, and what is left.
async fn case(
    vhost: &Vhost,
    amqp: &Amqp,
    crowd: &Crowd,
    cut: Option<Cut>,
) -> (Report, Left, CutProxy) {
    crowd.enter(amqp).await;
    let folder = tempfile::tempdir().unwrap();
    let proxy = CutProxy::start(&vhost.access().amqp, cut).await;
    let endpoint = endpoint(vhost.access(), proxy.address(), vhost.name());
    let (path, plan) = (new_backup(&folder), plan(vhost.name(), false));
    // A client that is cut off in the middle of a message notices by the time that passes.
    let limit = Duration::from_millis(if cut.is_some() { 700 } else { 10_000 });
    let report = carry_out_within(limit, &plan, &endpoint, &path, |_| ()).await;
    settled(vhost.access(), vhost.name(), |_| true).await;
    let queue = crowd.leave(amqp, QUEUE).await;
    let (backup, closed) = crowd.in_backup(&path);
    (report, Left { queue, backup, closed }, proxy)
}

/// Every fourth cut, beginning with this one; gives how many were felt.
async fn cuts(vhost: &Vhost, lane: u64) -> u64 {
    let amqp = Amqp::connect(&vhost.amqp_uri()).await.unwrap();
    let crowd = Crowd::new(7, SIZE, false);
    let (report, left, proxy) = case(vhost, &amqp, &crowd, None).await;
    left.check(&crowd, &report, "no cut");
    assert!(left.closed);
    let mut numbers = Numbers(20_362_226 + lane);
    let mut felt = 0;
    for way in [Way::ToBroker, Way::FromBroker] {
        // One cut in each of as many equal parts of the conversation: every frame is hit.
        let part = proxy.passed(way) / CUTS + 1;
        for number in (lane..CUTS).step_by(LANES) {
            let cut = Cut { way, after: number * part + numbers.below(part) };
            let (report, left, _) = case(vhost, &amqp, &crowd, Some(cut)).await;
            left.check(&crowd, &report, &format!("{cut:?}"));
            felt += u64::from(matches!(report.outcomes[0].end, End::Failed { .. }));
        }
    }
    felt
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_cut_at_any_byte_loses_and_doubles_nothing_that_stays() {
    let test = "a_connection_cut_at_any_byte_loses_and_doubles_nothing_that_stays";
    let vhosts: Option<Vec<Vhost>> = (0..LANES).map(|_| harness::vhost(test)).collect();
    let Some(vhosts) = vhosts else { return };
    let felt = join_all(vhosts.iter().zip(0..).map(|(vhost, lane)| cuts(vhost, lane))).await;
    let felt: u64 = felt.iter().sum();
    assert!(felt > CUTS * 2 * 8 / 10, "only {felt} of {} cuts were felt", CUTS * 2);
}

/// A declaration is answered before it is on the disk, so a crash can take a queue with it that was
/// made just now. Ours is an old one.
async fn declare_long_before(broker: &mut PrivateBroker) {
    broker.add_vhost("jobs").unwrap();
    let amqp = Amqp::connect(&broker.amqp_uri("jobs")).await.unwrap();
    Crowd::new(0, 0, true).enter(&amqp).await;
    broker.restart().unwrap();
}

/// Durable queues and persistent messages are to survive a broker's crash, sift or no sift.
#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_crashes_under_a_sift_loses_nothing_that_was_durable() {
    let test = "a_broker_that_crashes_under_a_sift_loses_nothing_that_was_durable";
    let Some(mut broker) = harness::private_broker(test, &RabbitConfig::default()) else { return };
    declare_long_before(&mut broker).await;
    let mut numbers = Numbers(174);
    for round in 0..CRASHES {
        let amqp = Amqp::connect(&broker.amqp_uri("jobs")).await.unwrap();
        let crowd = Crowd::new(round, SIZE * 4, true);
        crowd.enter(&amqp).await;
        let folder = tempfile::tempdir().unwrap();
        let endpoint = endpoint(broker.access(), &broker.access().amqp, "jobs");
        let (path, plan) = (new_backup(&folder), plan("jobs", false));
        let at = 1 + numbers.below(SIZE * 4);
        // The crash comes while the sift goes on from that message.
        let (signal, crash) = std::sync::mpsc::channel();
        let report = std::thread::scope(|threads| {
            let broker = &mut broker;
            threads.spawn(move || crash.recv().map(|()| broker.kill().unwrap()));
            let sift = carry_out_within(
                Duration::from_secs(2),
                &plan,
                &endpoint,
                &path,
                move |progress| {
                    if progress.sifted.seen == at {
                        signal.send(()).unwrap();
                    }
                },
            );
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(sift))
        });
        broker.kill().unwrap();
        broker.start().unwrap();
        let amqp = Amqp::connect(&broker.amqp_uri("jobs")).await.unwrap();
        let queue = crowd.leave(&amqp, QUEUE).await;
        let (backup, closed) = crowd.in_backup(&path);
        Left { queue, backup, closed }.check_after_crash(
            &crowd,
            &report,
            &format!("crash at message {at}"),
        );
    }
}
