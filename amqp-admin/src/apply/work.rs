//! One step at work on one queue.

use sha2::{Digest as _, Sha256};

use super::{Applier, Failure};
use crate::backup::BackupWriter;
use crate::broker::{BrokerConnection, DeleteIf, Message};
use crate::error::Error;
use crate::name::QueueName;
use crate::paladin;
use crate::plan::Act;
use crate::report::End;
use crate::sift::{Destination, Keep, Order, Sifted, sift};
use crate::wanted::Wanted;

/// Names a queue's lock; the queue is exclusive to the connection that sifts.
const LOCK_PREFIX: &str = "zero-lock.";
/// A queue that fills again each time it was emptied is in use.
const DELETE_ATTEMPTS: usize = 3;

/// What a step needs.
pub(super) struct Work<'w> {
    pub(super) applier: &'w Applier<'w>,
    pub(super) connection: &'w mut BrokerConnection,
    pub(super) queue: &'w QueueName,
    pub(super) backup: Option<&'w mut BackupWriter>,
    pub(super) told: &'w mut (dyn FnMut(&Sifted) + Send + 'w),
}

impl Work<'_> {
    /// Does what the step says. `remark` is what is worth knowing besides.
    pub(super) async fn perform(
        mut self,
        act: &Act,
        remark: &mut Option<String>,
    ) -> Result<End, Failure> {
        match act {
            Act::Purge { .. } => {
                let purged = self.connection.purge(self.queue).await?;
                Ok(purged.map_or(End::Gone, |messages| End::Purged { messages }))
            }
            Act::Remove { wanted, quorum, .. } => {
                *remark = self.lock().await?;
                self.take_out(wanted, *quorum, None).await
            }
            Act::Move { wanted, quorum, to, .. } => {
                *remark = self.lock().await?;
                self.take_out(wanted, *quorum, Some(to)).await
            }
            Act::Delete { only_unused, .. } => self.delete(*only_unused).await,
            Act::Tell { serializer, words } => {
                self.tell(&paladin::failed_result(*serializer, words)).await
            }
        }
    }

    /// Keeps a second sift away; gives a remark where that cannot be had.
    async fn lock(&mut self) -> Result<Option<String>, Failure> {
        match self.connection.reserve(&lock_of(self.queue)).await {
            Ok(true) => Ok(None),
            Ok(false) => Err(Failure::words(format!(
                "another sift is at work on `{}`; wait for its end, then plan anew",
                self.queue
            ))),
            Err(error) if error.is_denied() => Ok(Some(format!(
                "not locked against a second sift: this user may not configure `{LOCK_PREFIX}*`"
            ))),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes wanted messages out, into the backup or into another queue.
    async fn take_out(
        self,
        wanted: &Wanted,
        quorum: bool,
        to: Option<&QueueName>,
    ) -> Result<End, Failure> {
        let Self { applier, connection, queue, backup, told } = self;
        let Some(depth) = connection.touch(queue).await? else {
            return Ok(End::Gone);
        };
        let connection = &*connection;
        let destination = match to {
            None => Destination::File(backup.ok_or_else(no_backup)?),
            Some(to) => Destination::Queue(connection.publisher(to).await?),
        };
        let keep = if quorum {
            Keep::Republish(connection.publisher(queue).await?)
        } else {
            Keep::GiveBack
        };
        let order = applier.order(queue, wanted, depth.ready);
        let sifted = sift(connection, order, destination, keep, |_, _, so_far| told(so_far));
        Ok(End::Sifted(sifted.await?))
    }

    /// What a queue holds goes into the backup before the queue goes. The broker deletes it only
    /// while it is empty, so a message that comes meanwhile is not lost with it.
    async fn delete(self, only_unused: bool) -> Result<End, Failure> {
        let mut so_far = Sifted::default();
        let ended = self.empty_and_delete(only_unused, &mut so_far).await;
        ended.map_err(|failure| failure.after(so_far))
    }

    /// The same; `so_far` is what all rounds together have taken out, whatever the end.
    async fn empty_and_delete(
        self,
        only_unused: bool,
        so_far: &mut Sifted,
    ) -> Result<End, Failure> {
        let Self { applier, connection, queue, backup, .. } = self;
        let backup = backup.ok_or_else(no_backup)?;
        let when = if only_unused { DeleteIf::EmptyAndUnused } else { DeleteIf::Empty };
        for _ in 0..DELETE_ATTEMPTS {
            let Some(depth) = connection.touch(queue).await? else {
                return Ok(match so_far.wanted {
                    0 => End::Gone,
                    messages => End::Deleted { messages },
                });
            };
            if only_unused && depth.consumers > 0 {
                return Err(Failure::words(in_use(queue)));
            }
            let order = applier.order(queue, &Wanted::Everything, depth.ready);
            let (file, keep) = (Destination::File(backup), Keep::None);
            let emptied = sift(connection, order, file, keep, |_, _, _| ()).await;
            *so_far += emptied.as_ref().map_or_else(|error| error.so_far, |emptied| *emptied);
            if emptied?.stopped {
                return Ok(End::Sifted(*so_far));
            }
            match connection.delete(queue, when).await {
                Ok(_) => return Ok(End::Deleted { messages: so_far.wanted }),
                // It filled again, or somebody began to consume: looked at once more.
                Err(error) if error.is_precondition_failed() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Failure::words(format!(
            "`{queue}` fills faster than it can be emptied: somebody still publishes to it"
        )))
    }

    /// Gives a leader that waits a result that ends it.
    async fn tell(self, body: &[u8]) -> Result<End, Failure> {
        let Self { connection, queue, .. } = self;
        let waiting = connection.touch(queue).await?.is_some_and(|depth| depth.consumers > 0);
        if !waiting {
            return Ok(End::Gone);
        }
        match said(connection, queue, body).await {
            // The leader has ended meanwhile, and its queue with it.
            Err(error) if error.is_not_found() => Ok(End::Gone),
            outcome => Ok(outcome.map(|()| End::Told)?),
        }
    }
}

/// Publishes a body into a queue; when this returns, it is there.
async fn said(connection: &BrokerConnection, queue: &QueueName, body: &[u8]) -> Result<(), Error> {
    let mut publisher = connection.publisher(queue).await?;
    publisher.send(&Message { body: body.to_vec(), ..Message::default() }).await?;
    publisher.settle().await?;
    Ok(())
}

impl Applier<'_> {
    fn order<'a>(&'a self, queue: &'a QueueName, wanted: &'a Wanted, count: u64) -> Order<'a> {
        Order { queue, wanted, count, rate: self.rate, stop: self.stop }
    }
}

fn no_backup() -> Failure {
    Failure::words("no backup file was given for messages that have to be in one first".into())
}

fn in_use(queue: &QueueName) -> String {
    format!("`{queue}` has a consumer now: somebody waits for what comes into it, so it stays")
}

/// The lock of a queue: one sift at a time.
fn lock_of(queue: &QueueName) -> QueueName {
    QueueName::new(&format!("{LOCK_PREFIX}{queue}")).unwrap_or_else(|_| {
        // A name that leaves no room for the prefix.
        let digest = Sha256::digest(queue.as_str());
        let add = |name: String, byte: &u8| format!("{name}{byte:02x}");
        let name = digest.iter().fold(LOCK_PREFIX.to_owned(), add);
        QueueName::new(&name).expect("74 bytes are a name")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_queue_has_a_lock_of_its_own() {
        let lock = |name: &str| lock_of(&QueueName::new(name).unwrap());
        assert_eq!(lock("tasks").as_str(), "zero-lock.tasks");
        let (long, other) = ("q".repeat(255), format!("{}r", "q".repeat(254)));
        assert_ne!(lock(&long), lock(&other));
    }
}
