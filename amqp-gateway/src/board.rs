//! What all connections of the child are doing, put together for the gateway's owner; and the orders
//! that reach all of them.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};

use tokio::sync::{mpsc, watch};

use crate::activity::{Activity, Counters, Leading, Step};

/// Held by a connection until it has done as told; the owner waits until nobody holds one.
pub(crate) type Done = mpsc::Sender<Infallible>;

/// What a connection is told.
#[derive(Debug, Clone)]
pub(crate) enum Order {
    /// Show the child no more tasks; done when everything is with the broker.
    Drain(Done),
    /// The child has died; done when its tasks are dealt with.
    Died(String, Done),
    /// Hang up in good order.
    Close(Done),
}

#[derive(Debug, Default)]
struct Inner {
    /// The part of each connection; its `connections` is 1 while there is a broker behind it.
    present: BTreeMap<u64, (Activity, mpsc::UnboundedSender<Order>)>,
    /// Of connections that have ended.
    past: Counters,
    past_leading: Leading,
    next: u64,
    draining: bool,
    trouble: Option<String>,
    severed: u64,
    untold: u64,
}

/// Shared by the gateway and its connections.
#[derive(Debug)]
pub(crate) struct Board {
    inner: Mutex<Inner>,
    told: watch::Sender<Activity>,
    steps: Option<mpsc::Sender<Step>>,
}

impl Board {
    pub(crate) fn new(steps: Option<mpsc::Sender<Step>>) -> (Self, watch::Receiver<Activity>) {
        let (told, activity) = watch::channel(Activity::default());
        (Self { inner: Mutex::default(), told, steps }, activity)
    }

    /// A leader's task has come one step further.
    pub(crate) fn step(&self, step: Step) {
        let Some(steps) = &self.steps else { return };
        if steps.try_send(step).is_err() {
            self.with(|inner| inner.untold += 1);
        }
    }

    /// A connection has come: its number, its orders, and whether the gateway is draining.
    pub(crate) fn enter(&self) -> (u64, mpsc::UnboundedReceiver<Order>, bool) {
        let (orders, receiver) = mpsc::unbounded_channel();
        let (number, draining) = self.with(|inner| {
            inner.next += 1;
            inner.present.insert(inner.next, (Activity::default(), orders));
            (inner.next, inner.draining)
        });
        (number, receiver, draining)
    }

    /// What a connection is doing now.
    pub(crate) fn report(&self, number: u64, part: Activity) {
        self.with(|inner| {
            if let Some((old, _)) = inner.present.get_mut(&number) {
                *old = part;
            }
        });
    }

    /// A connection has ended.
    pub(crate) fn leave(&self, number: u64) {
        self.with(|inner| {
            if let Some((part, _)) = inner.present.remove(&number) {
                inner.past = inner.past.plus(&part.counters);
                inner.past_leading.add(&part.leading);
            }
        });
    }

    /// Something went wrong, in words for an operator.
    pub(crate) fn trouble(&self, words: String) {
        self.with(|inner| inner.trouble = Some(words));
    }

    /// A connection to the broker was lost for good, and the child's with it.
    pub(crate) fn severed(&self, words: String) {
        self.with(|inner| {
            inner.severed += 1;
            inner.trouble = Some(words);
        });
    }

    /// Tells every connection that is there; waits until all have done as told.
    pub(crate) async fn order(&self, order: impl Fn(Done) -> Order) {
        let (done, mut all_done) = mpsc::channel(1);
        self.with(|inner| {
            for (_, orders) in inner.present.values() {
                // A connection that has just ended has nothing left to do.
                let _ = orders.send(order(done.clone()));
            }
        });
        drop(done);
        let _ = all_done.recv().await;
    }

    /// Connections that come later are not shown tasks either.
    pub(crate) fn set_draining(&self) {
        self.with(|inner| inner.draining = true);
    }

    fn with<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = change(&mut inner);
        let activity = inner.activity();
        self.told.send_if_modified(|told| {
            let changed = *told != activity;
            *told = activity;
            changed
        });
        outcome
    }
}

impl Inner {
    fn activity(&self) -> Activity {
        let leading = self.past_leading.clone();
        let mut whole = Activity { counters: self.past, leading, ..Activity::default() };
        for (activity, _) in self.present.values() {
            whole.connections += activity.connections;
            whole.consuming.extend(activity.consuming.iter().cloned());
            whole.in_hand.extend(activity.in_hand.iter().cloned());
            whole.awaited.extend(activity.awaited.iter().cloned());
            whole.counters = whole.counters.plus(&activity.counters);
            whole.leading.add(&activity.leading);
            whole.spent |= activity.spent;
        }
        whole.in_hand.sort_by_key(|task| task.since);
        whole.severed = self.severed;
        whole.untold = self.untold;
        whole.draining = self.draining;
        whole.trouble.clone_from(&self.trouble);
        whole
    }
}
