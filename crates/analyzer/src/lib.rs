//! Plan to DataFusion logical plan: names, types, coercion, nullability by Spark's rules.
//!
//! [`analyze`] takes an unresolved relation and gives a plan that is fully typed, with explicit
//! casts, so that DataFusion's own coercion has nothing to do. What it needs of the session it asks
//! of a [`Resolver`]. Call it on a planner thread (`vonk_common::planner`): plans may be deep.
//!
//! `scope` and `node` say what an analysed relation is, `names` and `expr` resolve expressions,
//! `relation` has one file per kind of relation.

pub mod aggregate;
pub mod analyzer;
mod conjuncts;
pub mod constants;
pub mod env;
pub mod expr;
mod hopeless;
pub mod keyed;
pub mod names;
pub mod node;
pub mod nodes;
mod places;
pub mod python;
pub mod relation;
pub mod resolver;
pub mod row_ids;
pub mod scope;
mod sorted;
pub mod subqueries;
mod tuple;
pub mod unnest;
pub mod window;

use std::sync::Arc;

pub use analyzer::{Analyzed, Analyzer};
pub use resolver::{NoTables, ResolvedTable, Resolver, Source, View};
use vonk_common::SparkResult;
use vonk_expr::context::QueryFacts;
use vonk_plan::Relation;

/// Analyses a query.
pub fn analyze(relation: &Relation, resolver: Arc<dyn Resolver>, facts: Arc<QueryFacts>) -> SparkResult<Analyzed> {
    Analyzer::new(resolver, facts).analyze(relation)
}
