//! Code that exits, crashes, loops, forks, prints or takes all memory: one task has an error, the pool goes on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{collect, environment, frames, long_column, longs, task, text_column};
use futures::StreamExt;
use vonk_plan::types::DataType;
use vonk_python::{Environment, Frame, Pool, eval_type};

/// How long the next function may take after one that failed, on a machine that is busy with other tests.
const NEXT: Duration = Duration::from_secs(2);

fn hostile(body: &str) -> vonk_python::Task {
    let code = format!("def f(x):\n    import os, sys, time\n    {body}\n    return x");
    task(eval_type::ARROW_BATCHED, &code, "LongType()", &[DataType::Long], &[DataType::Long])
}

async fn works(pool: &Pool) {
    let task = hostile("x += 1");
    let begin = Instant::now();
    let out = collect(pool, task, vec![Frame::rows(longs([1, 2]))]).await.unwrap();
    assert_eq!(long_column(&out, 0), vec![Some(2), Some(3)]);
    assert!(begin.elapsed() < NEXT, "{:?}", begin.elapsed());
}

/// A pool whose interpreter has started.
async fn pool() -> Pool {
    let pool = Pool::new();
    collect(&pool, hostile("pass"), vec![]).await.unwrap();
    pool
}

#[tokio::test(flavor = "multi_thread")]
async fn code_that_ends_its_process_fails_alone() {
    let pool = pool().await;
    for (body, told) in [
        ("os._exit(3)", "exit status 3"),
        ("os.kill(os.getpid(), 9)", "SIGKILL"),
        ("import ctypes; ctypes.string_at(0)", "SIGSEGV"),
        ("os.kill(os.getpid(), 6)", "SIGABRT"),
    ] {
        let error = collect(&pool, hostile(body), vec![Frame::rows(longs([1]))]).await.unwrap_err();
        assert_eq!(error.class(), "PYTHON_WORKER_CRASHED", "{body}: {error}");
        assert!(error.message().contains(told), "{body}: {error}");
        works(&pool).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_raised_has_the_users_traceback() {
    let pool = pool().await;
    for (body, told) in [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("sys.exit(4)", "SystemExit: 4"),
        ("raise KeyboardInterrupt()", "KeyboardInterrupt"),
        ("raise StopIteration('x')", "STOP_ITERATION_OCCURRED"),
        ("return [0] * (1 << 62)", "MemoryError"),
    ] {
        let error = collect(&pool, hostile(body), vec![Frame::rows(longs([1]))]).await.unwrap_err();
        assert_eq!(error.class(), "PYTHON_EXCEPTION", "{body}: {error}");
        assert!(error.message().contains(told), "{body}: {error}");
        let own = error.message().contains("vonk/worker/loop");
        assert!(!own || body.contains("StopIteration"), "{body}: {error}");
        works(&pool).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_loop_ends_with_its_result_stream() {
    let pool = pool().await;
    let marker = std::env::temp_dir().join(format!("vonk-loop-{}", uuid::Uuid::new_v4()));
    let body = format!("open({:?}, 'w').write(str(os.getpid()))\n    while True: pass", marker.to_str().unwrap());
    let mut results = pool.run(Arc::new(hostile(&body)), frames(vec![Frame::rows(longs([1]))]));
    let waited = tokio::time::timeout(Duration::from_secs(2), results.next()).await;
    assert!(waited.is_err(), "{waited:?}");
    let pid = std::fs::read_to_string(&marker).unwrap();
    std::fs::remove_file(&marker).unwrap();
    drop(results);
    let begin = Instant::now();
    while std::path::Path::new(&format!("/proc/{pid}")).exists() && begin.elapsed() < Duration::from_secs(3) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(begin.elapsed() < Duration::from_millis(500), "{:?}", begin.elapsed());
    works(&pool).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_the_code_forks_ends_too() {
    let pool = Pool::new();
    let body = "pid = os.fork()\n    if pid == 0: time.sleep(600)\n    return pid";
    let out = collect(&pool, hostile(body), vec![Frame::rows(longs([1]))]).await.unwrap();
    let child = long_column(&out, 0).first().copied().flatten().unwrap();
    drop(pool);
    let begin = Instant::now();
    let alive = || std::path::Path::new(&format!("/proc/{child}/exe")).exists();
    while alive() && begin.elapsed() < Duration::from_secs(5) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!alive());
}

#[tokio::test(flavor = "multi_thread")]
async fn output_does_not_disturb_the_results() {
    let pool = Pool::new();
    let body = "print('x' * 100000); sys.stdout.flush(); os.write(1, b'raw'); os.write(2, b'raw'); sys.stdin.read()";
    let out = collect(&pool, hostile(body), vec![Frame::rows(longs(0..20))]).await.unwrap();
    assert_eq!(long_column(&out, 0).len(), 20);
    let closing = "[os.close(i) for i in (0, 1, 2)]";
    collect(&pool, hostile(closing), vec![Frame::rows(longs([1]))]).await.unwrap();
    works(&pool).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_is_limited() {
    let pool = Pool::new();
    let mut greedy = hostile("held = bytearray(4 << 30)");
    greedy.environment = Arc::new(Environment { memory_limit: Some(2 << 30), ..environment() });
    let error = collect(&pool, greedy, vec![Frame::rows(longs([1]))]).await.unwrap_err();
    assert!(error.message().contains("MemoryError"), "{error}");
    works(&pool).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_sees_its_own_environment_alone() {
    let pool = Pool::new();
    let code = "def f(x):\n    import os, tempfile\n    \
                open(os.path.join(tempfile.gettempdir(), 'mine'), 'w').close()\n    \
                look = lambda n: os.readlink('/proc/self/fd/' + n) if os.path.exists('/proc/self/fd/' + n) else ''\n    \
                fds = [look(n) for n in os.listdir('/proc/self/fd')]\n    \
                return repr((sorted(os.environ), tempfile.gettempdir(), os.getcwd(), fds))";
    let task = task(eval_type::ARROW_BATCHED, code, "StringType()", &[DataType::Long], &[DataType::STRING]);
    let out = collect(&pool, task, vec![Frame::rows(longs([1]))]).await.unwrap();
    let told = text_column(&out, 0).remove(0).unwrap();
    for secret in ["SPARK_CONNECT_AUTHENTICATE_TOKEN", "AWS_", "CARGO"] {
        assert!(!told.contains(secret), "{told}");
    }
    assert!(told.contains("vonk-python-") && told.contains("/worker-"), "{told}");
    let sockets = told.matches("socket:").count();
    assert_eq!(sockets, 1, "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interpreter_that_is_not_there_is_an_error() {
    let pool = Pool::new();
    let mut nowhere = hostile("pass");
    nowhere.environment = Arc::new(Environment { python: Some("/nowhere/python".into()), ..environment() });
    let error = collect(&pool, nowhere, vec![]).await.unwrap_err();
    assert_eq!(error.class(), "PYTHON_WORKER_NOT_STARTED");
    let mut other = hostile("pass");
    other.functions[0].python_version = "3.1".into();
    let error = collect(&pool, other, vec![Frame::rows(longs([1]))]).await.unwrap_err();
    assert!(error.message().contains("PYTHON_VERSION_MISMATCH"), "{error}");
}
