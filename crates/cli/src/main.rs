//! `vonk`: Apache Spark's job without the JVM.
//!
//! One binary: a Spark Connect server (`vonk server`), a runner for unmodified PySpark scripts
//! (`vonk run`), the PySpark shell (`vonk shell`) and a SQL prompt (`vonk sql`).

mod args;
mod python;
mod run;
mod server;
mod shell;
mod sql;
mod table;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Cli, Command};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    env_logger::Builder::from_env(env_logger::Env::new().filter_or("VONK_LOG", "warn")).init();
    let outcome = match cli.command {
        Command::Server(args) => server::main(args),
        Command::Run(args) => run::main(args),
        Command::Shell(args) => shell::main(args),
        Command::Sql(args) => sql::main(args),
    };
    match outcome {
        Ok(code) => code,
        Err(message) => {
            say(&format!("vonk: {message}"));
            ExitCode::FAILURE
        }
    }
}

/// A line on standard error, for the person at the terminal.
#[allow(clippy::print_stderr)]
pub(crate) fn say(line: &str) {
    eprintln!("{line}");
}

/// A line of data on standard output.
#[allow(clippy::print_stdout)]
pub(crate) fn print(line: &str) {
    println!("{line}");
}
