//! `vonk run SCRIPT [ARGS…]`: an embedded server that lives as long as the script.

use std::process::ExitCode;

use crate::args::RunArgs;
use crate::{python, server};

pub fn main(args: RunArgs) -> Result<ExitCode, String> {
    let embedded = server::embed(&args.engine)?;
    let program = python::interpreter(args.python);
    let mut child = python::spawn(&program, &args.script, embedded.address())?;
    // Ctrl-C goes to the whole process group: the script decides what it means, we outlive it.
    server::ignore_interrupts();
    let status = child.wait().map_err(|e| format!("lost the script: {e}"))?;
    embedded.stop();
    Ok(python::exit_code(status))
}
