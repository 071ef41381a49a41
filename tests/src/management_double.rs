//! A double of a broker's management API and metrics port, written by hand: it says what a test tells it to say,
//! also what no broker says. It is no broker and speaks no AMQP.
//!
//! What it does can be changed while it runs; whoever hangs in the old behaviour is then let go.

mod http;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;

/// Where the queues of any vhost are listed.
pub const QUEUES: &str = "/api/queues/";
/// Where a node's metrics are.
pub const METRICS: &str = "/metrics/detailed";

/// What the double does with a request.
#[derive(Debug, Clone)]
pub enum Behaviour {
    /// Answers with this status and body, and keeps the connection.
    Answer(u16, String),
    /// Answers 302 with this location.
    Redirect(String),
    /// One behaviour for each request; the last one stays.
    InTurn(Vec<Behaviour>),
    /// Takes the connection and the request and never says a word.
    Silent,
    /// Stops in the middle of the headers.
    StallsInHeaders,
    /// Promises this body and stops half-way.
    StallsInBody(String),
    /// Sends this body by one byte a second.
    Drips(String),
    /// Ends the connection with a reset.
    Resets,
    /// Sends the headers of an answer with this body, and closes.
    ClosesAfterHeaders(String),
    /// Sends this body under another length, and closes.
    WrongLength(String, usize),
    /// Sends this body in chunks and closes before the last one.
    TornChunks(String),
    /// Sends so many bytes of what looks like the beginning of a list of queues.
    Huge(u64),
}

impl Behaviour {
    /// Answers 200 with this body.
    #[must_use]
    pub fn good(body: impl Into<String>) -> Self {
        Self::Answer(200, body.into())
    }

    /// Answers this status with a reason as the broker words it.
    #[must_use]
    pub fn refusal(status: u16) -> Self {
        Self::Answer(status, r#"{"error":"refused","reason":"the double was told to"}"#.into())
    }
}

/// The double; it ends when the value goes.
pub struct ManagementDouble {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

/// What the threads share.
#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    behaviours: Vec<(String, Behaviour)>,
    requests: Vec<String>,
    /// Grows with each change of behaviour.
    generation: u64,
    ended: bool,
}

impl ManagementDouble {
    /// Starts on a free loopback port; every path is 404 until told otherwise.
    pub fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).context("open the double's port")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let accepting = std::thread::spawn({
            let shared = shared.clone();
            move || accept(&listener, &shared)
        });
        Ok(Self { address, shared, accepting: Some(accepting) })
    }

    /// Starts with one behaviour for the lists of queues.
    pub fn of_queues(behaviour: Behaviour) -> anyhow::Result<Self> {
        let double = Self::start()?;
        double.on(QUEUES, behaviour);
        Ok(double)
    }

    /// Its address, as a scaler is told it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on, requests whose path starts so are treated so.
    pub fn on(&self, path: &str, behaviour: Behaviour) {
        let mut state = self.shared.lock();
        state.behaviours.retain(|(known, _)| known != path);
        state.behaviours.push((path.to_owned(), behaviour));
        state.generation += 1;
        self.shared.changed.notify_all();
    }

    /// The paths and queries of all requests so far that start so.
    #[must_use]
    pub fn requests(&self, path: &str) -> Vec<String> {
        let state = self.shared.lock();
        state.requests.iter().filter(|request| request.starts_with(path)).cloned().collect()
    }
}

impl Drop for ManagementDouble {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.changed.notify_all();
        // Wakes the thread that accepts.
        drop(TcpStream::connect(self.address));
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a request and says how to treat it, and in which generation that was so.
    fn take(&self, request: &str) -> (Behaviour, u64) {
        let mut state = self.lock();
        state.requests.push(request.to_owned());
        let generation = state.generation;
        let known = state.behaviours.iter_mut().find(|(path, _)| request.starts_with(&**path));
        let Some((_, behaviour)) = known else { return (Behaviour::refusal(404), generation) };
        let now = if let Behaviour::InTurn(turns) = behaviour {
            if turns.len() > 1 { Some(turns.remove(0)) } else { turns.first().cloned() }
        } else {
            Some(behaviour.clone())
        };
        let now = now.unwrap_or(Behaviour::Silent);
        (now, generation)
    }

    /// Waits until the behaviour changes, the double ends, or the time is over: `true` for that.
    fn hang(&self, generation: u64, limit: Option<Duration>) -> bool {
        let old = |state: &mut State| state.generation == generation && !state.ended;
        match limit {
            None => {
                drop(self.changed.wait_while(self.lock(), old));
                false
            }
            Some(limit) => self
                .changed
                .wait_timeout_while(self.lock(), limit, old)
                .is_ok_and(|(_, waited)| waited.timed_out()),
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for connection in listener.incoming() {
        if shared.lock().ended {
            return;
        }
        if let Ok(connection) = connection {
            let shared = shared.clone();
            // It ends with its peer, or when the double does.
            std::thread::spawn(move || http::serve(connection, &shared));
        }
    }
}

/// Rows of a list of queues: name, ready and unacknowledged messages.
#[must_use]
pub fn queue_list(rows: &[(&str, u64, u64)]) -> String {
    let rows = rows.iter().map(|(name, ready, unacked)| {
        queue_row(
            name,
            &format!(r#","messages_ready":{ready},"messages_unacknowledged":{unacked}"#),
        )
    });
    list(rows)
}

/// A list of one queue, whose counts are this piece of JSON.
#[must_use]
pub fn queue_list_with(counts: &str) -> String {
    list([queue_row("proof-1", counts)])
}

fn queue_row(name: &str, counts: &str) -> String {
    format!(
        r#"{{"name":"{name}","type":"classic","state":"running","exclusive":false,"arguments":{{}}{counts}}}"#
    )
}

fn list(rows: impl IntoIterator<Item = String>) -> String {
    format!("[{}]", rows.into_iter().collect::<Vec<_>>().join(","))
}

/// A metrics port's whole answer for queues of one vhost.
#[must_use]
pub fn metrics_text(vhost: &str, rows: &[(String, u64, u64)]) -> String {
    let lines = rows.iter().flat_map(|(name, ready, unacked)| {
        [("ready", ready), ("unacked", unacked)].map(|(count, value)| {
            let metric = format!("rabbitmq_detailed_queue_messages_{count}");
            format!("{metric}{{vhost=\"{vhost}\",queue=\"{name}\"}} {value}\n")
        })
    });
    lines.collect::<String>() + IDENTITY
}

/// The line with which every answer of a real metrics port ends.
pub const IDENTITY: &str =
    "# TYPE rabbitmq_identity_info untyped\nrabbitmq_identity_info{rabbitmq_node=\"double\"} 1\n";
