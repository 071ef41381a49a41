//! The least that a process between a client and a broker can cost: it passes bytes and looks at none.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};
use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use url::Url;

/// A frame of RabbitMQ's stock size, which is also what the gateway reads at once.
const BUFFER: usize = 128 << 10;

/// A process of its own, as the gateway is one.
pub(super) struct Forwarder {
    process: Child,
    /// Where the broker is found through it.
    pub(super) uri: String,
}

impl Forwarder {
    /// Starts one before the broker of this URI.
    pub(super) fn start(broker: &str) -> Result<Self> {
        let mut uri = Url::parse(broker)?;
        let server = uri.socket_addrs(|| None)?.pop().context("no address")?;
        let mut process = Command::new(std::env::current_exe()?)
            .args(["--forward", &server.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .context("start the forwarder")?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().context("no output")?).read_line(&mut line)?;
        let port = line.trim().parse().context("the forwarder did not start")?;
        uri.set_port(Some(port)).ok().context("no port in the URI")?;
        Ok(Self { process, uri: uri.into() })
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Is one, until it is killed.
pub(super) async fn serve(server: SocketAddr) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?.port())?;
    let mut connections = JoinSet::new();
    loop {
        let (mut client, _) = listener.accept().await?;
        let mut server = TcpStream::connect(server).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        connections.spawn(async move {
            copy_bidirectional_with_sizes(&mut client, &mut server, BUFFER, BUFFER).await
        });
    }
}
