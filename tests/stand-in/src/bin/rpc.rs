//! The stand-in's `rpc`: see [`stand_in::rpc`].

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    stand_in::rpc::run().await
}
