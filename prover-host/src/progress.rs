//! PURE: how far a proof has come and when it will be done: from the tasks and results that its
//! gateway sees, and from how long others took.

use std::time::Duration;

use amqp_admin::paladin::Operation;
use amqp_gateway::Leading;
use serde::{Deserialize, Serialize};

use crate::generation::Generation;
use crate::proof::BlockOf;

/// What is known of a running proof, apart from time.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// What the leader is.
    pub generation: Generation,
    /// What it is of.
    pub blocks: &'a [BlockOf],
    /// Tasks it becomes, as far as can be told before.
    pub tasks: u64,
    /// What its gateway has seen.
    pub leading: &'a Leading,
}

/// How far a proof has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// Tasks that were given out.
    pub published: u64,
    /// Tasks that were answered.
    pub answered: u64,
    /// Tasks in all, as far as it is known now.
    pub expected: u64,
    /// The same by operation.
    pub by_operation: Vec<OfOperation>,
    /// Transactions proved, where each has a task of its own (v0.5, v0.6).
    pub transactions_proved: Option<u64>,
    /// Segments proved (v0.7).
    pub segments_proved: Option<u64>,
    /// Answered ÷ expected; never falls.
    pub done: f64,
    /// Seconds since the attempt began.
    pub elapsed_seconds: f64,
    /// When it will be done; nothing while nothing tells.
    pub eta: Option<Eta>,
}

/// Tasks of one operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OfOperation {
    /// What is to be done.
    pub operation: String,
    /// Given out.
    pub published: u64,
    /// Answered.
    pub answered: u64,
}

impl Progress {
    /// Of a run that goes on no longer.
    #[must_use]
    pub fn at_its_end(self) -> Self {
        Self { eta: None, ..self }
    }
}

/// When a proof will be done, in seconds from now.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Eta {
    /// Most likely.
    pub seconds: f64,
    /// Hardly sooner.
    pub low: f64,
    /// Hardly later.
    pub high: f64,
    /// What it is told from.
    pub from: Source,
}

/// What an ETA is told from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The answers so far.
    Rate,
    /// How long others of its kind took for a transaction.
    History,
}

/// So many answers make a rate.
const ENOUGH: u64 = 3;
/// Blocks without transactions take about as long as this many.
const EMPTY_BLOCK: u64 = 2;

/// Seconds that finished proofs took for a transaction, of the same kind and generation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History(Vec<f64>);

impl History {
    /// Of finished proofs: transactions, blocks, and how long each took.
    #[must_use]
    pub fn of(finished: impl IntoIterator<Item = (u64, u64, Duration)>) -> Self {
        let paces = finished.into_iter().filter(|(_, blocks, _)| *blocks > 0);
        let mut paces: Vec<f64> =
            paces.map(|(txns, blocks, took)| took.as_secs_f64() / weight(txns, blocks)).collect();
        paces.sort_by(f64::total_cmp);
        Self(paces)
    }

    /// The pace that so many percent of them were not slower than.
    fn percentile(&self, percent: usize) -> Option<f64> {
        let last = self.0.len().checked_sub(1)?;
        self.0.get(last * percent / 100).copied()
    }
}

#[expect(clippy::cast_precision_loss, reason = "transactions are counted in thousands")]
fn weight(transactions: u64, blocks: u64) -> f64 {
    transactions.max(blocks * EMPTY_BLOCK) as f64
}

/// Where a proof stands, so long after its leader's start, and so long between its first task and its
/// last answer. `before`: what was told last, for progress does not go back.
#[must_use]
pub fn progress(
    known: &Known<'_>,
    (elapsed, answered_for): (Duration, Duration),
    history: &History,
    before: Option<&Progress>,
) -> Progress {
    let work = &known.leading.work;
    let published: u64 = work.values().map(|work| work.published).sum();
    let answered: u64 = work.values().map(|work| work.answered.min(work.published)).sum();
    let expected = known.tasks.max(published).max(before.map_or(0, |before| before.expected));
    let done = fraction(answered, expected).max(before.map_or(0.0, |before| before.done));
    let segments = [Operation::SegmentProof, Operation::SegmentProofTestOnly];
    let segments = segments.iter().filter_map(|operation| work.get(operation));
    let segments: u64 = segments.map(|work| work.answered).sum();
    let proved = known.generation.transactions(known.leading, known.blocks);
    let by_operation = work.iter().map(|(operation, work)| OfOperation {
        operation: operation.to_string(),
        published: work.published,
        answered: work.answered,
    });
    Progress {
        published,
        answered,
        expected,
        by_operation: by_operation.collect(),
        transactions_proved: proved.map(|(done, _)| done),
        segments_proved: (known.generation == Generation::V07).then_some(segments),
        done,
        elapsed_seconds: elapsed.as_secs_f64(),
        eta: by_rate(answered, expected, answered_for)
            .or_else(|| by_history(known.blocks, elapsed, history)),
    }
}

#[expect(clippy::cast_precision_loss, reason = "tasks are counted in thousands")]
fn fraction(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// By how long the answers so far took. Few answers tell little: the range is as wide as the square
/// root of their number says.
#[expect(clippy::cast_precision_loss, reason = "tasks are counted in thousands")]
fn by_rate(answered: u64, expected: u64, took: Duration) -> Option<Eta> {
    if answered < ENOUGH || took.is_zero() {
        return None;
    }
    let left = expected.saturating_sub(answered) as f64;
    let seconds = took.as_secs_f64() / answered as f64 * left;
    let doubt = 1.0 / (answered as f64).sqrt();
    let (low, high) = (seconds * (1.0 - doubt).max(0.0), seconds * (1.0 + 2.0 * doubt));
    Some(Eta { seconds, low, high, from: Source::Rate })
}

fn by_history(blocks: &[BlockOf], elapsed: Duration, history: &History) -> Option<Eta> {
    let transactions = blocks.iter().map(|block| block.transactions).sum();
    let weight = weight(transactions, blocks.len() as u64);
    let left = |pace: f64| (pace * weight - elapsed.as_secs_f64()).max(0.0);
    let at = |percent| history.percentile(percent).map(left);
    Some(Eta { seconds: at(50)?, low: at(10)?, high: at(90)?, from: Source::History })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use amqp_gateway::Work;
    use proptest::prelude::*;

    use super::*;

    fn leading(published: u64, answered: u64) -> Leading {
        let work = Work { published, answered };
        Leading { work: BTreeMap::from([(Operation::TxProof, work)]), failure: None }
    }

    fn blocks(transactions: u64) -> Vec<BlockOf> {
        vec![BlockOf { number: 7, transactions, gas_used: 0, hash: None }]
    }

    fn told(leading: &Leading, seconds: u64, history: &History) -> Progress {
        let blocks = blocks(20);
        let known = Known { generation: Generation::V06, blocks: &blocks, tasks: 40, leading };
        let elapsed = Duration::from_secs(seconds);
        progress(&known, (elapsed, elapsed), history, None)
    }

    #[test]
    fn half_way_the_rest_takes_as_long_again() {
        let half = told(&leading(40, 20), 100, &History::default());
        assert!((half.done - 0.5).abs() < 1e-9);
        assert_eq!(half.transactions_proved, Some(20));
        let eta = half.eta.unwrap();
        assert!((eta.seconds - 100.0).abs() < 1e-9 && eta.from == Source::Rate);
        assert!(eta.low < eta.seconds && eta.seconds < eta.high);
    }

    #[test]
    fn before_there_are_answers_history_tells() {
        let took = |seconds| (10, 1, Duration::from_secs(seconds));
        let history = History::of([took(10), took(20), took(40)]);
        let eta = told(&leading(5, 0), 0, &history).eta.unwrap();
        assert_eq!((eta.seconds, eta.low, eta.high), (40.0, 20.0, 40.0));
        assert_eq!(eta.from, Source::History);
        assert_eq!(told(&leading(5, 0), 0, &History::default()).eta, None);
    }

    proptest! {
        #[test]
        fn progress_never_falls_and_ends_exact(steps in prop::collection::vec((0..5_u64, 0..5_u64), 1..60)) {
            let blocks = blocks(20);
            let (mut published, mut answered) = (0, 0);
            let mut before: Option<Progress> = None;
            let tell = |published, answered, before: Option<&Progress>| {
                let leading = leading(published, answered);
                let known = Known {
                    generation: Generation::V07, blocks: &blocks, tasks: 10, leading: &leading,
                };
                let time = Duration::from_secs(answered);
                progress(&known, (time, time), &History::default(), before)
            };
            for (more, less) in steps {
                published += more;
                answered = (answered + less).min(published);
                let now = tell(published, answered, before.as_ref());
                prop_assert!(before.as_ref().is_none_or(|before| before.done <= now.done));
                prop_assert!(now.done <= 1.0);
                before = Some(now);
            }
            let all = published.max(10);
            let end = tell(all, all, before.as_ref());
            prop_assert!((end.done - 1.0).abs() < 1e-9);
        }
    }
}
