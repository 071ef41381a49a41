//! The stand-in's `worker`: see [`stand_in::worker`].

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    stand_in::worker::run().await
}
