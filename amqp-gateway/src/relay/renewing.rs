//! A connection to the broker that was lost is replaced while the child goes on.

use std::time::Duration;

use tokio::time::{Instant, interval, timeout};

use super::{Desk, End, Relay, TICK};
use crate::activity::Activity;
use crate::board::Order;
use crate::frame::Frame;
use crate::link::Link;
use crate::relay::pulse::Pulse;
use crate::session::Effect;
use crate::trouble::Trouble;

/// The kernel takes a few bytes at once, or nobody is there.
const LAST_WORD: Duration = Duration::from_millis(50);

impl Relay {
    /// Replaces a connection to the broker that was lost, if that can be without a loss; else how the
    /// relay ends.
    pub(super) async fn renew(&mut self, desk: &mut Desk, trouble: Trouble) -> Option<End> {
        let words = format!("the connection to the broker was lost: {trouble}");
        if self.drained || self.orphaned.is_some() || self.died.is_some() {
            return Some(End::Broker(trouble));
        }
        if let Err(why) = self.session.can_renew() {
            return Some(End::Broker(Trouble::NotRenewed(Box::new(trouble), why)));
        }
        tracing::warn!(connection = desk.number, "{words}; it is being replaced");
        self.pieces.clear();
        // A broker that ended it in good order hears that we agree, if it still listens.
        let _ = timeout(LAST_WORD, self.broker.outlet.write_all()).await;
        self.session.broker_lost(Instant::now().into_std());
        self.apply_kept();
        let activity = Activity { connections: 0, ..self.activity() };
        desk.board.report(desk.number, activity);
        if !self.waiting.is_empty() && self.session.can_go() {
            return Some(End::Child);
        }
        match self.dial_again(desk).await {
            Ok(link) => self.broker = link,
            Err(end) => return Some(end),
        }
        self.broker.inlet.reader.set_frame_max(self.dialler.tuned().frame_max);
        self.broker.inlet.bytes = self.read_before;
        self.pulses.1 = Pulse::new(self.dialler.tuned().broker_heartbeat);
        self.session.renew(Instant::now().into_std());
        if std::mem::take(&mut self.drain_later) {
            self.session.drain();
        }
        tracing::info!(connection = desk.number, "there is a connection to the broker again");
        self.apply()
    }

    /// What is kept of tasks that are the broker's again is let go.
    fn apply_kept(&mut self) {
        for effect in self.session.effects() {
            if let Effect::Forget(task) = effect {
                self.keeper.forget(task);
            }
        }
        self.read_before = self.broker.inlet.bytes;
    }

    /// Dials until the broker answers, while the child hears signs of life.
    async fn dial_again(&mut self, desk: &mut Desk) -> Result<Link, End> {
        let Self { dialler, child, pulses, session, waiting, drain_later, .. } = self;
        let mut ticks = interval(TICK);
        let dialling = dialler.until_connected();
        tokio::pin!(dialling);
        loop {
            tokio::select! {
                dialled = &mut dialling => return dialled.map_err(End::Broker),
                wrote = child.outlet.write_some(), if child.outlet.is_busy() => {
                    pulses.0.spoke = Instant::now();
                    if wrote.is_err() {
                        return Err(End::Child);
                    }
                }
                _ = ticks.tick() => if pulses.0.wants_beat() && !child.outlet.is_busy() {
                    child.outlet.push(Frame::heartbeat().into_bytes());
                },
                Some(order) = desk.orders.recv() => match order {
                    // What draining asks the broker for can be asked once there is one, if there is anything.
                    Order::Drain(done) => {
                        session.show_no_tasks();
                        *drain_later = true;
                        waiting.push(done);
                        if session.can_go() {
                            return Err(End::Child);
                        }
                    }
                    // All that it had in hand is with the broker already.
                    Order::Close(done) | Order::Died(_, done) => {
                        waiting.push(done);
                        return Err(End::Child);
                    }
                },
            }
        }
    }
}
