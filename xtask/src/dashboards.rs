//! `cargo xtask dashboards`: writes the chart's Grafana dashboards from what is said of them here.

mod broker;
mod grafana;
mod overview;
mod proof;
mod scaler;
mod workers;

use std::path::PathBuf;

use anyhow::Context;

use crate::shell;
use grafana::Board;

const BOARDS: [&Board; 5] =
    [&overview::BOARD, &proof::BOARD, &workers::BOARD, &scaler::BOARD, &broker::BOARD];

/// Writes each into the chart.
pub(crate) fn run() -> anyhow::Result<()> {
    for board in BOARDS {
        let path = file(board);
        std::fs::write(&path, board.text()?)
            .with_context(|| format!("write {}", path.display()))?;
        shell::say(&format!("wrote {}", path.display()));
    }
    Ok(())
}

fn file(board: &Board) -> PathBuf {
    shell::root().join("helm/zero-prover/dashboards").join(format!("{}.json", board.uid))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_chart_has_what_is_said_here_and_nothing_else() {
        for board in BOARDS {
            let there = std::fs::read_to_string(file(board)).unwrap_or_default();
            let said: Value = serde_json::from_str(&board.text().unwrap()).unwrap();
            let same = serde_json::from_str::<Value>(&there).is_ok_and(|there| there == said);
            assert!(same, "{}: `cargo xtask dashboards` writes it anew", board.uid);
        }
        let folder = std::fs::read_dir(shell::root().join("helm/zero-prover/dashboards")).unwrap();
        assert_eq!(folder.count(), BOARDS.len());
    }
}
