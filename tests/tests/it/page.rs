//! The status page as a real browser shows it.
//!
//! `ZERO_PAGE_SHOTS=<directory>` keeps a picture of each width and colour scheme.

mod browser;
mod proofs;

use std::io::Write as _;
use std::path::PathBuf;

use scaler::local::{ChildStatus, LocalStatus};
use scaler::status::{Answer, ProofsAnswer, Status};
use serde_json::Value;
use tests::amqp::Amqp;
use tests::harness;
use tests::keda::{KedaClient, scaled_object};
use tests::provision;
use tests::scaler::RunningScaler;

use crate::double::{Server, busy};
use browser::Browser;

/// Names a directory for pictures.
const SHOTS_ENV: &str = "ZERO_PAGE_SHOTS";

/// The least contrast of a text with what is behind it, as `[ratio, text]`.
const LEAST_CONTRAST: &str = r"(() => {
  const parts = text => text.match(/[\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = node => {
    for (; node; node = node.parentElement) {
      const color = parts(getComputedStyle(node).backgroundColor);
      if (color[3] !== 0) return color;
    }
    return [255, 255, 255];
  };
  let least = [99, 'no text'];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const element = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !element.checkVisibility()) continue;
    const [a, b] = [light(parts(getComputedStyle(element).color)), light(ground(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < least[0]) least = [ratio, walk.currentNode.data];
  }
  return least;
})()";

/// Folds everything out.
const OPEN_ALL: &str = "document.querySelectorAll('details').forEach(d => { d.open = true })";

/// How far the page is wider than the window.
const OVERFLOW: &str = "document.documentElement.scrollWidth - window.innerWidth";

fn browser(test: &str) -> Option<Browser> {
    let Some(program) = provision::chromium() else {
        let why = format!("SKIPPED {test}: there is no Chromium (`cargo xtask test` installs it)");
        // Written past the test runner, which keeps the output of passed tests to itself.
        let _ = writeln!(std::io::stderr(), "{why}");
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{why}");
        return None;
    };
    Some(Browser::start(&program))
}

fn empty() -> Status {
    let mut status = busy();
    status.triggers.clear();
    status.brokers.truncate(1);
    let broker = &mut status.brokers[0];
    broker.reachable = None;
    broker.vhosts.clear();
    broker.keep_alive.kept.clear();
    let reason = "it is being asked for the first time".to_owned();
    status.proofs.as_mut().unwrap().answer = ProofsAnswer::Unknown { since_seconds: 1, reason };
    status
}

/// The embedded autoscaler in the place of KEDA.
fn local() -> Status {
    let mut status = busy();
    status.triggers.clear();
    status.brokers.truncate(1);
    let child = |number, state, restarts| ChildStatus {
        number,
        pid: Some(4_710 + number),
        state,
        since_seconds: 77,
        restarts,
        crash_loop: restarts > 0,
        last_exit: (restarts > 0).then(|| "ended by signal 9".to_owned()),
    };
    status.local = Some(LocalStatus {
        wanted: Some(113),
        refused: None,
        channels_error: Some("the user may not list channels: 401 Unauthorized".into()),
        min: 0,
        max: 3,
        running: 3,
        children: vec![child(1, "busy", 0), child(2, "settling", 0), child(3, "starting", 4)],
    });
    status
}

/// Names without a place to break them, as long as they can be.
fn long() -> Status {
    let mut status = busy();
    let name = "w".repeat(253);
    status.triggers[0].name.clone_from(&name);
    if let Some(ProofsAnswer::Known { running, .. }) =
        status.proofs.as_mut().map(|proofs| &mut proofs.answer)
    {
        running[0].id.clone_from(&name);
        running[0].reason = Some(name.clone());
    }
    status.triggers[2].answer = Answer::Refused { reason: name.clone() };
    let broker = &mut status.brokers[0];
    broker.vhosts[0].name.clone_from(&name);
    broker.vhosts[0].roles[0].ready = Some(u64::MAX);
    broker.keep_alive.kept[0].queue.clone_from(&name);
    broker.address = name;
    if let Answer::Value { workers, messages, value, .. } = &mut status.triggers[1].answer {
        (*workers, *messages, *value) = (1_000_000, u64::MAX, 1e15);
    }
    status
}

#[test]
fn the_page_follows_what_happens_and_keeps_what_is_open() {
    let Some(mut browser) = browser("the_page_follows_what_happens_and_keeps_what_is_open") else {
        return;
    };
    let mut server = Server::start(busy());
    browser.open(&server.url("/"));
    assert_eq!(browser.eval("location.pathname"), "/status");
    assert_eq!(browser.eval("document.title"), "1 refused · zero-scaler");
    let wanted = "document.querySelector('.card .wanted strong').textContent";
    assert_eq!(browser.eval(wanted), "113");

    browser.eval("document.querySelector('.card summary').click()");
    browser.eval("document.querySelector('.card summary').focus()");
    server.change(|status| {
        status.triggers.remove(2);
        if let Answer::Value { workers, .. } = &mut status.triggers[0].answer {
            *workers = 77;
        }
    });
    browser.wait_for("the new number", &format!("{wanted} === '77'"));
    assert_eq!(browser.eval("document.querySelectorAll('.card').length"), 2);
    assert_eq!(browser.eval("document.querySelectorAll('details[open]').length"), 1);
    assert_eq!(browser.eval("document.activeElement.tagName"), "SUMMARY");
    assert_eq!(browser.eval("document.querySelector('#offline').hidden"), true);

    // A card that comes before takes the place of the open one; that one stays open.
    server.change(|status| status.triggers.rotate_left(1));
    browser.wait_for("the other order", &format!("{wanted} === '0'"));
    let open = browser.eval("document.querySelector('details[open]').id");
    assert_eq!(open, "trigger.zero-prover.segment-workers.zero-backlog-4fd0bfc1.why");
    assert_quiet(&mut browser, &server.url("/"));

    server.stop();
    browser.wait_for("the loss to show", "!document.querySelector('#offline').hidden");
    let words = browser.eval("document.querySelector('#offline').textContent");
    assert!(words.as_str().is_some_and(|words| words.starts_with("Not live since ")), "{words}");
    assert_eq!(browser.eval(wanted), "0", "the last numbers stay");
}

/// No request left the machine, and nothing was complained about.
fn assert_quiet(browser: &mut Browser, origin: &str) {
    let requests = browser.events("Network.requestWillBeSent");
    assert!(requests.len() >= 4, "page, style, script and events: {requests:?}");
    for request in requests {
        let url = request["request"]["url"].as_str().unwrap_or_default();
        assert!(url.starts_with(origin), "{url}");
    }
    for kind in ["Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"] {
        assert_eq!(browser.events(kind), Vec::<Value>::new(), "{kind}");
    }
}

#[test]
fn the_page_fits_phones_and_desks_and_can_be_read_in_the_dark() {
    let Some(mut browser) = browser("the_page_fits_phones_and_desks_and_can_be_read_in_the_dark")
    else {
        return;
    };
    let server = Server::start(busy());
    let mut grounds = Vec::new();
    for (state, status) in
        [("empty", empty()), ("long", long()), ("local", local()), ("busy", busy())]
    {
        server.change(|told| *told = status);
        for width in [320, 400, 1400] {
            browser.resize(width, 900);
            for scheme in ["light", "dark"] {
                browser.prefer(scheme);
                browser.open(&server.url("/status"));
                keep_picture(&mut browser, &format!("{state}-{width}-{scheme}.png"));
                browser.eval(OPEN_ALL);
                let over = browser.eval(OVERFLOW);
                assert!(over.as_i64() <= Some(0), "{state} at {width}: {over} too wide");
                let least = browser.eval(LEAST_CONTRAST);
                assert!(least[0].as_f64() >= Some(4.5), "{state}, {scheme}: {least}");
                grounds.push(browser.eval("getComputedStyle(document.body).backgroundColor"));
            }
        }
    }
    grounds.sort_by_key(Value::to_string);
    grounds.dedup();
    assert_eq!(grounds.len(), 2, "light and dark: {grounds:?}");
    assert_quiet(&mut browser, &server.url("/"));
}

fn keep_picture(browser: &mut Browser, name: &str) {
    let Some(directory) = std::env::var_os(SHOTS_ENV).map(PathBuf::from) else {
        return;
    };
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join(name), browser.screenshot()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn work_in_a_real_queue_shows_without_a_reload() {
    let name = "work_in_a_real_queue_shows_without_a_reload";
    let Some(vhost) = harness::vhost(name) else {
        return;
    };
    let Some(mut browser) = browser(name) else {
        return;
    };
    let scaler = RunningScaler::on(vhost.access(), vhost.name()).unwrap();
    browser.open(&format!("http://{}/status", scaler.http()));
    let text = "document.querySelector('main').textContent";
    browser.wait_for("the broker", &format!("{text}.includes('reachable')"));
    browser.wait_for("what to do next", &format!("{text}.includes('scalerAddress')"));

    let amqp = Amqp::connect(&vhost.amqp_uri()).await.unwrap();
    amqp.paladin_queue("proof-20362226").await.unwrap();
    amqp.publish("proof-20362226", 9).await.unwrap();
    let metadata = [("vhost", vhost.name()), ("target", "2")];
    let object = scaled_object("provers", "workers", &metadata);
    KedaClient::connect(scaler.grpc()).await.unwrap().poll(&object).await.unwrap();
    let wanted = "document.querySelector('.card .wanted strong')?.textContent";
    browser.wait_for("five workers for nine messages", &format!("{wanted} === '5'"));
    amqp.publish("proof-20362226", 4).await.unwrap();
    browser.wait_for("seven workers for thirteen", &format!("{wanted} === '7'"));
    assert_quiet(&mut browser, &format!("http://{}/", scaler.http()));
    amqp.close().await.unwrap();
}

#[test]
fn without_scripts_the_page_tells_the_same_and_loads_itself_again() {
    let Some(mut browser) =
        browser("without_scripts_the_page_tells_the_same_and_loads_itself_again")
    else {
        return;
    };
    let server = Server::start(busy());
    browser.call("Emulation.setScriptExecutionDisabled", &serde_json::json!({"value": true}));
    browser.open(&server.url("/status"));
    let wanted = "document.querySelector('.card .wanted strong')?.textContent";
    assert_eq!(browser.eval(wanted), "113");
    server.change(|status| {
        if let Answer::Value { workers, .. } = &mut status.triggers[0].answer {
            *workers = 5;
        }
    });
    browser.wait_for("the page to load itself again", &format!("{wanted} === '5'"));
}
