//! The opening of both connections: we are the server to the child and a client to the broker.
//!
//! The child's user, password and vhost are taken note of by nobody. What it can do decides what we
//! tell the broker that we can do, and what it agrees to for frames holds on both sides.

use amq_protocol::protocol::{connection, metadata};
use amq_protocol::types::{AMQPValue, FieldTable, LongString, ShortString};
use amqp_admin::{Endpoint, POD_PROPERTY, VhostName};
use secrecy::ExposeSecret;
use tokio::time::timeout;

use crate::config::Config;
use crate::dial::Address;
use crate::frame::PROTOCOL_HEADER;
use crate::link::Link;
use crate::trouble::Trouble;
use crate::wire::{self, Method, short};

/// What a RabbitMQ of any version that we meet can do.
const CAPABILITIES: [&str; 9] = [
    "authentication_failure_close",
    "basic.nack",
    "connection.blocked",
    "consumer_cancel_notify",
    "consumer_priorities",
    "direct_reply_to",
    "exchange_exchange_bindings",
    "per_consumer_qos",
    "publisher_confirms",
];
/// RabbitMQ 4.1 and newer hang up without a word when less is agreed on (its release notes, 4.1.0).
const SHORTEST_SINCE_4_1: u32 = 8192;
/// What a broker's own default user is called, as lapin has it too.
const GUEST: &str = "guest";

/// What child and broker have agreed on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tuned {
    /// Frames are at most so long; 0: as long as a frame can say.
    pub(crate) frame_max: u32,
    /// A channel that the child cannot use, for us.
    pub(crate) own_channel: u16,
    /// Seconds between two signs of life to the child at the most; 0: none are wanted.
    pub(crate) child_heartbeat: u16,
    /// The same to the broker.
    pub(crate) broker_heartbeat: u16,
}

/// What a child says of itself; needed again for each new connection to the broker.
#[derive(Debug, Clone)]
pub(crate) struct Introduction {
    properties: FieldTable,
    locale: ShortString,
}

/// A broker that has let us in, and asks how to go on.
pub(crate) struct LoggedIn {
    link: Link,
    tune: connection::Tune,
    endpoint: Endpoint,
}

/// Greets a child and hears what it is.
pub(crate) async fn greet(child: &mut Link) -> Result<Introduction, Trouble> {
    loop {
        match child.inlet.reader.protocol_header() {
            Ok(true) => break,
            Ok(false) if child.inlet.fill().await? == 0 => return Err(Trouble::Ended),
            Ok(false) => {}
            Err(refusal) => {
                // Section 4.2.2: a server answers with the version that it speaks, and hangs up.
                child.outlet.push(bytes::Bytes::from_static(&PROTOCOL_HEADER));
                let _ = child.outlet.write_all().await;
                return Err(refusal.into());
            }
        }
    }
    child.say(&start()).await?;
    let method = child.method().await?;
    if let Method::Connection(connection::AMQPMethod::StartOk(ok)) = method {
        Ok(Introduction { properties: ok.client_properties, locale: ok.locale })
    } else {
        Err(unexpected(&method))
    }
}

/// Tries the broker's addresses in turn until one lets us in.
pub(crate) async fn log_in(
    addresses: &[Address],
    child: &Introduction,
    config: &Config,
) -> Result<LoggedIn, Trouble> {
    let mut tried = Vec::new();
    for address in addresses {
        let limit = config.connect_timeout;
        let outcome = timeout(limit, log_in_at(address, child, config.pod.as_deref())).await;
        match outcome.unwrap_or(Err(Trouble::Silent(limit))) {
            Ok(logged_in) => return Ok(logged_in),
            Err(trouble) => tried.push((address.endpoint.clone(), trouble)),
        }
    }
    Err(Trouble::NoBroker(tried))
}

async fn log_in_at(
    address: &Address,
    child: &Introduction,
    pod: Option<&str>,
) -> Result<LoggedIn, Trouble> {
    let mut link = address.connect().await?;
    link.outlet.push(bytes::Bytes::from_static(&PROTOCOL_HEADER));
    link.outlet.write_all().await?;
    let method = link.method().await?;
    if !matches!(method, Method::Connection(connection::AMQPMethod::Start(_))) {
        return Err(unexpected(&method));
    }
    link.say(&start_ok(&address.endpoint, child, pod)).await?;
    let method = link.method().await?;
    if let Method::Connection(connection::AMQPMethod::Tune(tune)) = method {
        Ok(LoggedIn { link, tune, endpoint: address.endpoint.clone() })
    } else {
        Err(unexpected(&method))
    }
}

/// Agrees with the child on what the broker proposes, less the one channel we keep for ourselves.
pub(crate) async fn tune(
    child: &mut Link,
    broker: &LoggedIn,
    config: &Config,
) -> Result<Tuned, Trouble> {
    let proposed = &broker.tune;
    let channels = if proposed.channel_max == 0 { u16::MAX } else { proposed.channel_max };
    if channels < 2 {
        return Err(Trouble::OneChannel);
    }
    let ours = u16::try_from(config.heartbeat.as_millis().div_ceil(1000)).unwrap_or(u16::MAX);
    let offered = connection::Tune {
        channel_max: channels - 1,
        frame_max: proposed.frame_max,
        heartbeat: ours,
    };
    child.say(&Method::Connection(connection::AMQPMethod::Tune(offered))).await?;
    let method = child.method().await?;
    let Method::Connection(connection::AMQPMethod::TuneOk(agreed)) = method else {
        return Err(unexpected(&method));
    };
    Ok(Tuned {
        frame_max: least(proposed.frame_max, agreed.frame_max),
        own_channel: channels,
        child_heartbeat: agreed.heartbeat,
        broker_heartbeat: least(proposed.heartbeat, ours),
    })
}

/// Hears which vhost the child would like, which is not for it to choose.
pub(crate) async fn hear_open(child: &mut Link) -> Result<(), Trouble> {
    let method = child.method().await?;
    if let Method::Connection(connection::AMQPMethod::Open(_)) = method {
        Ok(())
    } else {
        Err(unexpected(&method))
    }
}

/// Enters the vhost. Whatever goes wrong is told with the broker's address.
pub(crate) async fn enter(
    broker: LoggedIn,
    tuned: &Tuned,
    config: &Config,
) -> Result<Link, Trouble> {
    let limit = config.connect_timeout;
    let LoggedIn { link, tune: _, endpoint } = broker;
    let entered = timeout(limit, open(link, tuned, &config.vhost)).await;
    let entered = entered.unwrap_or(Err(Trouble::Silent(limit)));
    let entered = entered.map_err(|trouble| match (trouble, tuned.frame_max) {
        (Trouble::Ended | Trouble::Io(_), 1..SHORTEST_SINCE_4_1) => {
            Trouble::ShortFrames(tuned.frame_max)
        }
        (other, _) => other,
    });
    entered.map_err(|trouble| Trouble::NoBroker(vec![(endpoint, trouble)]))
}

async fn open(mut link: Link, tuned: &Tuned, vhost: &VhostName) -> Result<Link, Trouble> {
    let agreed = connection::TuneOk {
        channel_max: tuned.own_channel,
        frame_max: tuned.frame_max,
        heartbeat: tuned.broker_heartbeat,
    };
    link.say(&Method::Connection(connection::AMQPMethod::TuneOk(agreed))).await?;
    let open = connection::Open { virtual_host: short(vhost.as_str()) };
    link.say(&Method::Connection(connection::AMQPMethod::Open(open))).await?;
    let method = link.method().await?;
    if let Method::Connection(connection::AMQPMethod::OpenOk(_)) = method {
        Ok(link)
    } else {
        Err(unexpected(&method))
    }
}

/// Enters the vhost with what was agreed on for an earlier connection, which the broker must still
/// grant.
pub(crate) async fn enter_again(
    broker: LoggedIn,
    tuned: &Tuned,
    config: &Config,
) -> Result<Link, Trouble> {
    let proposed = &broker.tune;
    let fits = least(proposed.frame_max, tuned.frame_max) == tuned.frame_max
        && least(proposed.channel_max, tuned.own_channel) == tuned.own_channel;
    if !fits {
        return Err(Trouble::NoBroker(vec![(broker.endpoint, Trouble::Less)]));
    }
    enter(broker, tuned, config).await
}

/// Tells the child that it is in.
pub(crate) async fn welcome(child: &mut Link) -> Result<(), Trouble> {
    child.say(&Method::Connection(connection::AMQPMethod::OpenOk(connection::OpenOk {}))).await
}

/// 0 stands for no limit on either side.
fn least<T: Ord + Default>(one: T, other: T) -> T {
    if one == T::default() || other == T::default() { one.max(other) } else { one.min(other) }
}

fn start() -> Method {
    let mut can = FieldTable::default();
    for capability in CAPABILITIES {
        can.insert(capability.into(), AMQPValue::Boolean(true));
    }
    let mut server_properties = FieldTable::default();
    let text = |text: &str| AMQPValue::LongString(text.into());
    server_properties.insert("capabilities".into(), AMQPValue::FieldTable(can));
    server_properties.insert("product".into(), text("zero-prover-infra gateway"));
    server_properties.insert("version".into(), text(env!("CARGO_PKG_VERSION")));
    Method::Connection(connection::AMQPMethod::Start(connection::Start {
        version_major: metadata::MAJOR_VERSION,
        version_minor: metadata::MINOR_VERSION,
        server_properties,
        mechanisms: LongString::from("PLAIN AMQPLAIN"),
        locales: LongString::from("en_US"),
    }))
}

/// The child's own words about itself, and who we are. That a refusal is to be told in words is asked
/// for whatever the child understands: it is us who hear it.
fn start_ok(endpoint: &Endpoint, child: &Introduction, pod: Option<&str>) -> Method {
    let mut properties = child.properties.inner().clone();
    let mut can = match properties.get("capabilities") {
        Some(AMQPValue::FieldTable(can)) => can.clone(),
        _ => FieldTable::default(),
    };
    can.insert("authentication_failure_close".into(), AMQPValue::Boolean(true));
    properties.insert("capabilities".into(), AMQPValue::FieldTable(can));
    let name = AMQPValue::LongString("zero-prover-infra gateway".into());
    properties.entry("connection_name".into()).or_insert(name);
    // Whatever the child says of a pod, it is not for the child to say.
    properties.remove(POD_PROPERTY);
    if let Some(pod) = pod {
        properties.insert(POD_PROPERTY.into(), AMQPValue::LongString(pod.into()));
    }
    let (mechanism, response) = match &endpoint.credentials {
        None if endpoint.tls.client_cert.is_some() => ("EXTERNAL", String::new()),
        None => ("PLAIN", format!("\0{GUEST}\0{GUEST}")),
        Some(known) => ("PLAIN", format!("\0{}\0{}", known.user, known.password.expose_secret())),
    };
    Method::Connection(connection::AMQPMethod::StartOk(connection::StartOk {
        client_properties: properties.into(),
        mechanism: mechanism.into(),
        response: response.into(),
        locale: child.locale.clone(),
    }))
}

fn unexpected(method: &Method) -> Trouble {
    if let Method::Connection(connection::AMQPMethod::Close(close)) = method {
        Trouble::Closed { code: close.reply_code, text: close.reply_text.to_string() }
    } else {
        Trouble::Unexpected(method.get_amqp_class_id(), method.get_amqp_method_id())
    }
}

/// Tells the child why it cannot go on, and waits a moment until it has heard.
pub(crate) async fn refuse(child: &mut Link, trouble: &Trouble) {
    let text = format!("zero gateway: {trouble}");
    let told = async {
        child.say(&wire::connection_close(trouble.reply_code(), &text)).await?;
        loop {
            if let Method::Connection(connection::AMQPMethod::CloseOk(_)) = child.method().await? {
                return Ok::<_, Trouble>(());
            }
        }
    };
    // A child that does not listen need not hear it.
    let _ = timeout(std::time::Duration::from_secs(2), told).await;
    child.outlet.shut().await;
}
