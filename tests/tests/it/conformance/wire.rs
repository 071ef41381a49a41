//! HTTP/2 by hand, on one connection that is never made anew: what a client library would smooth over is seen here.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use h2::client::{ResponseFuture, SendRequest};
use h2::{Ping, PingPong};
use http::{HeaderMap, Method, Request};
use prost::Message;
use prost::bytes::{BufMut as _, Bytes, BytesMut};
use tests::poll;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// What KEDA calls.
pub(super) const SERVICE: &str = "externalscaler.ExternalScaler";

/// Far above what an answer takes.
const ANSWERED_WITHIN: Duration = Duration::from_secs(20);
/// A server that takes fewer calls at once makes the next one wait.
const SENT_WITHIN: Duration = Duration::from_secs(5);

/// One connection.
pub(super) struct Wire {
    sender: SendRequest<Bytes>,
    pings: PingPong,
    driver: JoinSet<Result<(), h2::Error>>,
}

/// What came back: the status, its words, and the message.
#[derive(Debug)]
pub(super) struct Answer<A> {
    pub(super) code: u16,
    pub(super) words: String,
    pub(super) message: Option<A>,
    pub(super) headers: HashMap<String, String>,
}

impl Wire {
    pub(super) async fn connect(address: SocketAddr) -> Self {
        let tcp = TcpStream::connect(address).await.unwrap();
        // Many small answers may wait here unread: that is this client's matter, not the server's.
        let mut client = h2::client::Builder::new();
        client.initial_connection_window_size(8 << 20).data_frame_budget(8 << 20);
        let (sender, mut connection) = client.handshake(tcp).await.unwrap();
        let pings = connection.ping_pong().unwrap();
        let mut driver = JoinSet::new();
        driver.spawn(connection);
        Self { sender, pings, driver }
    }

    /// Begins a call and leaves its answer to the caller.
    pub(super) async fn begin(
        &self,
        method: &str,
        message: &impl Message,
        headers: &[(&str, &str)],
    ) -> ResponseFuture {
        self.try_begin(method, message, headers).await.unwrap()
    }

    /// Begins a call, unless the server takes no more calls on this connection.
    pub(super) async fn try_begin(
        &self,
        method: &str,
        message: &impl Message,
        headers: &[(&str, &str)],
    ) -> Option<ResponseFuture> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(format!("http://scaler{method}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let ready = timeout(SENT_WITHIN, self.sender.clone().ready()).await;
        let mut sender = ready.expect("there is room for one more call").ok()?;
        let (response, mut body) = sender.send_request(request.body(()).unwrap(), false).ok()?;
        body.send_data(framed(message), true).unwrap();
        Some(response)
    }

    /// One whole call of KEDA's service.
    pub(super) async fn call<A: Message + Default>(
        &self,
        method: &str,
        message: &impl Message,
        headers: &[(&str, &str)],
    ) -> Answer<A> {
        let path = format!("/{SERVICE}/{method}");
        let response = self.begin(&path, message, headers).await;
        self.answer(response).await.unwrap()
    }

    /// Reads a whole answer; an error is one of a call that the server did not take.
    pub(super) async fn answer<A: Message + Default>(
        &self,
        response: ResponseFuture,
    ) -> Result<Answer<A>, h2::Error> {
        let response = timeout(ANSWERED_WITHIN, response).await.expect("an answer")?;
        let head = response.headers().clone();
        let mut body = response.into_body();
        let mut bytes = BytesMut::new();
        while let Some(piece) = body.data().await {
            let piece = piece.unwrap();
            body.flow_control().release_capacity(piece.len()).unwrap();
            bytes.put(piece);
        }
        let trailers = body.trailers().await.unwrap().unwrap_or_else(|| head.clone());
        let message = (bytes.len() >= 5).then(|| {
            assert_eq!(bytes[0], 0, "the message is not compressed");
            A::decode(&bytes[5..]).unwrap()
        });
        Ok(Answer {
            code: text(&trailers, "grpc-status").parse().unwrap(),
            words: text(&trailers, "grpc-message"),
            message,
            headers: head
                .keys()
                .map(|name| (name.to_string(), text(&head, name.as_str())))
                .collect(),
        })
    }

    /// A ping and its answer.
    pub(super) async fn ping(&mut self) -> Result<(), h2::Error> {
        self.pings.ping(Ping::opaque()).await.map(drop)
    }

    /// Waits until the server has ended the connection.
    pub(super) async fn ended(&mut self, limit: Duration) -> Result<(), h2::Error> {
        let ended = poll::until("the connection to end", limit, async || {
            self.driver.join_next().await.ok_or("nothing drives it")
        });
        ended.await.unwrap().unwrap()
    }

    /// Whether the server has not ended it yet.
    pub(super) fn is_open(&mut self) -> bool {
        self.driver.try_join_next().is_none()
    }
}

fn framed(message: &impl Message) -> Bytes {
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.encoded_len()).unwrap());
    message.encode(&mut frame).unwrap();
    frame.freeze()
}

fn text(headers: &HeaderMap, name: &str) -> String {
    headers
        .get(name)
        .map_or_else(String::new, |value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}
