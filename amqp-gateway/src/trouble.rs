//! What goes wrong on a connection: between child and gateway, or gateway and broker.

use std::io::ErrorKind;
use std::time::Duration;

use amqp_admin::Endpoint;
use thiserror::Error;

use crate::frame::Refusal;

/// Why a connection ended, or could not begin. No message holds a secret.
#[derive(Debug, Error)]
pub(crate) enum Trouble {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("the connection was closed in the middle of things")]
    Ended,
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("an unexpected method came: class {0}, method {1}")]
    Unexpected(u16, u16),
    #[error("a frame cannot be read")]
    Unreadable,
    #[error("{text} ({code})")]
    Closed { code: u16, text: String },
    #[error("nothing came within {0:?}")]
    Silent(Duration),
    #[error("the server's name in its address cannot be one of a certificate")]
    ServerName,
    #[error("{0}; it is not replaced: {1}")]
    NotRenewed(Box<Trouble>, &'static str),
    #[error("it grants less than the broker before it: shorter frames or fewer channels")]
    Less,
    #[error(
        "the broker permits one channel on a connection, and the gateway needs one beside the child's: \
         raise its channel_max"
    )]
    OneChannel,
    #[error(
        "the child wants frames of at most {0} bytes, and the broker hung up: RabbitMQ 4.1 and newer \
         take no less than 8192; set the child's frame_max"
    )]
    ShortFrames(u32),
    #[error("too much waited for the end of one message on its channel")]
    Crowded,
    #[error("channel {0} is none of those that were agreed on")]
    WrongChannel(u16),
    #[error("{}", told(.0))]
    NoBroker(Vec<(Endpoint, Trouble)>),
}

impl Trouble {
    /// The reply code that tells a client of this (section 1.4.1 of the specification).
    pub(crate) fn reply_code(&self) -> u16 {
        match self {
            Self::Closed { code, .. } => *code,
            Self::Refused(_) => 501,
            Self::Unexpected(..) => 503,
            Self::Unreadable => 502,
            Self::WrongChannel(_) => 504,
            Self::OneChannel | Self::ShortFrames(_) => 530,
            Self::Io(_)
            | Self::Ended
            | Self::Silent(_)
            | Self::ServerName
            | Self::Crowded
            | Self::Less => 320,
            Self::NotRenewed(trouble, _) => trouble.reply_code(),
            Self::NoBroker(tried) => tried.last().map_or(320, |(_, trouble)| trouble.reply_code()),
        }
    }

    /// What is worth a look when it comes of connecting to a broker.
    fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Closed { code: 403, .. } => Some("check the user and the password"),
            Self::Closed { code: 530, .. } => {
                Some("check the vhost, and the user's permissions in it")
            }
            Self::Io(error) if is_of_tls(error) => Some(
                "check the CA, the client's certificate if the broker asks for one, and that the \
                 broker's has the name in this address",
            ),
            Self::Io(error) if error.kind() == ErrorKind::ConnectionRefused => {
                Some("check the address, and that the broker runs")
            }
            Self::Refused(_) => Some("check that this is its AMQP port, `amqps://` if it is TLS"),
            Self::Silent(_) => Some("check that nothing on the way stops connections"),
            Self::Io(_)
            | Self::Ended
            | Self::Unexpected(..)
            | Self::Unreadable
            | Self::Closed { .. }
            | Self::ServerName
            | Self::Crowded
            | Self::NotRenewed(..)
            | Self::Less
            | Self::OneChannel
            | Self::ShortFrames(_)
            | Self::WrongChannel(_)
            | Self::NoBroker(_) => None,
        }
    }
}

fn is_of_tls(error: &std::io::Error) -> bool {
    error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>)
}

fn told(tried: &[(Endpoint, Trouble)]) -> String {
    let words = tried.iter().map(|(endpoint, trouble)| {
        let url = endpoint.url();
        let (host, port) = (url.host_str().unwrap_or_default(), url.port());
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let advice = trouble.advice().map(|advice| format!(": {advice}")).unwrap_or_default();
        format!("no connection to {}://{host}{port}: {trouble}{advice}", url.scheme())
    });
    words.collect::<Vec<_>>().join("; ")
}
