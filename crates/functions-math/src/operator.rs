//! Operators: arithmetic, comparison, logic, bits, membership, and the choice among values.

pub mod arithmetic;
pub mod bitwise;
pub mod choice;
pub mod comparison;
pub mod conditional;
pub mod datetime_arith;
pub mod decimal;
pub mod logic;
pub mod membership;
pub mod nulls;
pub mod numbers;
pub mod promote;

use vonk_expr::FunctionSpec;

pub fn specs() -> Vec<&'static FunctionSpec> {
    [
        arithmetic::SPECS,
        bitwise::SPECS,
        choice::SPECS,
        comparison::SPECS,
        conditional::SPECS,
        logic::SPECS,
        membership::SPECS,
        nulls::SPECS,
    ]
    .concat()
}
