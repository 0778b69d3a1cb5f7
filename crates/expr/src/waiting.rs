//! Operands of AND and OR that wait: they are computed only in rows that those before them leave open.
//!
//! Spark goes row by row and stops where one operand decides; native operators compute whole columns. So an operand
//! that can raise becomes `CASE WHEN before IS NOT FALSE THEN operand ELSE false END` (of OR: `IS NOT TRUE`, `true`), a CASE of
//! numbers, since the optimizer would turn a boolean one into AND and OR again. Which operands can raise is said
//! where AND and OR are built (`functions-math`).

use datafusion::arrow::datatypes::DataType as Arrow;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::Case;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, binary_expr, cast, lit};

/// An operand, and those of the same AND or OR that stand before it.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiting {
    pub op: Operator,
    pub before: Expr,
    pub operand: Expr,
}

impl Waiting {
    /// The expression that computes it.
    pub fn expr(self) -> Expr {
        let (open, decided) = match self.op {
            Operator::And => (Expr::IsNotFalse(Box::new(self.before)), false),
            _ => (Expr::IsNotTrue(Box::new(self.before)), true),
        };
        case_of_numbers(vec![(Box::new(open), Box::new(self.operand))], Some(Box::new(lit(decided))))
    }

    /// The operand that the expression computes, if it is such a one.
    pub fn of(e: &Expr) -> Option<Waiting> {
        let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = e else { return None };
        let (Expr::Case(case), Expr::Literal(ScalarValue::Int8(Some(1)), _)) = (&**left, &**right) else { return None };
        let ([(open, operand)], None) = (case.when_then_expr.as_slice(), &case.expr) else { return None };
        let (op, before) = match &**open {
            Expr::IsNotFalse(before) => (Operator::And, before),
            Expr::IsNotTrue(before) => (Operator::Or, before),
            _ => return None,
        };
        let Expr::Cast(operand) = &**operand else { return None };
        let found = Waiting { op, before: (**before).clone(), operand: (*operand.expr).clone() };
        (found.clone().expr() == *e).then_some(found)
    }
}

/// A boolean CASE as one of numbers.
pub fn case_of_numbers(branches: Vec<(Box<Expr>, Box<Expr>)>, otherwise: Option<Box<Expr>>) -> Expr {
    let number = |e: Box<Expr>| Box::new(cast(*e, Arrow::Int8));
    let branches = branches.into_iter().map(|(c, v)| (c, number(v))).collect();
    let case = Expr::Case(Case::new(None, branches, otherwise.map(number)));
    binary_expr(case, Operator::Eq, lit(1i8))
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::col;

    use super::*;

    #[test]
    fn what_waits_is_found_again() {
        for op in [Operator::And, Operator::Or] {
            let waiting = Waiting { op, before: col("a"), operand: col("b") };
            assert_eq!(Waiting::of(&waiting.clone().expr()), Some(waiting));
        }
        assert_eq!(Waiting::of(&col("a").and(col("b"))), None);
        let other = case_of_numbers(vec![(Box::new(col("a").is_not_false()), Box::new(col("b")))], None);
        assert_eq!(Waiting::of(&other), None);
    }
}
