//! A link to a server that can be cut and mends at once.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use url::Url;

/// A port that leads to a server.
pub(crate) struct Wire {
    address: SocketAddr,
    cuts: watch::Sender<u64>,
    held: watch::Sender<bool>,
    _forwarding: JoinSet<()>,
}

impl Wire {
    /// To the server at this address, also when it comes and goes.
    pub(crate) async fn to(server: &str) -> Self {
        let server: SocketAddr = server.parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (cuts, held) = (watch::Sender::new(0), watch::Sender::new(false));
        let mut forwarding = JoinSet::new();
        forwarding.spawn(forward(listener, server, (cuts.subscribe(), held.subscribe())));
        Self { address, cuts, held, _forwarding: forwarding }
    }

    /// The same URI, by this link.
    pub(crate) fn through(&self, uri: &str) -> String {
        let mut url = Url::parse(uri).unwrap();
        url.set_ip_host(self.address.ip()).unwrap();
        url.set_port(Some(self.address.port())).unwrap();
        url.to_string()
    }

    /// Every connection over it is lost.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// New connections over it wait, or wait no more.
    pub(crate) fn hold(&self, held: bool) {
        self.held.send_replace(held);
    }
}

type Words = (watch::Receiver<u64>, watch::Receiver<bool>);

async fn forward(listener: TcpListener, server: SocketAddr, words: Words) {
    let mut pairs = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        pairs.spawn(pair(client, server, words.clone()));
        while pairs.try_join_next().is_some() {}
    }
}

async fn pair(mut client: TcpStream, server: SocketAddr, (mut cuts, mut held): Words) {
    cuts.mark_unchanged();
    let _ = held.wait_for(|held| !held).await;
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => {}
        _ = cuts.changed() => {}
    }
}
