//! What child and broker agree on: the length of frames, the number of channels; and messages of
//! extreme sizes.

use amqp_admin::Endpoint;
use amqp_gateway::frame::Reader;
use futures_util::StreamExt as _;
use futures_util::future::try_join_all;
use lapin::options::{BasicAckOptions, BasicGetOptions, BasicPublishOptions};
use lapin::{BasicProperties, Channel};
use tests::amqp::Amqp;
use tests::harness;
use tests::rabbitmq::RabbitConfig;
use tokio::net::TcpListener;

use super::raw::Raw;
use super::tags::{TASK, consumer, header, publish};
use super::trouble::Open;
use super::{Behind, config, config_at};
use crate::stand_in::Reached as _;
use crate::wire::{Way, Wire};

/// RabbitMQ 3.10 takes no longer message; its successors take 16 MiB unless they are told.
const LONGEST: usize = 128 << 20;
/// Channels that are open at the same time.
const CHANNELS: usize = 1_000;
/// A message of [`LONGEST`] bytes is to be in the memory of its clients, not in ours.
const MOST_KB: u64 = 60 << 10;

/// The longest frame that went over a link.
fn longest_frame(wire: &Wire, way: Way) -> usize {
    let said = wire.passed(way);
    let mut reader = Reader::default();
    reader.set_frame_max(0);
    let header = if way == Way::ToServer { 8 } else { 0 };
    reader.room().extend_from_slice(&said[header..]);
    let frames = std::iter::from_fn(|| reader.frame().unwrap());
    frames.map(|frame| frame.wire_len()).max().unwrap()
}

/// A message there and back.
async fn echoes(amqp: &Amqp, queue: &str, bytes: usize) {
    amqp.paladin_queue(queue).await.unwrap();
    let body = (0..=250_u8).cycle().take(bytes).collect::<Vec<_>>();
    publish(amqp, queue, &body, &[]).await;
    let got = consumer(amqp, queue).await.next().await.unwrap().unwrap();
    assert!(got.data == body, "{bytes} bytes came as {}", got.data.len());
    got.ack(BasicAckOptions::default()).await.unwrap();
}

#[tokio::test]
async fn frames_are_as_short_on_both_sides_as_the_child_asks_for() {
    let Some(vhost) = harness::vhost("short_frames") else { return };
    let way = Wire::to(&vhost.access().amqp).await;
    let broker = config_at(&way.through(&vhost.amqp_uri()), vhost.name());
    let behind = Behind::start(broker).await;
    let child = Wire::to(&behind.gateway.address().to_string()).await;
    let uri = format!("{}?frame_max=8192&channel_max=3", child.through(&behind.uri()));
    let amqp = Amqp::connect(&uri).await.unwrap();
    echoes(&amqp, "plain", 100_000).await;
    amqp.close().await.unwrap();
    for wire in [&way, &child] {
        assert_eq!(longest_frame(wire, Way::ToServer), 8192);
        assert_eq!(longest_frame(wire, Way::FromServer), 8192);
    }
}

#[tokio::test]
async fn a_child_whose_frames_are_too_short_for_a_broker_is_told_so() {
    let Some(vhost) = harness::vhost("too_short_frames") else { return };
    let behind = Behind::start(config(&vhost)).await;
    let amqp = Amqp::connect(&format!("{}?frame_max=4096", behind.uri())).await;
    if harness::series().takes_frames_of_4096() {
        echoes(&amqp.unwrap(), "plain", 100_000).await;
    } else {
        let words = format!("{:#}", amqp.err().expect("it was let in"));
        assert!(words.contains("take no less than 8192; set the child's frame_max"), "{words}");
    }
}

#[tokio::test]
async fn a_broker_that_grants_little_gets_no_more_and_one_channel_is_left_for_the_gateway() {
    let extra_conf = "frame_max = 8192\nchannel_max = 4".to_owned();
    let config = RabbitConfig { extra_conf, ..RabbitConfig::default() };
    let Some(broker) = harness::private_broker("grants_little", &config) else { return };
    let direct = Amqp::connect(&broker.amqp_uri("/")).await.unwrap();
    let way = Wire::to(&broker.access().amqp).await;
    let behind = Behind::start(config_at(&way.through(&broker.amqp_uri("/")), "/")).await;
    let child = Amqp::connect(&behind.uri()).await.unwrap();
    let more = [child.new_channel().await.unwrap(), child.new_channel().await.unwrap()];
    let none_left = child.new_channel().await.map(|_| ()).unwrap_err();
    assert!(none_left.to_string().contains("channel"), "{none_left:#}");
    echoes(&child, "plain", 100_000).await;
    assert_eq!(longest_frame(&way, Way::ToServer), 8192);
    drop(more);
    // What becomes of a dead child's task goes over the gateway's own channel.
    child.paladin_queue("default").await.unwrap();
    publish(&direct, "default", TASK, &[]).await;
    let _task = consumer(&child, "default").await.next().await.unwrap().unwrap();
    behind.gateway.child_died("it was killed").await;
    let got = direct.channel().basic_get("default".into(), BasicGetOptions::default()).await;
    let again = header(&got.unwrap().unwrap().properties, "zero-attempt");
    assert_eq!(again.as_deref(), Some("2"));
}

#[tokio::test]
async fn a_broker_with_one_channel_is_refused_with_words() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("amqp://{}", listener.local_addr().unwrap());
    let config = amqp_gateway::Config::new(
        vec![Endpoint::amqp(&uri).unwrap()],
        amqp_admin::VhostName::new("/").unwrap(),
    );
    let behind = Behind::start(config).await;
    let uri = behind.uri();
    let (_broker, refused) = tokio::join!(Raw::broker(listener, 1), Amqp::connect(&uri));
    let words = format!("{:#}", refused.err().expect("it was let in"));
    assert!(words.contains("channel_max"), "{words}");
}

#[tokio::test]
async fn a_child_that_takes_the_gateways_own_channel_is_cut_off() {
    let Some(vhost) = harness::vhost("own_channel") else { return };
    let behind = Behind::start(config(&vhost)).await;
    let mut child = Raw::client(behind.gateway.address()).await;
    child.says(2047, (20, 10), b"\0").await;
    let (code, why) = child.is_sent_away().await;
    assert_eq!(code, 504, "{why}");
    assert!(why.contains("channel 2047"), "{why}");
    behind.tells("nobody", |told| told.connections == 0).await;
}

/// Publishes a message of its own over a channel, and gets one back.
async fn is_used(number: usize, channel: Channel) -> lapin::Result<usize> {
    let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
    let body = number.to_be_bytes();
    channel.basic_publish("".into(), "plain".into(), options, &body, properties).await?;
    let got = channel.basic_get("plain".into(), BasicGetOptions { no_ack: true }).await?;
    Ok(got.map_or(0, |got| got.data.len()))
}

#[tokio::test]
async fn a_thousand_channels_on_one_connection_are_all_of_use() {
    let Some(vhost) = harness::vhost("channels") else { return };
    let behind = Behind::stock(&vhost).await;
    let amqp = Amqp::connect(&behind.uri()).await.unwrap();
    amqp.paladin_queue("plain").await.unwrap();
    let opened = (0..CHANNELS).map(|_| amqp.new_channel());
    let channels = try_join_all(opened).await.unwrap();
    let used = channels.iter().cloned().enumerate().map(|(number, it)| is_used(number, it));
    let got = try_join_all(used).await.unwrap();
    assert_eq!(
        amqp.ready("plain").await.unwrap(),
        got.iter().filter(|got| **got == 0).count() as u64
    );
    for channel in channels {
        channel.close(200, "done".into()).await.unwrap();
    }
    behind.gateway.drain().await;
    assert_eq!(behind.activity().trouble, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_nothing_and_of_128_mib_pass_and_are_not_kept_in_memory() {
    let extra_conf = format!("max_message_size = {LONGEST}");
    let config = RabbitConfig { extra_conf, ..RabbitConfig::default() };
    let Some(broker) = harness::private_broker("longest", &config) else { return };
    let home = tempfile::tempdir().unwrap();
    let open = Open::start(&broker.amqp_uri("/"), &[], home.path()).await;
    for bytes in [0, LONGEST] {
        let amqp = Amqp::connect(&open.uri).await.unwrap();
        echoes(&amqp, "default", bytes).await;
        amqp.close().await.unwrap();
    }
    let most = open.most_memory_kb();
    assert!(most < MOST_KB, "{most} kB");
}
