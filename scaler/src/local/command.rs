//! PURE: the worker's command line, split as a shell would and never given to one.

use std::str::FromStr;

use thiserror::Error;

/// Stands for the child's number.
const NUMBER: &str = "{n}";

/// Why a command line cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CommandError {
    /// Nothing in it.
    #[error(
        "the command line is empty; give the program and its arguments, e.g. `worker --serializer cbor`"
    )]
    Empty,
    /// A quote is not closed.
    #[error("a quote in the command line is not closed; close it, or put a backslash before it")]
    Quote,
}

/// A program and its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerCommand {
    program: String,
    arguments: Vec<String>,
}

impl FromStr for WorkerCommand {
    type Err = CommandError;

    fn from_str(line: &str) -> Result<Self, CommandError> {
        let words = shell_words::split(line).map_err(|_| CommandError::Quote)?;
        let mut words = words.into_iter();
        let program = words.next().filter(|word| !word.is_empty()).ok_or(CommandError::Empty)?;
        Ok(Self { program, arguments: words.collect() })
    }
}

impl WorkerCommand {
    /// Program and arguments of the child with this number.
    #[must_use]
    pub fn of_child(&self, number: u32) -> (String, Vec<String>) {
        let number = number.to_string();
        let put = |word: &String| word.replace(NUMBER, &number);
        (put(&self.program), self.arguments.iter().map(put).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_a_shell_would_and_numbered() {
        let command: WorkerCommand =
            r#"worker --name 'worker {n}' "a\"b" --port=90{n} $HOME * ;"#.parse().unwrap();
        let (program, arguments) = command.of_child(3);
        assert_eq!(program, "worker");
        assert_eq!(arguments, ["--name", "worker 3", "a\"b", "--port=903", "$HOME", "*", ";"]);
    }

    #[test]
    fn a_line_that_names_no_program_is_refused() {
        assert_eq!("".parse::<WorkerCommand>(), Err(CommandError::Empty));
        assert_eq!("  ".parse::<WorkerCommand>(), Err(CommandError::Empty));
        assert_eq!("''".parse::<WorkerCommand>(), Err(CommandError::Empty));
        assert_eq!("worker 'a".parse::<WorkerCommand>(), Err(CommandError::Quote));
    }
}
