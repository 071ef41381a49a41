//! Tests over real servers; what must hold for the servers themselves before anything is measured with them.

mod guard;
mod private_broker;
mod shared_broker;
