//! A link to a server that can be cut, held up, slowed down and stopped, and that mends at once.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use amqp_gateway::frame::{Frame, Kind};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use url::Url;

/// Bytes that go over a link at once.
const WHOLE: usize = 16 << 10;
/// The same over a slow one.
const FEW: usize = 3;
/// What went over a link is remembered up to so many bytes each way.
const REMEMBERED: usize = 1 << 20;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    ToServer,
    FromServer,
}

/// What happens to the connections that there are.
#[derive(Debug, Clone, Copy)]
enum Stroke {
    /// Nothing is read any more that goes this way.
    Stop(Way),
    /// What is sent goes nowhere, either way, and nobody hears that the other has gone.
    Swallow,
}

/// What all connections over a link share.
#[derive(Debug)]
struct Shared {
    server: SocketAddr,
    cuts: watch::Sender<u64>,
    held: watch::Sender<bool>,
    strokes: watch::Sender<Stroke>,
    said: watch::Sender<(Way, Vec<u8>)>,
    slow: AtomicBool,
    to_server: Passed,
    from_server: Passed,
}

/// What went one way.
#[derive(Debug)]
struct Passed {
    bytes: AtomicU64,
    first: Mutex<Vec<u8>>,
    /// Everything is cut behind so many bytes, once.
    limit: AtomicU64,
}

/// A port that leads to a server.
pub(crate) struct Wire {
    address: SocketAddr,
    shared: Arc<Shared>,
    _forwarding: JoinSet<()>,
}

impl Wire {
    /// To the server at this address, also when it comes and goes.
    pub(crate) async fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            server: server.parse().unwrap(),
            cuts: watch::Sender::new(0),
            held: watch::Sender::new(false),
            strokes: watch::Sender::new(Stroke::Swallow),
            said: watch::Sender::new((Way::ToServer, Vec::new())),
            slow: AtomicBool::new(false),
            to_server: Passed::new(),
            from_server: Passed::new(),
        });
        let mut forwarding = JoinSet::new();
        forwarding.spawn(forward(listener, Arc::clone(&shared)));
        Self { address, shared, _forwarding: forwarding }
    }

    /// The same URI, by this link.
    pub(crate) fn through(&self, uri: &str) -> String {
        let mut url = Url::parse(uri).unwrap();
        url.set_ip_host(self.address.ip()).unwrap();
        url.set_port(Some(self.address.port())).unwrap();
        url.to_string()
    }

    /// Where it begins.
    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Every connection over it is lost.
    pub(crate) fn cut(&self) {
        self.shared.cut();
    }

    /// Every connection over it is lost as soon as so many bytes have gone this way; it happens once.
    pub(crate) fn cut_after(&self, way: Way, bytes: u64) {
        self.shared.passed(way).limit.store(bytes, Ordering::Relaxed);
    }

    /// New connections over it wait, or wait no more.
    pub(crate) fn hold(&self, held: bool) {
        self.shared.held.send_replace(held);
    }

    /// Who is to read what goes this way does not, on the connections that there are.
    pub(crate) fn stop(&self, way: Way) {
        self.shared.strokes.send_replace(Stroke::Stop(way));
    }

    /// Both ends of the connections that there are stay open, and hear nothing of each other again.
    pub(crate) fn swallow(&self) {
        self.shared.strokes.send_replace(Stroke::Swallow);
    }

    /// Every connection that there is carries this way what nobody has sent. It is between two frames
    /// where nothing is being said.
    pub(crate) fn say(&self, way: Way, frame: Vec<u8>) {
        self.shared.said.send_replace((way, frame));
    }

    /// Bytes go a few at a time.
    pub(crate) fn slow(&self) {
        self.shared.slow.store(true, Ordering::Relaxed);
    }

    /// What has gone over it this way.
    pub(crate) fn passed(&self, way: Way) -> Vec<u8> {
        self.shared.passed(way).first.lock().unwrap().clone()
    }
}

impl Shared {
    fn passed(&self, way: Way) -> &Passed {
        match way {
            Way::ToServer => &self.to_server,
            Way::FromServer => &self.from_server,
        }
    }

    fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

impl Passed {
    fn new() -> Self {
        let (bytes, limit) = (AtomicU64::new(0), AtomicU64::new(u64::MAX));
        Self { bytes, first: Mutex::default(), limit }
    }

    /// Takes note of what is about to pass; gives how much of it passes before everything is cut.
    fn note(&self, bytes: &[u8]) -> Option<usize> {
        let mut first = self.first.lock().unwrap();
        let room = REMEMBERED.saturating_sub(first.len());
        first.extend(bytes.iter().take(room));
        let before = self.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        let left = self.limit.load(Ordering::Relaxed).checked_sub(before)?;
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        (left < bytes.len()).then_some(left)
    }
}

/// The end of all connections for a fault of the broker's own, in its words: a process of its has
/// crashed.
pub(crate) fn internal_error() -> Vec<u8> {
    let text = b"INTERNAL_ERROR";
    let length = u8::try_from(text.len()).unwrap();
    let close = [&[0, 10, 0, 50, 2, 29, length][..], text, &[0; 4]].concat();
    Frame::new(Kind::Method, 0, &close).unwrap().into_bytes().to_vec()
}

async fn forward(listener: TcpListener, shared: Arc<Shared>) {
    let mut pairs = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        pairs.spawn(pair(client, Arc::clone(&shared)));
        while pairs.try_join_next().is_some() {}
    }
}

async fn pair(client: TcpStream, shared: Arc<Shared>) {
    let (mut cuts, mut held) = (shared.cuts.subscribe(), shared.held.subscribe());
    let strokes = shared.strokes.subscribe();
    let _ = held.wait_for(|held| !held).await;
    let Ok(server) = TcpStream::connect(shared.server).await else { return };
    for end in [&client, &server] {
        end.set_nodelay(true).unwrap();
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let there = pump((from_client, to_server), Way::ToServer, strokes.clone(), &shared);
    let back = pump((from_server, to_client), Way::FromServer, strokes, &shared);
    tokio::select! {
        _ = async { tokio::join!(there, back) } => {}
        _ = cuts.changed() => {}
    }
}

/// Copies one way until the end comes.
async fn pump(
    (mut from, mut to): (OwnedReadHalf, OwnedWriteHalf),
    way: Way,
    mut strokes: watch::Receiver<Stroke>,
    shared: &Shared,
) {
    let mut said = shared.said.subscribe();
    let (mut stopped, mut swallowed) = (false, false);
    let mut buffer = vec![0; WHOLE];
    loop {
        let most = if shared.slow.load(Ordering::Relaxed) { FEW } else { WHOLE };
        let read = tokio::select! {
            read = from.read(&mut buffer[..most]), if !stopped => read.unwrap_or(0),
            _ = strokes.changed() => {
                match *strokes.borrow_and_update() {
                    Stroke::Stop(stop) => stopped |= stop == way,
                    Stroke::Swallow => swallowed = true,
                }
                continue;
            }
            _ = said.changed() => {
                let (spoken, frame) = said.borrow_and_update().clone();
                if spoken == way && to.write_all(&frame).await.is_err() {
                    break;
                }
                continue;
            }
        };
        if swallowed {
            if read == 0 {
                return std::future::pending().await;
            }
            continue;
        }
        let cut = shared.passed(way).note(&buffer[..read]);
        if to.write_all(&buffer[..cut.unwrap_or(read)]).await.is_err() || read == 0 {
            break;
        }
        if cut.is_some() {
            shared.cut();
            return std::future::pending().await;
        }
    }
    let _ = to.shutdown().await;
}
