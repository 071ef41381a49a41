//! Proofs of the proof service on the page and in `/status.json`.

use std::time::Duration;

use rustix::process::Signal;
use scaler::status::ProofsAnswer;
use serde_json::Value;
use tests::harness;
use tests::poll;
use tests::scaler::{Launch, RunningScaler};

use super::{assert_quiet, browser};
use crate::double::{Server, busy};
use crate::proving::service::Setting;
use crate::stand_in::V06;

/// What a busy machine may take for a proof.
const LIMIT: Duration = Duration::from_secs(120);
/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:1";

/// What `/status.json` says of proofs, as soon as it is so.
async fn told(scaler: &RunningScaler, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let looked = poll::until(what, LIMIT, async || {
        let answer = scaler.status().unwrap()["proofs"]["answer"].clone();
        if is_so(&answer) { Ok(answer) } else { Err(format!("{answer:#}\n{}", scaler.log())) }
    });
    looked.await.unwrap()
}

/// The proof of this name in a list.
fn find<'a>(list: &'a Value, id: &str) -> &'a Value {
    let found = list.as_array().and_then(|list| list.iter().find(|proof| proof["id"] == id));
    found.unwrap_or(&Value::Null)
}

/// Whether some of a running proof's tasks are answered, but not all.
fn on_its_way(answer: &Value, id: &str) -> bool {
    let progress = &find(&answer["known"]["running"], id)["progress"];
    let done = progress["done"].as_f64().unwrap_or_default();
    let answered = progress["answered"].as_u64().unwrap_or_default();
    done > 0.0 && done < 1.0 && answered > 0 && progress["expected"].as_u64() > Some(answered)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_proof_is_followed_from_its_progress_to_its_end() {
    let name = "a_real_proof_is_followed_from_its_progress_to_its_end";
    let Some(vhost) = harness::vhost("followed_on_the_page") else { return };
    let Some(mut browser) = browser(name) else { return };
    let home = tempfile::tempdir().unwrap();
    let setting = Setting { generation: &V06, vhost: &vhost, home: home.path() };
    let mut service = setting.start(&[]).await;
    let leader = format!("http://{}", service.address());
    let launch = Launch::new().broker(vhost.access(), vhost.name());
    let scaler = launch.args(["--leader-url", &leader]).start().unwrap();
    let none = told(&scaler, "the first answer", |answer| answer["known"].is_object()).await;
    assert_eq!(none["known"]["running"], Value::Array(vec![]));
    browser.open(&format!("http://{}/status", scaler.http()));
    let text = "document.querySelector('.proofs').textContent";
    browser.wait_for("no proofs", &format!("{text}.includes('no proofs yet')"));

    let id = service.submit(&V06, 8, "").await["id"].as_str().unwrap().to_owned();
    let waits = |answer: &Value| find(&answer["known"]["running"], &id)["state"] == "running";
    let running = told(&scaler, "the proof to run", waits).await;
    assert_eq!(find(&running["known"]["running"], &id)["first_block"], 8);
    // Slow, so that it is seen on its way; fast ones then bring it to its end.
    let slow = setting.workers("1000", &[]);
    told(&scaler, "the proof to be on its way", |answer| on_its_way(answer, &id)).await;
    let bar = "Number(document.querySelector('.proofs .fill')?.getAttribute('width'))";
    browser.wait_for("the bar to move", &format!("{bar} > 0"));
    drop(slow);
    let _fast = setting.workers("5", &[]);

    let ended = |answer: &Value| find(&answer["known"]["ended"], &id)["state"] == "verified";
    let ended = told(&scaler, "the proof to be verified", ended).await;
    let proof = find(&ended["known"]["ended"], &id);
    assert_eq!(proof["progress"]["done"], 1.0, "{proof:#}");
    assert!(proof["ended_seconds_ago"].is_u64(), "{proof:#}");
    assert_eq!(ended["known"]["running"], Value::Array(vec![]));
    browser.wait_for("its end", &format!("{text}.includes('verified')"));
    assert_quiet(&mut browser, &format!("http://{}/", scaler.http()));

    service.signal(Signal::KILL);
    service.ended().await;
    let lost = told(&scaler, "the loss to be told", |answer| answer["unknown"].is_object()).await;
    assert!(lost.get("known").is_none(), "{lost:#}");
    browser.wait_for("the loss", &format!("{text}.includes('has not been known for')"));
    assert!(scaler.log().contains("the proof service: no answer from"), "{}", scaler.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_not_there_is_told_in_words_and_costs_keda_nothing() {
    let Some(vhost) = harness::vhost("no_proof_service") else { return };
    let launch = Launch::new().broker(vhost.access(), vhost.name());
    let scaler = launch.clone().args(["--leader-url", NOWHERE]).start().unwrap();
    let refused = |answer: &Value| {
        let reason = answer["unknown"]["reason"].as_str().unwrap_or_default();
        reason.starts_with("no answer from `http://127.0.0.1:1/v1/proofs")
    };
    let unknown = told(&scaler, "the refusal", refused).await;
    assert!(unknown["unknown"]["since_seconds"].is_u64() && unknown["known"].is_null());
    assert_eq!(scaler.get("/readyz").unwrap().0, 200);
    let (_, page) = scaler.get("/status").unwrap();
    assert!(page.contains("What it proves has not been known for"), "{page}");

    // Something that is no proof service gets no advice about vhosts.
    let broker = vhost.access().management_url.clone();
    let scaler = launch.clone().env("ZERO_SCALER_LEADER_URL", broker).start().unwrap();
    let answered = |answer: &Value| {
        let reason = answer["unknown"]["reason"].as_str().unwrap_or_default();
        reason.contains(" answered 4") && !reason.contains("vhost")
    };
    told(&scaler, "the wrong address", answered).await;

    let scaler = launch.start().unwrap();
    assert!(scaler.status().unwrap().get("proofs").is_none());
    assert!(!scaler.get("/status").unwrap().1.contains("Proof service"));
}

#[test]
fn the_check_reaches_the_proof_service_too() {
    let Some(vhost) = harness::vhost("check_proof_service") else { return };
    let launch = Launch::new().broker(vhost.access(), vhost.name());
    let said = |url: &str| {
        let output = launch.clone().args(["--leader-url", url, "--check"]).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, words) = said(NOWHERE);
    assert_eq!(code, Some(1), "{words}");
    assert!(words.contains("the proof service: no answer from"), "{words}");
    let (code, words) = said("leader:8080");
    assert_eq!(code, Some(1), "{words}");
    assert!(words.contains("the proof service: --leader-url"), "{words}");
}

#[test]
fn a_bar_moves_without_a_reload_and_says_its_share() {
    let Some(mut browser) = browser("a_bar_moves_without_a_reload_and_says_its_share") else {
        return;
    };
    let server = Server::start(busy());
    browser.open(&server.url("/status"));
    let share = "document.querySelector('.proofs [role=img]').getAttribute('aria-label')";
    assert_eq!(browser.eval(share), "42 % done");
    let drawn = "(() => { const [fill, track] = ['.fill', '.track']
      .map(part => document.querySelector('.proofs ' + part).getBoundingClientRect().width);
      return Math.round(fill / track * 100); })()";
    assert_eq!(browser.eval(drawn), 42);
    server.change(|status| {
        let proofs = status.proofs.as_mut().unwrap();
        if let ProofsAnswer::Known { running, .. } = &mut proofs.answer {
            running[0].progress.as_mut().unwrap().done = 0.77;
        }
    });
    browser.wait_for("the new share", &format!("{share} === '77 % done' && {drawn} === 77"));
    assert_quiet(&mut browser, &server.url("/"));
}
