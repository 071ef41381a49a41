//! PURE: what a run came to, in the end.

use std::time::Duration;

use super::blocks::{Block, MISTAKE};

/// What is real here and what is not, said first and last.
pub(crate) const HONESTY: &str = "\
The prover here is a stand-in: its proofs prove nothing, and the time each takes is made up.
Real are RabbitMQ, paladin's queues and messages, the scaler, its autoscaler, the gateway, and `zero`.";

/// One block that went through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proved {
    /// The block.
    pub(crate) block: Block,
    /// From the leader's start to its end.
    pub(crate) took: Duration,
    /// Bytes of the proof's file.
    pub(crate) bytes: u64,
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Summary {
    /// The blocks; each proof was verified, or there is no summary.
    pub(crate) proved: Vec<Proved>,
    /// Tasks of the block by mistake that were taken back.
    pub(crate) removed: u64,
    /// The worker that was told to go in mid-task, and how long it took it to finish.
    pub(crate) notice: (u64, Duration),
    /// The most workers at once.
    pub(crate) most_workers: u64,
    /// From the first task on the broker to the first worker.
    pub(crate) reaction: Option<Duration>,
    /// From the last proof to no worker and empty queues.
    pub(crate) drain: Duration,
    /// From the first block handed in until then.
    pub(crate) run: Duration,
}

impl Summary {
    /// The table and what is below it; `whole` is how long the demo took with its preparations.
    pub(crate) fn text(&self, whole: Duration) -> String {
        let head = format!(
            "{:>6}  {:<9}  {:>5}  {:>5}  {:>7}  {:>11}  verified",
            "block", "witness", "txns", "tasks", "seconds", "proof bytes"
        );
        let rows = self.proved.iter().map(|proved| {
            let Proved { block, took, bytes } = proved;
            let (Block { number, kind, txns }, tasks) = (block, block.tasks());
            let took = took.as_secs_f32();
            format!("{number:>6}  {kind:<9}  {txns:>5}  {tasks:>5}  {took:>7.1}  {bytes:>11}  yes")
        });
        let table = rows.fold(head, |all, row| all + "\n" + &row);
        let reaction = self.reaction.map_or_else(|| "not seen".to_owned(), seconds);
        format!(
            "{table}\n\n\
             taken back by `zero remove`    {} tasks of block {}\n\
             told to go in mid-task         worker {}: finished its task, went after {}\n\
             workers                        0 → {} → 0\n\
             first task to first worker     {reaction}\n\
             last proof to no worker        {}\n\
             first block to no worker       {}\n\
             the whole demo, builds too     {}",
            self.removed,
            MISTAKE.number,
            self.notice.0,
            seconds(self.notice.1),
            self.most_workers,
            seconds(self.drain),
            seconds(self.run),
            seconds(whole),
        )
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f32())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_is_a_table_and_five_numbers() {
        let proved = |number, kind, txns, took| Proved {
            block: Block { number, kind, txns },
            took: Duration::from_millis(took),
            bytes: txns * 1_000 + 900,
        };
        let summary = Summary {
            proved: vec![proved(5, "devnet", 4, 6_120), proved(1040, "synthetic", 40, 31_000)],
            removed: 79,
            notice: (3, Duration::from_millis(2_400)),
            most_workers: 4,
            reaction: Some(Duration::from_millis(640)),
            drain: Duration::from_secs(7),
            run: Duration::from_secs(61),
        };
        let expected = " block  witness     txns  tasks  seconds  proof bytes  verified
     5  devnet         4      4      6.1         4900  yes
  1040  synthetic     40     40     31.0        40900  yes

taken back by `zero remove`    79 tasks of block 1174
told to go in mid-task         worker 3: finished its task, went after 2.4 s
workers                        0 → 4 → 0
first task to first worker     0.6 s
last proof to no worker        7.0 s
first block to no worker       61.0 s
the whole demo, builds too     71.0 s";
        assert_eq!(summary.text(Duration::from_secs(71)), expected);
    }
}
