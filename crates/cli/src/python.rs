//! Starts Python programs that find the embedded server in `SPARK_REMOTE`.

use std::ffi::{OsStr, OsString};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitCode, ExitStatus};

/// The interpreter: the option, `$PYSPARK_PYTHON`, `python3`.
pub fn interpreter(option: Option<OsString>) -> OsString {
    option.or_else(|| std::env::var_os("PYSPARK_PYTHON")).unwrap_or_else(|| "python3".into())
}

/// Starts the interpreter with `SPARK_REMOTE` set.
pub fn spawn<S: AsRef<OsStr>>(program: &OsStr, args: &[S], server: SocketAddr) -> Result<Child, String> {
    Command::new(program)
        .args(args)
        .env("SPARK_REMOTE", format!("sc://{server}"))
        .env("SPARK_CONNECT_MODE_ENABLED", "1")
        .env_remove("SPARK_CONNECT_AUTHENTICATE_TOKEN")
        .spawn()
        .map_err(|e| format!("cannot start {}: {e}", program.to_string_lossy()))
}

/// The child's exit status as ours; a child ended by signal n gives 128 + n, as shells do.
pub fn exit_code(status: ExitStatus) -> ExitCode {
    use std::os::unix::process::ExitStatusExt;
    let code = status.code().or_else(|| status.signal().map(|s| 128 + s)).unwrap_or(1);
    ExitCode::from(u8::try_from(code & 0xff).unwrap_or(1))
}
