//! The block's values as they travel in tasks, results and proofs.
//!
//! Numbers and hashes are hex strings and stand in the real prover's order, because
//! operators' tools search message bodies for them.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// The block header's values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockMetadata {
    /// Address of the fee recipient.
    pub block_beneficiary: String,
    /// Seconds since 1970.
    pub block_timestamp: String,
    /// Height.
    pub block_number: String,
    /// Difficulty, zero since proof of stake.
    pub block_difficulty: String,
    /// The beacon chain's random value.
    pub block_random: String,
    /// Gas limit.
    pub block_gaslimit: String,
    /// Chain id.
    pub block_chain_id: String,
    /// Base fee in wei.
    pub block_base_fee: String,
    /// Gas used by all transactions.
    pub block_gas_used: String,
    /// Blob gas used.
    pub block_blob_gas_used: String,
    /// Excess blob gas.
    pub block_excess_blob_gas: String,
    /// Root of the parent beacon block.
    pub parent_beacon_block_root: String,
    /// Bloom filter of the logs.
    pub block_bloom: [String; 8],
}

impl BlockMetadata {
    /// The height as a number.
    pub fn number(&self) -> Result<u64> {
        hex_number(&self.block_number).context("block_number")
    }
}

/// The hashes of the blocks before this one, and its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockHashes {
    /// Up to 256 earlier hashes, the oldest first.
    pub prev_hashes: Vec<String>,
    /// This block's hash.
    pub cur_hash: String,
}

/// What a proof of any part of a block says in the open.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublicValues {
    /// State root of the checkpoint the chain of proofs starts from.
    pub checkpoint_state_trie_root: String,
    /// The block header's values.
    pub block_metadata: BlockMetadata,
    /// The hashes around the block.
    pub block_hashes: BlockHashes,
}

/// Reads `0x2a` as 42.
pub fn hex_number(text: &str) -> Result<u64> {
    let digits =
        text.strip_prefix("0x").with_context(|| format!("`{text}` is not a hex number"))?;
    u64::from_str_radix(digits, 16).with_context(|| format!("`{text}` is not a hex number"))
}

/// Reads `0x02f8` as bytes.
pub fn hex_bytes(text: &str) -> Result<Vec<u8>> {
    let digits =
        text.strip_prefix("0x").with_context(|| format!("`{text}` is not a hex string"))?;
    hex::decode(digits).context("hex string")
}

/// Writes 42 as `0x2a`.
#[must_use]
pub fn to_hex(number: u64) -> String {
    format!("{number:#x}")
}

#[cfg(test)]
pub mod samples {
    //! Values for tests.

    use super::*;

    /// Public values of an otherwise empty block.
    #[must_use]
    pub fn public(block: u64) -> PublicValues {
        PublicValues {
            checkpoint_state_trie_root: format!("0x{:064x}", 7),
            block_metadata: BlockMetadata {
                block_beneficiary: format!("0x{:040x}", 5),
                block_timestamp: "0x6955b930".into(),
                block_number: to_hex(block),
                block_difficulty: "0x0".into(),
                block_random: format!("0x{:064x}", 9),
                block_gaslimit: "0x1c9c380".into(),
                block_chain_id: "0x1ca3".into(),
                block_base_fee: "0x27f03db4".into(),
                block_gas_used: "0xf618".into(),
                block_blob_gas_used: "0x0".into(),
                block_excess_blob_gas: "0x0".into(),
                parent_beacon_block_root: format!("0x{:064x}", 0),
                block_bloom: std::array::from_fn(|_| "0x0".to_owned()),
            },
            block_hashes: BlockHashes {
                prev_hashes: vec![format!("0x{:064x}", 1), format!("0x{:064x}", 2)],
                cur_hash: format!("0x{:064x}", 3),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_goes_both_ways() {
        assert_eq!(hex_number(&to_hex(19_807_080)).unwrap(), 19_807_080);
        assert!(hex_number("12").is_err());
        assert!(hex_bytes("0x123").is_err());
    }
}
