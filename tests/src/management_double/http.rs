//! Just as much of HTTP/1.1 as the double needs to be understood, or misunderstood.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;

use super::{Behaviour, Shared};

/// Between two bytes of a body that drips.
const DRIP: Duration = Duration::from_secs(1);
/// How much of a huge body is written at once.
const PIECE: usize = 64 << 10;

/// What becomes of the connection.
enum Then {
    Keep,
    Close,
    /// Close without a goodbye.
    Reset,
}

/// Serves one connection to its end. A peer that goes away early is no error here.
pub(super) fn serve(connection: TcpStream, shared: &Shared) {
    let Ok(writer) = connection.try_clone() else { return };
    let mut reader = BufReader::new(connection);
    let mut writer = Writer { connection: writer, shared };
    while let Some(request) = read_request(&mut reader) {
        let (behaviour, generation) = shared.take(&request);
        match writer.behave(&behaviour, generation) {
            Ok(Then::Keep) => {}
            Ok(Then::Reset) => return,
            Ok(Then::Close) | Err(_) => break,
        }
    }
    let _ = writer.connection.shutdown(Shutdown::Both);
}

/// The path and query of the next request; `None` when there is none.
fn read_request(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let path = first.split(' ').nth(1)?.to_owned();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            return Some(path);
        }
    }
}

struct Writer<'a> {
    connection: TcpStream,
    shared: &'a Shared,
}

impl Writer<'_> {
    fn behave(&mut self, behaviour: &Behaviour, generation: u64) -> std::io::Result<Then> {
        match behaviour {
            Behaviour::Answer(status, body) => {
                self.send(&format!("{}{body}", head(*status, "", body.len() as u64)))?;
                return Ok(Then::Keep);
            }
            Behaviour::Redirect(location) => {
                self.send(&head(302, &format!("location: {location}\r\n"), 0))?;
                return Ok(Then::Keep);
            }
            Behaviour::Silent | Behaviour::InTurn(_) => self.hang(generation),
            Behaviour::StallsInHeaders => {
                self.send("HTTP/1.1 200 OK\r\ncontent-type: appli")?;
                self.hang(generation);
            }
            Behaviour::StallsInBody(body) => {
                let (first, _) = body.split_at(body.len() / 2);
                self.send(&format!("{}{first}", head(200, "", body.len() as u64)))?;
                self.hang(generation);
            }
            Behaviour::Drips(body) => self.drip(body, generation)?,
            Behaviour::Resets => {
                set_socket_linger(&self.connection, Some(Duration::ZERO))?;
                return Ok(Then::Reset);
            }
            Behaviour::ClosesAfterHeaders(body) => self.send(&head(200, "", body.len() as u64))?,
            Behaviour::WrongLength(body, length) => {
                self.send(&format!("{}{body}", head(200, "", *length as u64)))?;
            }
            Behaviour::TornChunks(body) => {
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
                self.send(&format!("{head}{:x}\r\n{body}\r\n", body.len()))?;
            }
            Behaviour::Huge(bytes) => self.huge(*bytes)?,
        }
        Ok(Then::Close)
    }

    fn send(&mut self, text: &str) -> std::io::Result<()> {
        self.connection.write_all(text.as_bytes())
    }

    fn hang(&self, generation: u64) {
        self.shared.hang(generation, None);
    }

    fn drip(&mut self, body: &str, generation: u64) -> std::io::Result<()> {
        self.send(&head(200, "", body.len() as u64))?;
        for byte in body.as_bytes() {
            self.connection.write_all(&[*byte])?;
            if !self.shared.hang(generation, Some(DRIP)) {
                break;
            }
        }
        Ok(())
    }

    fn huge(&mut self, bytes: u64) -> std::io::Result<()> {
        self.send(&head(200, "", bytes))?;
        self.send("[")?;
        let piece = vec![b' '; PIECE];
        let mut sent = 1;
        while sent < bytes {
            self.connection.write_all(&piece)?;
            sent += PIECE as u64;
        }
        Ok(())
    }
}

fn head(status: u16, more: &str, length: u64) -> String {
    format!(
        "HTTP/1.1 {status} so\r\ncontent-type: application/json\r\n{more}content-length: {length}\r\n\r\n"
    )
}
