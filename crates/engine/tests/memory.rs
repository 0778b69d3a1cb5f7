//! Queries over eight times the memory pool: they spill, give the right answer, and clear away.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use vonk_common::SparkError;
use vonk_engine::{Server, ServerConfig, Session};
use vonk_plan::command::Statement;

const POOL: usize = 16 << 20;
const ROWS: i64 = 210_000; // of some 620 bytes

struct Small {
    server: Arc<Server>,
    session: Arc<Session>,
    dir: tempfile::TempDir,
}

impl Small {
    fn new(parallelism: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = ServerConfig {
            warehouse: Some(dir.path().join("warehouse")),
            spill_root: Some(dir.path().join("spill")),
            memory_bytes: Some(POOL),
            parallelism: Some(parallelism),
            volatile_catalog: true,
            ..ServerConfig::default()
        };
        let server = Server::start(config).unwrap();
        let session = server.session("tester", "1");
        Small { server, session, dir }
    }

    /// The numbers of the only row of a query; `{rows}` stands for a table of [`ROWS`] rows from 0 on,
    /// `{half}` for one of as many from the middle of that on.
    async fn numbers(&self, text: &str) -> Result<Vec<i64>, SparkError> {
        let table = |from: i64| {
            format!(
                "(SELECT id, concat('key-', hex(id * 2654435761 % 4294967296), '-', id, repeat('k', 200)) k, repeat('x', 400) v FROM range({from}, {}, 1, 4))",
                from + ROWS
            )
        };
        let text = text.replace("{rows}", &table(0)).replace("{half}", &table(ROWS / 2));
        let Statement::Query(query) = self.session.parse(&text).await? else { return Ok(vec![]) };
        let batches = self.session.execute(query).await?.collect().await?;
        let batch = batches.iter().find(|b| b.num_rows() > 0).unwrap();
        Ok(batch.columns().iter().map(|c| c.as_primitive::<Int64Type>().value(0)).collect())
    }

    /// Nothing is held and nothing is left on disk.
    async fn is_clear(&self) {
        for _ in 0..100 {
            if self.server.runtime.memory_pool.reserved() == 0 && files(&self.dir.path().join("spill")) == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(self.server.runtime.memory_pool.reserved(), 0, "memory is still held");
        assert_eq!(files(&self.dir.path().join("spill")), 0, "spilled files were left");
    }
}

fn files(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    entries.map(|p| if p.is_dir() { files(&p) } else { 1 }).sum()
}

async fn check(cases: &[(&str, &[i64])]) {
    let small = Small::new(2);
    let only = std::env::var("ONLY").unwrap_or_default();
    for (text, expected) in cases.iter().filter(|(t, _)| t.contains(&only)) {
        let begun = std::time::Instant::now();
        let got = small.numbers(text).await.map_err(|e| e.message());
        eprintln!("{:?} {text}", begun.elapsed());
        assert_eq!(got, Ok(expected.to_vec()), "{text}");
        small.is_clear().await;
    }
}

const N: i64 = ROWS;
/// The sum of the numbers below `n`.
const fn sum(n: i64) -> i64 {
    n * (n - 1) / 2
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sorts_and_windows() {
    check(&[
        ("SELECT count(*), sum(n), sum(id) FROM (SELECT id, v, row_number() OVER (ORDER BY k) n FROM {rows})", &[N, sum(N) + N, sum(N)]),
        ("SELECT count(*), sum(c), sum(length(v)) FROM (SELECT v, sum(1) OVER (PARTITION BY id % 2000) c FROM {rows})", &[N, N * (N / 2000), 400 * N]),
        ("SELECT count(*), sum(r) FROM (SELECT v, rank() OVER (PARTITION BY id % 7 ORDER BY k) r FROM {rows} WHERE id < 7 * 20000)", &[140_000, 7 * (sum(20_000) + 20_000)]),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aggregates() {
    check(&[
        (
            "SELECT count(*), sum(c), sum(m) FROM (SELECT k, count(*) c, max(id) m, max(v) FROM {rows} GROUP BY k)",
            &[N, N, sum(N)],
        ),
        ("SELECT count(*) FROM (SELECT DISTINCT k FROM {rows})", &[N]),
        ("SELECT count(DISTINCT k) FROM {rows}", &[N]),
        (
            "SELECT count(*), sum(size(s)) FROM (SELECT id % 50000, collect_set(k) s FROM {rows} GROUP BY 1)",
            &[50_000, N],
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn joins() {
    let (half, one_and_half) = (N / 2, N + N / 2);
    check(&[
        (
            "SELECT count(*), sum(a.id), sum(length(a.v) + length(b.v)) FROM {rows} a JOIN {half} b ON a.k = b.k",
            &[half, sum(N) - sum(half), 800 * half],
        ),
        (
            "SELECT count(*), count(a.v), count(b.v) FROM {rows} a FULL JOIN {half} b ON a.k = b.k",
            &[one_and_half, N, N],
        ),
        ("SELECT count(*), sum(a.id) FROM {rows} a LEFT SEMI JOIN {half} b ON a.k = b.k", &[half, sum(N) - sum(half)]),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_two_places_read() {
    check(&[(
        "WITH c AS (SELECT k, id, max(v) v FROM {rows} GROUP BY k, id) \
         SELECT count(*), sum(a.id), sum(length(a.v) + length(b.v)) FROM c a JOIN c b ON a.k = b.k",
        &[N, sum(N), 800 * N],
    )])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn joins_without_equal_keys() {
    let wide = "(SELECT id, repeat('x', 400000) v FROM range(0, 200, 1, 100))";
    let right = "range(0, 40, 1, 4)";
    let text = |kind: &str| {
        format!("SELECT count(*), sum(length(a.v)) FROM {wide} a {kind} JOIN {right} b ON b.id * 5 > a.id")
    };
    // Row i of 200 meets those of 40 that are above i / 5; the last five meet none.
    let pairs: i64 = (0..200).map(|i| 39 - i / 5).sum();
    check(&[
        (&text("LEFT"), &[pairs + 5, (pairs + 5) * 400_000]),
        (&text("LEFT SEMI"), &[195, 195 * 400_000]),
        (&text("LEFT ANTI"), &[5, 5 * 400_000]),
        (&text("INNER"), &[pairs, pairs * 400_000]),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_spill_says_so() {
    let small = Small::new(2);
    for text in [
        "SELECT size(collect_list(concat(k, id))) FROM {rows}",
        "SELECT size(collect_set(k)) FROM {rows}",
        "SELECT length(listagg(k)) FROM {rows}",
        "SELECT length(mode(k)) FROM {rows}",
        "SELECT percentile(id * 1.5D, 0.5) FROM range(6000000)",
    ] {
        let outcome =
            small.numbers(&text.replace("SELECT", "SELECT CAST(").replacen(" FROM", " AS BIGINT) FROM", 1)).await;
        assert_eq!(outcome.map_err(|e| e.class().to_string()), Err("UNABLE_TO_ACQUIRE_MEMORY".into()), "{text}");
        small.is_clear().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kept_rows_go_to_disk() {
    let small = Small::new(2);
    for level in ["MEMORY_AND_DISK", "DISK_ONLY", "MEMORY_ONLY"] {
        let text = format!(
            "CACHE TABLE kept OPTIONS ('storageLevel' = '{level}') AS \
             SELECT id, uuid() u, repeat('x', 900) v FROM range(0, 50000, 1, 4)"
        );
        let Statement::Command(command) = small.session.parse(&text).await.unwrap() else { return };
        small.session.run_command(command).await.map_err(|e| e.message()).unwrap();
        let on_disk = files(&small.dir.path().join("spill"));
        assert_eq!(on_disk, usize::from(level != "MEMORY_ONLY"), "{level}");
        let count = "SELECT count(*), sum(a.id), sum(length(a.v)) FROM kept a JOIN kept b ON a.u = b.u";
        let rows = if level == "MEMORY_ONLY" { vec![0] } else { vec![50_000, sum(50_000), 900 * 50_000] };
        let got = small.numbers(count).await.map_err(|e| e.message()).unwrap();
        assert_eq!(got.iter().take(rows.len()).copied().collect::<Vec<_>>(), rows, "{level}");
        let Statement::Command(drop) = small.session.parse("DROP VIEW kept").await.unwrap() else { return };
        small.session.run_command(drop).await.map_err(|e| e.message()).unwrap();
        small.session.clear_cache();
        small.is_clear().await;
    }
}
