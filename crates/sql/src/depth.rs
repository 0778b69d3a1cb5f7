//! How deep a parse may go: levels, the height of trees, copies, and the stack itself.

use std::sync::Arc;

use vonk_common::limits::MAX_PLAN_DEPTH;
use vonk_common::{Origin, SparkError, SparkResult};

use crate::parser::Parser;

/// Levels that rules around an expression may add to its own `MAX_PLAN_DEPTH`: SELECT, aliases, WITH.
const DEPTH_SLACK: usize = 64;
/// Nodes that may be made by repeating an operand (`CASE x WHEN …`), over the whole text.
const MAX_COPIED_NODES: usize = 1_000_000;
const STACK_RED_ZONE: usize = 256 * 1024;
const STACK_SEGMENT: usize = 4 * 1024 * 1024;

impl Parser<'_> {
    /// Runs a rule one level deeper, on a bigger stack when this one is nearly used up.
    pub fn nested<T>(&mut self, rule: impl FnOnce(&mut Self) -> SparkResult<T>) -> SparkResult<T> {
        self.depth += 1;
        let outer = std::mem::take(&mut self.height);
        self.check_depth()?;
        let out = stacker::maybe_grow(STACK_RED_ZONE, STACK_SEGMENT, || rule(self))?;
        self.depth -= 1;
        self.height = outer.max(self.height);
        Ok(out)
    }

    /// Runs a rule beside others: what it builds does not stand on what they have built.
    pub fn beside<T>(&mut self, rule: impl FnOnce(&mut Self) -> SparkResult<T>) -> SparkResult<T> {
        let others = std::mem::take(&mut self.height);
        let out = rule(self)?;
        self.height = self.height.max(others);
        Ok(out)
    }

    /// A node was put on top of what this rule has built so far.
    pub fn grow(&mut self) -> SparkResult<()> {
        self.height += 1;
        self.check_depth()
    }

    fn check_depth(&self) -> SparkResult<()> {
        let limit = MAX_PLAN_DEPTH + DEPTH_SLACK;
        if self.depth > limit || self.height > limit { Err(self.too_complex()) } else { Ok(()) }
    }

    fn too_complex(&self) -> SparkError {
        let end = self.text.chars().count();
        SparkError::new("FAILED_TO_PARSE_TOO_COMPLEX").at(Some(Arc::new(Origin::sql(self.text.clone(), 0, end))))
    }

    /// Accounts for a copy of a tree that took `nodes` nodes.
    pub fn copy(&mut self, nodes: usize) -> SparkResult<()> {
        self.nodes += nodes;
        self.copied += nodes;
        if self.copied > MAX_COPIED_NODES { Err(self.too_complex()) } else { Ok(()) }
    }
}
