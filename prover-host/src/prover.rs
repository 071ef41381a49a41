//! I/O: the upstream programs that the service runs: what they are, found out before they are needed.

use std::ffi::OsString;
use std::process::Stdio;
use std::time::Duration;

use amqp_gateway::Config;
use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::cleaning::{Secrets, clean};
use crate::ending::{Ending, Exit, NOT_STARTED, Signs, ending};
use crate::generation::Generation;
use crate::proof::{Kind, Verdict};
use crate::verdict::verdict;
use crate::wards::Wards;

/// A program that says what it is says it in this time.
const QUESTION: Duration = Duration::from_secs(60);
/// So much of what a program says is read.
const ANSWER_MAX: u64 = 1 << 20;
/// Variables that would turn every run into another one.
const RUNS_OWN: [&str; 5] = [
    "ZERO_BIN_TEST_ONLY",
    "ZERO_BIN_PREVIOUS_PROOF",
    "ZERO_BIN_PROOF_OUTPUT_DIR",
    "ZERO_BIN_KEEP_INTERMEDIATE_PROOFS",
    "ZERO_BIN_BLOCK_BATCH_SIZE",
];

/// The upstream programs and how they are started.
#[derive(Debug, Clone)]
pub struct Prover {
    /// What the leader is.
    pub generation: Generation,
    /// What the leader calls itself, if it says.
    pub version: Option<String>,
    /// The leader's command.
    pub leader: Vec<OsString>,
    /// The leader that only simulates: v0.5 and v0.6 decide that when they are built.
    pub simulator: Option<Vec<OsString>>,
    /// The verifier's command.
    pub verifier: Option<Vec<OsString>>,
    /// A verifier that takes longer is given up.
    pub verify_limit: Duration,
    /// What each gateway is told, apart from the proof.
    pub gateway: Config,
    /// What no child may see.
    pub secrets: Secrets,
    /// Starts them.
    pub wards: Wards,
}

/// What a program wrote, and how it ended.
struct Said {
    words: String,
    exit: Exit,
}

impl Prover {
    /// The environment of a child that is given no broker.
    fn environment() -> impl Iterator<Item = (OsString, OsString)> {
        std::env::vars_os().filter(|(name, _)| RUNS_OWN.iter().all(|own| name != own))
    }

    /// The command of a leader for this kind of run.
    pub fn leader_for(&self, kind: Kind) -> Result<&[OsString], &'static str> {
        match (kind, self.generation, &self.simulator) {
            (Kind::Proof, _, _) | (Kind::TestOnly, Generation::V07, None) => Ok(&self.leader),
            (Kind::TestOnly, _, Some(simulator)) => Ok(simulator),
            (Kind::TestOnly, Generation::V06, None) => Err(
                "a leader of v0.5 or v0.6 simulates only if it is built with the feature `test_only`: give that one as --test-only-leader",
            ),
        }
    }

    /// A command, cleaned for a child that finds its broker at `uri`.
    pub fn cleaned(&self, command: &[OsString], uri: &str) -> Result<crate::cleaning::Cleaned> {
        Ok(clean(command, Self::environment(), uri, &self.secrets)?)
    }

    /// Asks the verifier about a file. A verdict that cannot be had is unknown; there is none without
    /// a verifier, and none when it was `cut` off.
    pub async fn verify(&self, file: &std::path::Path, cut: &CancellationToken) -> Option<Verdict> {
        let verifier = self.verifier.as_ref()?;
        let command = [verifier.as_slice(), &["-f".into(), file.into()]].concat();
        match self.said(&command, self.verify_limit, cut).await {
            Ok(said) => Some(verdict(&said.words, &ending(said.exit, Signs::default()).words)),
            Err(_) if cut.is_cancelled() => None,
            Err(error) => Some(Verdict::Unknown(format!(
                "the verifier could not be asked: {error:#}; `verify` asks it again"
            ))),
        }
    }

    /// What a command writes, to both its streams. It is ended when it takes longer than `limit`, and
    /// when it is `cut` off.
    async fn said(
        &self,
        command: &[OsString],
        limit: Duration,
        cut: &CancellationToken,
    ) -> Result<Said> {
        let mut cleaned = self.cleaned(command, "amqp://127.0.0.1:1")?;
        // A verdict is written at this level.
        cleaned.env.retain(|(name, _)| name != "RUST_LOG");
        cleaned.env.push(("RUST_LOG".into(), "info".into()));
        let (mut ward, [stdout, stderr]) = self.wards.start(&cleaned, Stdio::null())?;
        let (told, mut words) = mpsc::channel(2);
        ward.listen(hear(stdout, told.clone()));
        ward.listen(hear(stderr, told));
        let exit = tokio::select! {
            exit = ward.ended() => Ok(exit),
            () = tokio::time::sleep(limit) => {
                Err(format!("it did not end within {}", humantime::format_duration(limit)))
            }
            () = cut.cancelled() => Err("the service ends".to_owned()),
        };
        let exit = match exit {
            Ok(exit) => exit,
            Err(why) => {
                ward.stop(Duration::ZERO).await;
                bail!(why);
            }
        };
        ward.see_off().await;
        let mut all = String::new();
        while let Some(more) = words.recv().await {
            all.push_str(&more);
        }
        Ok(Said { words: all, exit })
    }
}

/// Finds out what the leader is, and that the verifier is there.
pub async fn examine(prover: &mut Prover) -> Result<()> {
    let name = |command: &[OsString]| {
        command.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    };
    let leader = name(&prover.leader);
    let ask = |command: &[OsString], word: &str| [command, &[word.into()]].concat();
    let cut = CancellationToken::new();
    let help = prover.said(&ask(&prover.leader, "--help"), QUESTION, &cut).await;
    let help = help.with_context(|| format!("cannot ask the leader `{leader}` what it is"))?;
    if help.exit == Exit::Code(NOT_STARTED) {
        bail!(
            "there is no leader `{leader}` that can be started; is it in the image, on the PATH, and executable?"
        );
    }
    let known = Generation::of_help(&help.words);
    prover.generation = known.with_context(|| {
        format!("`{leader} --help` shows no leader of v0.5, v0.6 or v0.7; correct --leader")
    })?;
    let version = prover.said(&ask(&prover.leader, "--version"), QUESTION, &cut).await?;
    // v0.5 and v0.6 do not know the question.
    let line = version.words.lines().next().filter(|_| version.exit == Exit::Code(0));
    prover.version = line.map(|line| line.trim().to_owned());
    if let Some(verifier) = prover.verifier.clone() {
        let help = prover.said(&ask(&verifier, "--help"), QUESTION, &cut).await?;
        if help.exit != Exit::Code(0) {
            let Ending { words, .. } = ending(help.exit, Signs::default());
            bail!(
                "the verifier `{}` {words} when asked for --help; correct --verifier",
                name(&verifier)
            );
        }
    }
    Ok(())
}

async fn hear(from: impl AsyncRead + Unpin, told: mpsc::Sender<String>) {
    let mut bytes = Vec::new();
    let mut from = from.take(ANSWER_MAX);
    // What it has written before an error is worth as much.
    let _ = from.read_to_end(&mut bytes).await;
    let mut rest = from.into_inner();
    let words = String::from_utf8_lossy(&bytes).into_owned();
    let _ = told.send(words).await;
    // It must not stop because nobody reads on.
    let _ = tokio::io::copy(&mut rest, &mut tokio::io::sink()).await;
}
