//! The gateway between real clients and a real broker.

mod aborts;
mod aside;
mod crashes;
mod draining;
mod links;
mod opening;
mod policies;
mod priorities;
mod raw;
mod relaying;
mod renewing;
mod repair;
mod several;
mod severed;
mod sizes;
pub(crate) mod tags;
mod tls;
mod trouble;

use amqp_admin::{Endpoint, VhostName};
use amqp_gateway::{Activity, Config, Gateway, QueuePolicy};
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use tests::access::Access;
use tests::amqp::Amqp;
use tests::harness::{self, Vhost};
use tests::poll;

use crate::stand_in::{LIMIT, Reached};

/// A gateway before a vhost; its child's URI names neither the vhost nor anybody the broker knows.
pub(crate) struct Behind {
    gateway: Gateway,
}

impl Reached for Behind {
    fn uri(&self) -> String {
        format!("amqp://nobody:nothing@{}/elsewhere", self.gateway.address())
    }
}

impl Behind {
    pub(crate) async fn start(config: Config) -> Self {
        Self { gateway: Gateway::start(config).await.unwrap() }
    }

    /// With nothing changed from the stock configuration.
    pub(crate) async fn stock(vhost: &Vhost) -> Self {
        Self::start(config(vhost)).await
    }

    /// What the gateway tells of its child now.
    pub(crate) fn activity(&self) -> Activity {
        self.gateway.activity().borrow().clone()
    }

    /// Until the gateway tells this of its child.
    pub(crate) async fn tells(&self, what: &str, is_so: impl Fn(&Activity) -> bool) -> Activity {
        let activity = self.gateway.activity();
        let looked = poll::until(what, LIMIT, async || {
            let told = activity.borrow().clone();
            if is_so(&told) { Ok(told) } else { Err(format!("{told:?}")) }
        });
        looked.await.unwrap()
    }
}

pub(crate) fn config(vhost: &Vhost) -> Config {
    config_at(&vhost.amqp_uri(), vhost.name())
}

/// Where the child's own queues are denied, the gateway is told to make them durable.
pub(crate) fn config_at(uri: &str, vhost: &str) -> Config {
    let endpoints = vec![Endpoint::amqp(uri).unwrap()];
    let mut config = Config::new(endpoints, VhostName::new(vhost).unwrap());
    if harness::series().denies_transient_queues() {
        config.policy = QueuePolicy::Durable;
    }
    config
}

/// Messages that are ready in a queue.
async fn depth(amqp: &Amqp, queue: &str) -> u32 {
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let channel = amqp.new_channel().await.unwrap();
    let asked = channel.queue_declare(queue.into(), options, FieldTable::default());
    asked.await.unwrap().message_count()
}

/// The broker's address with somebody else's name and password.
fn stranger(access: &Access) -> Endpoint {
    Endpoint::amqp(&format!("amqp://stranger:h1dden@{}", access.amqp)).unwrap()
}
