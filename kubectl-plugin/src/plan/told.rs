//! PURE: a plan for people: its sentences, its table.

use std::time::Duration;

use super::worker::{Spread, Worker};
use super::{Limit, Offer, Plan, Price};
use crate::output::{Format, Table};
use crate::proof::{seconds, span};

impl Price {
    /// In a word.
    fn word(self) -> &'static str {
        match self {
            Self::OnDemand => "on demand",
            Self::Spot => "spot",
        }
    }
}

impl Plan {
    /// What it is a plan for, and how many workers it wants.
    pub(crate) fn headline(&self) -> String {
        let by = match self.limited_by {
            Limit::Rate => "by the rate",
            Limit::Deadline => "by the deadline",
        };
        format!(
            "{} transactions an hour, a block of {} proved within {}: {} workers ({by}), each busy for at most {:.0}%\na block is proved in about {} on the mean",
            plain(self.txs_per_hour),
            self.block_transactions,
            time(self.deadline_seconds),
            whole(self.workers),
            self.busy_percent,
            time(self.block_seconds),
        )
    }

    /// Where the numbers of one worker come from.
    pub(crate) fn basis(&self) -> String {
        self.worker.basis.iter().fold("one worker:\n".to_owned(), |text, basis| {
            let (what, value, known) = (basis.what, &basis.value, basis.known.word());
            text + &format!("  {what} {value} ({known}): {}\n", basis.source)
        })
    }

    /// A row for each machine and price. Programs get each bound in a column of its own.
    pub(crate) fn table(&self, format: Format) -> Table {
        match format {
            Format::Csv => self.numbers(),
            Format::Table | Format::Wide | Format::Json | Format::Yaml | Format::Name => {
                self.words()
            }
        }
    }

    fn words(&self) -> Table {
        let narrow =
            ["MACHINE", "PRICE", "WORKERS EACH", "NODES", "AN HOUR", "A MONTH", "A TRANSACTION"];
        let mut table = Table::new(narrow, ["VCPU", "MEMORY", "REGION", "AS OF"]);
        for offer in &self.machines {
            let money = |of: Spread<f64>| money(of, &self.currency);
            table.row([
                offer.machine.clone(),
                offer.price.word().to_owned(),
                offer.workers_per_node.to_string(),
                whole(offer.nodes),
                money(offer.per_hour),
                money(offer.per_month),
                money(offer.per_transaction),
                offer.vcpus.to_string(),
                format!("{} GiB", plain(offer.memory_gib)),
                offer.region.clone(),
                offer.as_of.clone(),
            ]);
        }
        table
    }

    fn numbers(&self) -> Table {
        let columns = [
            "MACHINE",
            "PRICE",
            "REGION",
            "WORKERS_EACH",
            "WORKERS_LEAST",
            "WORKERS",
            "WORKERS_MOST",
            "NODES_LEAST",
            "NODES",
            "NODES_MOST",
            "PER_HOUR_LEAST",
            "PER_HOUR",
            "PER_HOUR_MOST",
            "PER_TRANSACTION_LEAST",
            "PER_TRANSACTION",
            "PER_TRANSACTION_MOST",
            "CURRENCY",
            "AS_OF",
        ];
        let mut table = Table::new(columns, []);
        for offer in &self.machines {
            let first =
                [offer.machine.clone(), offer.price.word().to_owned(), offer.region.clone()];
            let each = [offer.workers_per_node.to_string()];
            let counts = [self.workers, offer.nodes].map(bounds).concat();
            let money = [offer.per_hour, offer.per_transaction].map(bounds).concat();
            let last = [self.currency.clone(), offer.as_of.clone()];
            table.row(first.into_iter().chain(each).chain(counts).chain(money).chain(last));
        }
        table
    }
}

/// What a reader has to know of the numbers.
pub(super) fn notes(
    worker: &Worker,
    offers: &[Offer],
    more_than_transactions: bool,
) -> Vec<String> {
    let mut notes = vec![
        "workers are taken to be up: a node that has to be made first, its image and its circuits add minutes".to_owned(),
        "prices are those of the machines alone, running all the time; cluster, other nodes, disks, network and taxes come on top, and a fleet that goes to zero costs less".to_owned(),
    ];
    if worker.joins_seconds.is_none() {
        notes.push("the joins at the end of a block were not measured apart and are in the rate alone: leave room in the deadline, or measure with --report".to_owned());
    }
    if more_than_transactions {
        notes.push("there are more workers than a block has transactions: they help other blocks, not this one".to_owned());
    }
    if offers.iter().any(|offer| offer.price == Price::Spot) {
        notes.push("a spot machine may be taken away at any time; its tasks are then proved anew, which is not in these numbers".to_owned());
    }
    let mut days: Vec<&str> = offers.iter().map(|offer| offer.as_of.as_str()).collect();
    days.sort_unstable();
    let mut sources: Vec<&str> = offers.iter().map(|offer| offer.source.as_str()).collect();
    sources.sort_unstable();
    sources.dedup();
    let day = match (days.first(), days.last()) {
        (Some(first), Some(last)) if first != last => format!("{first} to {last}"),
        (first, _) => first.copied().unwrap_or_default().to_owned(),
    };
    notes.push(format!("prices of {day}, from: {}; check them", sources.join(", ")));
    notes
}

/// Seconds as people read them.
pub(super) fn time(of: f64) -> String {
    let rounded: Duration = seconds(of.round());
    span(rounded)
}

/// The likely number, and its bounds where they differ.
fn whole(of: Spread<u64>) -> String {
    let Spread { least, likely, most } = of;
    if least == most { likely.to_string() } else { format!("{likely} ({least}..{most})") }
}

fn bounds<T: ToString>(of: Spread<T>) -> [String; 3] {
    [of.least, of.likely, of.most].map(|bound| bound.to_string())
}

/// An amount of money and its bounds, in two digits that mean something.
fn money(of: Spread<f64>, currency: &str) -> String {
    let [least, likely, most] = [of.least, of.likely, of.most].map(two_digits);
    if least == most {
        format!("{likely} {currency}")
    } else {
        format!("{likely} {currency} ({least}..{most})")
    }
}

fn two_digits(amount: f64) -> String {
    let rounded: f64 = format!("{amount:.1e}").parse().unwrap_or(amount);
    if rounded <= 0.0 || !rounded.is_finite() {
        return plain(amount);
    }
    #[expect(clippy::cast_possible_truncation, reason = "the logarithm of an amount of money")]
    let digits = 1 - rounded.log10().floor() as i32;
    let behind_the_point = usize::try_from(digits).unwrap_or(0);
    format!("{rounded:.behind_the_point$}")
}

/// A number without the `.0` of a whole one.
fn plain(number: f64) -> String {
    number.to_string()
}

#[cfg(test)]
mod tests {
    use super::super::machines::{self, Machines};
    use super::super::worker::as_others_measured;
    use super::super::{Load, plan};
    use super::*;

    fn planned() -> Plan {
        let load =
            Load { txs_per_hour: 500.0, deadline_seconds: 3600.0, block_txs: 279, busy: 0.8 };
        let ours: Machines = machines::read(machines::OURS).unwrap();
        plan(&load, as_others_measured(), &ours).unwrap()
    }

    #[test]
    fn people_read_sentences_and_a_table() {
        let plan = planned();
        insta::assert_snapshot!(plan.headline(), @"
        500 transactions an hour, a block of 279 proved within 1h00m: 7 (6..17) workers (by the rate), each busy for at most 80%
        a block is proved in about 53m48s on the mean
        ");
        insta::assert_snapshot!(plan.basis(), @"
        one worker:
          transactions an hour 100 (measured): operators' notes of July 2024 on mainnet blocks 20362226 to 20362237: about 100 in 20 minutes, by three workers on one c3d-highmem-180 (180 vCPU, 1440 GB)
          its range 40..115 (inferred): the same notes: 166 in 77 minutes and again in 29, 174 in 32, if three workers did it
          vCPUs 60 (inferred): a third of that machine; fewer were not measured
          memory 214 GiB (inferred): their limit of 230 GB; the first block took at most 50 GB
          slowest task 66s (measured): the same notes: a transaction in a worker's log
        ");
        insta::assert_snapshot!(plan.table(Format::Table).text(true).unwrap(), @"
        MACHINE           PRICE       WORKERS EACH   NODES       AN HOUR              A MONTH                    A TRANSACTION                VCPU   MEMORY     REGION        AS OF
        t2d-standard-60   spot        1              7 (6..17)   2.5 USD (2.1..6.0)   1800 USD (1500..4400)      0.0049 USD (0.0042..0.012)   60     240 GiB    us-central1   2025-03-06
        n2d-highmem-96    spot        1              7 (6..17)   7.6 USD (6.5..18)    5500 USD (4700..13000)     0.015 USD (0.013..0.037)     96     768 GiB    us-central1   2025-03-06
        c3d-highmem-60    spot        1              7 (6..17)   8.7 USD (7.5..21)    6400 USD (5500..16000)     0.017 USD (0.015..0.042)     60     480 GiB    us-central1   2025-03-06
        c3d-highmem-180   spot        3              3 (2..6)    11 USD (7.5..22)     8200 USD (5500..16000)     0.022 USD (0.015..0.045)     180    1440 GiB   us-central1   2025-03-06
        t2d-standard-60   on demand   1              7 (6..17)   18 USD (15..43)      13000 USD (11000..31000)   0.035 USD (0.030..0.086)     60     240 GiB    us-central1   2025-03-06
        c3d-highmem-60    on demand   1              7 (6..17)   26 USD (22..62)      19000 USD (16000..46000)   0.051 USD (0.044..0.12)      60     480 GiB    us-central1   2025-03-06
        c3d-highmem-180   on demand   3              3 (2..6)    33 USD (22..66)      24000 USD (16000..48000)   0.066 USD (0.044..0.13)      180    1440 GiB   us-central1   2025-03-06
        n2d-highmem-96    on demand   1              7 (6..17)   38 USD (33..93)      28000 USD (24000..68000)   0.077 USD (0.066..0.19)      96     768 GiB    us-central1   2025-03-06
        ");
        insta::assert_snapshot!(plan.notes.join("\n"), @"
        workers are taken to be up: a node that has to be made first, its image and its circuits add minutes
        prices are those of the machines alone, running all the time; cluster, other nodes, disks, network and taxes come on top, and a fleet that goes to zero costs less
        the joins at the end of a block were not measured apart and are in the rate alone: leave room in the deadline, or measure with --report
        a spot machine may be taken away at any time; its tasks are then proved anew, which is not in these numbers
        prices of 2025-03-06, from: Google's Cloud Billing Catalog, as collected in github.com/Cyclenerd/google-cloud-pricing-cost-calculator; check them
        ");
    }

    #[test]
    fn programs_read_each_bound() {
        let csv = planned().table(Format::Csv).csv();
        insta::assert_snapshot!(csv.lines().take(2).collect::<Vec<_>>().join("\n"), @"
        machine,price,region,workers_each,workers_least,workers,workers_most,nodes_least,nodes,nodes_most,per_hour_least,per_hour,per_hour_most,per_transaction_least,per_transaction,per_transaction_most,currency,as_of
        t2d-standard-60,spot,us-central1,1,6,7,17,6,7,17,2.11392,2.46624,5.98944,0.004228,0.004932,0.011979,USD,2025-03-06
        ");
    }

    #[test]
    fn money_has_two_digits_that_mean_something() {
        let told = [0.012_345, 0.99, 1.24, 9.99, 44.0892, 99.6, 32_185.1, 0.0].map(two_digits);
        assert_eq!(told, ["0.012", "0.99", "1.2", "10", "44", "100", "32000", "0"]);
    }
}
