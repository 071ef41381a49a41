//! Broker trouble, told by a double: whatever a management API answers, KEDA hears an error or the last good
//! number while it is young; never 0 and never "inactive".

use std::time::Duration;

use tests::management_double::{
    Behaviour, IDENTITY, METRICS, QUEUES, metrics_text, queue_list, queue_list_with,
};
use tests::poll;

use super::bench::{Bench, GOOD, MAX_AGE, PASSWORD, ask, check_error, good};

fn body() -> String {
    queue_list(&[("proof-1", 4, 1), ("proof-2", 0, 2)])
}

fn slow() -> Vec<(&'static str, Behaviour)> {
    vec![
        ("no word at all", Behaviour::Silent),
        ("stalls in the headers", Behaviour::StallsInHeaders),
        ("stalls in the body", Behaviour::StallsInBody(body())),
        ("one byte a second", Behaviour::Drips(body())),
    ]
}

fn refusals() -> Vec<(&'static str, Behaviour)> {
    vec![
        ("status 401", Behaviour::refusal(401)),
        ("status 403", Behaviour::refusal(403)),
        ("status 404", Behaviour::refusal(404)),
        ("status 429", Behaviour::refusal(429)),
        ("status 500", Behaviour::refusal(500)),
        ("status 502", Behaviour::Answer(502, "<html>bad gateway</html>".into())),
        ("status 503", Behaviour::Answer(503, String::new())),
        ("a redirect", Behaviour::Redirect("/elsewhere".into())),
        (
            "secrets and line breaks",
            Behaviour::Answer(500, format!("{}\n\r\t{}", "x".repeat(90), "y\n".repeat(9_000))),
        ),
    ]
}

fn bodies() -> Vec<(&'static str, Behaviour)> {
    let whole = body();
    let (half, _) = whole.split_at(whole.len() / 2);
    let length = whole.len();
    vec![
        ("a page of HTML", Behaviour::good("<!doctype html><p>Sign in")),
        ("nothing", Behaviour::good("")),
        ("null", Behaviour::good("null")),
        ("an object", Behaviour::good("{}")),
        (
            "a page of a list",
            Behaviour::good(r#"{"items":[],"page":1,"page_count":1,"total_count":0}"#),
        ),
        ("cut JSON", Behaviour::good(half)),
        ("more after the end", Behaviour::good(format!("{whole}]"))),
        ("a list of null", Behaviour::good("[null]")),
        ("no names", Behaviour::good(r#"[{"messages_ready":0,"messages_unacknowledged":0}]"#)),
        ("not UTF-8 names", Behaviour::good("[{\"name\":\"\\ud800\",\"messages_ready\":0}]")),
        ("a reset", Behaviour::Resets),
        ("closed after the headers", Behaviour::ClosesAfterHeaders(whole.clone())),
        ("a length too great", Behaviour::WrongLength(whole.clone(), length + 1)),
        ("a length too small", Behaviour::WrongLength(whole.clone(), length - 2)),
        ("torn chunks", Behaviour::TornChunks(whole.clone())),
    ]
}

fn counts() -> Vec<(&'static str, Behaviour)> {
    let with = |counts: &str| Behaviour::good(queue_list_with(counts));
    vec![
        ("no counts", with("")),
        ("no unacked", with(r#","messages_ready":0"#)),
        ("no ready", with(r#","messages_unacknowledged":0"#)),
        ("null counts", with(r#","messages_ready":null,"messages_unacknowledged":null"#)),
        ("words for counts", with(r#","messages_ready":"0","messages_unacknowledged":"0""#)),
        ("lists for counts", with(r#","messages_ready":[],"messages_unacknowledged":[]"#)),
        ("flags for counts", with(r#","messages_ready":false,"messages_unacknowledged":false"#)),
        ("negative counts", with(r#","messages_ready":-4,"messages_unacknowledged":0"#)),
        ("fractional counts", with(r#","messages_ready":0.4,"messages_unacknowledged":0"#)),
        (
            "counts of more than 64 bits",
            with(r#","messages_ready":18446744073709551616,"messages_unacknowledged":0"#),
        ),
        ("exponents too great", with(r#","messages_ready":1e400,"messages_unacknowledged":0"#)),
        ("only the total", with(r#","messages":0"#)),
        (
            "a queue that is down",
            Behaviour::good(queue_list(&[("proof-1", 0, 0)]).replace("running", "down")),
        ),
        (
            "a crashed queue among good ones",
            Behaviour::good(format!(
                "{},{}",
                queue_list(&[("proof-2", 0, 0)]).trim_end_matches(']'),
                queue_list(&[("proof-1", 0, 0)])
                    .replace("running", "crashed")
                    .trim_start_matches('[')
            )),
        ),
    ]
}

/// Conformance 16: broker down at start, then up: errors first, right values after, no restart needed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_wrong_at_the_start_gives_errors_first_and_right_values_after() {
    let cases = [slow(), refusals(), bodies(), counts()].concat();
    let bench = Bench::start(cases, None, &["--read-timeout", "1s"]).await;
    let started = tokio::time::Instant::now();
    poll::until("errors over the whole limit", MAX_AGE * 4, async || {
        for (heard, case) in bench.ask().await.into_iter().zip(&bench.cases) {
            let error = heard.answer.expect_err(&case.name);
            check_error(&case.name, &error);
        }
        if started.elapsed() > MAX_AGE { Ok(()) } else { Err("too early") }
    })
    .await
    .unwrap();
    bench.all(&good());
    bench.until_all_say(GOOD).await;
}

/// Conformance 17: broker slow (headers stall, body stall, one byte a second): every call answers within 2 s,
/// by an error or by a number of bounded age.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_broker_makes_no_call_slower_than_two_seconds() {
    // A read may take longer than any call: nobody waits for it.
    let bench = Bench::start(slow(), Some(&good()), &["--read-timeout", "4s"]).await;
    bench.goes_wrong_and_comes_back().await;
}

/// Conformance 17: the same for the first call of all, when there is nothing yet to answer from.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_call_to_a_silent_broker_is_answered_within_two_seconds() {
    let bench = Bench::start(slow(), None, &["--read-timeout", "60s"]).await;
    for (heard, case) in bench.ask().await.into_iter().zip(&bench.cases) {
        check_error(&case.name, &heard.answer.expect_err(&case.name));
    }
}

/// Conformance 17: a broker that is slow once is not slow for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_slow_and_then_good_is_read_again() {
    let turns = Behaviour::InTurn(vec![
        Behaviour::StallsInHeaders,
        Behaviour::StallsInBody(body()),
        Behaviour::Silent,
        good(),
    ]);
    let bench =
        Bench::start(vec![("slow then good", turns)], None, &["--read-timeout", "500ms"]).await;
    bench.until_all_say(GOOD).await;
    assert!(bench.cases[0].double.requests(QUEUES).len() >= 4);
}

/// Conformance 18: a snapshot older than the limit is an error that tells age and limit; the age is a metric.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_older_than_the_limit_is_an_error_and_its_age_is_a_metric() {
    let cases = vec![("aging", Behaviour::Silent)];
    let bench = Bench::start(cases, Some(&good()), &["--read-timeout", "60s"]).await;
    bench.until_all_say(GOOD).await;
    let since = bench.go_wrong();
    let status = poll::until("the number to be too old", MAX_AGE * 2, async || {
        ask(&bench.client, "aging").await.answer.err().ok_or("it is still told")
    });
    let status = status.await.unwrap();
    assert!(since.elapsed() > Duration::from_secs(1), "refused after {:?}", since.elapsed());
    assert!(status.message().contains("is 3 s old, the limit is 3 s"), "{status:?}");
    let age = || {
        let (_, metrics) = bench.scaler.get("/metrics").unwrap();
        let line =
            metrics.lines().find(|line| line.starts_with("zero_scaler_snapshot_age_seconds{"));
        let line = line.unwrap_or_else(|| panic!("no age in {metrics}")).to_owned();
        assert!(line.contains(r#"broker="aging""#) && line.contains(r#"source="live""#), "{line}");
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    let first = age();
    assert!(first >= MAX_AGE.as_secs_f64(), "{first}");
    poll::until("the age to grow", Duration::from_secs(5), async || {
        if age() > first { Ok(()) } else { Err("it does not") }
    })
    .await
    .unwrap();
    let (_, metrics) = bench.scaler.get("/metrics").unwrap();
    assert!(metrics.contains("zero_scaler_trigger_refused{"), "{metrics}");
    let told = metrics.lines().find(|line| line.starts_with("zero_scaler_trigger_value{"));
    assert_eq!(told, None, "a refused trigger has no value");
}

/// Conformance 19: 401, 403, 404, 429, 5xx and redirects are errors, never a silent 0.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_and_redirects_are_errors_and_never_a_silent_zero() {
    let bench = Bench::start(refusals(), Some(&good()), &[]).await;
    for case in &bench.cases {
        case.double.on("/elsewhere", Behaviour::good("[]"));
    }
    bench.goes_wrong_and_comes_back().await;
    for case in &bench.cases {
        assert!(case.double.requests("/elsewhere").is_empty(), "a redirect was followed");
    }
    assert!(!bench.scaler.log().contains(PASSWORD));
}

/// Conformance 19: HTML, truncated JSON and whatever else is no list of queues are errors, never a silent 0.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_are_no_list_of_queues_are_errors_and_never_a_silent_zero() {
    let bench = Bench::start(bodies(), Some(&good()), &[]).await;
    bench.goes_wrong_and_comes_back().await;
}

/// Conformance 19: missing, mistyped, negative or fractional counts are errors, never a silent 0.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_that_are_missing_or_impossible_are_errors_and_never_a_silent_zero() {
    let bench = Bench::start(counts(), Some(&good()), &[]).await;
    bench.goes_wrong_and_comes_back().await;
}

/// Conformance 19: a body without end is refused at the bound, and memory does not grow with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_without_end_is_refused_without_being_held() {
    let bench = Bench::start(vec![("huge", Behaviour::Huge(4 << 30))], Some(&good()), &[]).await;
    bench.until_all_say(GOOD).await;
    bench.go_wrong();
    let mut most = 0;
    let status = poll::until("a refusal for its size", Duration::from_secs(30), async || {
        most = most.max(bench.resident());
        match ask(&bench.client, "huge").await.answer {
            Err(status) if status.message().contains("larger than") => Ok(status),
            other => Err(format!("{other:?}")),
        }
    });
    let status = status.await.unwrap();
    check_error("huge", &status);
    // The bound is 64 MiB; a growing buffer is copied once on the way there.
    assert!(most < 350 << 20, "{} MiB resident", most >> 20);
}

/// Conformance 19: a queue without counts that does not count anyway is skipped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_without_counts_that_is_left_out_spoils_nothing() {
    let list = body().replace(']', r#",{"name":"command-ipc-routing-key","state":"down"}]"#);
    let bench = Bench::start(vec![("left out", Behaviour::good(list))], None, &[]).await;
    bench.until_all_say(GOOD).await;
}

/// Conformance 25: counts above 2^53, near the ends of 64 bits, and their sums saturate at the documented cap.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_near_the_end_of_64_bits_saturate_and_stay_positive() {
    let of = |ready, unacked| {
        Behaviour::good(queue_list(&[("proof-1", ready, unacked), ("proof-2", ready, 0)]))
    };
    let cases = vec![
        ("above 2 to the 53", of((1 << 53) + 1, 0)),
        ("the greatest of i64", of(i64::MAX.unsigned_abs(), 0)),
        ("the greatest of u64", of(u64::MAX, 0)),
        ("in workers hands", of(0, u64::MAX)),
        // One more than what fits: a sum that wraps would be 7.
        (
            "a sum that wraps",
            Behaviour::good(queue_list(&[("proof-1", u64::MAX, 0), ("proof-2", 8, 0)])),
        ),
        ("both sums together", Behaviour::good(queue_list(&[("proof-1", u64::MAX, 8)]))),
    ];
    let bench = Bench::start(cases, None, &[]).await;
    bench.until_all_say(1e6).await;
}

/// Conformance 20: queues that come and go between reads: one read is one moment, nothing is kept from the last.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_changes_between_reads_is_never_mixed() {
    let one = Behaviour::good(queue_list(&[("proof-1", 7, 0)]));
    let moved = Behaviour::good(queue_list(&[("proof-2", 3, 0), ("proof-3", 4, 0)]));
    let turns = vec![[one, moved]; 20].concat();
    let bench = Bench::start(vec![("changing", Behaviour::InTurn(turns))], None, &[]).await;
    bench.until_all_say(7.0).await;
    let double = &bench.cases[0].double;
    let read = double.requests(QUEUES).len();
    poll::until("three more reads", Duration::from_secs(15), async || {
        let heard = ask(&bench.client, "changing").await;
        assert_eq!(heard.answer.unwrap(), 7.0);
        if double.requests(QUEUES).len() > read + 3 { Ok(()) } else { Err("too few") }
    })
    .await
    .unwrap();
    // No pages, so no page can be lost or read twice.
    assert!(double.requests(QUEUES).iter().all(|request| !request.contains("page")));
}

/// Conformance 19: a metrics port that tells less than the whole is not believed, and never becomes a 0.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_metrics_port_that_tells_less_than_the_whole_is_not_believed() {
    let rows: Vec<(String, u64, u64)> = (0..1_200).map(|i| (format!("proof-{i}"), 1, 0)).collect();
    let whole = metrics_text("/", &rows);
    let named: Vec<(&str, u64, u64)> = rows.iter().map(|(name, r, u)| (&**name, *r, *u)).collect();
    let live = Behaviour::good(queue_list(&named));
    let (torn, _) = whole.split_at(whole.len() / 2);
    let first_value =
        |value: &str| whole.replacen("\"proof-0\"} 1", &format!("\"proof-0\"}} {value}"), 1);
    let wrong = [
        ("no rows", IDENTITY.to_owned()),
        ("nothing", String::new()),
        ("torn text", torn.to_owned()),
        ("HTML", "<!doctype html><p>Sign in".to_owned()),
        ("one node missing", metrics_text("/", &rows[..800])),
        ("another vhost", metrics_text("/proofs", &rows)),
        ("NaN", first_value("NaN")),
        ("negative", first_value("-1")),
        ("a fraction", first_value("0.5")),
    ];
    let cases = wrong.iter().map(|(name, _)| (*name, live.clone())).collect();
    let bench = Bench::start(cases, None, &["--max-age", "20s"]).await;
    for (case, (_, text)) in bench.cases.iter().zip(&wrong) {
        case.double.on(METRICS, Behaviour::good(text.clone()));
    }
    bench.until_all_say(1_200.0).await;
    // The port is read, disbelieved, and live totals are read instead.
    poll::until("all ports to be disbelieved", Duration::from_secs(30), async || {
        for (heard, case) in bench.ask().await.into_iter().zip(&bench.cases) {
            assert_eq!(heard.answer.unwrap(), 1_200.0, "{}", case.name);
        }
        let trusting = bench.cases.iter().find(|case| {
            case.double.requests(METRICS).is_empty() || case.double.requests(QUEUES).len() < 3
        });
        trusting.map_or(Ok(()), |case| Err(&case.name))
    })
    .await
    .unwrap();
}
