//! The cases in `tests/cases`: text, ` ==> `, and what it becomes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use vonk_common::SessionConf;
use vonk_plan::command::Statement;
use vonk_sql::{
    ParseOptions, parse_data_type, parse_expression, parse_identifier, parse_statement, parse_table_schema,
};

fn check(file: &str, got: impl Fn(&str, &ParseOptions<'_>) -> String) {
    let path = format!("{}/tests/cases/{file}.txt", env!("CARGO_MANIFEST_DIR"));
    let conf = SessionConf::new();
    let opts = ParseOptions::new(&conf);
    let mut wrong = vec![];
    for line in std::fs::read_to_string(path).unwrap().lines().filter(|l| !l.starts_with('#')) {
        let (text, expected) = line.rsplit_once("==>").unwrap();
        let got = got(text.trim(), &opts);
        if got != expected.trim() {
            wrong.push(format!("{}\n  expected {}\n  got      {got}", text.trim(), expected.trim()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn expressions() {
    check("expressions", |text, opts| {
        parse_expression(text, opts).map_or_else(|e| e.to_string(), |e| common::expr(&e))
    });
}

#[test]
fn queries() {
    check("queries", |text, opts| match parse_statement(text, opts) {
        Ok(Statement::Query(query)) => common::relation(&query),
        Ok(Statement::Command(command)) => format!("{command:?}"),
        Err(e) => e.to_string(),
    });
}

#[test]
fn errors() {
    check("errors", |text, opts| match parse_statement(text, opts) {
        Ok(_) => "no error".into(),
        Err(e) => {
            let near = e.params().iter().find(|(k, _)| k == "error").map(|(_, v)| format!(" {v}"));
            format!("{}{}", e.class(), near.unwrap_or_default())
        }
    });
}

#[test]
fn types() {
    check("types", |text, opts| parse_data_type(text, opts).map_or_else(|e| e.to_string(), |t| t.to_string()));
}

/// About a thousand statements with Spark's own answer.
#[test]
fn as_spark_answers() {
    for file in ["clauses", "literals_and_types", "mixed", "statements"] {
        check(&format!("spark/{file}"), |text, opts| {
            parse_statement(text, opts).map_or_else(|e| e.class().to_string(), |_| "ok".into())
        });
    }
}

#[test]
fn names_and_schemas() {
    let conf = SessionConf::new();
    let opts = ParseOptions::new(&conf);
    assert_eq!(parse_identifier("a.`b c`.d", &opts).unwrap(), ["a", "b c", "d"]);
    let schema = parse_table_schema("a INT NOT NULL, b ARRAY<STRING> COMMENT 'c'", &opts).unwrap();
    assert_eq!(schema.fields.len(), 2);
    assert!(!schema.fields[0].nullable);
    assert_eq!(schema.fields[1].metadata.as_deref(), Some("{\"comment\":\"c\"}"));
    assert_eq!(parse_table_schema("struct<a:int>", &opts).unwrap().fields[0].name, "a");
    assert_eq!(parse_table_schema("int", &opts).unwrap().fields[0].name, "value");
    assert_eq!(parse_table_schema(r#"{"type":"struct","fields":[]}"#, &opts).unwrap().fields.len(), 0);
}

/// Origins are ranges of characters, not bytes; that of a predicate begins at its keyword.
#[test]
fn origins() {
    let conf = SessionConf::new();
    let text = "'ü' = a / 0";
    let e = parse_expression(text, &ParseOptions::new(&conf)).unwrap();
    let vonk_plan::expr::ExprKind::Function(call) = e.kind else { panic!() };
    assert_eq!(call.args[1].origin.as_ref().unwrap().fragment(), "a / 0");
    let e = parse_expression("a NOT IN (1)", &ParseOptions::new(&conf)).unwrap();
    assert_eq!(e.origin.unwrap().fragment(), "NOT IN (1)");
}
