//! `tidegate`: argv → command → exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    tidegate::cli::main(std::env::args_os())
}
