//! I/O: the leaders, one process a block, a few side by side; and the check of what they made.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, bail, ensure};

use super::blocks::{BATCH, Block};
use super::logs;
use super::programs::Programs;
use super::summary::Proved;
use crate::shell;

/// Leaders at the same time: so that one block's last tasks leave no worker idle.
const SIDE_BY_SIDE: usize = 2;
/// What the verifier says of a good proof; its exit code says nothing.
const GOOD: &str = "All proofs verified successfully!";

/// What every leader is started with.
pub(crate) struct Desk {
    /// The stand-in's programs.
    pub(crate) programs: Programs,
    /// The folder of logs and proofs.
    pub(crate) home: PathBuf,
    /// The broker, with credentials.
    pub(crate) amqp_uri: String,
}

/// All leaders of a run.
pub(crate) struct Leaders {
    desk: Desk,
    waiting: VecDeque<Block>,
    running: Vec<Leader>,
    proved: Vec<Proved>,
    mistake: Mistake,
}

/// The leader of the block that is taken back.
enum Mistake {
    /// Not started yet.
    Planned(Block),
    /// At work, or told to end.
    Running(Leader),
    /// It has ended, and not with a proof.
    Ended,
}

/// One leader.
struct Leader {
    block: Block,
    child: Child,
    started: Instant,
}

impl Desk {
    /// Where proofs go.
    pub(crate) fn proofs(&self) -> PathBuf {
        self.home.join("proofs")
    }

    fn command(&self, program: &PathBuf) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            // By its home the guard of the stage knows it.
            .env("HOME", &self.home)
            .env("RUST_LOG", "info,lapin=error")
            .current_dir(&self.home)
            // Its own group: a Ctrl-C reaches the demo alone, which then ends it.
            .process_group(0);
        command
    }

    fn log(&self, block: Block) -> PathBuf {
        self.home.join(format!("leader-{}.log", block.number))
    }

    fn start(&self, block: Block, now: Instant) -> anyhow::Result<Leader> {
        let witness = shell::root().join(block.witness());
        let input = File::open(&witness).with_context(|| format!("read {}", witness.display()))?;
        let log = File::create(self.log(block)).context("make a leader's log")?;
        let child = self
            .command(&self.programs.leader)
            .env("PALADIN_AMQP_URI", &self.amqp_uri)
            .args(["--batch-size", &BATCH.to_string(), "--keep-intermediate-proofs"])
            .arg("--proof-output-dir")
            .arg(self.proofs())
            .arg("stdio")
            .stdin(input)
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("start a leader")?;
        Ok(Leader { block, child, started: now })
    }

    fn verify(&self, block: Block) -> anyhow::Result<()> {
        let output = self
            .command(&self.programs.verifier)
            .arg("--file-path")
            .arg(self.proofs().join(block.proof()))
            .stdin(Stdio::null())
            .output()
            .context("start the verifier")?;
        let bytes = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&bytes);
        let end = logs::end_of(&said);
        ensure!(said.contains(GOOD), "the proof of block {} is bad:{end}", block.number);
        Ok(())
    }
}

impl Leaders {
    /// None has started yet.
    pub(crate) fn new(desk: Desk, blocks: &[Block], mistake: Block) -> Self {
        let waiting = blocks.iter().copied().collect();
        let mistake = Mistake::Planned(mistake);
        Self { desk, waiting, running: Vec::new(), proved: Vec::new(), mistake }
    }

    /// The programs.
    pub(crate) fn programs(&self) -> &Programs {
        &self.desk.programs
    }

    /// Takes in what has ended, starts what may.
    pub(crate) fn step(&mut self, now: Instant) -> anyhow::Result<()> {
        for mut leader in std::mem::take(&mut self.running) {
            match leader.child.try_wait()? {
                None => self.running.push(leader),
                Some(status) if status.success() => self.proved.push(self.proof(&leader, now)?),
                Some(status) => {
                    let words = logs::last_lines(&self.desk.log(leader.block));
                    bail!("the leader of block {} ended with {status}:{words}", leader.block.number)
                }
            }
        }
        while self.running.len() < SIDE_BY_SIDE
            && let Some(block) = self.waiting.pop_front()
        {
            self.running.push(self.desk.start(block, now)?);
        }
        self.step_mistake(now)
    }

    /// The block by mistake follows the first ones, and its leader must not end with a proof.
    fn step_mistake(&mut self, now: Instant) -> anyhow::Result<()> {
        let ended = match &mut self.mistake {
            Mistake::Planned(block) => {
                let leader = self.desk.start(*block, now)?;
                self.mistake = Mistake::Running(leader);
                return Ok(());
            }
            Mistake::Running(leader) => leader.child.try_wait()?,
            Mistake::Ended => None,
        };
        if let Some(status) = ended {
            ensure!(!status.success(), "the leader of the block that was taken back has a proof");
            self.mistake = Mistake::Ended;
        }
        Ok(())
    }

    /// Numbers of the blocks under way.
    pub(crate) fn proving(&self) -> Vec<u64> {
        self.running.iter().map(|leader| leader.block.number).collect()
    }

    /// The blocks that have a proof, in the order in which they got it.
    pub(crate) fn proved(&self) -> &[Proved] {
        &self.proved
    }

    /// Every block has its proof.
    pub(crate) fn is_done(&self) -> bool {
        let mistake_is_over = matches!(self.mistake, Mistake::Ended);
        self.waiting.is_empty() && self.running.is_empty() && mistake_is_over
    }

    /// Has every proof checked.
    pub(crate) fn verify(&self) -> anyhow::Result<()> {
        self.proved.iter().try_for_each(|proved| self.desk.verify(proved.block))
    }

    fn proof(&self, leader: &Leader, now: Instant) -> anyhow::Result<Proved> {
        let (block, took) = (leader.block, now.duration_since(leader.started));
        let file = self.desk.proofs().join(block.proof());
        let bytes = fs::metadata(&file)
            .with_context(|| format!("find the proof of block {}", block.number))?
            .len();
        Ok(Proved { block, took, bytes })
    }
}

impl Drop for Leader {
    /// Nothing to do for one that has ended.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
