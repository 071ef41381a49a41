//! A container of an image, as the chart's pods have it: the image's user, a root that cannot be written to, no way to
//! more rights, the first process of its own process namespace. Only the network is the machine's.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use anyhow::Context;
use rustix::process::Signal;
use tempfile::TempDir;

use super::store::Image;
use crate::process::{Process, tail};
use crate::rabbitmq::guard::{Guard, MARK};

/// Its mounts are those of its own processes, and gone with them. Arguments: five words that mount the container and
/// tell its folder; files or folders of this machine, each with its place inside; `--`; environment and command.
const ENTER: &str = r#"
set -eu
cd "$HOME"
mkdir root
mount --bind "$("$1" "$2" "$3" "$4" "$5")" root
shift 5
mkdir -p root/proc root/dev
while [ "$1" != -- ]; do
    if [ -d "$1" ]; then
        mkdir -p "root$2"
    else
        mkdir -p "root$(dirname "$2")"
        touch "root$2"
    fi
    mount --bind "$1" "root$2"
    shift 2
done
shift
mount --rbind /dev root/dev
mount -o remount,bind,ro root
exec unshare --pid --fork --mount-proc="$HOME/root/proc" env --ignore-environment "$@"
"#;

/// What every container has of the machine it runs on: how names are looked up.
const NAMES: [&str; 2] = ["/etc/hosts", "/etc/resolv.conf"];
/// What SIGKILL leaves to do is the kernel's part.
const KILL_LIMIT: Duration = Duration::from_secs(10);

/// How a container is started.
#[derive(Debug, Clone)]
pub struct Launch {
    image: Image,
    command: Vec<String>,
    environment: Vec<String>,
    volumes: Vec<(PathBuf, String)>,
    empty: Vec<String>,
}

impl Launch {
    /// With the image's own command and environment.
    #[must_use]
    pub fn of(image: &Image) -> Self {
        let (mut command, arguments) = image.command();
        command.extend(arguments);
        let environment = image.environment();
        let (volumes, empty) = (Vec::new(), Vec::new());
        Self { image: image.clone(), command, environment, volumes, empty }
    }

    /// Another command than the image's.
    #[must_use]
    pub fn command(mut self, command: &[&str]) -> Self {
        self.command = command.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// Arguments for the image's entrypoint, in the place of its own.
    #[must_use]
    pub fn args<A: Into<String>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command = self.image.command().0;
        self.command.extend(args.into_iter().map(Into::into));
        self
    }

    /// A file or a folder of this machine.
    #[must_use]
    pub fn volume(mut self, outside: &Path, inside: &str) -> Self {
        self.volumes.push((outside.to_owned(), inside.to_owned()));
        self
    }

    /// An empty folder that belongs to the image's user.
    #[must_use]
    pub fn empty(mut self, inside: &str) -> Self {
        self.empty.push(inside.to_owned());
        self
    }

    /// Runs it to its end.
    pub fn output(&self) -> anyhow::Result<Output> {
        let home = tempfile::tempdir().context("make a folder for a container")?;
        let mut command = self.entering(home.path())?;
        command.stdin(Stdio::null()).output().context("start a container")
    }

    /// Starts it; it ends with the value.
    pub fn start(&self) -> anyhow::Result<Container> {
        let home = tempfile::tempdir().context("make a folder for a container")?;
        let guard = Guard::start(home.path())?;
        let log = home.path().join("log");
        let process = Process::spawn(self.entering(home.path())?, home.path(), &log)?;
        Ok(Container { process, guard, log, _home: home })
    }

    fn entering(&self, home: &Path) -> anyhow::Result<Command> {
        let (user, group) = self.image.user()?;
        let mut enter = Command::new("unshare");
        enter.args(["--mount", "sh", "-c", ENTER, "enter"]);
        enter.args(self.image.store.mounting(&self.image.container()?));
        for name in NAMES {
            enter.args([name, name]);
        }
        for (outside, inside) in &self.volumes {
            enter.arg(outside).arg(inside);
        }
        for (number, inside) in self.empty.iter().enumerate() {
            let folder = home.join(format!("empty-{number}"));
            fs::create_dir(&folder).and_then(|()| chown(&folder, Some(user), Some(group)))?;
            enter.arg(&folder).arg(inside);
        }
        // By it the guard knows the one that has no `HOME` here.
        enter.arg("--").arg(format!("{MARK}={}", home.display())).args(&self.environment);
        enter.args(["/usr/bin/setpriv", "--no-new-privs", "/usr/bin/unshare"]);
        enter.arg(format!("--root={}", home.join("root").display()));
        enter.arg(format!("--wd={}", self.image.folder()));
        enter.args([format!("--setgid={group}"), format!("--setuid={user}"), "--".to_owned()]);
        enter.args(&self.command).current_dir(home).env("HOME", home);
        Ok(enter)
    }
}

/// One that runs.
pub struct Container {
    process: Process,
    guard: Guard,
    log: PathBuf,
    /// Gone after its processes.
    _home: TempDir,
}

impl Container {
    /// The end of what it has written.
    #[must_use]
    pub fn log(&self) -> String {
        tail(&self.log)
    }

    /// Asks it to end, as a kubelet does: a first process that does not listen is not reached.
    pub fn terminate(&self) -> anyhow::Result<()> {
        self.process.signal(Signal::TERM)
    }

    /// How it ended, when it has within so long.
    pub fn ended(&mut self, limit: Duration) -> anyhow::Result<ExitStatus> {
        self.process.wait_gone(limit)?;
        self.process.exited()?.context("it has ended and is there")
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.process.signal(Signal::KILL);
        let _ = self.process.wait_gone(KILL_LIMIT);
        self.guard.dismiss();
    }
}
