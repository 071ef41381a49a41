//! Passwords come from files, and nothing that the scaler says holds one.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tests::access::{Access, segment};
use tests::amqp::Amqp;
use tests::harness;
use tests::keda::{KedaClient, scaled_object};
use tests::poll;
use tests::scaler::{Launch, RunningScaler, Until};

use super::{LIMIT, NAMESPACE, object_in, reads};

/// Nothing in it may be taken for the syntax of a URI, and none of it is a word.
const PASSWORD: &str = "Xq7%/@:?#+ zw";

/// Every form in which the password could appear.
fn forms(user: &str) -> [String; 4] {
    let both = format!("{user}:{PASSWORD}");
    [
        PASSWORD.to_owned(),
        segment(PASSWORD),
        PASSWORD.replace(' ', "+").replace('%', "%25"),
        STANDARD.encode(both),
    ]
}

fn assert_silent(place: &str, text: &str, user: &str) {
    for form in forms(user).iter().map(String::as_str).chain(["Xq7"]) {
        assert!(!text.contains(form), "{place} holds the password:\n{text}");
    }
}

/// All that a scaler shows, place by place.
fn everything(scaler: &RunningScaler) -> Vec<(String, String)> {
    let paths = ["/status", "/status.json", "/metrics", "/explain", "/explain?target=2", "/readyz"];
    let pages = paths.map(|path| (path.to_owned(), scaler.get(path).unwrap().1));
    let stdout = std::fs::read_to_string(scaler.home().join("stdout.log")).unwrap();
    let own = [("the log".to_owned(), scaler.log()), ("its output".to_owned(), stdout)];
    pages.into_iter().chain(own).collect()
}

/// Credentials from files are used, also by AMQP; no log, page, metric or error holds the password,
/// neither when it is right nor when it is wrong.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn passwords_come_from_files_and_are_never_said() {
    let Some(vhost) = harness::vhost("secrets") else { return };
    let (admin, user) = (vhost.access(), vhost.name());
    set_password(admin, user, PASSWORD);
    let amqp = Amqp::connect(&vhost.amqp_uri()).await.unwrap();
    amqp.paladin_queue("proof-1").await.unwrap();
    amqp.publish("proof-1", 2).await.unwrap();

    let folder = tempfile::tempdir().unwrap();
    let launch = with_files(folder.path(), admin, user);
    let scaler = launch.start().unwrap();
    let keda = KedaClient::connect(scaler.grpc()).await.unwrap();
    reads(&keda, &object_in(&vhost, &[]), 2.0).await;
    let kept = poll::until("AMQP with the password", LIMIT, async || {
        let broker = scaler.status().unwrap()["brokers"][0].clone();
        if broker["keep_alive"]["kept"][0]["ready"] == 2 { Ok(()) } else { Err(broker.to_string()) }
    });
    kept.await.unwrap();
    for (place, text) in everything(&scaler) {
        assert_silent(&place, &text, user);
    }
    drop(scaler);
    let output = launch.clone().args(["--check"]).output().unwrap();
    assert!(output.status.success());
    assert_silent("--check", &String::from_utf8_lossy(&output.stderr), user);

    // The same password, which now is wrong.
    set_password(admin, user, "another");
    in_uri_and_wrong(&Access {
        user: user.to_owned(),
        password: PASSWORD.to_owned(),
        ..admin.clone()
    })
    .await;
    let output = launch.args(["--check"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("401"), "{said}");
    assert_silent("--check", &said, user);
    admin.management().delete(&format!("/api/users/{}", segment(user))).unwrap();
}

/// A user that may do everything in the vhost of its name.
fn set_password(admin: &Access, user: &str, password: &str) {
    let made = json!({"password": password, "tags": "management"});
    admin.management().put(&format!("/api/users/{}", segment(user)), &made).unwrap();
    let rights = json!({"configure": ".*", "write": ".*", "read": ".*"});
    let path = format!("/api/permissions/{}/{}", segment(user), segment(user));
    admin.management().put(&path, &rights).unwrap();
}

/// How to start a scaler that finds user and password in files.
fn with_files(folder: &Path, admin: &Access, user: &str) -> Launch {
    let (name_file, password_file) = (folder.join("name"), folder.join("password"));
    std::fs::write(&name_file, format!("{user}\n")).unwrap();
    std::fs::write(&password_file, format!("{PASSWORD}\n")).unwrap();
    let uri = format!("amqp://{}/{}", admin.amqp, segment(user));
    let launch = Launch::new().env("RUST_LOG", "debug").args(["--lease-interval", "1s"]);
    launch
        .args(["--amqp-uri", &uri, "--management-url", &admin.management_url])
        .args(["--username-file".as_ref(), name_file.as_os_str()])
        .args(["--password-file".as_ref(), password_file.as_os_str()])
}

/// The password stands in the URIs, and the broker does not take it.
async fn in_uri_and_wrong(access: &Access) {
    let Access { management_url, user, .. } = access;
    let url = management_url.strip_prefix("http://").unwrap();
    let url = format!("http://{}:{}@{url}", segment(user), segment(PASSWORD));
    let uri = access.amqp_uri(user);
    let launch = Launch::new().until(Until::Listening).env("RUST_LOG", "debug");
    let args = ["--amqp-uri", &uri, "--management-url", &url, "--lease-interval", "1s"];
    let scaler = launch.args(args).start().unwrap();
    let keda = KedaClient::connect(scaler.grpc()).await.unwrap();
    let object = scaled_object(NAMESPACE, "workers", &[("vhost", user)]);
    let told = poll::until("the wrong password to be told", LIMIT, async || {
        match keda.is_active(&object).await {
            Err(status) if status.message().contains("401") => Ok(status),
            other => Err(format!("{other:?}")),
        }
    });
    assert_silent("a status", &format!("{:?}", told.await.unwrap()), user);
    for (place, text) in everything(&scaler) {
        assert_silent(&place, &text, user);
    }
    let output = Launch::new().args(["--amqp-uri", &uri, "--management-url", "ftp://x", "--check"]);
    let said = output.output().unwrap();
    assert_silent("an error", &String::from_utf8_lossy(&said.stderr), user);
}
