//! Conditions that a data source in Python may apply itself, as a worker is told of them.
//!
//! `pyspark.sql.datasource` has one class for each: a column beside constants. What has another form, or a
//! constant that JSON does not carry as it is, is not offered. Whatever the source does, the condition is
//! applied again above it.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use serde_json::{Value, json};

/// The condition, or `None` when no class says it.
pub fn describe(expr: &Expr) -> Option<Value> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match (column(left), column(right)) {
            (Some(column), None) => compare(column, *op, right),
            (None, Some(column)) => compare(column, op.swap()?, left),
            _ => None,
        },
        Expr::IsNull(inner) => Some(json!({"name": "IsNull", "column": [column(inner)?]})),
        Expr::IsNotNull(inner) => Some(json!({"name": "IsNotNull", "column": [column(inner)?]})),
        Expr::InList(InList { expr, list, negated }) => {
            let values = list.iter().map(constant).collect::<Option<Vec<_>>>()?;
            Some(json!({"name": "In", "column": [column(expr)?], "value": values, "negated": negated}))
        }
        Expr::Not(inner) => {
            let mut told = describe(inner)?;
            let negated = told.get("negated").and_then(Value::as_bool).unwrap_or(false);
            told["negated"] = json!(!negated);
            Some(told)
        }
        _ => None,
    }
}

/// A comparison is false for NULL: that it is not NULL is offered first, as Spark does.
pub fn offered(filters: &[Expr]) -> Vec<Value> {
    let told: Vec<Value> = filters.iter().filter_map(describe).collect();
    let mut out: Vec<Value> = vec![];
    for filter in &told {
        let excludes_null = filter.get("value").is_some() && filter["name"] != "EqualNullSafe";
        let not_null = json!({"name": "IsNotNull", "column": filter["column"]});
        if excludes_null && !out.contains(&not_null) && !told.contains(&not_null) {
            out.push(not_null);
        }
    }
    out.extend(told);
    out
}

fn column(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Column(c) => Some(c.name.as_str()),
        _ => None,
    }
}

fn compare(column: &str, op: Operator, other: &Expr) -> Option<Value> {
    let (name, negated) = match op {
        Operator::Eq => ("EqualTo", false),
        Operator::NotEq => ("EqualTo", true),
        Operator::IsNotDistinctFrom => ("EqualNullSafe", false),
        Operator::IsDistinctFrom => ("EqualNullSafe", true),
        Operator::Gt => ("GreaterThan", false),
        Operator::GtEq => ("GreaterThanOrEqual", false),
        Operator::Lt => ("LessThan", false),
        Operator::LtEq => ("LessThanOrEqual", false),
        _ => return None,
    };
    Some(json!({"name": name, "column": [column], "value": constant(other)?, "negated": negated}))
}

fn constant(expr: &Expr) -> Option<Value> {
    let Expr::Literal(value, _) = expr else { return None };
    match value {
        ScalarValue::Boolean(Some(v)) => Some(json!(v)),
        ScalarValue::Int8(Some(v)) => Some(json!(v)),
        ScalarValue::Int16(Some(v)) => Some(json!(v)),
        ScalarValue::Int32(Some(v)) => Some(json!(v)),
        ScalarValue::Int64(Some(v)) => Some(json!(v)),
        ScalarValue::Float32(Some(v)) if v.is_finite() => Some(json!(v)),
        ScalarValue::Float64(Some(v)) if v.is_finite() => Some(json!(v)),
        ScalarValue::Utf8(Some(v)) => Some(json!(v)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::logical_expr::{col, lit};
    use serde_json::json;

    #[test]
    fn a_column_beside_constants() {
        let told = |e| super::describe(&e);
        let equal = json!({"name": "EqualTo", "column": ["a"], "value": 1, "negated": false});
        assert_eq!(told(col("a").eq(lit(1))), Some(equal.clone()));
        assert_eq!(told(lit(1).eq(col("a"))), Some(equal));
        let less = json!({"name": "LessThan", "column": ["a"], "value": "x", "negated": true});
        assert_eq!(told(datafusion::logical_expr::not(lit("x").gt(col("a")))), Some(less));
        assert_eq!(told(col("a").eq(col("b"))), None);
        assert_eq!(told(col("a").eq(lit(f64::NAN))), None);
    }

    #[test]
    fn what_excludes_null_says_so() {
        let names = |f: Vec<serde_json::Value>| f.iter().map(|v| v["name"].to_string()).collect::<Vec<_>>();
        let filters = [col("a").gt(lit(1)), col("b").is_null()];
        assert_eq!(names(super::offered(&filters)), ["\"IsNotNull\"", "\"GreaterThan\"", "\"IsNull\""]);
    }
}
