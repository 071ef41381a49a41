//! One connection of the child and the one to the broker behind it: two sockets, bounded queues,
//! heartbeats on each side for itself, whole frames only.

mod ending;
mod pulse;
mod renewing;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use amq_protocol::protocol::connection;
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::activity::Activity;
use crate::again::Dialler;
use crate::board::{Board, Done, Order};
use crate::frame::Frame;
use crate::keep::Keeper;
use crate::link::Link;
use crate::relay::pulse::Pulse;
use crate::session::{Effect, Fingerprint, Session};
use crate::trouble::Trouble;
use crate::wire;

/// One side is not read while so many bytes wait to be written to the other: a frame of RabbitMQ's
/// stock size.
const HIGH_WATER: usize = 128 << 10;
/// Heartbeats are looked after and patience is measured this often.
const TICK: Duration = Duration::from_millis(250);
/// The broker says goodbye at once, unless it is in trouble itself.
const GOODBYE: Duration = Duration::from_secs(5);

/// How a relay came to its end.
enum End {
    /// The child has gone, or nothing is left to do for it.
    Child,
    /// Either side closed the connection in good order.
    Closed,
    /// The broker was lost, or does not speak AMQP any more.
    Broker(Trouble),
    /// The child does not speak AMQP any more.
    Nonsense(Trouble),
}

/// What waits for the outlet to the broker.
enum Piece {
    Bytes(Bytes),
    /// What was kept of a task's body, from one part to before another, for this channel.
    Kept {
        task: u64,
        from: usize,
        to: usize,
        channel: u16,
    },
}

/// One connection of the child and the one to the broker behind it.
pub(crate) struct Relay {
    child: Link,
    broker: Link,
    dialler: Dialler,
    session: Session,
    keeper: Keeper,
    pieces: VecDeque<Piece>,
    pulses: (Pulse, Pulse),
    /// Since when the child's side has ended.
    orphaned: Option<Instant>,
    /// Of what the child has died, and since when we know.
    died: Option<(String, Instant)>,
    waiting: Vec<Done>,
    drained: bool,
    /// A drain that was ordered while there was no broker.
    drain_later: bool,
    /// Told to the owner at the next occasion.
    troubles: Vec<String>,
    /// The same, of the end of what the child relies on.
    severed: Option<String>,
    /// Bytes that were read from the broker on connections that are lost.
    read_before: u64,
    /// What the owner was told last; nothing each [`TICK`], for the bytes that went by.
    told: Option<(Fingerprint, bool)>,
}

/// Where a relay reports to and takes orders from.
pub(crate) struct Desk {
    pub(crate) board: Arc<Board>,
    pub(crate) number: u64,
    pub(crate) orders: mpsc::UnboundedReceiver<Order>,
}

impl Relay {
    pub(crate) fn new(
        (mut child, mut broker): (Link, Link),
        dialler: Dialler,
        session: Session,
        keeper: Keeper,
    ) -> Self {
        let tuned = dialler.tuned();
        child.inlet.reader.set_frame_max(tuned.frame_max);
        broker.inlet.reader.set_frame_max(tuned.frame_max);
        let pulses = (Pulse::new(tuned.child_heartbeat), Pulse::new(tuned.broker_heartbeat));
        Self {
            child,
            broker,
            dialler,
            session,
            keeper,
            pieces: VecDeque::new(),
            pulses,
            orphaned: None,
            died: None,
            waiting: Vec::new(),
            drained: false,
            drain_later: false,
            troubles: Vec::new(),
            severed: None,
            read_before: 0,
            told: None,
        }
    }

    /// Relays until either side ends.
    pub(crate) async fn run(mut self, desk: &mut Desk) {
        let end = loop {
            match self.relay(desk).await {
                End::Broker(trouble) => match self.renew(desk, trouble).await {
                    None => {}
                    Some(end) => break end,
                },
                end @ (End::Child | End::Closed | End::Nonsense(_)) => break end,
            }
        };
        self.tell(desk);
        self.end(desk, end).await;
    }

    async fn relay(&mut self, desk: &mut Desk) -> End {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // Who did not wait for the last word of welcome has been read already.
        if let Some(end) = self.child_spoke().or_else(|| self.broker_spoke()) {
            return end;
        }
        loop {
            if let Err(error) = self.refill() {
                return End::Broker(error.into());
            }
            if let Some(end) = self.step(desk, &mut ticks).await {
                return end;
            }
            let fingerprint = Some((self.session.fingerprint(), self.drained));
            if self.told != fingerprint {
                self.told = fingerprint;
                desk.board.report(desk.number, self.activity());
            }
            self.session.steps().for_each(|step| desk.board.step(step));
            self.tell(desk);
            if self.is_over() {
                return End::Child;
            }
        }
    }

    /// What an operator should know.
    fn tell(&mut self, desk: &Desk) {
        self.troubles.drain(..).for_each(|words| desk.board.trouble(words));
        self.severed.take().into_iter().for_each(|words| desk.board.severed(words));
    }

    /// Waits for one thing to happen and does what follows from it.
    async fn step(&mut self, desk: &mut Desk, ticks: &mut tokio::time::Interval) -> Option<End> {
        let (there, listens) = (self.orphaned.is_none(), self.listens_to_broker());
        let hears = self.listens_to_child();
        let (child, broker) = (&mut self.child, &mut self.broker);
        tokio::select! {
            read = child.inlet.fill(), if there && hears => self.child_came(&read),
            read = broker.inlet.fill(), if listens => self.broker_came(read),
            wrote = child.outlet.write_some(), if there && child.outlet.is_busy() => {
                self.pulses.0.spoke = Instant::now();
                wrote.err().and_then(|_| self.child_left())
            }
            wrote = broker.outlet.write_some(), if broker.outlet.is_busy() => {
                self.pulses.1.spoke = Instant::now();
                wrote.err().map(|error| End::Broker(error.into()))
            }
            _ = ticks.tick() => self.ticked(),
            Some(order) = desk.orders.recv() => self.ordered(order),
        }
    }

    /// Not while a child that does not read has enough to read.
    fn listens_to_broker(&self) -> bool {
        self.child.outlet.waiting() < HIGH_WATER || self.orphaned.is_some()
    }

    /// The same, the other way round.
    fn listens_to_child(&self) -> bool {
        self.pieces.is_empty() && self.broker.outlet.waiting() < HIGH_WATER
    }

    fn child_came(&mut self, read: &io::Result<usize>) -> Option<End> {
        if !matches!(read, Ok(1..)) {
            return self.child_left();
        }
        self.pulses.0.heard = Instant::now();
        self.child_spoke()
    }

    fn child_spoke(&mut self) -> Option<End> {
        loop {
            let frame = match self.child.inlet.reader.frame() {
                Ok(Some(frame)) => frame,
                Ok(None) => return None,
                Err(refusal) => return Some(End::Nonsense(refusal.into())),
            };
            if frame.channel() >= self.dialler.tuned().own_channel {
                return Some(End::Nonsense(Trouble::WrongChannel(frame.channel())));
            }
            let closed = is_close_ok(&frame);
            if frame != Frame::heartbeat() && !self.drained {
                self.session.child_sent(frame, Instant::now().into_std());
            }
            if let Some(end) = self.apply().or(closed.then_some(End::Closed)) {
                return Some(end);
            }
        }
    }

    fn broker_came(&mut self, read: io::Result<usize>) -> Option<End> {
        match read {
            Ok(0) => return Some(End::Broker(Trouble::Ended)),
            Ok(_) => self.pulses.1.heard = Instant::now(),
            Err(error) => return Some(End::Broker(error.into())),
        }
        self.broker_spoke()
    }

    fn broker_spoke(&mut self) -> Option<End> {
        loop {
            let frame = match self.broker.inlet.reader.frame() {
                Ok(Some(frame)) => frame,
                Ok(None) => return None,
                Err(refusal) => return Some(End::Broker(refusal.into())),
            };
            if let Some(close) = wire::is_forced_close(&frame) {
                return Some(self.forced(&close));
            }
            let closed = is_close_ok(&frame);
            if frame != Frame::heartbeat() {
                self.session.broker_sent(frame, Instant::now().into_std());
            }
            if let Some(end) = self.apply().or(closed.then_some(End::Closed)) {
                return Some(end);
            }
        }
    }

    /// A broker that ends the connection in good order is lost like any other.
    fn forced(&mut self, close: &connection::Close) -> End {
        let ok = wire::connection_close_ok().map(Frame::into_bytes);
        if let Some(ok) = ok {
            self.broker.outlet.push(ok);
        }
        End::Broker(Trouble::Closed { code: close.reply_code, text: close.reply_text.to_string() })
    }

    /// Does what follows from what the session has seen.
    fn apply(&mut self) -> Option<End> {
        let mut crowded = false;
        for effect in self.session.effects() {
            match effect {
                Effect::ToChild(frame) => self.child.outlet.push(frame.into_bytes()),
                Effect::ToBroker(frame) => self.pieces.push_back(Piece::Bytes(frame.into_bytes())),
                Effect::Keep(task, frame) => {
                    if let Err(error) = self.keeper.keep(task, frame.into_payload()) {
                        return Some(End::Broker(error.into()));
                    }
                }
                Effect::Replay(task, channel) => {
                    // What the child sends of it from now on goes by itself.
                    let to = self.keeper.parts(task);
                    self.pieces.push_back(Piece::Kept { task, from: 0, to, channel });
                }
                Effect::Forget(task) => self.keeper.forget(task),
                Effect::Trouble(words) => {
                    tracing::error!("{words}");
                    self.troubles.push(words);
                }
                Effect::Severed(words) => {
                    tracing::error!("{words}");
                    self.severed = Some(words);
                }
                Effect::Crowded => crowded = true,
                Effect::Drained => {
                    self.drained = true;
                    self.waiting.clear();
                }
            }
        }
        if crowded {
            return Some(End::Broker(Trouble::Crowded));
        }
        self.refill().err().map(|error| End::Broker(error.into()))
    }

    /// Gives the outlet to the broker what it has room for.
    fn refill(&mut self) -> io::Result<()> {
        while self.broker.outlet.waiting() < HIGH_WATER {
            let Some(piece) = self.pieces.pop_front() else { break };
            match piece {
                Piece::Bytes(bytes) => self.broker.outlet.push(bytes),
                Piece::Kept { task, from, to, channel } => {
                    let part = self.keeper.part(task, from)?.filter(|_| from < to);
                    let Some(part) = part else { continue };
                    // It was a frame's payload, so its length is what a frame can say.
                    let length = u32::try_from(part.len()).map_err(io::Error::other)?;
                    let [head, end] = Frame::body_around(channel, length);
                    for bytes in [head, part, end] {
                        self.broker.outlet.push(bytes);
                    }
                    self.pieces.push_front(Piece::Kept { task, from: from + 1, to, channel });
                }
            }
        }
        Ok(())
    }

    fn ticked(&mut self) -> Option<End> {
        self.told = None;
        if !self.listens_to_child() {
            self.session.child_was_unheard(Instant::now().into_std());
        }
        self.session.tick(Instant::now().into_std());
        if let Some(end) = self.apply().or_else(|| self.bury()) {
            return Some(end);
        }
        if self.pulses.0.wants_beat() && !self.child.outlet.is_busy() {
            self.child.outlet.push(Frame::heartbeat().into_bytes());
        }
        if self.pulses.1.wants_beat() && !self.broker.outlet.is_busy() {
            self.broker.outlet.push(Frame::heartbeat().into_bytes());
        }
        if !self.listens_to_broker() {
            // It is not silent: it is not heard.
            self.pulses.1.heard = Instant::now();
        }
        let silent = self.pulses.1.is_silent();
        silent.then(|| End::Broker(Trouble::Silent(self.pulses.1.interval * 2)))
    }

    fn ordered(&mut self, order: Order) -> Option<End> {
        let done = match order {
            Order::Close(done) => {
                self.waiting.push(done);
                return Some(End::Child);
            }
            Order::Drain(done) => {
                self.session.drain();
                done
            }
            Order::Died(why, done) => {
                self.died = Some((why, Instant::now()));
                done
            }
        };
        self.waiting.push(done);
        self.apply().or_else(|| self.bury())
    }

    fn activity(&self) -> Activity {
        let mut activity = self.session.activity();
        activity.connections = usize::from(!self.drained);
        activity.counters.bytes_from_child = self.child.inlet.bytes;
        activity.counters.bytes_from_broker = self.broker.inlet.bytes;
        activity
    }
}

/// The last word on a connection.
fn is_close_ok(frame: &Frame) -> bool {
    let close_ok = connection::CloseOk {};
    let id = (close_ok.get_amqp_class_id(), close_ok.get_amqp_method_id());
    frame.channel() == 0 && frame.method() == Some(id)
}
