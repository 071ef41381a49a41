//! The stand-in's `leader`: see [`stand_in::leader`].

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    stand_in::leader::run().await
}
