//! The scenarios, in the order they are run.

mod backlog;
mod builtin_kills;
mod builtin_page;
mod builtin_zero;
mod chart;
mod forty;
mod hands;
mod idle_first;
mod new_user;
mod outage;
mod paused;
mod pools;
mod push;
mod scale_in;
mod scalers;
mod setup;
mod spot;
mod two_releases;
mod upgrade;
mod wrong_regex;

use anyhow::Result;

use super::stage::Stage;

/// One scenario.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// By which it is asked for.
    pub name: &'static str,
    /// What is seen in it.
    pub about: &'static str,
    pub(super) run: fn(&Stage) -> Result<()>,
}

/// All of them.
pub const ALL: &[Scenario] = &[
    backlog::SCENARIO,
    push::SCENARIO,
    forty::SCENARIO,
    scale_in::SCENARIO,
    idle_first::SCENARIO,
    outage::SCENARIO,
    scalers::SCENARIO,
    wrong_regex::SCENARIO,
    paused::SCENARIO,
    two_releases::SCENARIO,
    pools::SCENARIO,
    hands::SCENARIO,
    spot::SCENARIO,
    chart::SCENARIO,
    new_user::SCENARIO,
    upgrade::SCENARIO,
    setup::SCENARIO,
    builtin_kills::SCENARIO,
    builtin_page::SCENARIO,
    builtin_zero::SCENARIO,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_in_the_documentation_has_every_scenario_and_no_other() {
        let page = include_str!("../../../docs/testing.md");
        let (_, table) = page.split_once("| scenario | what is seen |\n| --- | --- |\n").unwrap();
        let told: Vec<&str> = table.lines().take_while(|line| line.starts_with('|')).collect();
        let line = |one: &Scenario| format!("| `{}` | {} |", one.name, one.about);
        assert_eq!(told, ALL.iter().map(line).collect::<Vec<_>>());
    }

    #[test]
    fn no_two_scenarios_have_one_name() {
        let mut names: Vec<&str> = ALL.iter().map(|one| one.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }
}
