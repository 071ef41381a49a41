//! One block of a witness: what the leader's reader wants of it, and what we tell of it.

use serde::de::{IgnoredAny, MapAccess, SeqAccess};

use crate::fault::Reason;
use crate::hex::{Hex, Text, number};
use crate::json::{
    Array, Field, Kind, Object, ReadArray, ReadKind, ReadObject, optional, required,
};
use crate::trail::Trail;
use crate::{Block, Form};

/// A block that is being read.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) block: Block,
    marks: Marks,
}

/// What tells the forms apart.
#[derive(Debug, Default)]
struct Marks {
    code_db: Option<Kind>,
    /// `checkpoint_consolidated_hash`, which v0.7 demands.
    consolidated: bool,
    /// `new_txn_trie_node_byte` in every transaction, which v0.5 and v0.6 demand.
    trie_nodes: u64,
    /// How many of the three fields for blobs there are.
    blob_fields: usize,
}

/// The fields that v0.6 added to a block's header.
const BLOB_FIELDS: [&str; 3] =
    ["block_blob_gas_used", "block_excess_blob_gas", "parent_beacon_block_root"];

impl Draft {
    /// The block, its form, and whether it has the fields for blobs.
    pub(crate) fn finish(self) -> Result<(Block, Form, bool), Reason> {
        let form = self.form()?;
        if self.marks.blob_fields == 0 && form == Form::V06 {
            return Ok((self.block, form, false));
        }
        if self.marks.blob_fields < BLOB_FIELDS.len() {
            return Err(Reason::PartOfBlobFields);
        }
        Ok((self.block, form, true))
    }

    fn form(&self) -> Result<Form, Reason> {
        let old = self.marks.trie_nodes == self.block.transactions;
        match (self.marks.consolidated, self.marks.code_db) {
            (true, Some(Kind::Object)) => {
                Err(Reason::MixedForms { first: Form::V07, other: Form::V06 })
            }
            (true, _) => Ok(Form::V07),
            (false, Some(Kind::Array)) => Err(Reason::NoForm),
            (false, _) if old => Ok(Form::V06),
            (false, _) => Err(Reason::NoForm),
        }
    }
}

impl Object for Draft {
    const WHAT: &'static str = "a block: an object with `block_trace` and `other_data`";
    const FIELDS: &'static [Field] =
        &[required("block_trace"), required("other_data"), optional("b_height")];

    fn take<'de, A: MapAccess<'de>>(
        &mut self,
        trail: &Trail,
        field: &'static str,
        values: &mut A,
    ) -> Result<(), A::Error> {
        match field {
            "block_trace" => values.next_value_seed(ReadObject(trail, &mut Trace(self))),
            "other_data" => values.next_value_seed(ReadObject(trail, &mut Other(self))),
            _ => Err(trail.refuse(Reason::Proof)),
        }
    }
}

/// `block_trace`
struct Trace<'d>(&'d mut Draft);

impl Object for Trace<'_> {
    const WHAT: &'static str = "a block's trace: an object with `trie_pre_images` and `txn_info`";
    const FIELDS: &'static [Field] =
        &[required("trie_pre_images"), optional("code_db"), required("txn_info")];

    fn take<'de, A: MapAccess<'de>>(
        &mut self,
        trail: &Trail,
        field: &'static str,
        values: &mut A,
    ) -> Result<(), A::Error> {
        match field {
            "trie_pre_images" => values.next_value_seed(ReadObject(trail, &mut Tries)),
            "code_db" => {
                let kind = ReadKind(trail, "the code: an array, or an object in v0.5 and v0.6");
                self.0.marks.code_db = Some(values.next_value_seed(kind)?);
                Ok(())
            }
            _ => values.next_value_seed(ReadArray(trail, &mut Transactions(self.0))),
        }
    }
}

/// `trie_pre_images`: of no interest, but an object.
struct Tries;

impl Object for Tries {
    const WHAT: &'static str = "tries: an object with `combined` or `separate`";
    const FIELDS: &'static [Field] = &[];

    fn take<'de, A: MapAccess<'de>>(
        &mut self,
        _: &Trail,
        _: &'static str,
        values: &mut A,
    ) -> Result<(), A::Error> {
        values.next_value::<IgnoredAny>().map(drop)
    }
}

/// `txn_info`
struct Transactions<'d>(&'d mut Draft);

impl Array for Transactions<'_> {
    const WHAT: &'static str = "the transactions: an array";

    fn take<'de, A: SeqAccess<'de>>(
        &mut self,
        trail: &Trail,
        items: &mut A,
    ) -> Result<Option<()>, A::Error> {
        let taken = items.next_element_seed(ReadObject(trail, &mut Transaction(self.0)))?;
        self.0.block.transactions += u64::from(taken.is_some());
        Ok(taken)
    }
}

/// An item of `txn_info`
struct Transaction<'d>(&'d mut Draft);

impl Object for Transaction<'_> {
    const WHAT: &'static str = "a transaction: an object with `traces` and `meta`";
    const FIELDS: &'static [Field] = &[required("traces"), required("meta")];

    fn take<'de, A: MapAccess<'de>>(
        &mut self,
        trail: &Trail,
        field: &'static str,
        values: &mut A,
    ) -> Result<(), A::Error> {
        match field {
            "meta" => values.next_value_seed(ReadObject(trail, &mut Meta(self.0))),
            _ => values.next_value::<IgnoredAny>().map(drop),
        }
    }
}

/// `meta` of a transaction
struct Meta<'d>(&'d mut Draft);

impl Object for Meta<'_> {
    const WHAT: &'static str = "what is known of a transaction: an object with `byte_code`";
    const FIELDS: &'static [Field] = &[
        required("byte_code"),
        optional("new_txn_trie_node_byte"),
        required("new_receipt_trie_node_byte"),
        required("gas_used"),
    ];

    fn take<'de, A: MapAccess<'de>>(
        &mut self,
        trail: &Trail,
        field: &'static str,
        values: &mut A,
    ) -> Result<(), A::Error> {
        let Draft { block, marks } = &mut *self.0;
        if field == "gas_used" {
            let gas: u64 = trail.short(|| values.next_value())?;
            block.gas_of_transactions = block.gas_of_transactions.saturating_add(gas);
            return Ok(());
        }
        marks.trie_nodes += u64::from(field == "new_txn_trie_node_byte");
        values.next_value::<IgnoredAny>().map(drop)
    }
}

/// `other_data`
struct Other<'d>(&'d mut Draft);

impl Object for Other<'_> {
    const WHAT: &'static str = "the rest of a block: an object with `b_data`";
    const FIELDS: &'static [Field] = &[
        required("b_data"),
        required("checkpoint_state_trie_root"),
        optional("checkpoint_consolidated_hash"),
    ];

    fn take<'de, A: MapAccess<'de>>(
        &mut self,
        trail: &Trail,
        field: &'static str,
        values: &mut A,
    ) -> Result<(), A::Error> {
        match field {
            "b_data" => values.next_value_seed(ReadObject(trail, &mut Data(self.0))),
            "checkpoint_state_trie_root" => {
                values.next_value_seed(Text(trail, Hex::Hash)).map(drop)
            }
            _ => {
                self.0.marks.consolidated = true;
                values.next_value_seed(ReadArray(trail, &mut Limbs))
            }
        }
    }
}

/// `checkpoint_consolidated_hash`
struct Limbs;

impl Array for Limbs {
    const WHAT: &'static str = "an array of four integers";
    const LENGTH: Option<usize> = Some(4);

    fn take<'de, A: SeqAccess<'de>>(
        &mut self,
        trail: &Trail,
        items: &mut A,
    ) -> Result<Option<()>, A::Error> {
        Ok(trail.short(|| items.next_element::<u64>())?.map(drop))
    }
}

/// `b_data`
struct Data<'d>(&'d mut Draft);

impl Object for Data<'_> {
    const WHAT: &'static str = "a block's data: an object with `b_meta` and `b_hashes`";
    const FIELDS: &'static [Field] =
        &[required("b_meta"), required("b_hashes"), required("withdrawals")];

    fn take<'de, A: MapAccess<'de>>(
        &mut self,
        trail: &Trail,
        field: &'static str,
        values: &mut A,
    ) -> Result<(), A::Error> {
        match field {
            "b_meta" => values.next_value_seed(ReadObject(trail, &mut Header(self.0))),
            "b_hashes" => values.next_value_seed(ReadObject(trail, &mut Hashes(self.0))),
            _ => values.next_value_seed(ReadArray(trail, &mut Withdrawals(self.0))),
        }
    }
}

/// `b_meta`
struct Header<'d>(&'d mut Draft);

impl Object for Header<'_> {
    const WHAT: &'static str = "a block's header: an object with `block_number`";
    const FIELDS: &'static [Field] = &[
        required("block_beneficiary"),
        required("block_timestamp"),
        required("block_number"),
        required("block_difficulty"),
        required("block_random"),
        required("block_gaslimit"),
        required("block_chain_id"),
        required("block_base_fee"),
        required("block_gas_used"),
        required("block_bloom"),
        optional("block_blob_gas_used"),
        optional("block_excess_blob_gas"),
        optional("parent_beacon_block_root"),
    ];

    fn take<'de, A: MapAccess<'de>>(
        &mut self,
        trail: &Trail,
        field: &'static str,
        values: &mut A,
    ) -> Result<(), A::Error> {
        if field == "block_bloom" {
            return values.next_value_seed(ReadArray(trail, &mut Bloom));
        }
        let form = match field {
            "block_beneficiary" => Hex::Address,
            "block_random" | "parent_beacon_block_root" => Hex::Hash,
            _ => Hex::Number,
        };
        let text = values.next_value_seed(Text(trail, form))?;
        let Draft { block, marks } = &mut *self.0;
        marks.blob_fields += usize::from(BLOB_FIELDS.contains(&field));
        match field {
            "block_timestamp" => block.timestamp = number(trail, &text)?,
            "block_gaslimit" => block.gas_limit = number(trail, &text)?,
            "block_gas_used" => block.gas_used = number(trail, &text)?,
            "block_number" => {
                block.number = number(trail, &text)?;
                trail.follow(block.number)?;
            }
            "block_chain_id" => {
                block.chain_id = number(trail, &text)?;
                trail.stay_on_chain(block.chain_id)?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// `block_bloom`
struct Bloom;

impl Array for Bloom {
    const WHAT: &'static str = "a bloom filter: an array of eight hexadecimal numbers";
    const LENGTH: Option<usize> = Some(8);

    fn take<'de, A: SeqAccess<'de>>(
        &mut self,
        trail: &Trail,
        items: &mut A,
    ) -> Result<Option<()>, A::Error> {
        Ok(items.next_element_seed(Text(trail, Hex::Number))?.map(drop))
    }
}

/// `b_hashes`
struct Hashes<'d>(&'d mut Draft);

impl Object for Hashes<'_> {
    const WHAT: &'static str = "hashes of blocks: an object with `prev_hashes` and `cur_hash`";
    const FIELDS: &'static [Field] = &[required("prev_hashes"), required("cur_hash")];

    fn take<'de, A: MapAccess<'de>>(
        &mut self,
        trail: &Trail,
        field: &'static str,
        values: &mut A,
    ) -> Result<(), A::Error> {
        if field == "prev_hashes" {
            return values.next_value_seed(ReadArray(trail, &mut Before(self.0)));
        }
        self.0.block.hash = values.next_value_seed(Text(trail, Hex::Hash))?;
        Ok(())
    }
}

/// `prev_hashes`, the last of which is the parent's.
struct Before<'d>(&'d mut Draft);

impl Array for Before<'_> {
    const WHAT: &'static str = "the hashes of the blocks before: an array";

    fn take<'de, A: SeqAccess<'de>>(
        &mut self,
        trail: &Trail,
        items: &mut A,
    ) -> Result<Option<()>, A::Error> {
        let next = items.next_element_seed(Text(trail, Hex::Hash))?;
        let is_more = next.as_ref().map(|_| ());
        self.0.block.parent_hash = next.or_else(|| self.0.block.parent_hash.take());
        Ok(is_more)
    }
}

/// `withdrawals`
struct Withdrawals<'d>(&'d mut Draft);

impl Array for Withdrawals<'_> {
    const WHAT: &'static str = "the withdrawals: an array";

    fn take<'de, A: SeqAccess<'de>>(
        &mut self,
        _: &Trail,
        items: &mut A,
    ) -> Result<Option<()>, A::Error> {
        let taken = items.next_element::<IgnoredAny>()?.map(drop);
        self.0.block.withdrawals += u64::from(taken.is_some());
        Ok(taken)
    }
}
