//! PURE: the file of machines and their prices.

use serde::Deserialize;

/// The list that this program brings along.
pub(crate) const OURS: &str = include_str!("machines.yaml");

/// A file of machines.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Machines {
    /// Of every price in it, as an abbreviation.
    pub(crate) currency: String,
    pub(crate) machines: Vec<Machine>,
}

/// A machine that a cloud lets, or one of one's own.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Machine {
    pub(crate) name: String,
    pub(crate) vcpus: u32,
    /// Memory in GiB.
    pub(crate) memory_gib: f64,
    /// Where the prices hold.
    pub(crate) region: String,
    /// Price of an hour.
    pub(crate) on_demand: Option<f64>,
    /// Price of an hour, where the machine may be taken away at any time.
    pub(crate) spot: Option<f64>,
    /// The day of the prices, YYYY-MM-DD.
    pub(crate) as_of: String,
    /// Where they were read.
    pub(crate) source: String,
}

/// Reads such a file, YAML or JSON; what is wrong with it is told in words.
pub(crate) fn read(text: &str) -> Result<Machines, String> {
    let read: Machines = serde_norway::from_str(text).map_err(|error| {
        format!("{error}; `currency` and a list `machines` are wanted, each with name, vcpus, memoryGib, region, onDemand or spot, asOf, source")
    })?;
    if read.machines.is_empty() {
        return Err("there is no machine in it".to_owned());
    }
    for (at, machine) in read.machines.iter().enumerate() {
        let name = &machine.name;
        fault(machine).map_or(Ok(()), |fault| Err(format!("machine `{name}`: {fault}")))?;
        if read.machines.iter().skip(at + 1).any(|other| other.name == *name) {
            return Err(format!("machine `{name}` is there twice"));
        }
    }
    Ok(read)
}

/// What is wrong with a machine.
fn fault(machine: &Machine) -> Option<String> {
    let Machine { name, vcpus, memory_gib, region: _, on_demand, spot, as_of, source } = machine;
    let wrong = |number: f64| !number.is_finite() || number <= 0.0;
    if name.trim().is_empty() {
        return Some("a name is wanted".to_owned());
    }
    if *vcpus == 0 {
        return Some("`vcpus` must be at least 1".to_owned());
    }
    if wrong(*memory_gib) {
        return Some(format!("`memoryGib` must be above 0, not {memory_gib}"));
    }
    if on_demand.is_none() && spot.is_none() {
        return Some("a price is wanted, `onDemand` or `spot`".to_owned());
    }
    if let Some(price) = [on_demand, spot].into_iter().flatten().find(|price| wrong(**price)) {
        return Some(format!("a price of an hour must be above 0, not {price}"));
    }
    if as_of.parse::<jiff::civil::Date>().is_err() {
        return Some(format!("`asOf` must be the day of the price, as 2026-01-31, not `{as_of}`"));
    }
    source.trim().is_empty().then(|| "`source` must say where the price was read".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "currency: EUR\nmachines:\n  - {name: ours, vcpus: 64, memoryGib: 512, region: cellar, onDemand: 1.5, asOf: 2026-01-31, source: our books}\n";

    #[test]
    fn our_own_list_can_be_read() {
        let ours = read(OURS).unwrap();
        assert!(ours.machines.len() > 2);
        assert!(ours.machines.iter().all(|machine| machine.source.contains("Billing Catalog")));
    }

    #[test]
    fn a_list_of_ones_own_is_taken() {
        let read = read(ONE).unwrap();
        assert_eq!((read.currency.as_str(), read.machines[0].on_demand), ("EUR", Some(1.5)));
    }

    #[test]
    fn what_is_wrong_with_a_list_is_told() {
        let told = |from: &str, to: &str| read(&ONE.replace(from, to)).unwrap_err();
        insta::assert_snapshot!(told("vcpus: 64", "vcpus: 0"), @"machine `ours`: `vcpus` must be at least 1");
        insta::assert_snapshot!(told("memoryGib: 512", "memoryGib: .nan"), @"machine `ours`: `memoryGib` must be above 0, not NaN");
        insta::assert_snapshot!(told("onDemand: 1.5, ", ""), @"machine `ours`: a price is wanted, `onDemand` or `spot`");
        insta::assert_snapshot!(told("onDemand: 1.5", "spot: -1"), @"machine `ours`: a price of an hour must be above 0, not -1");
        insta::assert_snapshot!(told("2026-01-31", "last week"), @"machine `ours`: `asOf` must be the day of the price, as 2026-01-31, not `last week`");
        insta::assert_snapshot!(told("our books", "''"), @"machine `ours`: `source` must say where the price was read");
        let twice = format!("{ONE}{}", ONE.lines().last().unwrap());
        insta::assert_snapshot!(read(&twice).unwrap_err(), @"machine `ours` is there twice");
        assert!(
            told("vcpus", "cpus").contains("unknown field `cpus`"),
            "{}",
            told("vcpus", "cpus")
        );
        assert!(read("currency: EUR\nmachines: []").unwrap_err().contains("no machine"));
    }
}
