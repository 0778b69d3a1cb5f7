//! The parts of an expression, for questions about the whole of it.

use std::iter;

use crate::expr::{Expr, ExprKind, FrameBound, SubqueryKind};

impl Expr {
    /// Does the expression, or a part of it, fit?
    pub fn any(&self, fits: impl Fn(&Expr) -> bool) -> bool {
        let mut open = vec![self];
        while let Some(e) = open.pop() {
            if fits(e) {
                return true;
            }
            open.extend(e.parts());
        }
        false
    }

    /// The expressions that this one is made of; not those of a sub-query's plan.
    fn parts(&self) -> Vec<&Expr> {
        match &self.kind {
            ExprKind::Literal(_)
            | ExprKind::Attribute { .. }
            | ExprKind::Star { .. }
            | ExprKind::Regex { .. }
            | ExprKind::LambdaVariable { .. }
            | ExprKind::Parameter(_)
            | ExprKind::Default
            | ExprKind::SqlText(_) => vec![],
            ExprKind::Function(call) => {
                let within_group = call.within_group.iter().map(|key| &key.child);
                call.args.iter().chain(call.filter.as_deref()).chain(within_group).collect()
            }
            ExprKind::Alias { child, .. } | ExprKind::Cast { child, .. } | ExprKind::Collate { child, .. } => {
                vec![child]
            }
            ExprKind::Extract { child, extraction } => vec![child, extraction],
            ExprKind::UpdateField { child, value, .. } => iter::once(&**child).chain(value.as_deref()).collect(),
            ExprKind::Sort(key) => vec![&key.child],
            ExprKind::Lambda { body, .. } => vec![body],
            ExprKind::Window(window) => {
                let bounds = window.frame.iter().flat_map(|frame| [&frame.lower, &frame.upper]);
                let offsets = bounds.filter_map(FrameBound::offset);
                let keys = window.partition_by.iter().chain(window.order_by.iter().map(|key| &key.child));
                iter::once(&window.function).chain(keys).chain(offsets).collect()
            }
            ExprKind::NamedArgument { value, .. } => vec![value],
            ExprKind::Subquery(query) => match &query.kind {
                SubqueryKind::Scalar | SubqueryKind::Exists => vec![],
                SubqueryKind::In(values) => values.iter().collect(),
                SubqueryKind::Table { partition_by, order_by, .. } => {
                    partition_by.iter().chain(order_by.iter().map(|key| &key.child)).collect()
                }
            },
            ExprKind::Udf(call) => call.args.iter().collect(),
            ExprKind::Identifier(inner) | ExprKind::PartitionId(inner) => vec![inner],
        }
    }
}

impl FrameBound {
    fn offset(&self) -> Option<&Expr> {
        match self {
            FrameBound::Value(offset) => Some(offset),
            FrameBound::UnboundedPreceding | FrameBound::UnboundedFollowing | FrameBound::CurrentRow => None,
        }
    }
}
