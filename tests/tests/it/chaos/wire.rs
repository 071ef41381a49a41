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
    _forwarding: JoinSet<()>,
}

impl Wire {
    /// To the server at this address, also when it comes and goes.
    pub(crate) async fn to(server: &str) -> Self {
        let server: SocketAddr = server.parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let cuts = watch::Sender::new(0);
        let mut forwarding = JoinSet::new();
        forwarding.spawn(forward(listener, server, cuts.subscribe()));
        Self { address, cuts, _forwarding: forwarding }
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
}

async fn forward(listener: TcpListener, server: SocketAddr, cuts: watch::Receiver<u64>) {
    let mut pairs = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        pairs.spawn(pair(client, server, cuts.clone()));
        while pairs.try_join_next().is_some() {}
    }
}

async fn pair(mut client: TcpStream, server: SocketAddr, mut cuts: watch::Receiver<u64>) {
    cuts.mark_unchanged();
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => {}
        _ = cuts.changed() => {}
    }
}
