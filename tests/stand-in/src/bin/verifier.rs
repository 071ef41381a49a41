//! The stand-in's `verifier`: see [`stand_in::verifier`].

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    stand_in::verifier::run().await
}
