//! Spark's type lattice: implicit casts of arguments, the common type of several values, and the
//! types that operators and `INSERT` give their operands.
//!
//! Everything here is about types alone; [`crate::cast`] makes the casts. `ansi` chooses between
//! the rules of ANSI mode and the older ones of `spark.sql.ansi.enabled=false`.

mod arithmetic;
mod common;
mod comparison;
mod decimal;
mod implicit;
mod store;
mod upcast;

pub use arithmetic::{ArithmeticOp, BinaryKind, BinaryTypes, Mismatch, binary_arithmetic, binary_operands};
pub use common::{common_type, common_type_of, tightest_common_type, wider_type_without_strings};
pub use comparison::{comparison, comparison_operands, equality};
pub use decimal::{bounded, decimal_arithmetic, decimal_for, literal_decimal, wider_decimal};
pub use implicit::implicit_cast_target;
pub use store::{StorePolicy, can_ansi_store_assign, store_assignment_cast};
pub use upcast::can_up_cast;
