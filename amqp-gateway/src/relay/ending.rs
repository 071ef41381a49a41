//! The last words on both sides.

use tokio::time::timeout;

use super::{GOODBYE, Relay, is_close_ok};
use crate::link::{Inlet, Outlet};
use crate::trouble::Trouble;
use crate::wire;

impl Relay {
    /// Both sides hear what is left to be said.
    pub(super) async fn flush(&mut self) {
        let both =
            async { tokio::join!(self.child.outlet.write_all(), self.broker.outlet.write_all()) };
        // Who does not listen any more does not hear it.
        let _ = timeout(GOODBYE, both).await;
        tokio::join!(self.child.outlet.shut(), self.broker.outlet.shut());
    }

    /// The broker hears everything that the child said last, and that it has gone.
    pub(super) async fn say_goodbye(&mut self) {
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
