//! The gateway between real clients and a real broker.

mod opening;
mod relaying;

use amqp_admin::{Endpoint, VhostName};
use amqp_gateway::{Activity, Config, Gateway};
use tests::access::Access;
use tests::harness::Vhost;
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
    let endpoint = Endpoint::amqp(&vhost.amqp_uri()).unwrap();
    Config::new(vec![endpoint], VhostName::new(vhost.name()).unwrap())
}

/// The broker's address with somebody else's name and password.
fn stranger(access: &Access) -> Endpoint {
    Endpoint::amqp(&format!("amqp://stranger:h1dden@{}", access.amqp)).unwrap()
}
