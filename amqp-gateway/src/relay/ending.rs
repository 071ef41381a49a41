//! The end of a child and of its connections: what it had in hand, and the last words on both sides.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::{Desk, End, GOODBYE, Relay, is_close_ok};
use crate::handshake;
use crate::link::{Inlet, Outlet};
use crate::session::Needs;
use crate::trouble::Trouble;
use crate::wire;

/// A child whose connection ended in mid-task is about to be reaped by our owner, who then says why.
const ORPHAN_PATIENCE: Duration = Duration::from_secs(5);

impl Relay {
    pub(super) fn child_left(&mut self) -> Option<End> {
        self.orphaned.get_or_insert_with(Instant::now);
        self.bury()
    }

    /// Deals with a dead child's tasks once its last words have been read.
    pub(super) fn bury(&mut self) -> Option<End> {
        let overdue = |since: &Instant| since.elapsed() >= ORPHAN_PATIENCE;
        let ready = |(_, since): &mut (String, Instant)| self.orphaned.is_some() || overdue(since);
        let (why, _) = self.died.take_if(ready)?;
        self.orphaned = Some(Instant::now());
        self.session.child_died(&why, Instant::now().into_std());
        self.apply()
    }

    /// True if the child has gone and nothing of it is left to deal with.
    pub(super) fn is_over(&self) -> bool {
        let patience = self.orphaned.map(|since| since.elapsed() >= ORPHAN_PATIENCE);
        patience.is_some_and(|over| over || self.session.is_settled())
    }

    /// The last words for an end like this.
    pub(super) async fn end(&mut self, desk: &Desk, end: End) {
        match end {
            End::Closed => self.flush().await,
            End::Child => self.say_goodbye().await,
            End::Nonsense(trouble) => {
                desk.board.trouble(format!("the child was cut off: {trouble}"));
                handshake::refuse(&mut self.child, &trouble).await;
                self.say_goodbye().await;
            }
            End::Broker(trouble) => {
                let words = format!("the connection to the broker was lost: {trouble}");
                tracing::warn!(connection = desk.number, "{words}");
                match self.session.needs_broker() {
                    Needs::It => desk.board.severed(words),
                    Needs::ItNoMore => desk.board.trouble(words),
                    // What was told before says more.
                    Needs::Replacing => {}
                }
                handshake::refuse(&mut self.child, &trouble).await;
            }
        }
    }

    /// Both sides hear what is left to be said.
    async fn flush(&mut self) {
        let both =
            async { tokio::join!(self.child.outlet.write_all(), self.broker.outlet.write_all()) };
        // Who does not listen any more does not hear it.
        let _ = timeout(GOODBYE, both).await;
        tokio::join!(self.child.outlet.shut(), self.broker.outlet.shut());
    }

    /// The broker hears everything that the child said last, and that it has gone.
    async fn say_goodbye(&mut self) {
        let words = async {
            while !self.pieces.is_empty() {
                self.refill()?;
                exchange(&mut self.broker.inlet, &mut self.broker.outlet).await?;
            }
            self.broker.say(&wire::connection_close(200, "the child has gone")).await?;
            loop {
                let frame = self.broker.frame().await?;
                if is_close_ok(&frame) {
                    return Ok::<_, Trouble>(());
                }
            }
        };
        // A broker that does not answer will notice the end of the connection.
        let _ = timeout(GOODBYE, words).await;
        tokio::join!(self.child.outlet.shut(), self.broker.outlet.shut());
    }
}

/// Writes while what comes in is thrown away: a broker that cannot send does not read either.
async fn exchange(inlet: &mut Inlet, outlet: &mut Outlet) -> Result<(), Trouble> {
    while outlet.is_busy() {
        tokio::select! {
            wrote = outlet.write_some() => wrote?,
            read = inlet.fill() => {
                if read? == 0 {
                    return Err(Trouble::Ended);
                }
                while inlet.reader.frame()?.is_some() {}
            }
        }
    }
    Ok(())
}
