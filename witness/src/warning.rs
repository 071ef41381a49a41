//! What is odd about a witness that the leader would read.

use std::fmt;

use crate::Witness;

/// Something odd. The leader does not mind; a proof may fail, or be of something unexpected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// The transactions do not use the gas of the header: some are missing, or not the block's.
    Gas {
        /// The block.
        block: u64,
        /// Gas used, as its header says.
        header: u64,
        /// Gas used, as its transactions add up.
        transactions: u64,
    },
    /// A block does not name the one before it as its parent: they are of two branches of the chain.
    Parent {
        /// The block.
        block: u64,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gas { block, header, transactions } => write!(
                f,
                "block {block}: its transactions use {transactions} gas and its header says \
                 {header}: transactions are missing, or are not its own"
            ),
            Self::Parent { block } => write!(
                f,
                "block {block} does not follow from the block before it by its hash: they are of \
                 two branches of the chain"
            ),
        }
    }
}

impl Witness {
    /// What is odd about it, in the order of its blocks.
    pub fn warnings(&self) -> impl Iterator<Item = Warning> {
        let before = std::iter::once(None).chain(self.blocks.iter().map(Some));
        self.blocks.iter().zip(before).flat_map(|(block, before)| {
            let (header, transactions) = (block.gas_used, block.gas_of_transactions);
            let gas = Warning::Gas { block: block.number, header, transactions };
            let parent = block.parent_hash.as_ref();
            let follows = before.zip(parent).is_none_or(|(before, hash)| before.hash == *hash);
            let gas = (header != transactions).then_some(gas);
            gas.into_iter().chain((!follows).then_some(Warning::Parent { block: block.number }))
        })
    }
}
