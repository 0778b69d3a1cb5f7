//! Type rules against tables recorded from Spark 4.3: which casts there are, when they can be NULL,
//! and the result type of every operator on every pair of types.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::Value;
use vonk_expr::cast::{Mode, can_cast, can_null};
use vonk_expr::coercion::{ArithmeticOp, Mismatch, binary_arithmetic, can_up_cast, common_type, comparison, equality};
use vonk_plan::types::{DataType, StructField, json};

fn lines(name: &str) -> Vec<Value> {
    let path = format!("{}/tests/cases/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

/// The type of a value like `array(1)`: nothing in it is NULL.
fn ty(name: &str) -> DataType {
    if let Some(e) = name.strip_prefix("array<") {
        return DataType::array(ty(e.trim_end_matches('>')), false);
    }
    if let Some(kv) = name.strip_prefix("map<") {
        let (k, v) = kv.trim_end_matches('>').split_once(',').unwrap();
        return DataType::map(ty(k), ty(v), false);
    }
    if let Some(fields) = name.strip_prefix("struct<") {
        return DataType::structure(fields.trim_end_matches('>').split(',').map(|f| {
            let (name, t) = f.split_once(':').unwrap();
            StructField::new(name, ty(t), false)
        }));
    }
    json::parse(name).unwrap()
}

#[test]
fn casts_and_their_nullability() {
    let mut wrong = vec![];
    for line in lines("cast_matrix.jsonl") {
        let mode = match line["mode"].as_str().unwrap() {
            "ansi" => Mode::Ansi,
            "try" => Mode::Try,
            _ => Mode::Legacy,
        };
        let from_name = line["from"].as_str().unwrap();
        for (to_name, want) in line["to"].as_object().unwrap() {
            let from = ty(from_name);
            // In a type name everything is nullable.
            let to = ty(to_name).as_nullable();
            let got = match can_cast(&from, &to, mode) {
                false => "x",
                true => {
                    let child = from == DataType::Null || (from_name == "interval" && mode == Mode::Legacy);
                    let binary = from.is_string() && to == DataType::Binary;
                    let null = match mode {
                        Mode::Try => child || !(can_up_cast(&from, &to) || binary),
                        _ => child || can_null(&from, &to),
                    };
                    if null { "?" } else { "." }
                }
            };
            let want = want.as_str().unwrap();
            let want = if want == "c" || want == "f" { "x" } else { want };
            if got != want {
                wrong.push(format!("{mode:?} {from_name} -> {to_name}: {got}, Spark {want}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn operators() {
    let mut wrong = vec![];
    let path = format!("{}/tests/cases/operator_matrix.json", env!("CARGO_MANIFEST_DIR"));
    let table: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let names = table["types"].as_array().unwrap();
    for line in table["rows"].as_array().unwrap() {
        let ansi = line["ansi"].as_bool().unwrap();
        let op_name = line["op"].as_str().unwrap();
        let op = match op_name {
            "add" => Some(ArithmeticOp::Add),
            "sub" => Some(ArithmeticOp::Subtract),
            "mul" => Some(ArithmeticOp::Multiply),
            "div" => Some(ArithmeticOp::Divide),
            "idiv" => Some(ArithmeticOp::IntegralDivide),
            "mod" => Some(ArithmeticOp::Remainder),
            "bitand" => Some(ArithmeticOp::Bitwise),
            "and" => Some(ArithmeticOp::Logical),
            _ => None,
        };
        let left_name = line["left"].as_str().unwrap();
        for (right_name, want) in names.iter().zip(line["right"].as_array().unwrap()) {
            let right_name = right_name.as_str().unwrap();
            let want = table["outcomes"][want.as_u64().unwrap() as usize].as_str().unwrap();
            // Spark rewrites NULL with a calendar interval, and a time minus a date, into casts.
            if want == "CAST_WITHOUT_SUGGESTION" {
                continue;
            }
            // The recorded operands are literals: those of one digit beside a decimal.
            let digit = |t: &str, other: &str| match t {
                "smallint" | "int" | "bigint" if other.starts_with("decimal") && op.is_some() => {
                    DataType::Decimal(1, 0)
                }
                t => ty(t),
            };
            let (left, right) = (digit(left_name, right_name), digit(right_name, left_name));
            let got = match op {
                Some(op) => match binary_arithmetic(op, &left, &right, ansi, true) {
                    Ok(found) => found.result.to_string(),
                    Err(Mismatch::DiffTypes) => "BINARY_OP_DIFF_TYPES".into(),
                    Err(Mismatch::WrongType(wanted, t)) => format!("BINARY_OP_WRONG_TYPE:{wanted}:{}", t.sql()),
                    Err(Mismatch::Unexpected(i, wanted)) => {
                        format!("UNEXPECTED_INPUT_TYPE:{}:{wanted}", if i == 0 { "first" } else { "second" })
                    }
                },
                None if op_name == "coalesce" => {
                    common_type(&left, &right, ansi).map_or("DATA_DIFF_TYPES".into(), |t| t.to_string())
                }
                None => match (if op_name == "eq" { equality } else { comparison })(&left, &right, ansi) {
                    Some(DataType::CalendarInterval | DataType::Variant | DataType::Map(..)) => {
                        "INVALID_ORDERING_TYPE".into()
                    }
                    Some(_) => "boolean".to_string(),
                    None => "BINARY_OP_DIFF_TYPES".into(),
                },
            };
            if got != want {
                wrong.push(format!(
                    "{} {op_name} {left_name} {right_name}: {got}, Spark {want}",
                    if ansi { "ansi" } else { "legacy" }
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
}
