//! Functions that only the client's own code calls, for pandas on Spark: said by those that SQL has.
//! Those that have no such words are aggregates of their own (`functions-aggregate/src/pandas.rs`).

use vonk_plan::expr::{ExprKind, FunctionCall, SortOrder, WindowExpr};
use vonk_plan::types::DataType;
use vonk_plan::{Expr, Literal};

/// What the call of an internal function means.
pub fn meaning(call: &FunctionCall) -> Option<Expr> {
    let ([name], args) = (call.name.as_slice(), call.args.as_slice()) else { return None };
    match (name.as_str(), args) {
        ("distributed_sequence_id", [] | [_]) => Some(row_number()),
        ("distributed_id", []) => Some(Expr::call("monotonically_increasing_id", vec![])),
        ("array_binary_search", [array, value]) => Some(binary_search(array, value)),
        ("collect_top_k", [x, k, reverse]) => Some(top(x, k, reverse)),
        ("pandas_var", [x, ddof]) => Some(spread("var", vec![double(x)], ddof)),
        ("pandas_stddev", [x, ddof]) => Some(match offset(ddof) {
            Some(0 | 1) => spread("stddev", vec![double(x)], ddof),
            _ => Expr::call("sqrt", vec![spread("var", vec![double(x)], ddof)]),
        }),
        ("pandas_covar", [x, y, ddof]) => Some(spread("covar", vec![double(x), double(y)], ddof)),
        ("pandas_skew", [x]) => Some(skew(&double(x))),
        ("pandas_kurt", [x]) => Some(kurtosis(&double(x))),
        _ => None,
    }
}

fn op(name: &str, a: Expr, b: Expr) -> Expr {
    Expr::call(name, vec![a, b])
}

fn number(n: f64) -> Expr {
    Expr::literal(Literal::Double(n))
}

fn double(x: &Expr) -> Expr {
    x.clone().cast(DataType::Double)
}

fn count(x: &Expr) -> Expr {
    Expr::call("count", vec![x.clone()]).cast(DataType::Double)
}

fn when(condition: Expr, value: Expr, otherwise: Expr) -> Expr {
    Expr::call("when", vec![condition, value, otherwise])
}

/// NULL instead of a division by zero.
fn divide(a: Expr, b: Expr) -> Expr {
    op("/", a, Expr::call("nullif", vec![b, number(0.0)]))
}

fn null() -> Expr {
    Expr::literal(Literal::Null(DataType::Double))
}

fn offset(ddof: &Expr) -> Option<i64> {
    match &ddof.kind {
        ExprKind::Literal(Literal::Int(n)) => Some(i64::from(*n)),
        ExprKind::Literal(Literal::Long(n)) => Some(*n),
        _ => None,
    }
}

/// Rows numbered from 0.
fn row_number() -> Expr {
    let number = Expr::new(ExprKind::Window(Box::new(WindowExpr {
        function: Expr::call("row_number", vec![]),
        partition_by: vec![],
        order_by: vec![SortOrder::asc(Expr::call("monotonically_increasing_id", vec![]))],
        frame: None,
        name: None,
    })));
    op("-", number.cast(DataType::Long), Expr::literal(Literal::Long(1)))
}

/// A variance and its like with any number of degrees of freedom taken off.
fn spread(name: &str, args: Vec<Expr>, ddof: &Expr) -> Expr {
    match offset(ddof) {
        Some(0) => Expr::call(&format!("{name}_pop"), args),
        Some(1) => Expr::call(&format!("{name}_samp"), args),
        _ => {
            let n = args.first().map(count).unwrap_or_else(null);
            let left = op("-", n.clone(), double(ddof));
            let whole = op("*", Expr::call(&format!("{name}_pop"), args), n);
            when(op(">", left.clone(), number(0.0)), divide(whole, left), null())
        }
    }
}

/// Where the value is in a sorted array, from 0; else the place where it would be, negated and one less.
fn binary_search(array: &Expr, value: &Expr) -> Expr {
    let int = |n: i32| Expr::literal(Literal::Int(n));
    let found = Expr::call("array_position", vec![array.clone(), value.clone()]).cast(DataType::Int);
    let less = Expr::new(ExprKind::Lambda {
        parameters: vec!["e".into()],
        body: Box::new(op("<", Expr::new(ExprKind::LambdaVariable { name: vec!["e".into()] }), value.clone())),
    });
    let before = Expr::call("size", vec![Expr::call("filter", vec![array.clone(), less])]);
    let missing = op("-", op("-", int(0), before), int(1));
    when(op(">", found.clone(), int(0)), op("-", found, int(1)), missing)
}

/// The first values in descending order, or in ascending order.
fn top(x: &Expr, k: &Expr, reverse: &Expr) -> Expr {
    let all = Expr::call("collect_list", vec![x.clone()]);
    let sorted = Expr::call("sort_array", vec![all, reverse.clone()]);
    Expr::call("slice", vec![sorted, Expr::literal(Literal::Int(1)), k.clone()])
}

/// `otherwise` from so many values on; 0 where all are the same.
fn of_many(x: &Expr, least: f64, otherwise: Expr) -> Expr {
    let same = op("==", Expr::call("var_pop", vec![x.clone()]), number(0.0));
    when(op("<", count(x), number(least)), null(), when(same, number(0.0), otherwise))
}

/// Skewness without bias.
fn skew(x: &Expr) -> Expr {
    let n = count(x);
    let root = Expr::call("sqrt", vec![op("*", n.clone(), Expr::call("abs", vec![op("-", n.clone(), number(1.0))]))]);
    let factor = divide(root, op("-", n, number(2.0)));
    of_many(x, 3.0, op("*", factor, Expr::call("skewness", vec![x.clone()])))
}

/// Excess kurtosis without bias.
fn kurtosis(x: &Expr) -> Expr {
    let n = |minus: f64| op("-", count(x), number(minus));
    let below = op("*", n(2.0), n(3.0));
    let moment = op("+", Expr::call("kurtosis", vec![x.clone()]), number(3.0));
    let first = divide(op("*", op("*", n(-1.0), n(1.0)), moment), below.clone());
    let second = divide(op("*", number(3.0), op("*", n(1.0), n(1.0))), below);
    of_many(x, 4.0, op("-", first, second))
}
