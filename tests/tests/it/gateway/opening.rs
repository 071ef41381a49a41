//! Who is let in, who is not, and what they are told.

use amqp_admin::Endpoint;
use tests::amqp::Amqp;
use tests::harness;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::raw::Raw;
use super::{Behind, config, stranger};
use crate::stand_in::Reached as _;

async fn answer_to(behind: &Behind, words: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(behind.gateway.address()).await.unwrap();
    stream.write_all(words).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn what_speaks_no_amqp_is_told_what_is_spoken_here_and_cut_off() {
    let Some(vhost) = harness::vhost("no_amqp") else { return };
    let behind = Behind::stock(&vhost).await;
    for words in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"AMQP\x03\x01\x00\x00",
        b"AMQP\x00\x01\x00\x00",
        b"garbage!",
    ] {
        let answer = answer_to(&behind, words).await;
        assert!(answer.starts_with(b"AMQP\x00\x00\x09\x01"), "{words:?}: {answer:?}");
    }
    let told = behind.gateway.activity().borrow().trouble.clone().unwrap();
    assert!(told.contains("does not speak AMQP"), "{told}");
}

#[tokio::test]
async fn a_child_whose_gateway_is_not_let_in_hears_why_and_no_password() {
    let Some(vhost) = harness::vhost("stranger") else { return };
    let mut config = config(&vhost);
    config.broker = vec![stranger(vhost.access())];
    let behind = Behind::start(config).await;
    let Err(refused) = Amqp::connect(&behind.uri()).await else { panic!("it was let in") };
    let told = behind.gateway.activity().borrow().trouble.clone().unwrap();
    for words in [format!("{refused:#}"), told] {
        assert!(words.contains("ACCESS_REFUSED"), "{words}");
        assert!(!words.contains("h1dden"), "{words}");
    }
}

#[tokio::test]
async fn a_vhost_that_is_not_there_is_told_in_the_brokers_words() {
    let Some(vhost) = harness::vhost("no_vhost") else { return };
    let mut config = config(&vhost);
    config.vhost = amqp_admin::VhostName::new("nowhere").unwrap();
    let behind = Behind::start(config).await;
    let Err(refused) = Amqp::connect(&behind.uri()).await else { panic!("it was let in") };
    assert!(format!("{refused:#}").contains("nowhere"), "{refused:#}");
}

#[tokio::test]
async fn addresses_are_tried_in_turn_until_one_lets_the_child_in() {
    let Some(vhost) = harness::vhost("in_turn") else { return };
    let mut config = config(&vhost);
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = Endpoint::amqp(&format!("amqp://{}", nobody.local_addr().unwrap())).unwrap();
    drop(nobody);
    config.broker.splice(0..0, [gone, stranger(vhost.access())]);
    let behind = Behind::start(config).await;
    let amqp = Amqp::connect(&behind.uri()).await.unwrap();
    amqp.paladin_queue("default").await.unwrap();
    behind.tells("one connection", |told| told.connections == 1).await;
    amqp.close().await.unwrap();
    behind.tells("no connection", |told| told.connections == 0).await;
}

#[tokio::test]
async fn a_child_that_speaks_nonsense_once_it_is_let_in_is_told_so_and_cut_off() {
    let Some(vhost) = harness::vhost("nonsense") else { return };
    let behind = Behind::stock(&vhost).await;
    for nonsense in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"\x01\0\x01\0\0\0\x01x!", b"AMQP\0\0\x09\x01"]
    {
        let mut child = Raw::client(behind.gateway.address()).await;
        child.writes(nonsense).await;
        let (code, why) = child.is_sent_away().await;
        assert_eq!(code, 501, "{why}");
        behind.tells("nobody", |told| told.connections == 0).await;
        let told = behind.activity().trouble.unwrap();
        assert!(told.contains("the child was cut off"), "{told}");
    }
}
