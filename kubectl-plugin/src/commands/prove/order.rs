//! PURE: witnesses in the order of their blocks, and what a chain of proofs cannot be made of.

use amqp_admin::plural;

use super::gather::Sheet;
use crate::output::bytes;
use crate::proof::range;

/// The first and the last block that are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) from: Option<u64>,
    pub(super) to: Option<u64>,
}

/// The witnesses of the wanted blocks, in order. A witness goes as a whole or not at all.
pub(super) fn ordered(sheets: Vec<Sheet>, wanted: Wanted) -> Result<Vec<Sheet>, String> {
    let Wanted { from, to } = wanted;
    let (from, to) = (from.unwrap_or(0), to.unwrap_or(u64::MAX));
    let mut kept = Vec::new();
    for sheet in sheets {
        let (first, last) = sheet.range();
        let (in_part, whole) = (last >= from && first <= to, first >= from && last <= to);
        if in_part && !whole {
            return Err(format!(
                "{} holds the blocks {first} to {last}, and not all of them are wanted: move --from or --to",
                sheet.name
            ));
        }
        kept.extend(Some(sheet).filter(|_| whole));
    }
    kept.sort_by(|one, other| (one.range(), &one.name).cmp(&(other.range(), &other.name)));
    Ok(kept)
}

/// What keeps ordered witnesses from being one chain, each in a sentence.
pub(super) fn breaks(sheets: &[Sheet]) -> Vec<String> {
    let pairs = sheets.iter().zip(sheets.iter().skip(1));
    pairs.filter_map(|(before, after)| seam(before, after)).collect()
}

fn seam(before: &Sheet, after: &Sheet) -> Option<String> {
    let ((_, last), (first, end)) = (before.range(), after.range());
    let (one, other) = (&before.name, &after.name);
    if first <= last {
        let both = range(first, last.min(end));
        return Some(format!("block {both} is in {one} and in {other}: leave one of them out"));
    }
    if first > last + 1 {
        let missing = range(last + 1, first - 1);
        return Some(format!("block {missing} is missing between {one} and {other}"));
    }
    let (chain, next) = (before.witness.chain_id(), after.witness.chain_id());
    if chain != next {
        let id = |chain: Option<u64>| chain.map_or_else(|| "?".to_owned(), |id| id.to_string());
        let (chain, next) = (id(chain), id(next));
        return Some(format!("{one} is of the network {chain} and {other} of {next}"));
    }
    let hash = before.witness.blocks.last().map(|block| &block.hash);
    let parent = after.witness.blocks.first().and_then(|block| block.parent_hash.as_ref());
    let follows = parent.is_none_or(|parent| hash == Some(parent));
    (!follows).then(|| {
        format!("{other} does not follow from {one} by its hash: they are of two branches of the network's chain")
    })
}

/// What is going to be sent, in words.
pub(super) fn plan(sheets: &[Sheet], chain: Option<&str>) -> String {
    let blocks: usize = sheets.iter().map(|sheet| sheet.witness.blocks.len()).sum();
    let transactions = sheets.iter().map(|sheet| sheet.witness.transactions()).sum();
    let size = bytes(sheets.iter().map(|sheet| sheet.bytes).sum());
    let first = sheets.first().map_or(0, |sheet| sheet.range().0);
    let last = sheets.iter().map(|sheet| sheet.range().1).max().unwrap_or_default();
    let chain = chain.map(|name| format!(", as the chain `{name}`")).unwrap_or_default();
    let witnesses = match sheets.len() {
        1 => "1 witness".to_owned(),
        more => format!("{more} witnesses"),
    };
    format!(
        "{witnesses} of {} ({}): {}, {size}{chain}",
        plural(blocks as u64, "block"),
        range(first, last),
        plural(transactions, "transaction"),
    )
}

impl Sheet {
    /// The numbers of its first and its last block.
    pub(super) fn range(&self) -> (u64, u64) {
        self.witness.range().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(sheets: &[Sheet]) -> Vec<&str> {
        sheets.iter().map(|sheet| sheet.name.as_str()).collect()
    }

    #[test]
    fn witnesses_are_put_in_order_and_others_are_left_out() {
        let all = || vec![Sheet::of("b", [7]), Sheet::of("c", 8..=9), Sheet::of("a", [6])];
        let every = ordered(all(), Wanted { from: None, to: None }).unwrap();
        assert_eq!(names(&every), ["a", "b", "c"]);
        let some = ordered(all(), Wanted { from: Some(7), to: Some(7) }).unwrap();
        assert_eq!(names(&some), ["b"]);
        let cut = ordered(all(), Wanted { from: Some(9), to: None }).unwrap_err();
        insta::assert_snapshot!(cut, @"c holds the blocks 8 to 9, and not all of them are wanted: move --from or --to");
    }

    #[test]
    fn a_chain_has_no_gap_no_block_twice_and_no_second_branch() {
        assert_eq!(breaks(&[Sheet::of("a", [6]), Sheet::of("b", 7..=8)]), Vec::<String>::new());
        let mut other = Sheet::of("e", [13]);
        other.witness.blocks[0].chain_id = 137;
        let mut branch = Sheet::of("f", [14]);
        branch.witness.blocks[0].chain_id = 137;
        branch.witness.blocks[0].parent_hash = Some("0xother".into());
        let broken =
            [Sheet::of("a", 6..=8), Sheet::of("b", [8]), Sheet::of("c", 11..=12), other, branch];
        insta::assert_snapshot!(breaks(&broken).join("\n"), @"
        block 8 is in a and in b: leave one of them out
        block 9..10 is missing between b and c
        c is of the network 1 and e of 137
        f does not follow from e by its hash: they are of two branches of the network's chain
        ");
    }

    #[test]
    fn the_plan_adds_up() {
        let sheets = [Sheet::of("a", [6]), Sheet::of("b", 7..=8)];
        insta::assert_snapshot!(plan(&sheets, Some("tip")), @"2 witnesses of 3 blocks (6..8): 9 transactions, 1.95 KiB, as the chain `tip`");
        insta::assert_snapshot!(plan(&sheets[..1], None), @"1 witness of 1 block (6): 3 transactions, 1000 B");
    }
}
