//! What the proof service tells on `/metrics`, read at the moment of the scrape.

use std::fmt;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::proof::State;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    state: &'static str,
}

/// All of it, in the text format of `OpenMetrics`. What cannot be read has no sample.
pub fn text(census: &[(State, u64)], free: Option<u64>) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("zero_leader");
    let proofs = Family::<Labels, Gauge>::default();
    for (state, count) in census {
        let count = i64::try_from(*count).unwrap_or(i64::MAX);
        proofs.get_or_create(&Labels { state: state.word() }).set(count);
    }
    registry.register("proofs", "Proofs in the ledger, by state", proofs);
    if let Some(free) = free {
        let gauge: Gauge = Gauge::default();
        gauge.set(i64::try_from(free).unwrap_or(i64::MAX));
        registry.register("disk_free_bytes", "Room in the folder of the proofs", gauge);
    }
    let mut told = String::new();
    encode(&mut told, &registry)?;
    Ok(told)
}
