//! The gateway as its owner sees it: a port for the child, what the child is doing, and orders.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tracing::Instrument as _;

use crate::activity::Activity;
use crate::again::Dialler;
use crate::board::{Board, Order};
use crate::config::{Config, Rule};
use crate::dial::Address;
use crate::error::{Error, Result};
use crate::handshake::{self, Introduction, Tuned};
use crate::keep::Keeper;
use crate::link::Link;
use crate::relay::{Desk, Relay};
use crate::session::{Session, Settings};
use crate::trouble::Trouble;

/// RabbitMQ gives a client as long to introduce itself.
const GREETING: Duration = Duration::from_secs(10);
/// Between two tries to accept a connection when the system has no room for it.
const NO_ROOM: Duration = Duration::from_millis(100);

/// A port for one child. Dropping it ends every connection at once: what the child had in hand goes
/// back to its queue.
#[derive(Debug)]
pub struct Gateway {
    address: SocketAddr,
    activity: watch::Receiver<Activity>,
    board: Arc<Board>,
    /// Held: dropping it ends what it serves.
    _serving: JoinSet<()>,
}

/// What every connection needs.
struct Shared {
    config: Config,
    addresses: Arc<Vec<Address>>,
    board: Arc<Board>,
}

/// A connection's part on the board, which goes with it however it ends.
struct Present {
    board: Arc<Board>,
    number: u64,
}

impl Drop for Present {
    fn drop(&mut self) {
        self.board.leave(self.number);
    }
}

impl Gateway {
    /// Listens for the child. The broker is not asked before the child connects.
    pub async fn start(config: Config) -> Result<Self> {
        if config.broker.is_empty() {
            return Err(Error::NoBroker);
        }
        let addresses = config.broker.iter().cloned().map(Address::new);
        let addresses = Arc::new(addresses.collect::<Result<Vec<_>>>()?);
        let failed = |source| Error::Listen { address: config.listen, source };
        let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (board, activity) = Board::new(config.steps.clone());
        let board = Arc::new(board);
        let shared = Shared { config, addresses, board: Arc::clone(&board) };
        let mut serving = JoinSet::new();
        serving.spawn(accept(listener, Arc::new(shared)));
        Ok(Self { address, activity, board, _serving: serving })
    }

    /// Where the child finds its broker: `amqp://` and this address is its whole URI.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What the child is doing, now and whenever it changes.
    #[must_use]
    pub fn activity(&self) -> watch::Receiver<Activity> {
        self.activity.clone()
    }

    /// Shows the child no further task, gives back those it was not shown, and waits until nothing is
    /// in its hands and its results and acknowledgements are with the broker. Then the child can be
    /// ended. Bound it with a timeout of your own: a task may take an hour.
    pub async fn drain(&self) {
        self.board.set_draining();
        self.board.order(Order::Drain).await;
    }

    /// Tells that the child has died with its task: each task in its hands counts as failed for this
    /// reason. Returns when the tasks are back in their queues or put aside. A child's connections
    /// that end with a task in hand are kept for five seconds, to wait for this call.
    pub async fn child_died(&self, why: &str) {
        self.board.order(|done| Order::Died(why.to_owned(), done)).await;
    }

    /// Ends every connection in good order. A task still in the child's hands goes back to its queue.
    pub async fn close(self) {
        self.board.order(Order::Close).await;
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let serving = serve(stream, Arc::clone(&shared));
                    connections.spawn(serving);
                }
                // The system is out of file descriptors, or the child was gone already.
                Err(error) => {
                    tracing::warn!("a connection of the child could not be accepted: {error}");
                    sleep(NO_ROOM).await;
                }
            },
            Some(ended) = connections.join_next() => if let Err(error) = ended {
                // Its sockets are closed by now: the child is cut off, and its owner has to know.
                let words = format!("a connection of the child ended by a fault of the gateway: {error}");
                tracing::error!("{words}");
                shared.board.severed(words);
            },
        }
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    // Without it a task's last frame may wait for the acknowledgement of the one before.
    let _ = stream.set_nodelay(true);
    let (number, orders, draining) = shared.board.enter();
    let _present = Present { board: Arc::clone(&shared.board), number };
    let mut desk = Desk { board: Arc::clone(&shared.board), number, orders };
    let span = tracing::info_span!("gateway.connection", connection = number);
    let mut child = Link::new(Box::new(stream));
    let open = open(&mut child, &shared).instrument(span.clone());
    match open.await {
        Ok((broker, introduction, tuned)) => {
            let keeper = Keeper::new(shared.config.kept_in_memory);
            let settings = settings(&shared.config, &tuned);
            let mut session = Session::new(settings, Instant::now().into_std());
            if draining {
                session.show_no_tasks();
            }
            let (config, addresses) = (shared.config.clone(), Arc::clone(&shared.addresses));
            let dialler = Dialler::new(config, addresses, introduction, tuned);
            let relay = Relay::new((child, broker), dialler, session, keeper);
            relay.run(&mut desk).instrument(span).await;
        }
        Err(trouble) => {
            let words = format!("a connection of the child was refused: {trouble}");
            span.in_scope(|| tracing::warn!("{words}"));
            shared.board.trouble(words);
            handshake::refuse(&mut child, &trouble).await;
        }
    }
}

fn settings(config: &Config, tuned: &Tuned) -> Settings {
    let holds = |rule| !config.without.contains(&rule);
    Settings {
        policy: config.policy,
        max_priority: config.max_priority,
        priority: config.priority,
        serializer: config.serializer,
        attempts: config.attempts.get(),
        proof: config.proof.clone(),
        block: config.block,
        owner: config.owner.clone(),
        tags: holds(Rule::Tags),
        aborts: holds(Rule::Aborts),
        repair: holds(Rule::Repair),
        own_channel: tuned.own_channel,
        frame_max: tuned.frame_max,
        seed: format!("{:016x}{:016x}", random(), random()),
    }
}

/// The standard library's hash maps are seeded by the system's randomness.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

async fn open(child: &mut Link, shared: &Shared) -> Result<(Link, Introduction, Tuned), Trouble> {
    let silent = |_| Trouble::Silent(GREETING);
    let introduction = timeout(GREETING, handshake::greet(child)).await.map_err(silent)??;
    let config = &shared.config;
    let broker = handshake::log_in(&shared.addresses, &introduction, config).await?;
    let agree = async {
        let tuned = handshake::tune(child, &broker, config).await?;
        handshake::hear_open(child).await?;
        Ok::<_, Trouble>(tuned)
    };
    let tuned = timeout(GREETING, agree).await.map_err(silent)??;
    let broker = handshake::enter(broker, &tuned, config).await?;
    handshake::welcome(child).await?;
    Ok((broker, introduction, tuned))
}
