//! What people have in hand when they open a page at night: the words of an event or a log, and a shell in any namespace.

use tests::repository;

/// As Kubernetes, RabbitMQ and the kernel write them; somebody searches the page for them.
const SEARCHED: [&str; 16] = [
    "CrashLoopBackOff",
    "FailedGetExternalMetric",
    "FailedMount",
    "FailedScheduling",
    "ImagePullBackOff",
    "Insufficient memory",
    "Multi-Attach",
    "OOMKilled",
    "PRECONDITION_FAILED",
    "SIGILL",
    "consumer_timeout",
    "delivery acknowledgement",
    "illegal instruction",
    "no space left on device",
    "unable to fetch metrics",
    "x509",
];
/// What makes a namespace the one that commands without one mean.
const CURRENT: &str = "kubectl config set-context --current --namespace provers";

#[test]
fn the_words_of_kubernetes_and_rabbitmq_are_in_the_page_of_troubles() {
    let page = repository::text("docs/troubles.md");
    let missing: Vec<_> = SEARCHED.iter().filter(|words| !page.contains(**words)).collect();
    assert!(missing.is_empty(), "docs/troubles.md has nothing of {missing:?}");
}

#[test]
fn pages_for_the_night_say_which_namespace_their_commands_mean() {
    for page in ["docs/alerts.md", "docs/troubles.md"] {
        let text = repository::text(page);
        let (top, _) = text.split_once("\n## ").unwrap();
        assert!(top.contains(CURRENT), "the top of {page} does not say `{CURRENT}`");
    }
}
