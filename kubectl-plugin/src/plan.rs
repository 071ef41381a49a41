//! PURE: how many workers a load needs, on which machines they fit, and what those cost.
//!
//! A range stays a range all the way: from what one worker proves in an hour to the money.

pub(crate) mod machines;
pub(crate) mod told;
pub(crate) mod worker;

use serde::Serialize;

use machines::{Machine, Machines};
use worker::{Basis, Spread, Worker};

/// Hours in a month, as clouds count them.
const HOURS: f64 = 730.0;
/// Of a machine's memory, what is left for pods: 6 of 100 parts are the node's own on the machines
/// of our list, by GKE's published rule.
const FOR_PODS: f64 = 0.94;
/// Nobody lets so many machines.
const TOO_MANY: u64 = 1_000_000;

/// What is to be proved, and until when.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Load {
    /// Transactions that come in an hour.
    pub(crate) txs_per_hour: f64,
    /// From a block's arrival to its proof.
    pub(crate) deadline_seconds: f64,
    /// Transactions of a large block.
    pub(crate) block_txs: u64,
    /// The share of their time in which workers may be busy, below 1.
    pub(crate) busy: f64,
}

/// The whole plan, as programs read it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Plan {
    pub(crate) txs_per_hour: f64,
    pub(crate) deadline_seconds: f64,
    pub(crate) block_transactions: u64,
    pub(crate) busy_percent: f64,
    pub(crate) worker: Told,
    pub(crate) workers: Spread<u64>,
    pub(crate) limited_by: Limit,
    /// From a block's arrival to its proof, in the mean.
    pub(crate) block_seconds: f64,
    pub(crate) currency: String,
    /// The cheapest first.
    pub(crate) machines: Vec<Offer>,
    pub(crate) left_out: Vec<LeftOut>,
    pub(crate) notes: Vec<String>,
}

/// A worker, as programs read it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Told {
    pub(crate) txs_per_hour: Spread<f64>,
    pub(crate) vcpus: f64,
    pub(crate) memory_gib: f64,
    pub(crate) slowest_task_seconds: f64,
    pub(crate) joins_seconds: Option<f64>,
    pub(crate) basis: Vec<Basis>,
}

/// What the number of workers comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Limit {
    /// So many transactions in an hour.
    Rate,
    /// A single block in time.
    Deadline,
}

/// The workers on one machine, at one price.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Offer {
    pub(crate) machine: String,
    pub(crate) price: Price,
    pub(crate) region: String,
    pub(crate) vcpus: u32,
    pub(crate) memory_gib: f64,
    pub(crate) workers_per_node: u64,
    pub(crate) nodes: Spread<u64>,
    pub(crate) per_hour: Spread<f64>,
    pub(crate) per_month: Spread<f64>,
    pub(crate) per_transaction: Spread<f64>,
    pub(crate) as_of: String,
    pub(crate) source: String,
}

/// How a machine is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Price {
    /// Kept as long as it is wanted.
    OnDemand,
    /// It may be taken away at any time.
    Spot,
}

/// A machine on which no worker fits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct LeftOut {
    pub(crate) machine: String,
    pub(crate) why: String,
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Impossible(pub(crate) String);

/// Plans.
pub(crate) fn plan(load: &Load, worker: Worker, machines: &Machines) -> Result<Plan, Impossible> {
    let rate = worker.txs_per_hour;
    let wanted = |rate: f64| wanted(load, &worker, rate);
    // A fast worker makes the least of them.
    let workers = Spread {
        least: wanted(rate.most)?,
        likely: wanted(rate.likely)?,
        most: wanted(rate.least)?,
    };
    let by_rate = for_rate(load, rate.likely);
    let limited_by = if workers.likely > by_rate { Limit::Deadline } else { Limit::Rate };
    let block_seconds = block_seconds(load, &worker, rate.likely, workers.likely);
    let (offers, left_out) = offered(&machines.machines, &worker, workers, load)?;
    let notes = told::notes(&worker, &offers, workers.likely > load.block_txs);
    let Worker { txs_per_hour, vcpus, memory_gib, slowest_seconds, joins_seconds, basis } = worker;
    Ok(Plan {
        txs_per_hour: load.txs_per_hour,
        deadline_seconds: load.deadline_seconds,
        block_transactions: load.block_txs,
        busy_percent: load.busy * 100.0,
        worker: Told {
            txs_per_hour,
            vcpus,
            memory_gib,
            slowest_task_seconds: slowest_seconds,
            joins_seconds,
            basis,
        },
        workers,
        limited_by,
        block_seconds,
        currency: machines.currency.clone(),
        machines: offers,
        left_out,
        notes,
    })
}

/// Where the workers fit, the cheapest first, and where they do not.
fn offered(
    machines: &[Machine],
    worker: &Worker,
    workers: Spread<u64>,
    load: &Load,
) -> Result<(Vec<Offer>, Vec<LeftOut>), Impossible> {
    let (mut offers, mut left_out) = (Vec::new(), Vec::new());
    for machine in machines {
        match fitting(machine, worker) {
            Err(why) => left_out.push(LeftOut { machine: machine.name.clone(), why }),
            Ok(each) => offers.extend(offers_of(machine, each, workers, load)),
        }
    }
    if offers.is_empty() {
        let whys: Vec<String> =
            left_out.iter().map(|out| format!("{}: {}", out.machine, out.why)).collect();
        let whys = whys.join("; ");
        return Err(Impossible(format!(
            "a worker fits on no machine: {whys}; name larger ones with --machines"
        )));
    }
    offers.sort_by(|one, other| one.per_hour.likely.total_cmp(&other.per_hour.likely));
    Ok((offers, left_out))
}

/// The fewest workers that keep up with the load and prove a block in time.
fn wanted(load: &Load, worker: &Worker, rate: f64) -> Result<u64, Impossible> {
    let fewest = for_rate(load, rate);
    let in_time =
        |workers: u64| block_seconds(load, worker, rate, workers) <= load.deadline_seconds;
    if fewest >= TOO_MANY {
        let txs = load.txs_per_hour;
        return Err(Impossible(format!(
            "{txs} transactions an hour want {fewest} workers: is that number meant?"
        )));
    }
    if !in_time(TOO_MANY) {
        return Err(too_tight(load, worker, rate));
    }
    // More workers never make a block later, so the first number that is in time can be closed in on.
    let (mut late, mut timely) = (fewest.saturating_sub(1), fewest);
    while !in_time(timely) {
        (late, timely) = (timely, timely.saturating_mul(2));
    }
    while timely - late > 1 {
        let middle = late + (timely - late) / 2;
        if in_time(middle) { timely = middle } else { late = middle }
    }
    Ok(timely)
}

/// The fewest workers that are busy for no more than the share they may be.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is at least 1, and what is beyond u64 is refused"
)]
fn for_rate(load: &Load, rate: f64) -> u64 {
    // A hair less, or what comes out even is one too many.
    (load.txs_per_hour / (rate * load.busy) - 1e-9).ceil().max(1.0) as u64
}

/// From a block's arrival to its proof, in the mean: its own transactions, the wait behind other
/// blocks that come by chance (the mean of a queue with equal jobs, M/D/1), and the last joins.
#[expect(clippy::cast_precision_loss, reason = "numbers of workers and transactions")]
fn block_seconds(load: &Load, worker: &Worker, rate: f64, workers: u64) -> f64 {
    let capacity = rate * workers as f64;
    let busy = (load.txs_per_hour / capacity).min(0.999);
    let own = 3600.0 * load.block_txs as f64 / capacity;
    // More workers than transactions prove none faster.
    let own = own.max(3600.0 / rate).max(worker.slowest_seconds);
    let behind = busy / (2.0 * (1.0 - busy));
    own * (1.0 + behind) + worker.joins_seconds.unwrap_or_default()
}

fn too_tight(load: &Load, worker: &Worker, rate: f64) -> Impossible {
    let least = told::time(block_seconds(load, worker, rate, TOO_MANY));
    let deadline = told::time(load.deadline_seconds);
    Impossible(format!(
        "no number of workers proves a block in {deadline}: one transaction and the joins after it take {least} by themselves; allow more than that with --deadline"
    ))
}

/// How many workers one machine has room for.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a small positive number"
)]
fn fitting(machine: &Machine, worker: &Worker) -> Result<u64, String> {
    let memory = machine.memory_gib * FOR_PODS;
    if memory < worker.memory_gib {
        return Err(format!("{memory:.0} GiB for pods, a worker takes {:.0}", worker.memory_gib));
    }
    if f64::from(machine.vcpus) < worker.vcpus {
        return Err(format!("{} vCPUs, a worker takes {:.0}", machine.vcpus, worker.vcpus));
    }
    let by_cpu = f64::from(machine.vcpus) / worker.vcpus;
    Ok(by_cpu.min(memory / worker.memory_gib).floor() as u64)
}

#[expect(clippy::cast_precision_loss, reason = "numbers of machines")]
fn offers_of(machine: &Machine, each: u64, workers: Spread<u64>, load: &Load) -> Vec<Offer> {
    let nodes = workers.map(|workers| workers.div_ceil(each));
    let prices = [(Price::OnDemand, machine.on_demand), (Price::Spot, machine.spot)];
    let known = prices.into_iter().filter_map(|(price, amount)| Some((price, amount?)));
    known
        .map(|(price, amount)| {
            let per_hour = nodes.map(|nodes| rounded(nodes as f64 * amount));
            Offer {
                machine: machine.name.clone(),
                price,
                region: machine.region.clone(),
                vcpus: machine.vcpus,
                memory_gib: machine.memory_gib,
                workers_per_node: each,
                nodes,
                per_hour,
                per_month: per_hour.map(|hour| rounded(hour * HOURS)),
                per_transaction: per_hour.map(|hour| rounded(hour / load.txs_per_hour)),
                as_of: machine.as_of.clone(),
                source: machine.source.clone(),
            }
        })
        .collect()
}

/// To a millionth, so that every machine writes the same digits.
fn rounded(amount: f64) -> f64 {
    (amount * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use worker::as_others_measured;

    fn load(txs_per_hour: f64, deadline_seconds: f64) -> Load {
        Load { txs_per_hour, deadline_seconds, block_txs: 279, busy: 0.8 }
    }

    fn ours() -> Machines {
        machines::read(machines::OURS).unwrap()
    }

    fn planned(load: &Load) -> Result<Plan, Impossible> {
        plan(load, as_others_measured(), &ours())
    }

    #[test]
    fn the_rate_alone_wants_so_many_workers() {
        let plan = planned(&load(800.0, 36_000.0)).unwrap();
        assert_eq!(plan.workers, Spread { least: 9, likely: 10, most: 25 });
        assert_eq!(plan.limited_by, Limit::Rate);
    }

    #[test]
    fn a_near_deadline_wants_more_than_the_rate() {
        let (near, far) =
            (planned(&load(100.0, 1_800.0)).unwrap(), planned(&load(100.0, 86_400.0)).unwrap());
        assert_eq!((far.workers.likely, far.limited_by), (2, Limit::Rate));
        assert_eq!(near.limited_by, Limit::Deadline);
        assert!(near.block_seconds <= 1_800.0);
        let one_less = block_seconds(
            &load(100.0, 1_800.0),
            &as_others_measured(),
            100.0,
            near.workers.likely - 1,
        );
        assert!(one_less > 1_800.0, "{one_less} s with one less");
    }

    #[test]
    fn more_load_or_less_time_never_wants_fewer_workers() {
        let workers = |txs, deadline| planned(&load(txs, deadline)).unwrap().workers;
        for (one, other) in [
            ((100.0, 3600.0), (101.0, 3600.0)),
            ((100.0, 3600.0), (100.0, 1200.0)),
            ((5000.0, 900.0), (9000.0, 600.0)),
        ] {
            let (one, other) = (workers(one.0, one.1), workers(other.0, other.1));
            assert!(
                one.likely <= other.likely && one.least <= other.least && one.most <= other.most,
                "{one:?} {other:?}"
            );
            assert!(one.least <= one.likely && one.likely <= one.most, "{one:?}");
        }
    }

    #[test]
    fn a_deadline_below_one_transaction_is_refused_with_how_long_that_takes() {
        let Impossible(words) = planned(&load(100.0, 60.0)).unwrap_err();
        insta::assert_snapshot!(words, @"no number of workers proves a block in 1m00s: one transaction and the joins after it take 1m06s by themselves; allow more than that with --deadline");
        let worker = Worker { joins_seconds: Some(600.0), ..as_others_measured() };
        let Impossible(words) = plan(&load(100.0, 600.0), worker, &ours()).unwrap_err();
        assert!(words.contains("11m06s"), "{words}");
    }

    #[test]
    fn nonsense_is_asked_about() {
        let Impossible(words) = planned(&load(1e12, 3600.0)).unwrap_err();
        assert!(words.contains("is that number meant?"), "{words}");
    }

    #[test]
    fn workers_are_put_where_they_fit() {
        let each = |name: &str, worker: &Worker| {
            let machine = ours().machines.into_iter().find(|machine| machine.name == name).unwrap();
            fitting(&machine, worker)
        };
        let worker = as_others_measured();
        assert_eq!(each("c3d-highmem-180", &worker), Ok(3), "as it was measured");
        assert_eq!(each("t2d-standard-60", &worker), Ok(1));
        let large = Worker { memory_gib: 500.0, ..worker.clone() };
        assert_eq!(each("c3d-highmem-180", &large), Ok(2), "memory is what ends first");
        assert_eq!(
            each("t2d-standard-60", &large).unwrap_err(),
            "226 GiB for pods, a worker takes 500"
        );
        let wide = Worker { vcpus: 90.0, ..worker };
        assert_eq!(each("t2d-standard-60", &wide).unwrap_err(), "60 vCPUs, a worker takes 90");
    }

    #[test]
    fn what_fits_nowhere_is_refused_with_the_reason_for_each_machine() {
        let worker = Worker { memory_gib: 5_000.0, ..as_others_measured() };
        let Impossible(words) = plan(&load(100.0, 3600.0), worker, &ours()).unwrap_err();
        assert!(
            words.contains("c3d-highmem-180: 1354 GiB for pods, a worker takes 5000"),
            "{words}"
        );
    }

    #[test]
    fn money_follows_from_nodes() {
        let plan = planned(&load(800.0, 36_000.0)).unwrap();
        let dear = plan
            .machines
            .iter()
            .find(|offer| offer.machine == "c3d-highmem-180" && offer.price == Price::OnDemand)
            .unwrap();
        assert_eq!(
            (dear.workers_per_node, dear.nodes),
            (3, Spread { least: 3, likely: 4, most: 9 })
        );
        assert!((dear.per_hour.likely - 44.0892).abs() < 1e-9);
        assert!((dear.per_month.likely - 44.0892 * 730.0).abs() < 1e-6);
        assert!((dear.per_transaction.likely - 44.0892 / 800.0).abs() < 1e-6);
        let hours: Vec<f64> = plan.machines.iter().map(|offer| offer.per_hour.likely).collect();
        assert!(hours.is_sorted(), "the cheapest first: {hours:?}");
    }
}
