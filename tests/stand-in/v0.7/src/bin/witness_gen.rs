//! Writes the synthetic witnesses into a directory, the same bytes each time; or a row of blocks of
//! these sizes.

fn main() -> anyhow::Result<()> {
    stand_in::witness_gen::run()
}
