//! Plans over files: what is asked twice is computed once, and joins come in the order that makes few rows.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use datafusion::physical_plan::displayable;
use vonk_engine::{Server, ServerConfig, Session};
use vonk_plan::command::Statement;

struct Tables {
    session: Arc<Session>,
    _dir: tempfile::TempDir,
}

impl Tables {
    /// `sales` (400,000 rows) with days and items, `days` (1,000) and `items` (20,000).
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = ServerConfig {
            warehouse: Some(dir.path().join("warehouse")),
            spill_root: Some(dir.path().join("spill")),
            parallelism: Some(2),
            volatile_catalog: true,
            ..ServerConfig::default()
        };
        let session = Server::start(config).unwrap().session("tester", "1");
        let tables = Tables { session, _dir: dir };
        tables
            .run("CREATE TABLE sales USING parquet AS SELECT id, id % 1000 day, id % 20000 item FROM range(400000)")
            .await;
        tables.run("CREATE TABLE days USING parquet AS SELECT id day, id % 50 week FROM range(1000)").await;
        tables.run("CREATE TABLE items USING parquet AS SELECT id item, id % 7 kind FROM range(20000)").await;
        tables
    }

    async fn run(&self, text: &str) {
        let statement = self.session.parse(text).await.unwrap();
        let Statement::Command(command) = statement else { unreachable!() };
        self.session.run_command(command).await.unwrap();
    }

    /// The numbers of the first row, and the plan as text.
    async fn query(&self, text: &str) -> (Vec<i64>, String) {
        let Statement::Query(query) = self.session.parse(text).await.unwrap() else { unreachable!() };
        let query = self.session.query(query).await.unwrap();
        let plan = displayable(query.plan.as_ref()).indent(false).to_string();
        let batches = query.run().unwrap().collect().await.unwrap();
        let batch = batches.iter().find(|b| b.num_rows() > 0).unwrap();
        (batch.columns().iter().map(|c| c.as_primitive::<Int64Type>().value(0)).collect(), plan)
    }

    async fn shares(&self, text: &str) -> (Vec<i64>, usize) {
        let (row, plan) = self.query(text).await;
        (row, plan.matches("SharedExec").count())
    }
}

const BY_DAY: &str = "WITH c AS (SELECT day, count(*) n, sum(id) s FROM sales GROUP BY day)";

#[tokio::test(flavor = "multi_thread")]
async fn equal_parts_are_computed_once() {
    let tables = Tables::new().await;
    let joined = format!("{BY_DAY} SELECT sum(a.n + b.n), count(*) FROM c a JOIN c b ON a.day = b.day AND a.s = b.s");
    assert_eq!(tables.shares(&joined).await, (vec![800_000, 1000], 2));
    let in_subqueries = format!(
        "{BY_DAY} SELECT (SELECT max(n) FROM c) + (SELECT max(n) FROM c), count(*) FROM c WHERE n >= (SELECT max(n) FROM c)"
    );
    let (row, shares) = tables.shares(&in_subqueries).await;
    assert_eq!(row, [800, 1000]);
    assert!(shares >= 2, "{shares}");
    let united = format!(
        "{BY_DAY} SELECT sum(n), count(*) FROM (SELECT n FROM c UNION ALL SELECT n FROM c UNION ALL SELECT s FROM c)"
    );
    assert_eq!(tables.shares(&united).await, (vec![800_000 + 399_999 * 200_000, 3000], 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn other_parts_are_not_shared() {
    let tables = Tables::new().await;
    let other_rows = format!("{BY_DAY} SELECT sum(a.n + b.n) FROM c a, c b WHERE a.day = 1 AND b.day = 2");
    assert_eq!(tables.shares(&other_rows).await, (vec![800], 0));
    let random = "WITH c AS (SELECT day, max(r) r FROM (SELECT day, rand() r FROM sales) GROUP BY day) SELECT count(*) FROM c a JOIN c b ON a.day = b.day AND a.r >= 0 AND b.r >= 0";
    assert_eq!(tables.shares(random).await, (vec![1000], 0));
    let scans = "SELECT (SELECT count(*) FROM days), count(*) FROM days a JOIN items ON day = item";
    assert_eq!(tables.shares(scans).await.1, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_is_joined_first() {
    let tables = Tables::new().await;
    let (row, plan) = tables
        .query(
            "SELECT count(*), sum(kind) FROM sales JOIN items ON sales.item = items.item \
             JOIN days ON sales.day = days.day WHERE week = 3 AND kind + week < 9",
        )
        .await;
    let at = |table: &str| plan.find(table).unwrap();
    assert!(at("/days/") < at("/sales/"), "{plan}");
    assert!(!plan[at("/days/")..at("/sales/")].contains("/items/"), "{plan}");
    let mut expected = (0, 0);
    for id in 0..400_000_i64 {
        if id % 1000 % 50 == 3 && id % 20_000 % 7 + 3 < 9 {
            expected = (expected.0 + 1, expected.1 + id % 20_000 % 7);
        }
    }
    assert_eq!(row, [expected.0, expected.1]);
}

/// The equality of the first and third table follows; that of two columns of one table is not lost.
#[tokio::test(flavor = "multi_thread")]
async fn implied_equalities_hold() {
    let tables = Tables::new().await;
    let chain =
        "SELECT count(*) FROM sales a JOIN items b ON a.item = b.item JOIN days c ON b.item = c.day WHERE week = 0";
    assert_eq!(tables.query(chain).await.0, [20 * 20]);
    let both = "SELECT count(*) FROM sales a, items b, days c WHERE a.item = b.item AND a.day = b.item AND b.item = c.day AND c.week < 25";
    assert_eq!(tables.query(both).await.0, [20 * 500]);
}

/// Two equal calls of `grouping` are one column to the sort below the window, and have to be one to it too.
#[tokio::test(flavor = "multi_thread")]
async fn windows_over_equal_groupings() {
    let tables = Tables::new().await;
    let text = "SELECT count(*), sum(r) FROM (SELECT rank() OVER (PARTITION BY grouping(a) + grouping(b), \
                CASE WHEN grouping(b) = 0 THEN a END ORDER BY sum(c) / sum(c + 1)) r \
                FROM VALUES ('x', 'p', 1), ('x', 'q', 2), ('y', 'p', 3), ('y', 'r', 5) t(a, b, c) GROUP BY ROLLUP (a, b))";
    assert_eq!(tables.query(text).await.0, [7, 10]);
}
