//! Casts against cases recorded from Spark 4.3: `SELECT CAST(…)` over literals, compared by what
//! `show()` prints, or by error class. Cases with functions outside this crate are left out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, BinaryArray, StructArray};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr as DfExpr;
use serde_json::Value;
use vonk_common::{SessionConf, SparkError, SparkResult};
use vonk_expr::TypedExpr;
use vonk_expr::cast::text::pretty_array;
use vonk_expr::cast::variant::build::collect;
use vonk_expr::cast::variant::parse::parse_json;
use vonk_expr::cast::zone::Zone;
use vonk_expr::cast::{cast, explicit_cast};
use vonk_expr::coercion::common_type_of;
use vonk_expr::context::QueryFacts;
use vonk_expr::literal::from_scalar;
use vonk_expr::typed::evaluate;
use vonk_plan::Literal;
use vonk_plan::expr::{Expr, ExprKind};
use vonk_plan::types::{DataType, StructField};
use vonk_sql::ParseOptions;

const SKIP: &str = "SKIP";

fn skip(why: impl std::fmt::Display) -> SparkError {
    SparkError::new(SKIP).param("why", why)
}

struct Session {
    facts: QueryFacts,
}

impl Session {
    fn new(case: &Value) -> Session {
        let mut conf = SessionConf::new();
        for (k, v) in case["conf"].as_object().unwrap() {
            conf.force(k.as_str(), v.as_str().unwrap());
        }
        let now = 1_795_348_800_000_000; // 2026-11-22 12:00 UTC
        let facts = QueryFacts {
            conf: Arc::new(conf),
            now,
            user: "u".into(),
            current_catalog: "c".into(),
            current_database: "d".into(),
            version: "4.3.0",
        };
        Session { facts }
    }

    fn zone(&self) -> &str {
        self.facts.conf.time_zone()
    }

    fn typed(&self, e: &Expr) -> SparkResult<TypedExpr> {
        Ok(match &e.kind {
            ExprKind::Literal(v) => TypedExpr::literal_in(v, self.zone())?,
            ExprKind::Alias { child, names, .. } => {
                let mut value = self.typed(child)?;
                value.name = names.first().map(|n| n.as_str().into());
                value
            }
            ExprKind::Cast { child, to, mode } => explicit_cast(&self.facts, self.typed(child)?, to, *mode)?,
            ExprKind::Function(f) => {
                let name = f.name.last().map(String::as_str).unwrap_or_default();
                let args: SparkResult<Vec<_>> = f.args.iter().map(|a| self.typed(a)).collect();
                let args = args?;
                match (name, args.as_slice()) {
                    ("double" | "float", [x]) => {
                        let to = if name == "double" { DataType::Double } else { DataType::Float };
                        cast(&self.facts, x.clone(), &to)?
                    }
                    ("array", items) => {
                        let types: Vec<_> = items.iter().map(|i| i.data_type.clone()).collect();
                        let t = common_type_of(&types, self.facts.conf.ansi()).ok_or_else(|| skip("array"))?;
                        let values = items.iter().map(|i| self.value(&cast(&self.facts, i.clone(), &t)?));
                        let values: SparkResult<Vec<_>> = values.collect();
                        let sql = vonk_expr::SqlText::call(name, items.iter().map(|i| i.sql.clone()));
                        let mut out = TypedExpr::literal(&Literal::Array(t, values?))?;
                        out.sql = sql;
                        out
                    }
                    ("map", items) => {
                        let keys: SparkResult<Vec<_>> = items.iter().step_by(2).map(|i| self.value(i)).collect();
                        let values: SparkResult<Vec<_>> =
                            items.iter().skip(1).step_by(2).map(|i| self.value(i)).collect();
                        let (keys, values) = (keys?, values?);
                        let ty = |v: &[Literal]| v.first().map_or(DataType::Null, |v| v.data_type());
                        let sql = vonk_expr::SqlText::call(name, items.iter().map(|i| i.sql.clone()));
                        let mut out = TypedExpr::literal(&Literal::Map {
                            key_type: ty(&keys),
                            value_type: ty(&values),
                            keys,
                            values,
                        })?;
                        out.sql = sql;
                        out
                    }
                    ("named_struct", items) => {
                        let mut fields = vec![];
                        let mut values = vec![];
                        for pair in items.chunks(2) {
                            let name = pair[0].constant_str("named_struct", "name")?.unwrap();
                            fields.push(StructField::new(name, pair[1].data_type.clone(), pair[1].nullable));
                            values.push(self.value(&pair[1])?);
                        }
                        let sql = vonk_expr::SqlText::call(name, items.iter().map(|i| i.sql.clone()));
                        let mut out = TypedExpr::literal(&Literal::Struct(fields, values))?;
                        out.sql = sql;
                        out
                    }
                    ("make_interval", parts) => {
                        let part = |i: usize| {
                            parts.get(i).map_or(Ok(0), |p| Ok(p.constant_i64("make_interval", "part")?.unwrap_or(0)))
                        };
                        let mut out = TypedExpr::literal(&Literal::CalendarInterval {
                            months: (part(0)? * 12 + part(1)?) as i32,
                            days: (part(2)? * 7 + part(3)?) as i32,
                            microseconds: (part(4)? * 3600 + part(5)? * 60 + part(6)?) * 1_000_000,
                        })?;
                        let mut shown: Vec<String> = parts.iter().map(|p| p.sql.to_string()).collect();
                        (shown.len()..7).for_each(|i| shown.push(if i < 6 { "0" } else { "0.000000" }.into()));
                        out.sql = format!("make_interval({})", shown.join(", ")).into();
                        out
                    }
                    ("parse_json", [x]) => {
                        let text = x.constant_str("parse_json", "text")?.unwrap();
                        let (value, metadata) = parse_json(&text, false).map_err(|_| skip("json"))?;
                        let one = collect(1, |_, _, out| {
                            out.extend_from_slice(&value);
                            true
                        });
                        let array = one.map_err(vonk_expr::spark_error)?;
                        let parts = array.as_struct();
                        let names: ArrayRef = Arc::new(BinaryArray::from_iter_values([metadata]));
                        let columns = vec![parts.column(0).clone(), names];
                        let array = StructArray::new(parts.fields().clone(), columns, None);
                        let expr = DfExpr::Literal(ScalarValue::Struct(Arc::new(array)), None);
                        {
                            let sql = vonk_expr::SqlText::call(name, args.iter().map(|a| a.sql.clone()));
                            TypedExpr::new(expr, DataType::Variant, false, sql)
                        }
                    }
                    ("negative", [x]) => {
                        let v = evaluate(&x.expr)?;
                        let v = v.arithmetic_negate().map_err(|_| skip("negate"))?;
                        TypedExpr::literal(&from_scalar(&v, &x.data_type)?)?
                    }
                    _ => return Err(skip(name)),
                }
            }
            other => return Err(skip(format!("{other:?}").chars().take(20).collect::<String>())),
        })
    }

    fn value(&self, e: &TypedExpr) -> SparkResult<Literal> {
        from_scalar(&evaluate(&e.expr)?, &e.data_type)
    }

    fn show(&self, e: &TypedExpr, value: &ScalarValue) -> SparkResult<String> {
        let array = value.to_array().map_err(vonk_expr::spark_error)?;
        let text = pretty_array(&array, &e.data_type, &Zone::named(self.zone())?).map_err(vonk_expr::spark_error)?;
        Ok(text.value(0).to_string())
    }

    /// Type, nullability and shown rows of the last column.
    fn run(&self, sql: &str) -> SparkResult<(String, DataType, bool, Vec<String>)> {
        let opts = ParseOptions::new(&self.facts.conf);
        let select = sql.strip_prefix("SELECT ").ok_or_else(|| skip("not a select"))?;
        let (item, values) = match select.split_once(" FROM VALUES ") {
            Some((item, values)) => {
                let item = item.strip_prefix("i, ").ok_or_else(|| skip("columns"))?;
                let values = values.strip_suffix(" AS t(i, v)").ok_or_else(|| skip("alias"))?;
                (item, Some(vonk_sql::parse_expression(&format!("f({values})"), &opts)?))
            }
            None => (select, None),
        };
        let Some(values) = values else {
            let all = vonk_sql::parse_expression(&format!("f({item})"), &opts)
                .or_else(|_| vonk_sql::parse_expression(item, &opts))?;
            let items = match &all.kind {
                ExprKind::Function(f) if f.name == ["f"] => f.args.as_slice(),
                _ => std::slice::from_ref(&all),
            };
            let typed: SparkResult<Vec<_>> = items.iter().map(|e| self.typed(e)).collect();
            let typed = typed?;
            for other in typed.iter() {
                evaluate(&other.expr)?;
            }
            let typed = typed.last().ok_or_else(|| skip("empty"))?;
            let value = evaluate(&typed.expr)?;
            return Ok((typed.output_name(), typed.data_type.clone(), typed.nullable, vec![self.show(typed, &value)?]));
        };
        let expr = vonk_sql::parse_expression(item, &opts)?;
        let ExprKind::Function(rows) = &values.kind else { return Err(skip("rows")) };
        let inputs: SparkResult<Vec<TypedExpr>> = rows
            .args
            .iter()
            .map(|row| match &row.kind {
                ExprKind::Function(f) if f.args.len() == 2 => self.typed(&f.args[1]),
                _ => Err(skip("row")),
            })
            .collect();
        let inputs = inputs?;
        let nullable = inputs.iter().any(|v| v.nullable);
        let types: Vec<_> = inputs.iter().map(|v| v.data_type.clone()).collect();
        let common = common_type_of(&types, self.facts.conf.ansi()).ok_or_else(|| skip("values"))?;
        let ExprKind::Alias { child, .. } = &expr.kind else { return Err(skip("no alias")) };
        let ExprKind::Cast { to, mode, .. } = &child.kind else { return Err(skip("no cast")) };
        let mut out = vec![];
        let mut typed = None;
        for input in inputs {
            let mut input = cast(&self.facts, input, &common)?;
            if common != DataType::Variant {
                input = TypedExpr::literal(&self.value(&input)?)?;
                input.data_type = common.clone();
            }
            input.nullable = nullable;
            input.sql = "v".into();
            input.foldable = false;
            let result = explicit_cast(&self.facts, input, to, *mode)?;
            out.push(self.show(&result, &evaluate(&result.expr)?)?);
            typed = Some(result);
        }
        let typed = typed.ok_or_else(|| skip("empty"))?;
        Ok(("r".into(), typed.data_type, typed.nullable, out))
    }
}

/// The cells of the last column of a shown table.
fn shown(table: &str) -> Vec<String> {
    let lines: Vec<&str> = table.lines().collect();
    let start = lines[0].trim_end_matches('+').rfind('+').unwrap() + 1;
    let body: Vec<&str> = lines.iter().skip(3).take_while(|l| !l.starts_with('+')).copied().collect();
    body.iter()
        .map(|l| {
            let chars: Vec<char> = l.chars().collect();
            chars[start..chars.len() - 1].iter().collect::<String>().trim_end().to_string()
        })
        .collect()
}

#[test]
fn recorded_casts() {
    let own = format!("{}/tests/cases/casts.jsonl", env!("CARGO_MANIFEST_DIR"));
    // More cases of the same form: VONK_CAST_CASES=file.
    let text = std::fs::read_to_string(std::env::var("VONK_CAST_CASES").unwrap_or(own)).unwrap();
    let (mut good, mut skipped, mut wrong) = (0, vec![], vec![]);
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let sql = case["sql"].as_str().unwrap();
        let session = Session::new(&case);
        let outcome = session.run(sql);
        let found = match (&outcome, case["error_class"].as_str()) {
            (Err(e), _) if e.class() == SKIP => {
                skipped.push(format!("{} {:?}", case["id"], e.params()));
                continue;
            }
            (Err(e), Some(class)) if e.class() == class => case["params"].as_object().and_then(|want| {
                let got: BTreeMap<_, _> = e.params().iter().map(|(k, v)| (k.to_string(), v.clone())).collect();
                let want: BTreeMap<_, _> =
                    want.iter().map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default().to_string())).collect();
                (got != want).then(|| format!("{got:?} not {want:?}"))
            }),
            (Err(e), want) => Some(format!("{} not {want:?}", e.message())),
            (Ok((_, _, _, rows)), Some(class)) => Some(format!("{rows:?} not {class}")),
            (Ok((name, ty, nullable, rows)), None) => {
                let field = case["schema"]["fields"].as_array().unwrap().last().unwrap();
                let (want_type, want_null) = (field["type"].to_string(), field["nullable"].as_bool().unwrap());
                let got_type = vonk_plan::types::json::to_json(ty).to_string();
                let want_rows = case["show"].as_str().map(shown).unwrap_or_default();
                let trimmed: Vec<String> = rows.iter().take(20).map(|r| r.trim_end().to_string()).collect();
                let want_name = field["name"].as_str().unwrap();
                if name != want_name {
                    Some(format!("named {name} not {want_name}"))
                } else if got_type != want_type || *nullable != want_null {
                    Some(format!("{got_type} {nullable} not {want_type} {want_null}"))
                } else if trimmed != want_rows {
                    Some(format!("{trimmed:?} not {want_rows:?}"))
                } else {
                    None
                }
            }
        };
        match found {
            None => good += 1,
            Some(what) => wrong.push(format!("{} {sql}\n    {what}", case["id"])),
        }
    }
    println!("good {good}, skipped {}, wrong {}", skipped.len(), wrong.len());
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
}
