//! `tidegate help [TOPIC]`: the help of the program, of a command, or the list of reasons.

use clap::CommandFactory;

use super::terminal::{complain, say};
use super::{Arguments, Exit};
use crate::base::Reason;

/// Prints the help of `topic`, of the whole program where there is none.
pub(super) fn help(topic: Option<&str>) -> Exit {
    let mut program = Arguments::command();
    // Gives every command its full name in its usage line.
    program.build();
    match topic {
        None => say(program.render_long_help()),
        Some("reasons") => say(reasons()),
        Some(name) => match program.find_subcommand_mut(name) {
            Some(command) => say(command.render_long_help()),
            None => {
                complain(format_args!("no help on '{name}': `tidegate help` lists the commands"));
                return Exit::Usage;
            }
        },
    }
    Exit::Ok
}

/// Every reason with its sentence, a line each, aligned.
fn reasons() -> String {
    let width = Reason::ALL.iter().map(|reason| reason.as_str().len()).max().unwrap_or_default();
    let lines: Vec<String> = Reason::ALL
        .iter()
        .map(|reason| format!("{:width$}  {}", reason.as_str(), reason.sentence().trim()))
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_one_aligned_line() {
        let text = reasons();
        assert_eq!(text.lines().count(), Reason::ALL.len());
        let column = |line: &str| line.rfind("  ").map(|at| at + 2);
        let first = text.lines().next().and_then(column);
        assert!(text.lines().all(|line| column(line) == first), "{text}");
    }

    #[test]
    fn an_unknown_topic_is_a_usage_error() {
        assert_eq!(help(Some("nonsense")), Exit::Usage);
        assert_eq!(help(Some("run")), Exit::Ok);
    }
}
