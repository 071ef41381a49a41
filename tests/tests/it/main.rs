//! Tests over real servers; what must hold for the servers themselves before anything is measured with them.

#[cfg(test)]
mod certificates;
#[cfg(test)]
mod chaos;
#[cfg(test)]
mod chart;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod cluster;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod denied;
#[cfg(test)]
mod double;
#[cfg(test)]
mod driver;
#[cfg(test)]
mod gateway;
#[cfg(test)]
mod guard;
#[cfg(test)]
mod handbook;
#[cfg(test)]
mod hazards;
#[cfg(test)]
mod host;
#[cfg(test)]
mod http;
#[cfg(test)]
mod images;
#[cfg(test)]
mod monitoring;
#[cfg(test)]
mod other_language;
#[cfg(test)]
mod page;
#[cfg(test)]
mod private_broker;
#[cfg(test)]
mod protect;
#[cfg(test)]
mod prover;
#[cfg(test)]
mod proving;
#[cfg(test)]
mod queues;
#[cfg(test)]
mod release;
#[cfg(test)]
mod setup;
#[cfg(test)]
mod shared_broker;
#[cfg(test)]
mod stand_in;
#[cfg(test)]
mod terraform;
#[cfg(test)]
mod user;
#[cfg(test)]
mod wire;
