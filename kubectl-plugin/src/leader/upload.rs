//! I/O: sends a witness from the disk, a part at a time, as it is: packed or plain.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::stream;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Body, Method, StatusCode};
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use super::{Leader, Submitted, Trouble, whole};

/// Bytes read at once.
const CHUNK: usize = 256 << 10;

/// What is wanted of a witness, besides its proof.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) test_only: bool,
    pub(crate) chain: Option<String>,
    pub(crate) priority: Option<i64>,
    pub(crate) deadline: Option<Duration>,
    pub(crate) force: bool,
}

impl Wish {
    fn query(&self) -> Vec<(&'static str, String)> {
        let Self { test_only, chain, priority, deadline, force } = self;
        let deadline = deadline.map(|limit| format!("{}s", limit.as_secs().max(1)));
        let pairs = [
            ("kind", test_only.then(|| "test-only".to_owned())),
            ("chain", chain.clone()),
            ("priority", priority.map(|priority| priority.to_string())),
            ("deadline", deadline),
            ("force", force.then(|| "true".to_owned())),
        ];
        pairs.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
    }
}

impl Leader {
    /// Submits the witness in a file. `told` hears how many bytes are on their way, now and then.
    pub(crate) async fn submit(
        &self,
        path: &Path,
        wish: &Wish,
        told: impl Fn(u64),
    ) -> Result<Submitted, Trouble> {
        let unread = |error| Trouble::Wrong(format!("cannot read `{}`: {error}", path.display()));
        let file = File::open(path).await.map_err(unread)?;
        let length = file.metadata().await.map_err(unread)?.len();
        let sent = Arc::new(AtomicU64::new(0));
        let request = self
            .request(Method::POST, &["proofs"])
            .query(&wish.query())
            .header(CONTENT_TYPE, "application/octet-stream")
            // How long it is lets the service say at once that it has no room.
            .header(CONTENT_LENGTH, length)
            .body(body(file, Arc::clone(&sent)));
        let answer = tokio::select! {
            answer = self.answer(request) => answer?,
            () = stalled(&sent, self.limit, told) => {
                let words = format!("it took nothing more within {:?}", self.limit);
                return Err(self.silent(words));
            }
        };
        let new = answer.status() == StatusCode::CREATED;
        let text = whole(answer).await.map_err(|why| self.silent(why))?;
        let proof = serde_json::from_str(&text).map_err(|error| Trouble::Stranger {
            url: self.shown.clone(),
            why: error.to_string(),
        })?;
        Ok(Submitted { new, proof })
    }
}

/// The file in parts; a part is read when the one before it is on its way.
fn body(file: File, sent: Arc<AtomicU64>) -> Body {
    Body::wrap_stream(stream::try_unfold((file, sent), async |(mut file, sent)| {
        let mut part = vec![0; CHUNK];
        let count = file.read(&mut part).await?;
        part.truncate(count);
        sent.fetch_add(count as u64, Ordering::Relaxed);
        Ok::<_, std::io::Error>((count > 0).then_some((part, (file, sent))))
    }))
}

/// Ends when for so long nothing more was taken.
async fn stalled(sent: &AtomicU64, limit: Duration, told: impl Fn(u64)) {
    /// Looks within the limit.
    const LOOKS: u32 = 30;
    let (mut before, mut idle) = (0, 0);
    while idle < LOOKS {
        tokio::time::sleep(limit / LOOKS).await;
        let now = sent.load(Ordering::Relaxed);
        idle = if now == before { idle + 1 } else { 0 };
        before = now;
        told(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_wished_for_is_said() {
        assert_eq!(Wish::default().query(), []);
        let wish = Wish {
            test_only: true,
            chain: Some("tip".into()),
            priority: Some(-1),
            deadline: Some(Duration::from_secs(5400)),
            force: true,
        };
        let told: Vec<String> =
            wish.query().into_iter().map(|(key, value)| format!("{key}={value}")).collect();
        let wanted = ["kind=test-only", "chain=tip", "priority=-1", "deadline=5400s", "force=true"];
        assert_eq!(told, wanted);
    }
}
