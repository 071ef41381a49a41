//! What is refused before anything is changed: a wrong command line, a program or a login that is missing.

use super::scene::Scene;

/// What was typed, and what is said.
const TYPED: &[(&[&str], &str)] = &[
    (&[], "which cluster? --project ID for one on GKE, or --kube-context NAME"),
    (&["--project", "p", "--kube-context", "c"], "name two clusters"),
    (&["--kube-context"], "--kube-context needs a value"),
    (&["--kube-context", "--yes"], "--kube-context needs a value"),
    (
        &["--kube-context", "c", "--only", "charts"],
        "--only is `charts`: it is infra, operators or chart",
    ),
    (&["--kube-context", "c", "--only", "infra"], "give --project ID"),
    (&["--kube-context", "c", "--everything"], "there is no option `--everything`"),
    (&["--kube-context", "c", "--values", "nowhere.yaml"], "--values names `nowhere.yaml`"),
    (&["--kube-context", "c", "--prove", "nowhere.json"], "--prove names `nowhere.json`"),
    (
        &["--kube-context", "c", "--pods-limit", "ten"],
        "--pods-limit is `ten`: a number and s, m or h",
    ),
    (&["--project", "p", "--terraform-dir", "nowhere"], "--terraform-dir names `nowhere`"),
    (&["--project", "p", "--only", "infra", "--prove", "/dev/null"], "--prove needs the chart"),
];

#[test]
fn a_wrong_command_line_is_refused_with_what_to_type() {
    let scene = Scene::new();
    for (args, words) in TYPED {
        let answer = scene.ends(2, "setup.sh", args);
        assert!(answer.stderr.contains(words), "{args:?}: {}", answer.stderr);
        assert!(answer.stderr.contains(" next: setup.sh --help"), "{}", answer.stderr);
    }
    assert_eq!(scene.calls(), "", "nothing was asked before the command line was right");
    let help = scene.ends(0, "setup.sh", &["--help"]);
    assert!(help.stdout.contains("--kube-context NAME"));
    let help = scene.ends(0, "teardown.sh", &["--help"]);
    assert!(help.stdout.contains("--delete-data"));
}

#[test]
fn all_that_is_missing_is_told_at_once_with_its_command() {
    let scene =
        Scene::new().without("helm").without("gke-gcloud-auth-plugin").without("kubectl-zero");
    scene.write("doubles/cloud/terraform", "1.8.5");
    scene.forget("account");
    scene.forget("credentials");
    let answer = scene.ends(5, "setup.sh", &["--project", "my-project"]);
    for words in [
        "`helm` is not on the path; 3.18 or newer is needed (https://helm.sh/docs/intro/install)\n       sudo snap install helm --classic",
        "`terraform` is 1.8.5; 1.9 or newer is needed",
        "`gke-gcloud-auth-plugin` is not on the path",
        "`kubectl-zero` is not on the path",
        "\n       gcloud auth login\n",
        "\n       gcloud auth application-default login\n",
        "next: do what stands below each line",
    ] {
        assert!(answer.stderr.contains(words), "{words}: {}", answer.stderr);
    }
    assert!(scene.changes().is_empty());
}

#[test]
fn a_project_that_is_not_there_and_an_old_gcloud_are_told() {
    let scene = Scene::new();
    scene.write("doubles/cloud/version", "Google Cloud SDK 401.2.0\nbq 2.0.1\n");
    let answer = scene.ends(5, "setup.sh", &["--project", "not-mine", "--only", "infra"]);
    assert!(
        answer.stderr.contains("`gcloud` is 401.2.0; 528.0.0 or newer is needed"),
        "{}",
        answer.stderr
    );
    assert!(answer.stderr.contains("project `not-mine` is not there"), "{}", answer.stderr);
    assert!(!answer.stderr.contains("helm"), "the chart was not asked for: {}", answer.stderr);
}

#[test]
fn a_token_is_shown_to_nobody() {
    let scene = Scene::new();
    let answer =
        scene.run("setup.sh", &["--project", "my-project", "--only", "infra", "--dry-run"]);
    assert!(!answer.stdout.contains("ya29.") && !answer.stderr.contains("ya29."), "{answer:?}");
}
