//! PURE: what the embedded autoscaler tells of itself, for `/status.json` and the page. The JSON is
//! stable: fields are added, never renamed or given another unit.

use serde::Serialize;

/// The embedded autoscaler at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct LocalStatus {
    /// Workers the broker's counts ask for, before `min` and `max`; `null` without an answer.
    pub wanted: Option<u64>,
    /// Why there is no answer; children then stay as they are.
    pub refused: Option<String>,
    /// Why the broker does not tell which child is busy; children then count as busy while any
    /// worker is.
    pub channels_error: Option<String>,
    /// Never fewer children.
    pub min: u32,
    /// Never more.
    pub max: u32,
    /// Children that run and were not told to end.
    pub running: u32,
    /// Every place that has a child, or had one that ended by itself.
    pub children: Vec<ChildStatus>,
}

/// One child.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChildStatus {
    /// Its number, `{n}` in the command line.
    pub number: u32,
    /// Its process; `null` while none runs.
    pub pid: Option<u32>,
    /// `starting`, `busy`, `settling`, `idle`, `unknown`, `lost`, `stopping`, `killed`; without a
    /// process `waiting` (for the pause after a crash) or `ended`.
    pub state: &'static str,
    /// Seconds since it is in that state.
    pub since_seconds: u64,
    /// Times a child at this place ended by itself.
    pub restarts: u32,
    /// Its children keep ending early.
    pub crash_loop: bool,
    /// How the last child at this place ended.
    pub last_exit: Option<String>,
}
