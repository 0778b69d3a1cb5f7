//! The service as PySpark sees it: a real client, run by `pyspark_client.py`, against a fake engine.
//! `VONK_PYTHON` names a Python with `pyspark[connect]`; without one the test passes over.

mod fake;

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::process::Command;
use vonk_connect::{ServerConfig, serve};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pyspark_talks_to_the_service() -> Result<(), Box<dyn std::error::Error>> {
    let python = std::env::var("VONK_PYTHON").unwrap_or_else(|_| "python3".into());
    let mut probe = Command::new(&python);
    probe.args(["-c", "import pyspark.sql.connect.proto"]).stderr(Stdio::null());
    if !probe.status().await.is_ok_and(|s| s.success()) {
        return Ok(());
    }
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let config = ServerConfig { port: 0, ..Default::default() };
    let (address, serving) = serve(&config, Arc::new(fake::FakeBackend), async { drop(stopped.await) })?;
    let server = tokio::spawn(serving);
    let locked = ServerConfig { port: 0, token: Some("secret".into()), ..Default::default() };
    let (locked_address, serving) = serve(&locked, Arc::new(fake::FakeBackend), std::future::pending())?;
    let locked_server = tokio::spawn(serving);

    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pyspark_client.py");
    let mut client = Command::new(&python)
        .args([script, &address.port().to_string(), &locked_address.port().to_string()])
        .kill_on_drop(true)
        .spawn()?;
    let status = tokio::time::timeout(Duration::from_secs(120), client.wait()).await??;
    assert!(status.success());

    drop(stop);
    tokio::time::timeout(Duration::from_secs(10), server).await???;
    locked_server.abort();
    Ok(())
}
