//! Texts of great depth and length: an error of Spark's class, never a crash, and in linear time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::{Duration, Instant};

use vonk_common::SessionConf;
use vonk_common::limits::PLANNER_STACK_BYTES;
use vonk_sql::{ParseOptions, parse_data_type, parse_statement};

/// Parses on a stack like the planner's: what is parsed must also be dropped.
fn class_of(sql: String) -> Option<String> {
    let run = move || {
        let conf = SessionConf::new();
        let parsed = parse_statement(&sql, &ParseOptions::new(&conf));
        parsed.err().map(|e| e.class().to_string())
    };
    std::thread::Builder::new().stack_size(PLANNER_STACK_BYTES).spawn(run).unwrap().join().unwrap()
}

const TOO_COMPLEX: Option<&str> = Some("FAILED_TO_PARSE_TOO_COMPLEX");

#[test]
fn too_deep_is_an_error() {
    let n = 100_000;
    let nested = |open: &str, mid: &str, close: &str| format!("SELECT {}{mid}{}", open.repeat(n), close.repeat(n));
    let texts = [
        nested("(", "1", ")"),
        nested("- ", "a", ""),
        nested("NOT ", "true", ""),
        nested("f(", "1", ")"),
        nested("CASE WHEN true THEN ", "1", " END"),
        nested("(SELECT ", "1", ")"),
        nested("a[", "1", "]"),
        nested("x -> ", "1", ""),
        nested("CAST(", "1", " AS INT)"),
        format!("SELECT {}", vec!["1"; n].join(" + ")),
        format!("SELECT a{}", ".b".repeat(1) + &"[1]".repeat(n)),
        format!("SELECT a{}", "::int".repeat(n)),
        format!("SELECT CAST(1 AS {}int{})", "array<".repeat(n), ">".repeat(n)),
        format!("{}SELECT 1{}", "(".repeat(n), ")".repeat(n)),
        format!("SELECT 1 FROM {}t{}", "(".repeat(n), ")".repeat(n)),
        format!("SELECT 1 FROM t{}", " JOIN t".repeat(n)),
        format!("SELECT 1 {}", "UNION SELECT 1 EXCEPT SELECT 2 ".repeat(n)),
        format!("{}1", "EXPLAIN ".repeat(n)),
        format!("{} SELECT 1; {}", "BEGIN ".repeat(n), "END; ".repeat(n)),
        format!("FROM t {}", "|> WHERE a ".repeat(n)),
    ];
    for text in texts {
        let start: String = text.chars().take(60).collect();
        let began = Instant::now();
        assert_eq!(class_of(text).as_deref(), TOO_COMPLEX, "{start}");
        assert!(began.elapsed() < Duration::from_secs(20), "{start}");
    }
}

#[test]
fn chains_up_to_the_limit_parse() {
    assert_eq!(class_of(format!("SELECT {}", vec!["1"; 4_000].join(" + "))), None);
    assert_eq!(class_of(format!("SELECT {}1{}", "f(".repeat(3_900), ")".repeat(3_900))), None);
    assert_eq!(class_of(format!("SELECT {}1{}", "(".repeat(3_900), ")".repeat(3_900))), None);
    assert_eq!(class_of(format!("SELECT {}", vec!["a"; 100_000].join(" AND "))), None);
    assert_eq!(class_of(format!("SELECT {}", vec!["a"; 100_000].join(" OR "))), None);
    assert_eq!(class_of(vec!["SELECT 1"; 20_000].join(" UNION ALL ")), None);
    assert_eq!(class_of(format!("VALUES {}", vec!["(1, 'a', 2.5)"; 50_000].join(", "))), None);
    assert_eq!(class_of(format!("SELECT {}", vec!["f(a, g(b))"; 50_000].join(", "))), None);
    assert_eq!(class_of(format!("SELECT CASE {} END", "WHEN a THEN 1 ".repeat(50_000))), None);
}

/// An operand that is repeated at each level would grow without bound.
#[test]
fn repeated_operands_are_counted() {
    let n = 60;
    let text = format!("SELECT {}x{}", "CASE ".repeat(n), " WHEN 1 THEN 2 WHEN 3 THEN 4 END".repeat(n));
    assert_eq!(class_of(text).as_deref(), TOO_COMPLEX);
}

#[test]
fn time_is_linear() {
    let took = |n: usize| {
        let text = format!("SELECT {}", vec!["(a + trim(b)) * 2 AS c"; n].join(", "));
        let conf = SessionConf::new();
        let began = Instant::now();
        parse_statement(&text, &ParseOptions::new(&conf)).unwrap();
        began.elapsed().as_secs_f64()
    };
    took(1_000);
    let (small, large) = (took(5_000), took(50_000));
    assert!(large < small * 40.0 + 0.5, "{small} s, then {large} s for ten times as much");
}

#[test]
fn broken_text_never_panics() {
    let texts = [
        "'",
        "\"",
        "`",
        "r'",
        "x'",
        "/*",
        "/*+",
        "$",
        "\\",
        "SELECT 'a\\",
        "SELECT '\\u12",
        "SELECT ü.`",
        "::",
        "🎉",
        "1e",
        ".",
    ];
    let conf = SessionConf::new();
    for text in texts {
        for prefix in ["", "SELECT ", "CREATE TABLE ", "SET a = "] {
            let _ = parse_statement(&format!("{prefix}{text}"), &ParseOptions::new(&conf));
            let _ = parse_data_type(text, &ParseOptions::new(&conf));
        }
    }
    // Every prefix of a long statement.
    let text = "WITH t AS (SELECT CASE WHEN a IS NOT NULL THEN INTERVAL '1' DAY END FROM b LATERAL VIEW explode(c) d AS e) \
        MERGE INTO x USING t ON x.`a` = t.b WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT (a) VALUES (-1.5e3BD)";
    for (end, _) in text.char_indices() {
        let _ = parse_statement(&text[..end], &ParseOptions::new(&conf));
    }
}
