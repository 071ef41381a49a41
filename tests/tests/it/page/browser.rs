//! A headless Chromium, driven over its debugging pipe: no port, no driver, and it ends with the pipe.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::poll;

/// What a busy machine may take for one command.
const PATIENCE: Duration = Duration::from_secs(60);

/// The pipe is file descriptors 3 and 4, which only a shell can hand over without unsafe code.
const HAND_OVER: &str = r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null 2>/dev/null"#;

const FLAGS: [&str; 11] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
];

/// One browser with one tab.
pub(super) struct Browser {
    child: Child,
    input: Option<ChildStdin>,
    messages: Receiver<Value>,
    events: Vec<Value>,
    commands: u64,
    session: Option<String>,
    _profile: TempDir,
}

impl Browser {
    pub(super) fn start(program: &Path) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let mut child = Command::new("sh")
            .args(["-c", HAND_OVER])
            .arg(program)
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = child.stdout.take().unwrap();
        let (sender, messages) = mpsc::channel();
        std::thread::spawn(move || {
            for message in BufReader::new(output).split(0).map_while(Result::ok) {
                if sender.send(serde_json::from_slice(&message).unwrap()).is_err() {
                    return;
                }
            }
        });
        let input = child.stdin.take();
        let mut browser = Self {
            child,
            input,
            messages,
            events: Vec::new(),
            commands: 0,
            session: None,
            _profile: profile,
        };
        browser.open_tab();
        browser
    }

    fn open_tab(&mut self) {
        let target = self.call("Target.createTarget", &json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let attached = self.call("Target.attachToTarget", &attach);
        self.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Network", "Log"] {
            self.call(&format!("{domain}.enable"), &json!({}));
        }
    }

    /// Sends a command and waits for its answer.
    pub(super) fn call(&mut self, method: &str, params: &Value) -> Value {
        self.try_call(method, params).unwrap()
    }

    /// The same where an error is an answer too; events on the way are kept.
    fn try_call(&mut self, method: &str, params: &Value) -> Result<Value, String> {
        self.commands += 1;
        let id = self.commands;
        let mut command = json!({"id": id, "method": method, "params": params});
        if let Some(session) = &self.session {
            command["sessionId"] = json!(session);
        }
        let input = self.input.as_mut().unwrap();
        input.write_all(format!("{command}\0").as_bytes()).unwrap();
        loop {
            let message = self.messages.recv_timeout(PATIENCE).unwrap();
            if message["id"] != id {
                self.events.push(message);
            } else if message["error"].is_null() {
                return Ok(message["result"].clone());
            } else {
                return Err(format!("{method}: {}", message["error"]));
            }
        }
    }

    /// The parameters of all events of a kind so far.
    pub(super) fn events(&mut self, method: &str) -> Vec<Value> {
        while let Ok(message) = self.messages.try_recv() {
            self.events.push(message);
        }
        let of_kind = self.events.iter().filter(|event| event["method"] == method);
        of_kind.map(|event| event["params"].clone()).collect()
    }

    /// Opens a page and waits until it is loaded.
    pub(super) fn open(&mut self, url: &str) {
        let went = self.call("Page.navigate", &json!({"url": url}));
        assert!(went["errorText"].is_null(), "{url}: {went}");
        self.wait_for(
            "the page to load",
            "document.readyState === 'complete' && location.href !== 'about:blank'",
        );
    }

    /// The value of a JavaScript expression.
    pub(super) fn eval(&mut self, expression: &str) -> Value {
        self.try_eval(expression).unwrap()
    }

    /// The same where the page may be about to go.
    fn try_eval(&mut self, expression: &str) -> Result<Value, String> {
        let params = json!({"expression": expression, "returnByValue": true});
        let told = self.try_call("Runtime.evaluate", &params)?;
        let thrown = &told["exceptionDetails"];
        if thrown.is_null() {
            return Ok(told["result"]["value"].clone());
        }
        Err(format!("{expression}: {thrown}"))
    }

    /// Waits until an expression is true.
    pub(super) fn wait_for(&mut self, what: &str, expression: &str) {
        poll::until_blocking(what, PATIENCE, || {
            let value = self.try_eval(expression)?;
            if value == true { Ok(()) } else { Err(value.to_string()) }
        })
        .unwrap();
    }

    pub(super) fn resize(&mut self, width: u32, height: u32) {
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", &size);
    }

    pub(super) fn prefer(&mut self, scheme: &str) {
        let feature = json!({"name": "prefers-color-scheme", "value": scheme});
        self.call("Emulation.setEmulatedMedia", &json!({"features": [feature]}));
    }

    /// The whole page as a PNG.
    pub(super) fn screenshot(&mut self) -> Vec<u8> {
        let shot = self.call("Page.captureScreenshot", &json!({"captureBeyondViewport": true}));
        let data = shot["data"].as_str().unwrap();
        base64::engine::general_purpose::STANDARD.decode(data).unwrap()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The end of the pipe is the browser's end; only one that hangs is killed.
        drop(self.input.take());
        let gone = poll::until_blocking("Chromium to end", Duration::from_secs(10), || match self
            .child
            .try_wait()
        {
            Ok(Some(_)) => Ok(()),
            other => Err(format!("{other:?}")),
        });
        if gone.is_err() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
