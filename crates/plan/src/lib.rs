//! The unresolved plan: what a PySpark message or a piece of SQL text says, before any name is
//! looked up. Both front ends (`connect`, `sql`) produce these types, the analyzer consumes them,
//! so that SQL and DataFrame code cannot differ in meaning.
//!
//! Invariant: nothing here depends on DataFusion, Arrow kernels, gRPC or the file system.

pub mod command;
pub mod expr;
pub mod json_table;
pub mod literal;
mod parts;
pub mod relation;
pub mod types;

pub use command::Command;
pub use expr::{Expr, ExprKind};
pub use literal::Literal;
pub use relation::{Relation, RelationKind};
pub use types::{DataType, StructField, StructType};
