//! The node's own directory: configuration, data, logs and cookie.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::ports::Ports;
use super::server::Server;
use super::{RabbitConfig, Series};
use crate::access::Access;
use crate::ports::secret;
use crate::process::tail;

/// The directory; it goes when this value goes.
pub(super) struct Files {
    home: TempDir,
}

impl Files {
    /// Makes the directory with all a node reads at its start.
    pub(super) fn write(
        server: &Server,
        ports: &Ports,
        access: &Access,
        config: &RabbitConfig,
    ) -> anyhow::Result<Self> {
        let home =
            tempfile::Builder::new().prefix("zero-broker-").tempdir_in(server.temporary())?;
        let files = Self { home };
        let series = server.series();
        fs::write(files.conf(), conf(series, ports, access, config))?;
        fs::set_permissions(files.conf(), fs::Permissions::from_mode(0o600))?;
        fs::write(files.plugins(), plugins(config))?;
        // Named explicitly and empty: the machine's own `rabbitmq-env.conf` must have no say.
        fs::write(files.path("env.conf"), "")?;
        fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o400)
            .open(files.path(".erlang.cookie"))?
            .write_all(secret().as_bytes())?;
        Ok(files)
    }

    pub(super) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub(super) fn conf(&self) -> PathBuf {
        self.path("rabbitmq.conf")
    }

    pub(super) fn plugins(&self) -> PathBuf {
        self.path("enabled_plugins")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.path("log/broker.log")
    }

    /// The ends of what the node printed and logged.
    pub(super) fn last_words(&self) -> String {
        [self.path("output.log"), self.log()].map(|file| tail(&file)).join("\n")
    }
}

fn conf(series: Series, ports: &Ports, access: &Access, config: &RabbitConfig) -> String {
    let Access { user, password, .. } = access;
    let Ports { amqp, management, metrics, .. } = ports;
    let stock = series.conf().to_owned();
    let stock = stock
        + &format!(
            "listeners.tcp.default = 127.0.0.1:{amqp}\n\
         management.tcp.ip = 127.0.0.1\n\
         management.tcp.port = {management}\n\
         prometheus.tcp.ip = 127.0.0.1\n\
         prometheus.tcp.port = {metrics}\n\
         default_user = {user}\n\
         default_pass = {password}\n\
         default_user_tags.administrator = true\n\
         disk_free_limit.absolute = 20MB\n"
        );
    let interval = config.collect_statistics_interval;
    let interval =
        interval.map(|time| format!("collect_statistics_interval = {}", time.as_millis()));
    let collector = config.disable_metrics_collector;
    let collector =
        collector.then(|| "management_agent.disable_metrics_collector = true".to_owned());
    let asked = [interval, collector, Some(config.extra_conf.clone())];
    asked.into_iter().flatten().fold(stock, |text, line| text + &line + "\n")
}

fn plugins(config: &RabbitConfig) -> String {
    let stock = ["rabbitmq_management", "rabbitmq_prometheus"];
    let extra = config.extra_plugins.iter().map(String::as_str);
    let all: Vec<&str> = stock.into_iter().chain(extra).collect();
    format!("[{}].\n", all.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_was_asked_for_is_in_the_configuration() {
        let ports = Ports { amqp: 1, management: 2, metrics: 3, distribution: 4, epmd: 5 };
        let config = RabbitConfig {
            collect_statistics_interval: Some(Duration::from_millis(500)),
            disable_metrics_collector: true,
            extra_plugins: vec!["rabbitmq_event_exchange".to_owned()],
            extra_conf: "heartbeat = 7".to_owned(),
        };
        let text = conf(Series::V4_3, &ports, &ports.access(), &config);
        assert!(text.contains("listeners.tcp.default = 127.0.0.1:1\n"));
        assert!(text.contains("collect_statistics_interval = 500\n"));
        assert!(text.contains("management_agent.disable_metrics_collector = true\n"));
        assert!(text.ends_with("heartbeat = 7\n"));
        assert!(text.starts_with(Series::V4_3.conf()), "what is asked for has the last word");
        let listed = "[rabbitmq_management,rabbitmq_prometheus,rabbitmq_event_exchange].\n";
        assert_eq!(plugins(&config), listed);
    }
}
