//! One scaler with many brokers, each a double of its own: what one broker does, each in its own way, is watched
//! at the same time through the eyes of KEDA.

use std::fmt::Write as _;
use std::time::Duration;

use tests::keda::{KedaClient, scaled_object};
use tests::management_double::{Behaviour, ManagementDouble, QUEUES, queue_list};
use tests::poll;
use tests::scaler::{Launch, RunningScaler, Until};
use tokio::time::Instant;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

/// What no error, log or page may repeat.
pub(super) const PASSWORD: &str = "hunter2-of-the-broker";
/// Above this age no number may be told.
pub(super) const MAX_AGE: Duration = Duration::from_secs(3);
/// The longest any call may take.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// Messages in each good broker: four ready, three in workers' hands.
pub(super) const GOOD: f64 = 7.0;
/// Between a call's start here and its judgement there.
const ON_THE_WAY: Duration = Duration::from_millis(100);

/// A good list of queues that sums up to [`GOOD`].
pub(super) fn good() -> Behaviour {
    Behaviour::good(queue_list(&[("proof-1", 4, 1), ("proof-2", 0, 2)]))
}

/// A broker, its name at the scaler, and what will be wrong with it.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) double: ManagementDouble,
    wrong: Behaviour,
}

/// The scaler, its brokers, and a client.
pub(super) struct Bench {
    pub(super) cases: Vec<Case>,
    pub(super) scaler: RunningScaler,
    pub(super) client: KedaClient,
}

/// What KEDA heard of one broker.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) asked_at: Instant,
    pub(super) answer: Result<f64, Status>,
}

impl Bench {
    /// Every broker behaves like `at_first`, its own case if that is `None`.
    pub(super) async fn start(
        cases: Vec<(&str, Behaviour)>,
        at_first: Option<&Behaviour>,
        args: &[&str],
    ) -> Self {
        let until = if at_first.is_some() { Until::Ready } else { Until::Listening };
        let limit = format!("{}s", MAX_AGE.as_secs());
        let limit = if args.contains(&"--max-age") { vec![] } else { vec!["--max-age", &limit] };
        let cases = cases.into_iter().map(|(name, wrong)| {
            let first = at_first.unwrap_or(&wrong).clone();
            let double = ManagementDouble::of_queues(first).unwrap();
            Case { name: name.replace(' ', "-"), double, wrong }
        });
        let cases = cases.collect();
        Self::launched(cases, |launch| launch.args(limit).args(args).until(until)).await
    }

    /// Every broker behaves as its case says; the scaler is started as asked for.
    pub(super) async fn start_with(
        cases: Vec<(&str, Behaviour)>,
        asked: impl FnOnce(Launch) -> Launch,
    ) -> Self {
        let cases = cases.into_iter().map(|(name, wrong)| {
            let double = ManagementDouble::of_queues(wrong.clone()).unwrap();
            Case { name: name.to_owned(), double, wrong }
        });
        Self::launched(cases.collect(), asked).await
    }

    async fn launched(cases: Vec<Case>, asked: impl FnOnce(Launch) -> Launch) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("brokers.yaml");
        std::fs::write(&config, yaml(&cases)).unwrap();
        let launch = asked(Launch::new().args(["--config", config.to_str().unwrap()]));
        let scaler = launch.start().unwrap();
        let client = KedaClient::connect(scaler.grpc()).await.unwrap();
        Self { cases, scaler, client }
    }

    /// Makes every broker behave as its case says; tells since when.
    pub(super) fn go_wrong(&self) -> Instant {
        for case in &self.cases {
            case.double.on(QUEUES, case.wrong.clone());
        }
        Instant::now()
    }

    /// Makes every broker behave the same.
    pub(super) fn all(&self, behaviour: &Behaviour) {
        for case in &self.cases {
            case.double.on(QUEUES, behaviour.clone());
        }
    }

    /// Asks for every broker's number, all at once.
    pub(super) async fn ask(&self) -> Vec<Heard> {
        let calls = self.cases.iter().map(|case| ask(&self.client, &case.name));
        futures_util::future::join_all(calls).await
    }

    /// Waits until every broker's number is this one.
    pub(super) async fn until_all_say(&self, value: f64) {
        poll::until("the right number of every broker", Duration::from_secs(20), async || {
            let wrong = self.ask().await.into_iter().zip(&self.cases).find_map(|(heard, case)| {
                (heard.answer.as_ref().ok() != Some(&value))
                    .then(|| format!("{}: {:?}", case.name, heard.answer))
            });
            wrong.map_or(Ok(()), Err)
        })
        .await
        .unwrap();
    }

    /// A connection of its own.
    pub(super) async fn channel(&self) -> Channel {
        let address = format!("http://{}", self.scaler.grpc());
        Endpoint::from_shared(address).unwrap().connect().await.unwrap()
    }

    /// Bytes of the scaler's memory that are resident.
    pub(super) fn resident(&self) -> u64 {
        let path = format!("/proc/{}/status", self.scaler.pid());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }

    /// From good to wrong: only the last good number, young enough, and then errors, whatever the
    /// brokers do; and when they are good again, the right number again.
    pub(super) async fn goes_wrong_and_comes_back(&self) {
        self.until_all_say(GOOD).await;
        let since = self.go_wrong();
        poll::until("errors for every broker", MAX_AGE * 3, async || {
            let mut numbers = Vec::new();
            for (heard, case) in self.ask().await.into_iter().zip(&self.cases) {
                judge(&case.name, &heard, since);
                numbers.extend(heard.answer.is_ok().then_some(&case.name));
            }
            let long_enough = since.elapsed() > MAX_AGE + Duration::from_secs(1);
            if numbers.is_empty() && long_enough {
                Ok(())
            } else {
                Err(format!("numbers of {numbers:?}"))
            }
        })
        .await
        .unwrap();
        let eleven = Behaviour::good(queue_list(&[("proof-1", 6, 5)]));
        self.all(&eleven);
        self.until_all_say(11.0).await;
    }
}

/// One poll for one broker: `GetMetrics` and `IsActive`, each in time and in agreement.
pub(super) async fn ask(client: &KedaClient, broker: &str) -> Heard {
    let object = scaled_object("ns", broker, &[("broker", broker)]);
    let asked_at = Instant::now();
    let metric = client.metric_spec(&object).await.unwrap().metric_name;
    let values = client.metric_values(&object, &metric).await;
    let took = asked_at.elapsed();
    assert!(took <= ANSWER_WITHIN, "{broker}: GetMetrics took {took:?}");
    let asked_active = Instant::now();
    let active = client.is_active(&object).await;
    let took = asked_active.elapsed();
    assert!(took <= ANSWER_WITHIN, "{broker}: IsActive took {took:?}");
    assert_ne!(
        active.as_ref().ok(),
        Some(&false),
        "{broker} has work or is unknown, never inactive"
    );
    let answer = values.map(|values| {
        assert_eq!(values.len(), 1, "{broker}: {values:?}");
        let whole = values[0].metric_value.to_string();
        assert_eq!(whole, values[0].metric_value_float.ceil().to_string(), "{broker}");
        values[0].metric_value_float
    });
    Heard { asked_at, answer }
}

/// An answer while a broker is wrong since a moment.
fn judge(broker: &str, heard: &Heard, since: Instant) {
    match &heard.answer {
        Ok(value) => {
            assert_eq!(*value, GOOD, "{broker}: a number nobody reported");
            let age = heard.asked_at.duration_since(since);
            assert!(age <= MAX_AGE + ON_THE_WAY, "{broker}: a number at least {age:?} old");
        }
        Err(status) => check_error(broker, status),
    }
}

/// An error KEDA understands, short enough for an event, that repeats no secret.
pub(super) fn check_error(broker: &str, status: &Status) {
    assert_eq!(status.code(), Code::Unavailable, "{broker}: {status:?}");
    let words = status.message();
    assert!(!words.is_empty() && words.chars().count() <= 400, "{broker}: {words}");
    assert!(!words.contains(PASSWORD), "{broker}: {words}");
    assert!(!words.contains(char::is_control), "{broker}: {words:?}");
}

/// Nobody listens on port 1: AMQP is not what is tested here.
fn yaml(cases: &[Case]) -> String {
    let mut text = String::from("brokers:\n");
    for Case { name, double, .. } in cases {
        let url = double.url();
        let amqp = format!("amqp://zero:{PASSWORD}@127.0.0.1:1/");
        let at = format!("amqpUri: '{amqp}', managementUrl: '{url}', metricsUrls: ['{url}']");
        writeln!(text, "  {name}: {{{at}}}").unwrap();
    }
    text
}
