//! Files read and written through SQL, with the rows that Spark 4.3 gives.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use arrow::util::display::{ArrayFormatter, FormatOptions};
use vonk_common::SparkResult;
use vonk_engine::{Server, ServerConfig, Session};
use vonk_plan::command::Statement;

struct Fixture {
    session: Arc<Session>,
    dir: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = ServerConfig {
            warehouse: Some(dir.path().join("warehouse")),
            memory_bytes: Some(256 << 20),
            parallelism: Some(2),
            volatile_catalog: true,
            ..ServerConfig::default()
        };
        let server = Server::start(config).unwrap();
        Fixture { session: server.session("tester", "1"), dir }
    }

    fn path(&self, below: &str) -> String {
        self.dir.path().join(below).display().to_string()
    }

    fn file(&self, below: &str, text: &str) -> String {
        let path = self.dir.path().join(below);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// Runs a statement; `$dir` stands for the test's folder. Rows as `a|b|c`.
    async fn sql(&self, text: &str) -> SparkResult<Vec<String>> {
        let text = text.replace("$dir", &self.dir.path().display().to_string());
        let batches = match self.session.parse(&text).await? {
            Statement::Query(query) => self.session.execute(query).await?.collect().await?,
            Statement::Command(command) => self.session.run_command(command).await?.batches,
        };
        let mut out = vec![];
        let options = FormatOptions::default().with_null("NULL");
        for batch in &batches {
            let columns: Vec<_> =
                batch.columns().iter().map(|c| ArrayFormatter::try_new(c.as_ref(), &options).unwrap()).collect();
            for row in 0..batch.num_rows() {
                out.push(columns.iter().map(|c| c.value(row).to_string()).collect::<Vec<_>>().join("|"));
            }
        }
        Ok(out)
    }

    async fn rows(&self, text: &str) -> Vec<String> {
        self.sql(text).await.unwrap_or_else(|e| vec![e.message()])
    }

    async fn class(&self, text: &str) -> String {
        match self.sql(text).await {
            Ok(rows) => format!("{rows:?}"),
            Err(e) => e.class().to_string(),
        }
    }
}

fn files_below(path: &Path) -> Vec<String> {
    let mut out = vec![];
    let mut folders = vec![path.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap().path();
            if entry.is_dir() {
                folders.push(entry);
            } else {
                out.push(entry.strip_prefix(path).unwrap().display().to_string());
            }
        }
    }
    out.sort();
    out
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn csv_is_read_as_spark_reads_it() {
    let f = Fixture::new();
    f.file("q.csv", "a,\"\",b,\n\"x\"\"y\",'q',\"a\\\"b\", z \n\"unclosed,1,2,3\n,,,\n\n");
    assert_eq!(
        f.rows("SELECT * FROM csv.`$dir/q.csv`").await,
        ["a|NULL|b|NULL", "\"x\"\"y\"|'q'|a\"b| z ", "unclosed,1,2,3|NULL|NULL|NULL", "NULL|NULL|NULL|NULL",]
    );
    f.file("i.csv", "i,l,d,ts,dt,b,n\n1,3000000000,1.5,2020-01-01 10:00:00,2020-01-01,true,\n2,2,2,2020-01-02T10:00:00Z,2020-01-02,FALSE,\n");
    f.sql("CREATE TEMPORARY VIEW i USING csv OPTIONS (path '$dir/i.csv', header true, inferSchema true)")
        .await
        .unwrap();
    assert_eq!(
        f.rows("SELECT typeof(i), typeof(l), typeof(d), typeof(ts), typeof(dt), typeof(b), typeof(n) FROM i LIMIT 1")
            .await,
        ["int|bigint|double|timestamp|date|boolean|string"]
    );
    f.file("bad.csv", "1,2.0,x\nq,2,y\n3\n4,5,z,extra\n,,\n");
    f.sql("CREATE TEMPORARY VIEW bad (a int, b double, c string, _corrupt_record string) USING csv OPTIONS (path '$dir/bad.csv')").await.unwrap();
    assert_eq!(
        f.rows("SELECT * FROM bad").await,
        ["1|2.0|x|NULL", "NULL|2.0|y|q,2,y", "3|NULL|NULL|3", "4|5.0|z|4,5,z,extra", "NULL|NULL|NULL|NULL",]
    );
    f.sql("CREATE TEMPORARY VIEW strict (a int, b double, c string) USING csv OPTIONS (path '$dir/bad.csv', mode 'FAILFAST')").await.unwrap();
    assert_eq!(f.class("SELECT * FROM strict").await, "FAILED_READ_FILE.NO_HINT");
    assert_eq!(f.class("SELECT * FROM csv.`$dir/nope`").await, "PATH_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn json_is_read_as_spark_reads_it() {
    let f = Fixture::new();
    f.file(
        "a.json",
        "{\"a\":1,\"b\":\"x\",\"d\":{\"z\":1,\"y\":null},\"c\":[1,2.5]}\n{\"a\":2.5,\"b\":1,\"c\":[],\"f\":true}\n\n",
    );
    assert_eq!(
        f.rows("SELECT a, b, c, d.y, d.z, f FROM json.`$dir/a.json`").await,
        ["1.0|x|[1.0, 2.5]|NULL|1|NULL", "2.5|1|[]|NULL|NULL|true",]
    );
    f.file("bad.json", "{\"a\":1}\n{bad\n{\"a\":2}\n");
    assert_eq!(f.rows("SELECT * FROM json.`$dir/bad.json`").await, ["NULL|1", "{bad|NULL", "NULL|2"]);
    f.file("n.json", "{\"a\":\"1\",\"b\":1.5,\"c\":3000000000,\"e\":1,\"g\":1.0}\n");
    f.sql("CREATE TEMPORARY VIEW n (a int, b int, c int, e string, g bigint) USING json OPTIONS (path '$dir/n.json')")
        .await
        .unwrap();
    assert_eq!(f.rows("SELECT * FROM n").await, ["NULL|NULL|NULL|1|NULL"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_are_written_partitioned_and_overwritten() {
    let f = Fixture::new();
    f.sql("CREATE TABLE t (a INT, s STRING, p INT) USING parquet PARTITIONED BY (p)").await.unwrap();
    f.sql("INSERT INTO t VALUES (1, 'x', 1), (2, 'y', 2), (3, NULL, 2)").await.unwrap();
    assert_eq!(f.rows("SELECT * FROM t ORDER BY a").await, ["1|x|1", "2|y|2", "3|NULL|2"]);
    assert_eq!(f.rows("SELECT count(*) FROM t WHERE p = 2").await, ["2"]);
    f.sql("SET spark.sql.sources.partitionOverwriteMode=dynamic").await.unwrap();
    f.sql("INSERT OVERWRITE t VALUES (9, 'z', 2)").await.unwrap();
    assert_eq!(f.rows("SELECT * FROM t ORDER BY a").await, ["1|x|1", "9|z|2"]);
    f.sql("SET spark.sql.sources.partitionOverwriteMode=static").await.unwrap();
    f.sql("INSERT OVERWRITE t PARTITION (p = 1) SELECT 5, 'v'").await.unwrap();
    assert_eq!(f.rows("SELECT * FROM t ORDER BY a").await, ["5|v|1", "9|z|2"]);
    assert_eq!(f.class("INSERT OVERWRITE t SELECT * FROM t").await, "UNSUPPORTED_OVERWRITE.TABLE");
    assert_eq!(f.class("INSERT INTO t SELECT 1").await, "INSERT_COLUMN_ARITY_MISMATCH.NOT_ENOUGH_DATA_COLUMNS");
    assert_eq!(f.class("INSERT INTO t SELECT 'q', 's', 1").await, "INCOMPATIBLE_DATA_FOR_TABLE.CANNOT_SAFELY_CAST");
    // A failing write changes nothing and leaves nothing behind.
    let before = files_below(&f.dir.path().join("warehouse/t"));
    assert!(f.sql("INSERT OVERWRITE t SELECT CAST(raise_error('boom') AS INT), 's', 1").await.is_err());
    assert_eq!(files_below(&f.dir.path().join("warehouse/t")), before);
    f.sql("CREATE TABLE u USING csv AS SELECT id, id * 2 AS twice FROM range(5)").await.unwrap();
    assert_eq!(f.rows("SELECT sum(twice) FROM u").await, ["20"]);
    assert_eq!(f.class("CREATE TABLE u (a INT) USING csv").await, "TABLE_OR_VIEW_ALREADY_EXISTS");
    f.sql("INSERT OVERWRITE DIRECTORY '$dir/out' USING json SELECT 1 AS a, NULL AS b, array(1, NULL) AS c")
        .await
        .unwrap();
    let name = files_below(&f.dir.path().join("out")).into_iter().find(|n| n.ends_with(".json")).unwrap();
    assert_eq!(std::fs::read_to_string(f.path(&format!("out/{name}"))).unwrap(), "{\"a\":1,\"c\":[1,null]}\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_come_in_order_and_generators_run() {
    let f = Fixture::new();
    let rows = f.rows("SELECT id FROM range(0, 100000, 1, 7)").await;
    assert!(rows.iter().enumerate().all(|(i, r)| *r == i.to_string()), "{}", rows.len());
    assert_eq!(
        f.rows("SELECT a, b FROM VALUES (1, array(10, 20)), (2, array()) t(a, x) LATERAL VIEW OUTER explode(x) AS b")
            .await,
        ["1|10", "1|20", "2|NULL"]
    );
    assert_eq!(
        f.rows("SELECT count(*) FROM (SELECT explode(split(repeat('a,', 19999), ',')) FROM range(3))").await,
        ["60000"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partition_columns_are_found_in_folder_names() {
    let f = Fixture::new();
    f.file("p/a=1/b=x/f.csv", "1\n");
    f.file("p/a=2/b=__HIVE_DEFAULT_PARTITION__/f.csv", "2\n3\n");
    f.file("p/_hidden/f.csv", "9\n");
    assert_eq!(f.rows("SELECT * FROM csv.`$dir/p`").await, ["2|2|NULL", "3|2|NULL", "1|1|x"]);
    assert_eq!(f.rows("SELECT * FROM csv.`$dir/p` WHERE a = 1").await, ["1|1|x"]);
    f.file("q/a=1/f.csv", "1\n");
    f.file("q/b=2/f.csv", "2\n");
    assert_eq!(f.class("SELECT * FROM csv.`$dir/q`").await, "CONFLICTING_PARTITION_COLUMN_NAMES");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plans_run_after_a_trip_through_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let config = ServerConfig {
        warehouse: Some(dir.path().join("warehouse")),
        parallelism: Some(2),
        volatile_catalog: true,
        recode_plans: true,
        ..ServerConfig::default()
    };
    let f = Fixture { session: Server::start(config).unwrap().session("tester", "1"), dir };
    f.file("p/a=1/f.csv", "1,x\n2,y\n");
    f.file("p/a=2/f.csv", "3,z\n");
    let rows = f
        .rows("SELECT a, count(*), sum(CAST(_c0 AS INT)), upper(max(_c1)) FROM csv.`$dir/p` GROUP BY a ORDER BY a")
        .await;
    assert_eq!(rows, ["1|2|3|Y", "2|1|3|Z"]);
    assert_eq!(f.rows("SELECT explode(split(_c1, '')) FROM csv.`$dir/p` WHERE a = 2").await, ["z"]);
}
