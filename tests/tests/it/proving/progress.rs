//! Progress as it is followed: it never falls, it ends exact, and its ETA can be believed.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;
use tests::harness;
use tokio::time::Instant;

use super::service::{Service, Setting};
use crate::stand_in::{Generation, V06, V07};

/// A proof as it was told, and when.
type Told = (Instant, Value);

/// All events of a proof, from now to its end.
async fn followed(service: &Service, id: &str) -> Vec<Told> {
    let (address, id) = (service.address().to_owned(), id.to_owned());
    let following = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let head = format!(
            "GET /v1/proofs/{id}/events HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let lines = BufReader::new(stream).lines().map_while(Result::ok);
        let data = lines.filter_map(|line| Some(line.strip_prefix("data: ")?.to_owned()));
        data.map(|data| (Instant::now(), serde_json::from_str(&data).unwrap())).collect()
    });
    following.await.unwrap()
}

async fn progress_is_followed(generation: &Generation) -> Vec<Told> {
    let Some(vhost) = harness::vhost("followed") else { return Vec::new() };
    let home = tempfile::tempdir().unwrap();
    let setting = Setting { generation, vhost: &vhost, home: home.path() };
    let service = setting.start(&[]).await;
    let _workers = setting.workers("100", &[]);
    let proof = service.submit(generation, 8, "").await;
    let events = followed(&service, proof["id"].as_str().unwrap()).await;
    let (_, last) = events.last().unwrap();
    assert_eq!(last["state"], "verified", "{last:#}\n{}", service.log());
    let progress: Vec<&Value> =
        events.iter().map(|(_, told)| &told["progress"]).filter(|told| !told.is_null()).collect();
    assert!(progress.len() > 5, "{}", progress.len());
    let of = |name: &'static str| progress.iter().map(move |told| told[name].as_f64().unwrap());
    for name in ["done", "published", "answered", "expected", "elapsedSeconds"] {
        assert!(of(name).is_sorted(), "{name}: {:?}", of(name).collect::<Vec<_>>());
    }
    let end = progress.last().unwrap();
    assert_eq!(end["done"], 1.0, "{end:#}");
    assert_eq!(end["published"], end["answered"]);
    assert_eq!(end["expected"], end["answered"]);
    events
}

#[tokio::test]
async fn the_progress_of_a_v0_7_proof_never_falls_and_ends_exact() {
    Box::pin(progress_is_followed(&V07)).await;
}

#[tokio::test]
async fn the_eta_at_half_way_is_right_on_uniform_load() {
    let events = Box::pin(progress_is_followed(&V06)).await;
    let half = events.iter().find(|(_, told)| told["progress"]["done"].as_f64() >= Some(0.5));
    let Some((then, half)) = half else { return };
    let proved = |told: &Value| told["state"] == "proved" || told["state"] == "verified";
    let (end, _) = events.iter().find(|(_, told)| proved(told)).unwrap();
    let took = end.duration_since(*then).as_secs_f64();
    let eta = &half["progress"]["eta"];
    let told = eta["seconds"].as_f64().unwrap();
    assert!((told - took).abs() <= 0.3 * took, "told {told} s, took {took} s: {eta}");
    let (low, high) = (eta["low"].as_f64().unwrap(), eta["high"].as_f64().unwrap());
    assert!(low <= took && took <= high, "took {took} s: {eta}");
    let txns = &half["progress"]["transactionsProved"];
    assert!(txns.as_u64().unwrap() <= 25, "{txns}");
}
