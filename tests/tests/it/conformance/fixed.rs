//! A management API that answers what the test says and notes what it was asked: for counts that no
//! real broker can be brought to, and for counting questions.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};
use tests::scaler::Launch;

/// It ends with the process; its scalers end with their tests.
#[derive(Clone)]
pub(super) struct FixedBroker {
    address: SocketAddr,
    queues: Arc<Mutex<String>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl FixedBroker {
    /// One that lists these queues in every vhost.
    pub(super) fn start(queues: &[Value]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let broker = Self {
            address: listener.local_addr().unwrap(),
            queues: Arc::new(Mutex::new(json!(queues).to_string())),
            asked: Arc::default(),
        };
        let serving = broker.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let connection = serving.clone();
                thread::spawn(move || connection.serve(&stream));
            }
        });
        broker
    }

    /// Lists these queues from now on.
    pub(super) fn list(&self, queues: &[Value]) {
        *self.queues.lock().unwrap() = json!(queues).to_string();
    }

    /// How often queues were asked for.
    pub(super) fn reads(&self) -> usize {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|path| path.starts_with("/api/queues/")).count()
    }

    /// How to start a scaler on it. There is no AMQP: nothing is kept alive.
    pub(super) fn launch(&self) -> Launch {
        let url = format!("http://{}", self.address);
        Launch::new().args([
            "--amqp-uri",
            "amqp://zero:none@127.0.0.1:1",
            "--management-url",
            &url,
            "--no-keep-alive",
        ])
    }

    fn serve(&self, stream: &TcpStream) {
        let mut lines = BufReader::new(stream).lines();
        while let Some(Ok(request)) = lines.next() {
            while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
            let is_list = path.starts_with("/api/queues/");
            self.asked.lock().unwrap().push(path);
            let body = if is_list { self.queues.lock().unwrap().clone() } else { "[]".to_owned() };
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length:";
            if write!(&mut &*stream, "{head} {}\r\n\r\n{body}", body.len()).is_err() {
                return;
            }
        }
    }
}

/// A row as the broker lists it, with the columns the scaler asks for.
pub(super) fn row(name: &str, ready: &Value, unacked: &Value) -> Value {
    json!({
        "name": name, "type": "classic", "state": "running", "exclusive": false, "arguments": {},
        "messages_ready": ready, "messages_unacknowledged": unacked,
    })
}
