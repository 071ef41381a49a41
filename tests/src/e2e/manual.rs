//! PURE: what a page of the documentation and the chart's notes tell a user to type.

/// The commands of a page, from the first heading that begins so to the second; the lines of its blocks of shell.
pub(super) fn commands(page: &str, (from, to): (&str, &str)) -> Vec<String> {
    let start = page.lines().skip_while(|line| !line.starts_with(from));
    let part = start.take_while(|line| !line.starts_with(to));
    let (mut found, mut inside) = (Vec::new(), false);
    for line in part {
        match (inside, line) {
            (false, _) => inside = line == "```sh",
            (true, "```") => inside = false,
            (true, _) => found.push(line.to_owned()),
        }
    }
    found
}

/// The indented lines after a line of the notes that begins so, until a blank one.
pub(super) fn noted(notes: &str, under: &str) -> Vec<String> {
    let after = notes.lines().skip_while(|line| !line.starts_with(under)).skip(1);
    let indented = after.skip_while(|line| !line.starts_with("  "));
    indented.map_while(|line| line.strip_prefix("  ")).map(ToOwned::to_owned).collect()
}

/// Whether a command goes on until somebody ends it.
pub(super) fn goes_on(command: &str) -> bool {
    command.split(' ').any(|word| matches!(word, "-f" | "-w" | "--watch"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pages_blocks_of_shell_are_commands() {
        let page = "## 1. A\n```sh\nls\n```\n## 2. B\nwords\n```sh\nhelm x\nkubectl y -f\n```\n```yaml\na: 1\n```\n## 3. C\n```sh\nno\n```\n";
        let found = commands(page, ("## 2.", "## 3."));
        assert_eq!(found, ["helm x", "kubectl y -f"]);
        assert!(goes_on("kubectl y -f") && !goes_on("helm x"));
    }

    #[test]
    fn the_notes_commands_are_indented() {
        let notes =
            "What runs\n  broker  x\n\nWhat to type next\n  kubectl a\n  helm b\n\nrisky\n  - c\n";
        assert_eq!(noted(notes, "What to type next"), ["kubectl a", "helm b"]);
    }
}
