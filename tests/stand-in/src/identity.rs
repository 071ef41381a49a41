//! What these programs say about themselves, so that nobody takes them for the real prover.

/// The sentence in every `--version` and in every proof.
pub const IDENTITY: &str = "stand-in prover, not zk_evm: proves nothing";

/// The text of `--version`, with the generation it stands in for.
pub const VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (stand-in prover, not zk_evm: proves nothing; ",
    env!("CARGO_PKG_NAME"),
    ")"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_holds_the_identity() {
        assert!(VERSION.contains(IDENTITY));
    }
}
