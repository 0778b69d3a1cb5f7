//! A fork server: one Python process that has imported everything, and forks workers when asked.
//!
//! There is one for each interpreter. Its control channel is its standard input; when the channel
//! closes, because this value or the whole server is gone, it kills its workers and ends. Workers
//! connect to a socket in a folder that only this user can enter.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::timeout;
use vonk_common::{SparkError, SparkResult};

use crate::segment::Segment;
use crate::wire::{self, Reader};
use crate::{Environment, fault, interpreter, modules};

/// How long an interpreter may take for its imports, and a worker for its start.
const START: Duration = Duration::from_secs(60);
const FORK: Duration = Duration::from_secs(20);
/// How long the news of a worker's end may take after its connection closed.
const NEWS: Duration = Duration::from_secs(1);
/// Lines of output that are kept for the message about an interpreter that does not start.
const TAIL_LINES: usize = 20;
/// What the kernel may hold of one direction of a connection.
const SEND_BYTES: usize = 4 << 20;
/// Longer lines are logged in pieces.
const LINE_BYTES: u64 = 16 * 1024;
/// Ends of workers nobody asked about that are remembered.
const MAX_ENDED: usize = 256;

/// A worker's connection. It belongs to no runtime: whoever talks opens it in his own, whose threads
/// then hear of it themselves.
pub struct Connection {
    pub pid: u32,
    pub segment: Option<Arc<Segment>>,
    stream: std::os::unix::net::UnixStream,
}

impl Connection {
    /// Both directions, each with a descriptor of its own: dropping one closes nothing. While nobody has them
    /// there is nothing on its way, but perhaps the news that the last messages were taken.
    pub fn open(&self) -> std::io::Result<(Reader<UnixStream>, UnixStream)> {
        let side = || UnixStream::from_std(self.stream.try_clone()?);
        Ok((Reader::sharing(side()?, self.segment.clone()), side()?))
    }
}

/// How a worker ended: exit status (negative: signal), what the fault handler wrote.
type Ended = (i64, String);

#[derive(Default)]
struct Shared {
    /// Forks that were asked for and have not connected.
    waiting: Mutex<HashMap<String, oneshot::Sender<SparkResult<Connection>>>>,
    ended: Mutex<HashMap<u32, Ended>>,
    news: Notify,
    gone: AtomicBool,
}

pub struct Launcher {
    shared: Arc<Shared>,
    control: mpsc::UnboundedSender<(u32, Value)>,
    accepting: AbortHandle,
    python: String,
    _folder: TempDir,
}

impl Launcher {
    /// Starts an interpreter and waits until its imports are done.
    pub async fn start(python: &str) -> SparkResult<Arc<Self>> {
        let failed = |e: &dyn std::fmt::Display| fault::not_started(python, e);
        let folder = tempfile::Builder::new().prefix("vonk-python-").tempdir().map_err(|e| failed(&e))?;
        let package = modules::provide(folder.path()).map_err(|e| failed(&e))?;
        let socket = folder.path().join("workers");
        let listener = UnixListener::bind(&socket).map_err(|e| failed(&e))?;
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(|e| failed(&e))?;
        let mut child = Command::new(python)
            .args(["-m", "vonk.worker"])
            .arg(&socket)
            .arg(folder.path())
            .env_clear()
            .envs(interpreter::environment(&package))
            .current_dir(folder.path())
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|e| failed(&e))?;
        let tail = Arc::new(Mutex::new(Vec::new()));
        let all_said = log_output(&mut child, Arc::clone(&tail));
        reap(child);

        ours.set_nonblocking(true).map_err(|e| failed(&e))?;
        let stream = UnixStream::from_std(ours).map_err(|e| failed(&e))?;
        let (read, writer) = stream.into_split();
        let mut reader = Reader::new(read);
        let hello = match timeout(START, reader.next()).await {
            Ok(hello) => hello?.map(|m| m.json()).unwrap_or_default(),
            Err(_) => json!({"error": "its imports take too long"}),
        };
        if hello.get("python").is_none() {
            // Its last words may still be on their way.
            let _ = timeout(NEWS, all_said).await;
            let told = hello.get("error").and_then(Value::as_str).unwrap_or("it ended").to_string();
            let lines = tail.lock().join("\n");
            return Err(failed(&if lines.is_empty() { told } else { format!("{told}\n{lines}") }));
        }
        let shared = Arc::new(Shared::default());
        let (control, requests) = mpsc::unbounded_channel();
        tokio::spawn(send_requests(writer, requests));
        tokio::spawn(hear_news(reader, Arc::clone(&shared)));
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared))).abort_handle();
        Ok(Arc::new(Launcher { shared, control, accepting, python: python.to_string(), _folder: folder }))
    }

    pub fn is_gone(&self) -> bool {
        self.shared.gone.load(Ordering::Acquire)
    }

    /// A new worker.
    pub async fn fork(&self, environment: &Environment) -> SparkResult<Connection> {
        let token = uuid::Uuid::new_v4().to_string();
        let (sender, connected) = oneshot::channel();
        self.shared.waiting.lock().insert(token.clone(), sender);
        let request = json!({
            "token": token,
            "files": environment.files,
            "python_path": environment.python_path,
            "variables": environment.variables,
            "memory_limit": environment.memory_limit,
        });
        let _ = self.control.send((wire::FORK, request));
        if self.is_gone() {
            self.shared.waiting.lock().clear();
        }
        let out = match timeout(FORK, connected).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(_)) => Err(fault::not_started(&self.python, "its fork server ended")),
            Err(_) => Err(fault::not_started(&self.python, "a worker did not start in time")),
        };
        self.shared.waiting.lock().remove(&token);
        out
    }

    pub fn kill(&self, pid: u32) {
        let _ = self.control.send((wire::KILL, json!({"pid": pid})));
    }

    pub fn has_ended(&self, pid: u32) -> bool {
        self.is_gone() || self.shared.ended.lock().contains_key(&pid)
    }

    /// The error for a worker whose connection closed.
    pub async fn crash(&self, pid: u32) -> SparkError {
        let found = timeout(NEWS, async {
            loop {
                let news = self.shared.news.notified();
                if let Some(ended) = self.shared.ended.lock().remove(&pid) {
                    return ended;
                }
                news.await;
            }
        });
        match found.await {
            Ok((status, report)) => fault::crashed(Some(status), &report),
            Err(_) => fault::crashed(None, ""),
        }
    }
}

impl Drop for Launcher {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn send_requests(mut writer: OwnedWriteHalf, mut requests: mpsc::UnboundedReceiver<(u32, Value)>) {
    while let Some((kind, request)) = requests.recv().await {
        if !wire::write(&mut writer, kind, &[wire::json(&request)]).await {
            return;
        }
    }
}

/// Hears of workers that ended.
async fn hear_news(mut reader: Reader<OwnedReadHalf>, shared: Arc<Shared>) {
    while let Ok(Some(message)) = reader.next().await {
        let news = message.json();
        let number = |name: &str| news.get(name).and_then(Value::as_i64).unwrap_or_default();
        let text = |name: &str| news.get(name).and_then(Value::as_str).unwrap_or_default().to_string();
        if let Some(waiting) = shared.waiting.lock().remove(&text("token")) {
            let _ = waiting.send(Err(fault::crashed(Some(number("status")), &text("report"))));
        }
        let mut ended = shared.ended.lock();
        if ended.len() >= MAX_ENDED {
            ended.clear();
        }
        ended.insert(number("pid") as u32, (number("status"), text("report")));
        drop(ended);
        shared.news.notify_waiters();
    }
    shared.gone.store(true, Ordering::Release);
    shared.waiting.lock().clear();
    shared.news.notify_waiters();
}

/// Takes the connections of workers, and gives each to whom its token belongs.
async fn accept(listener: UnixListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            if let Some((token, connection)) = timeout(FORK, greeted(stream)).await.ok().flatten()
                && let Some(waiting) = shared.waiting.lock().remove(&token)
            {
                let _ = waiting.send(Ok(connection));
            }
        });
    }
}

/// A connection whose worker has said who it is, and its token.
async fn greeted(stream: UnixStream) -> Option<(String, Connection)> {
    // Whole frames go without waiting for the other side. Where the system allows less, that much it is.
    let _ = socket2::SockRef::from(&stream).set_send_buffer_size(SEND_BYTES);
    let mut reader = Reader::new(stream);
    let hello = reader.next().await.ok()??.json();
    let token = hello.get("token").and_then(Value::as_str).unwrap_or_default().to_string();
    let pid = hello.get("pid").and_then(Value::as_u64).unwrap_or_default() as u32;
    let stream = reader.into_inner().into_std().ok()?;
    let segment = hello.get("segment").and_then(|described| Segment::open(pid, described)).map(Arc::new);
    Some((token, Connection { pid, segment, stream }))
}

/// What Python code prints goes to the log, line by line. The receiver hears when there is no more.
fn log_output(child: &mut Child, tail: Arc<Mutex<Vec<String>>>) -> oneshot::Receiver<()> {
    let (end, ended) = oneshot::channel();
    let Some(output) = child.stderr.take() else { return ended };
    let read = move || {
        let mut output = BufReader::new(output);
        let mut bytes = vec![];
        while matches!(output.by_ref().take(LINE_BYTES).read_until(b'\n', &mut bytes), Ok(1..)) {
            let line = String::from_utf8_lossy(&bytes).trim_end().to_string();
            bytes.clear();
            log::info!(target: "python", "{line}");
            let mut tail = tail.lock();
            if tail.len() >= TAIL_LINES {
                tail.remove(0);
            }
            tail.push(line);
        }
        let _ = end.send(());
    };
    let _ = std::thread::Builder::new().name("python-output".to_string()).spawn(read);
    ended
}

/// Leaves no zombie when the fork server ends.
fn reap(mut child: Child) {
    let _ = std::thread::Builder::new().name("python-wait".to_string()).spawn(move || child.wait());
}
