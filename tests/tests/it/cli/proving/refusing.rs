//! A service that refuses uploads without reading them and closes over what is on its way, and whose
//! files come damaged.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};

use tests::zero::Zero;

use crate::stand_in::V07;

/// Uploads; each may lose the answer, or not.
const UPLOADS: usize = 8;
/// Longer than what fits between two sockets.
const LONG: usize = 24 << 20;

/// Serves until the process ends.
fn serve() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            answer(stream.unwrap());
        }
    });
    address
}

fn answer(mut stream: TcpStream) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or_default() == 1 {
        head.extend(byte);
    }
    let (status, body) = if head.starts_with(b"GET /v1/proofs/7-ab/proof ") {
        ("200 OK\r\nETag: \"c0ffee\"", "[{}]")
    } else if head.starts_with(b"GET ") {
        let version = r#"{"zeroLeader":"0","prover":null,"generation":"v0.7","verifier":false}"#;
        ("200 OK", version)
    } else {
        ("507 Insufficient Storage", r#"{"error":"the disk is full"}"#)
    };
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    let _ = stream.write_all((head + body).as_bytes());
}

#[test]
fn a_refusal_in_the_midst_of_an_upload_is_heard() {
    let folder = tempfile::tempdir().unwrap();
    let mut witness = std::fs::read(V07.witness(3)).unwrap();
    witness.resize(LONG, b' ');
    std::fs::write(folder.path().join("long.json"), witness).unwrap();
    let zero = Zero::at(folder.path()).env("ZERO_LEADER_URL", format!("http://{}", serve()));
    for _ in 0..UPLOADS {
        let answer = zero.run(&["prove", "long.json", "--detach"]).unwrap();
        assert_eq!(answer.code, Some(1), "{answer:?}");
        let words = "error: the proof service has no room: the disk is full\n";
        assert!(answer.stderr.ends_with(words), "{}", answer.stderr);
    }
}

#[test]
fn a_file_that_comes_damaged_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let zero = Zero::at(folder.path()).env("ZERO_LEADER_URL", format!("http://{}", serve()));
    let answer = zero.run(&["proof", "download", "7-ab", "--out", "proofs"]).unwrap();
    assert_eq!(answer.code, Some(1), "{answer:?}");
    insta::assert_snapshot!(answer.stderr, @"error: the file of `7-ab` did not come as it is: its SHA-256 is e10808d43975dc400731053386849f864f297e6c4f7519c380f3dbaf7067a840, and the service says c0ffee; download it again");
    assert_eq!(std::fs::read_dir(folder.path().join("proofs")).unwrap().count(), 0);
}
