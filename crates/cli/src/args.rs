//! The command line.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

#[derive(Parser)]
#[command(name = "vonk", version, about = "Apache Spark's job without the JVM", arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Serve Spark Connect: SparkSession.builder.remote("sc://127.0.0.1:15002")
    Server(ServerArgs),
    /// Run a PySpark script against an embedded server, with no change to it
    Run(RunArgs),
    /// Open the PySpark shell on an embedded server
    Shell(ShellArgs),
    /// Type SQL, or run it from the command line or a file
    Sql(SqlArgs),
}

/// What the engine may use; shared by all commands.
#[derive(Args, Clone, Debug)]
pub struct EngineArgs {
    /// Worker threads, one partition each [default: all cores]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Memory for queries, e.g. 8g; beyond it they spill to disk [default: 60 % of all]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub memory: Option<usize>,
    /// Folder for managed tables and the catalog [default: spark-warehouse]
    #[arg(long, value_name = "DIR")]
    pub warehouse: Option<PathBuf>,
    /// Setting for every session; may be repeated
    #[arg(long = "conf", value_name = "KEY=VALUE", value_parser = parse_conf)]
    pub conf: Vec<(String, String)>,
}

#[derive(Args)]
pub struct ServerArgs {
    /// Address to listen on; beyond loopback with token and TLS only
    #[arg(long, default_value = "127.0.0.1")]
    pub ip: IpAddr,
    /// Port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 15002)]
    pub port: u16,
    /// Certificate chain for TLS, PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Private key for TLS, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Listen beyond loopback without a token or TLS
    #[arg(long)]
    pub insecure: bool,
    /// End when standard input is closed: for programs that embed the server
    #[arg(long, hide = true)]
    pub until_stdin_closes: bool,
    #[command(flatten)]
    pub engine: EngineArgs,
}

#[derive(Args)]
pub struct RunArgs {
    /// Python interpreter [default: $PYSPARK_PYTHON, else python3]
    #[arg(long, value_name = "PROGRAM")]
    pub python: Option<OsString>,
    #[command(flatten)]
    pub engine: EngineArgs,
    /// The script, then its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_names = ["SCRIPT", "ARGS"])]
    pub script: Vec<OsString>,
}

#[derive(Args)]
pub struct ShellArgs {
    /// Python interpreter [default: $PYSPARK_PYTHON, else python3]
    #[arg(long, value_name = "PROGRAM")]
    pub python: Option<OsString>,
    #[command(flatten)]
    pub engine: EngineArgs,
}

#[derive(Args)]
pub struct SqlArgs {
    /// SQL to run; statements are separated by semicolons
    #[arg(short = 'e', long = "execute", value_name = "SQL", conflicts_with = "file")]
    pub execute: Option<String>,
    /// File of SQL to run
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    #[command(flatten)]
    pub engine: EngineArgs,
}

/// `512m`, `8g`, `1073741824`: bytes, with Spark's binary suffixes.
fn parse_size(text: &str) -> Result<usize, String> {
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: usize = match &lower[digits.len()..] {
        "" | "b" => 1,
        "k" | "kb" => 1 << 10,
        "m" | "mb" => 1 << 20,
        "g" | "gb" => 1 << 30,
        "t" | "tb" => 1 << 40,
        other => return Err(format!("unknown unit '{other}': use k, m, g or t")),
    };
    let number: usize = digits.parse().map_err(|_| format!("'{text}' is not a size such as 8g"))?;
    number.checked_mul(unit).ok_or_else(|| format!("'{text}' is too large"))
}

fn parse_conf(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_string(), value.to_string())),
        _ => Err(format!("'{text}' is not KEY=VALUE")),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sizes_take_binary_suffixes() {
        assert_eq!(parse_size("512m"), Ok(512 << 20));
        assert_eq!(parse_size("8G"), Ok(8 << 30));
        assert!(parse_size("8q").is_err() && parse_size("g").is_err());
    }
}
