//! Services in place of kube-proxy and cluster DNS: their addresses on the loopback interface, led to ready pods.
//!
//! Every Service is listened for at its address; a headless one is lent one. Programs that dial by name go through an HTTP proxy that knows
//! the names (`HTTPS_PROXY`), as KEDA's gRPC client does.

mod table;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Context;

pub use table::{LEADS_TO, Row, Table, headless, is_ready};

/// A pod that listens on this machine is reached at once.
const DIAL_LIMIT: Duration = Duration::from_secs(2);

/// The Services of a cluster; clones are the same.
#[derive(Clone)]
pub struct Services {
    table: Arc<Mutex<Table>>,
    listeners: Arc<Mutex<BTreeMap<SocketAddr, TcpListener>>>,
    proxy: SocketAddr,
}

impl Services {
    /// Starts the proxy for names; no Service is known yet.
    pub fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("listen for the proxy of names")?;
        let proxy = listener.local_addr()?;
        let services = Self { table: Arc::default(), listeners: Arc::default(), proxy };
        let names = services.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let names = names.clone();
                // A connection that fails is seen by whoever made it.
                thread::spawn(move || names.connect(&stream).map_err(drop));
            }
        });
        Ok(services)
    }

    /// The proxy's URL.
    #[must_use]
    pub fn proxy(&self) -> String {
        format!("http://{}", self.proxy)
    }

    /// What is known, at this moment.
    #[must_use]
    pub fn table(&self) -> Table {
        self.table.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes over what is known now, and listens where it is new.
    pub fn update(&self, table: Table) -> anyhow::Result<()> {
        let addresses = table.addresses();
        *self.table.lock().unwrap_or_else(PoisonError::into_inner) = table;
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        for address in addresses {
            if let Entry::Vacant(place) = listeners.entry(address) {
                let listener =
                    TcpListener::bind(address).with_context(|| format!("listen on {address}"))?;
                self.serve(address, listener.try_clone()?);
                place.insert(listener);
            }
        }
        Ok(())
    }

    fn serve(&self, address: SocketAddr, listener: TcpListener) {
        let services = self.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let behind = services.table().behind(address);
                thread::spawn(move || dial(&behind).map(|far| relay(&stream, &far)));
            }
        });
    }

    /// One request of the form `CONNECT name:port HTTP/1.1`.
    fn connect(&self, mut stream: &TcpStream) -> anyhow::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut request = String::new();
        reader.read_line(&mut request)?;
        let mut line = String::from("more");
        while !line.trim().is_empty() {
            line.clear();
            reader.read_line(&mut line)?;
        }
        let target = request.split(' ').nth(1).unwrap_or_default();
        let far = self.table().named(target).and_then(|behind| dial(&behind));
        match far {
            Some(far) => {
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
                relay(stream, &far);
            }
            None => stream.write_all(b"HTTP/1.1 503 no ready pod\r\n\r\n")?,
        }
        Ok(())
    }
}

/// The first that answers.
fn dial(behind: &[SocketAddr]) -> Option<TcpStream> {
    behind.iter().find_map(|address| TcpStream::connect_timeout(address, DIAL_LIMIT).ok())
}

/// Copies both ways until both sides have ended.
fn relay(near: &TcpStream, far: &TcpStream) {
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let (Ok(from), Ok(to)) = (near.try_clone(), far.try_clone()) else { return };
    let upward = thread::spawn(move || copy(&from, &to));
    copy(far, near);
    let _ = upward.join();
}

fn copy(mut from: &TcpStream, mut to: &TcpStream) {
    // However it ends, the other side is told that nothing more comes.
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}
