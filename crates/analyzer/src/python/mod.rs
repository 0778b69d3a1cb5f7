//! Python functions in a plan: from calls inside expressions to nodes of their own.
//!
//! Analysis makes a call of a Python function an expression like any other ([`function`]). When the
//! whole plan is there, [`extract`] goes over it once: each operator whose expressions call Python
//! gets a [`crate::nodes::python::Python`] node below it that computes the results, and refers to
//! them as columns. Calls of one kind next to each other share a node, `f(g(x))` is one call.
//! Aggregates and window calls become nodes in the place of DataFusion's ([`aggregate`], [`window`]).

pub mod aggregate;
pub mod extract;
pub mod function;
pub mod sent;
pub mod window;
