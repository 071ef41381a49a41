//! I/O: sends a witness from the disk, a part at a time, as it is: packed or plain.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::stream;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Body, Method, RequestBuilder, StatusCode};
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use super::{Leader, Submitted, Trouble, whole};

/// Bytes read at once.
const CHUNK: usize = 256 << 10;
/// How long a refusal is waited for, when an upload has broken off.
const PATIENCE: Duration = Duration::from_secs(5);

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
        let sent = Arc::new(AtomicU64::new(0));
        let request = self.sending(path, wish, Part::Whole(Arc::clone(&sent))).await?;
        let answer = tokio::select! {
            answer = self.answer(request) => answer,
            () = stalled(&sent, self.limit, told) => {
                let words = format!("it took nothing more within {:?}", self.limit);
                return Err(self.silent(words));
            }
        };
        let answer = match answer {
            Err(broke @ Trouble::Silent { .. }) if sent.load(Ordering::Relaxed) > 0 => {
                return Err(self.refusal(path, wish).await.unwrap_or(broke));
            }
            answer => answer?,
        };
        let new = answer.status() == StatusCode::CREATED;
        let text = whole(answer).await.map_err(|why| self.silent(why))?;
        let proof = serde_json::from_str(&text).map_err(|error| Trouble::Stranger {
            url: self.shown.clone(),
            why: error.to_string(),
        })?;
        Ok(Submitted { new, proof })
    }

    /// Who refuses an upload closes the connection over what is still on its way, and the answer can
    /// be lost with it. So it is asked once more, with the beginning alone.
    async fn refusal(&self, path: &Path, wish: &Wish) -> Option<Trouble> {
        let request = self.sending(path, wish, Part::Beginning).await.ok()?;
        let answer = tokio::time::timeout(self.limit.min(PATIENCE), self.answer(request)).await;
        answer.ok()?.err().filter(|trouble| !matches!(trouble, Trouble::Silent { .. }))
    }

    async fn sending(
        &self,
        path: &Path,
        wish: &Wish,
        part: Part,
    ) -> Result<RequestBuilder, Trouble> {
        let unread = |error| Trouble::Unread(format!("cannot read `{}`: {error}", path.display()));
        let file = File::open(path).await.map_err(unread)?;
        let length = file.metadata().await.map_err(unread)?.len();
        let request = self.request(Method::POST, &["proofs"]).query(&wish.query());
        let request = request.header(CONTENT_TYPE, "application/octet-stream");
        // How long it is lets the service say at once that it has no room.
        Ok(request.header(CONTENT_LENGTH, length).body(body(file, part)))
    }
}

/// How much of a file is sent.
enum Part {
    /// All of it; how much is on its way is counted.
    Whole(Arc<AtomicU64>),
    /// The first bytes, and then nothing more for as long as it is waited for.
    Beginning,
}

/// The file in parts; a part is read when the one before it is on its way.
fn body(file: File, part: Part) -> Body {
    Body::wrap_stream(stream::try_unfold((file, part, 0), async |(mut file, part, before)| {
        if before > 0 && matches!(part, Part::Beginning) {
            std::future::pending::<()>().await;
        }
        let mut bytes = vec![0; CHUNK];
        let count = file.read(&mut bytes).await?;
        bytes.truncate(count);
        if let Part::Whole(sent) = &part {
            sent.fetch_add(count as u64, Ordering::Relaxed);
        }
        Ok::<_, std::io::Error>((count > 0).then_some((bytes, (file, part, before + count))))
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
