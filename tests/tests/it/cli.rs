//! The command line as people and programs meet it: what is typed, what comes back on which stream,
//! and the exit code.

mod advice;
mod copies;
mod desk;
mod help;
mod in_cluster;
mod json;
mod kill;
mod looks;
mod plan;
mod proving;
mod removals;
mod restores;
mod streams;
mod struck;
mod tasks;
mod witness;
