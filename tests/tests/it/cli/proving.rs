//! The command line at a proof service that runs, with stand-in provers on a real broker.

mod changes;
mod ends;
mod faults;
mod in_cluster;
mod refusing;
mod site;
mod whole;
