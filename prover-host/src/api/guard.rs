//! Who may ask: with a token file, who sends its token. Probes and metrics are everybody's.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use axum::extract::{Request, State as Shared};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::{Service, refused};

/// What needs no token: an orchestrator and a monitor ask for nothing that is anybody's secret.
const OPEN: [&str; 3] = ["/livez", "/readyz", "/metrics"];
/// What a refusal says.
const REFUSAL: &str = "this proof service wants a token: send `Authorization: Bearer TOKEN` with what its --token-file holds; `kubectl zero` takes it from --leader-token-file, or from the Secret that the release names";

/// What is asked of whoever asks. The file is read each time: a Secret may be replaced.
#[derive(Debug, Clone, Default)]
pub struct Guard(Option<PathBuf>);

impl Guard {
    /// Asks for what this file holds; without one it asks nobody.
    pub fn new(file: Option<PathBuf>) -> Result<Self> {
        let guard = Self(file);
        guard.wanted()?;
        Ok(guard)
    }

    /// What is to be sent; nothing: it asks nobody.
    fn wanted(&self) -> Result<Option<String>> {
        let Some(path) = &self.0 else { return Ok(None) };
        let text = std::fs::read_to_string(path);
        let text = text.with_context(|| format!("read --token-file `{}`", path.display()))?;
        let token = text.trim();
        if token.is_empty() || token.contains(char::is_whitespace) {
            bail!("--token-file `{}` has to hold one word, the token", path.display());
        }
        Ok(Some(token.to_owned()))
    }

    /// Why a request is refused; nothing: it is let in.
    fn refusal(&self, headers: &HeaderMap) -> Option<Response> {
        match self.wanted() {
            Ok(None) => None,
            Ok(Some(wanted)) if sent(headers).is_some_and(|sent| is_same(sent, &wanted)) => None,
            Ok(Some(_)) => {
                let mut refusal = refused(StatusCode::UNAUTHORIZED, REFUSAL);
                let bearer = HeaderValue::from_static("Bearer");
                refusal.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
                Some(refusal)
            }
            Err(error) => {
                tracing::error!("{error:#}");
                let words = "the token cannot be read, so nobody is let in; look at the log";
                Some(refused(StatusCode::INTERNAL_SERVER_ERROR, words))
            }
        }
    }
}

/// Lets a request through, or not.
pub(super) async fn guard(
    Shared(service): Shared<Service>,
    request: Request,
    next: Next,
) -> Response {
    if !OPEN.contains(&request.uri().path())
        && let Some(refusal) = service.guard.refusal(request.headers())
    {
        return refusal;
    }
    next.run(request).await
}

/// The token of a request.
fn sent(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// In a time that tells nothing of how alike they are, or of how long one is.
fn is_same(sent: &str, wanted: &str) -> bool {
    Sha256::digest(sent).ct_eq(&Sha256::digest(wanted)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(words: Option<&str>) -> HeaderMap {
        let words =
            words.map(|words| (header::AUTHORIZATION, HeaderValue::from_str(words).unwrap()));
        words.into_iter().collect()
    }

    #[test]
    fn only_who_sends_the_token_is_let_in_and_a_new_one_counts_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "s3cret\n").unwrap();
        let guard = Guard::new(Some(path.clone())).unwrap();
        let code = |words| guard.refusal(&asked(words)).map(|answer| answer.status().as_u16());
        for words in
            [None, Some("s3cret"), Some("Basic s3cret"), Some("Bearer s3cre"), Some("Bearer ")]
        {
            assert_eq!(code(words), Some(401), "{words:?}");
        }
        assert_eq!((code(Some("Bearer s3cret")), code(Some("bearer s3cret"))), (None, None));
        std::fs::write(&path, "other").unwrap();
        assert_eq!((code(Some("Bearer s3cret")), code(Some("Bearer other"))), (Some(401), None));
        std::fs::remove_file(&path).unwrap();
        assert_eq!(code(Some("Bearer other")), Some(500));
    }

    #[test]
    fn a_file_without_a_token_is_refused_at_the_start_and_no_file_asks_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        for text in ["", "\n", "two words"] {
            std::fs::write(&path, text).unwrap();
            assert!(Guard::new(Some(path.clone())).is_err(), "{text:?}");
        }
        assert!(Guard::default().refusal(&asked(None)).is_none());
    }
}
