//! AMQP by hand, for what no client library does: a client that breaks its promises, and a broker that
//! offers little.

use std::net::SocketAddr;

use amqp_gateway::frame::{Frame, Kind, PROTOCOL_HEADER, Reader};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::stand_in::LIMIT;

fn short(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).unwrap();
    [&[length], text.as_bytes()].concat()
}

/// One connection, on either end of it.
pub(super) struct Raw {
    stream: TcpStream,
    reader: Reader,
}

impl Raw {
    /// A client that is let in and agrees to what it is offered.
    pub(super) async fn client(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let mut raw = Self { stream, reader: Reader::default() };
        raw.stream.write_all(&PROTOCOL_HEADER).await.unwrap();
        assert_eq!(raw.hears().await.unwrap().method(), Some((10, 10)));
        raw.says(0, (10, 11), b"\0\0\0\0\x05PLAIN\0\0\0\x04\0a\0b\x05en_US").await;
        let tune = raw.hears().await.unwrap();
        assert_eq!(tune.method(), Some((10, 30)));
        raw.says(0, (10, 31), &tune.payload()[4..]).await;
        raw.says(0, (10, 40), b"\x01/\0\0").await;
        raw
    }

    /// A broker that waits for one client, lets it in and offers so many channels.
    pub(super) async fn broker(listener: TcpListener, channels: u16) -> Self {
        let (stream, _) = listener.accept().await.unwrap();
        let mut raw = Self { stream, reader: Reader::default() };
        raw.stream.read_exact(&mut [0; 8]).await.unwrap();
        raw.says(0, (10, 10), b"\0\x09\0\0\0\0\0\0\0\x05PLAIN\0\0\0\x05en_US").await;
        raw.hears().await.unwrap();
        let tune = [&channels.to_be_bytes()[..], &131_072_u32.to_be_bytes(), &[0, 60]].concat();
        raw.says(0, (10, 30), &tune).await;
        raw
    }

    pub(super) async fn says(&mut self, channel: u16, method: (u16, u16), arguments: &[u8]) {
        let id = [method.0.to_be_bytes(), method.1.to_be_bytes()].concat();
        self.carries(Kind::Method, channel, &[&id, arguments].concat()).await;
    }

    /// A broker that waits for one client and lets it in.
    pub(super) async fn welcoming_broker(listener: TcpListener) -> Self {
        let mut raw = Self::broker(listener, 2047).await;
        for method in [(10, 31), (10, 40)] {
            assert_eq!(raw.hears().await.unwrap().method(), Some(method));
        }
        raw.says(0, (10, 41), b"\0").await;
        raw
    }

    /// Opens a channel.
    pub(super) async fn opens(&mut self, channel: u16) {
        self.says(channel, (20, 10), b"\0").await;
        self.waits_for((20, 11)).await;
    }

    /// Consumes from a queue and takes its first message; gives the tag.
    pub(super) async fn takes_from(&mut self, channel: u16, queue: &str) -> u64 {
        let queue = short(queue);
        self.says(channel, (60, 20), &[&[0, 0][..], &queue, b"\0\0\0\0\0\0"].concat()).await;
        let deliver = self.waits_for((60, 60)).await;
        let arguments = &deliver.payload()[4..];
        let tag = &arguments[1 + usize::from(arguments[0])..][..8];
        let header = self.hears().await.unwrap();
        let mut left = u64::from_be_bytes(header.payload()[4..12].try_into().unwrap());
        while left > 0 {
            left -= self.hears().await.unwrap().payload().len() as u64;
        }
        u64::from_be_bytes(tag.try_into().unwrap())
    }

    /// Begins a message for a queue: all but so many bytes of its body.
    pub(super) async fn begins(&mut self, channel: u16, queue: &str, body: &[u8], rest: usize) {
        let queue = short(queue);
        self.says(channel, (60, 40), &[&[0, 0, 0][..], &queue, b"\0"].concat()).await;
        let size = (body.len() + rest) as u64;
        let header = [&[0, 60, 0, 0][..], &size.to_be_bytes(), &[0, 0]].concat();
        for (kind, payload) in [(Kind::Header, &header[..]), (Kind::Body, body)] {
            self.carries(kind, channel, payload).await;
        }
    }

    pub(super) async fn carries(&mut self, kind: Kind, channel: u16, payload: &[u8]) {
        let frame = Frame::new(kind, channel, payload).unwrap();
        self.stream.write_all(&frame.into_bytes()).await.unwrap();
    }

    /// Until this is said to it.
    pub(super) async fn waits_for(&mut self, method: (u16, u16)) -> Frame {
        loop {
            let frame = timeout(LIMIT, self.hears()).await.unwrap().expect("it is not sent away");
            if frame.method() == Some(method) {
                return frame;
            }
        }
    }

    /// Bytes that may be no frame.
    pub(super) async fn writes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// The next frame; `None`: the other side has gone.
    pub(super) async fn hears(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.reader.frame().unwrap() {
                return Some(frame);
            }
            if self.stream.read_buf(self.reader.room()).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    /// Until it is told to go; gives the reason.
    pub(super) async fn is_sent_away(&mut self) -> (u16, String) {
        loop {
            let frame = timeout(LIMIT, self.hears()).await.unwrap().expect("it is told why");
            if frame.method() == Some((10, 50)) {
                let words = &frame.payload()[4..];
                let (code, text) = (u16::from_be_bytes([words[0], words[1]]), &words[3..]);
                let text = &text[..usize::from(words[2])];
                return (code, String::from_utf8_lossy(text).into_owned());
            }
        }
    }
}
