//! A TCP proxy that cuts its connection after a number of bytes, so that any byte can be the last.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// Which way the bytes flow that are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    ToBroker,
    FromBroker,
}

/// Where a connection ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    pub(super) way: Way,
    pub(super) after: u64,
}

/// Bytes that went each way, over all connections.
#[derive(Debug, Default)]
struct Passed {
    to_broker: AtomicU64,
    from_broker: AtomicU64,
    cut: Notify,
}

/// A proxy on a port of its own; it ends with the value.
pub(super) struct CutProxy {
    address: String,
    passed: Arc<Passed>,
    _tasks: JoinSet<()>,
}

impl CutProxy {
    /// Stands between a client and `broker`; both ends are dropped where the cut says.
    pub(super) async fn start(broker: &str, cut: Option<Cut>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let passed = Arc::new(Passed::default());
        let (broker, shared) = (broker.to_owned(), passed.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let broker = TcpStream::connect(&broker).await.unwrap();
                connections.spawn(relay(client, broker, cut, shared.clone()));
            }
        });
        Self { address, passed, _tasks: tasks }
    }

    /// `host:port` to connect to.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Bytes that went a way so far.
    pub(super) fn passed(&self, way: Way) -> u64 {
        self.passed.of(way).load(Ordering::Relaxed)
    }
}

impl Passed {
    fn of(&self, way: Way) -> &AtomicU64 {
        match way {
            Way::ToBroker => &self.to_broker,
            Way::FromBroker => &self.from_broker,
        }
    }
}

async fn relay(client: TcpStream, broker: TcpStream, cut: Option<Cut>, passed: Arc<Passed>) {
    for end in [&client, &broker] {
        end.set_nodelay(true).unwrap();
    }
    let ((from_client, to_client), (from_broker, to_broker)) =
        (client.into_split(), broker.into_split());
    let limit = |way| cut.filter(|cut| cut.way == way).map(|cut| cut.after);
    let there = pump(from_client, to_broker, (Way::ToBroker, limit(Way::ToBroker)), &passed);
    let back = pump(from_broker, to_client, (Way::FromBroker, limit(Way::FromBroker)), &passed);
    tokio::select! {
        () = passed.cut.notified() => {}
        ((), ()) = async { tokio::join!(there, back) } => {}
    }
}

/// Copies until an end closes, or until the cut.
async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    (way, limit): (Way, Option<u64>),
    passed: &Passed,
) {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let before = passed.of(way).fetch_add(read as u64, Ordering::Relaxed);
        let room = limit.map_or(u64::MAX, |limit| limit.saturating_sub(before));
        let part = usize::try_from(room).unwrap_or(usize::MAX).min(read);
        if to.write_all(&buffer[..part]).await.is_err() {
            return;
        }
        if part < read {
            passed.cut.notify_one();
            return std::future::pending().await;
        }
    }
    let _ = to.shutdown().await;
}
