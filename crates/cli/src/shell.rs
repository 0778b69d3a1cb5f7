//! `vonk shell`: Python with `spark` ready, as the PySpark shell has it.

use std::process::ExitCode;

use crate::args::ShellArgs;
use crate::{python, server};

/// Runs inside Python before the prompt.
const START: &str = r#"
import sys
sys.ps1, sys.ps2 = ">>> ", "... "  # PySpark takes an interpreter without a prompt for its own tests
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
sql = spark.sql
print(f"Vonk, answering as Apache Spark {spark.version}, Python {sys.version.split()[0]}")
print("SparkSession available as 'spark'.")
"#;

pub fn main(args: ShellArgs) -> Result<ExitCode, String> {
    let embedded = server::embed(&args.engine)?;
    let program = python::interpreter(args.python);
    let mut child = python::spawn(&program, &["-i", "-c", START], embedded.address())?;
    server::ignore_interrupts();
    let status = child.wait().map_err(|e| format!("lost the shell: {e}"))?;
    embedded.stop();
    Ok(python::exit_code(status))
}
