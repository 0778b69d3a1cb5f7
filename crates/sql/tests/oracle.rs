//! Every statement of the recorded cases: what Spark answers must parse, what Spark refuses to parse
//! must fail with the same class. Runs where the shared folder is (`VONK_SHARED`, else `../shared`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::collections::BTreeMap;
use std::path::PathBuf;

use vonk_common::SessionConf;
use vonk_plan::command::{Command, Statement};
use vonk_sql::{ParseOptions, parse_statement};

/// Texts inside strings (parsed when the statement runs).
const NOT_OF_THE_PARSER: &[&str] = &["errors/types/022", "errors/misc/027"];

fn shared() -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let places = [
        std::env::var_os("VONK_SHARED").map(PathBuf::from),
        Some(root.join("../shared")),
        Some(root.join("../../shared")),
    ];
    places.into_iter().flatten().find(|p| p.join("oracle/visible").is_dir())
}

#[test]
fn recorded_cases_parse_as_in_spark() {
    let Some(shared) = shared() else { return };
    let mut files: Vec<_> =
        std::fs::read_dir(shared.join("oracle/visible")).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    let mut failures = vec![];
    let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for file in files.iter().filter(|f| f.extension().is_some_and(|e| e == "jsonl")) {
        for line in std::fs::read_to_string(file).unwrap().lines() {
            let case: serde_json::Value = serde_json::from_str(line).unwrap();
            let id = case["id"].as_str().unwrap();
            let mut conf = SessionConf::new();
            for (k, v) in case["conf"].as_object().unwrap() {
                conf.force(k.clone(), v.as_str().unwrap());
            }
            let expected = case["error_class"].as_str().unwrap_or_default();
            let group = id.split('/').next().unwrap().to_string();
            let mut check = |sql: &str, expected: &str, conf: &mut SessionConf| {
                let parsed = parse_statement(sql, &ParseOptions::new(conf));
                if let Ok(Statement::Command(Command::Set { key: Some(key), value: Some(value) })) = &parsed {
                    conf.force(key.clone(), value.clone());
                }
                let got = parsed.err().map(|e| e.class().to_string()).unwrap_or_default();
                let right = if got.is_empty() { !expected.starts_with("PARSE_") } else { got == expected };
                let count = counts.entry(group.clone()).or_default();
                count.0 += usize::from(right);
                count.1 += 1;
                if !right {
                    failures.push(format!("{id}: expected {expected:?}, got {got:?}: {sql}"));
                }
            };
            if NOT_OF_THE_PARSER.iter().any(|p| id.starts_with(p)) {
                continue;
            }
            for setup in case["setup"].as_array().into_iter().flatten() {
                check(setup.as_str().unwrap(), "", &mut conf);
            }
            check(case["sql"].as_str().unwrap(), expected, &mut conf);
        }
    }
    for (group, (right, all)) in &counts {
        println!("{group}: {right} of {all}");
    }
    for f in &failures {
        println!("{f}");
    }
    assert!(failures.is_empty(), "{} statements differ", failures.len());
}
