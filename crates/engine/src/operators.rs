//! Physical operators of our own, and how logical nodes of ours become them.

pub(crate) mod as_its_inner;
pub mod borders;
pub mod count_distinct;
pub mod cuts;
mod dependencies;
pub mod existing;
pub mod failing_constants;

pub mod gather;
pub mod generate;
pub mod guarded;
pub mod hash_order;
pub mod input_order;
pub mod join_hints;
pub mod join_order;
pub mod join_sides;
pub(crate) mod leaf;
pub mod nested_loop;
pub(crate) mod no_expressions;
mod one_input;
pub mod only_where;
pub mod opaque;
pub mod patient;
pub mod pieces;
pub mod place;
pub mod planner;
pub mod python;
pub mod recursion;
pub mod row_id;
pub mod rows;
pub mod shared;
pub mod stoppable;
pub mod targets;
pub mod wanted;
pub mod window;
pub mod yielding;
