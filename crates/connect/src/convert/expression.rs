//! Expressions.

use std::sync::Arc;

use proto::expression::{self as p, ExprType};
use spark_connect_proto as proto;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::expr::{
    CallSyntax, CastMode, FrameBound, FunctionCall, SortOrder, SubqueryExpr, SubqueryKind, SubqueryPlan, UdfCall,
    UserCode, WindowExpr, WindowFrame,
};
use vonk_plan::{DataType, Expr, ExprKind};

use super::{Converter, bad_enum, broken, not_set, origin};
use crate::text;

impl Converter {
    pub(crate) fn expr(&self, message: proto::Expression) -> SparkResult<Expr> {
        let at = origin(message.common.and_then(|c| c.origin));
        let kind = message.expr_type.ok_or_else(|| not_set("Expression", "EXPRTYPE_NOT_SET"))?;
        let expr = self.expr_kind(kind).map_err(|e| e.at(at.clone()))?;
        Ok(if at.is_some() { expr.at(at) } else { expr })
    }

    pub(super) fn exprs(&self, messages: Vec<proto::Expression>) -> SparkResult<Vec<Expr>> {
        messages.into_iter().map(|m| self.expr(m)).collect()
    }

    pub(super) fn expr_required(&self, message: Option<proto::Expression>) -> SparkResult<Expr> {
        self.expr(message.unwrap_or_default())
    }

    fn boxed(&self, message: Option<Box<proto::Expression>>) -> SparkResult<Box<Expr>> {
        Ok(Box::new(self.expr_required(message.map(|m| *m))?))
    }

    fn expr_kind(&self, message: ExprType) -> SparkResult<Expr> {
        Ok(Expr::new(match message {
            ExprType::Literal(l) => ExprKind::Literal(self.literal(l)?),
            ExprType::UnresolvedAttribute(a) => ExprKind::Attribute {
                name: text::column_name(&a.unparsed_identifier)?,
                plan_id: a.plan_id,
                metadata_column: a.is_metadata_column.unwrap_or(false),
            },
            ExprType::UnresolvedFunction(f) => return self.function(f),
            ExprType::CallFunction(f) => {
                let name = self.text.name(&f.function_name)?;
                ExprKind::Function(FunctionCall::new(name, self.exprs(f.arguments)?))
            }
            ExprType::ExpressionString(s) => return self.text.expression(&s.expression),
            ExprType::UnresolvedStar(s) => star(s)?,
            ExprType::UnresolvedRegex(r) => regex(r),
            ExprType::Alias(a) => self.alias(*a)?,
            ExprType::Cast(c) => self.cast(*c)?,
            ExprType::SortOrder(s) => ExprKind::Sort(Box::new(self.sort_order(*s)?)),
            ExprType::LambdaFunction(l) => ExprKind::Lambda {
                parameters: l.arguments.into_iter().map(|a| a.name_parts.join(".")).collect(),
                body: self.boxed(l.function)?,
            },
            ExprType::UnresolvedNamedLambdaVariable(v) => ExprKind::LambdaVariable { name: v.name_parts },
            ExprType::Window(w) => ExprKind::Window(Box::new(self.window(*w)?)),
            ExprType::UnresolvedExtractValue(e) => {
                ExprKind::Extract { child: self.boxed(e.child)?, extraction: self.boxed(e.extraction)? }
            }
            ExprType::UpdateFields(u) => ExprKind::UpdateField {
                child: self.boxed(u.struct_expression)?,
                field: u.field_name,
                value: u.value_expression.map(|v| self.boxed(Some(v))).transpose()?,
            },
            ExprType::CommonInlineUserDefinedFunction(f) => ExprKind::Udf(Box::new(self.udf(f)?)),
            ExprType::NamedArgumentExpression(n) => {
                ExprKind::NamedArgument { name: n.key, value: self.boxed(n.value)? }
            }
            ExprType::SubqueryExpression(s) => ExprKind::Subquery(Box::new(self.subquery(s)?)),
            ExprType::DirectShufflePartitionId(d) => ExprKind::PartitionId(self.boxed(d.child)?),
            ExprType::MergeAction(_) => return Err(broken("a merge action stands outside of MERGE")),
            ExprType::TypedAggregateExpression(_) => return Err(SparkError::unsupported("Scala aggregators")),
            ExprType::Extension(any) => {
                return Err(SparkError::new("CONNECT_INVALID_PLAN.NO_HANDLER_FOR_EXTENSION")
                    .param("extensionTypeUrl", any.type_url));
            }
        }))
    }

    /// A function by name. Chains of one `and` or `or` become one call.
    fn function(&self, message: p::UnresolvedFunction) -> SparkResult<Expr> {
        let p::UnresolvedFunction { function_name, arguments, is_distinct, is_user_defined_function, is_internal } =
            message;
        let args = if matches!(function_name.as_str(), "and" | "or") && arguments.len() == 2 {
            self.chain(&function_name, arguments)?
        } else {
            self.exprs(arguments)?
        };
        let name = if is_user_defined_function { self.text.name(&function_name)? } else { vec![function_name] };
        let mut call = FunctionCall::new(name, args);
        call.syntax = syntax(&call.name);
        call.distinct = is_distinct;
        call.internal = is_internal.unwrap_or(false);
        Ok(Expr::new(ExprKind::Function(call)))
    }

    /// The operands of `((a and b) and c) and d`, from the left.
    fn chain(&self, name: &str, mut arguments: Vec<proto::Expression>) -> SparkResult<Vec<Expr>> {
        let mut right = vec![];
        loop {
            right.extend(arguments.pop());
            match arguments.pop() {
                Some(proto::Expression { expr_type: Some(ExprType::UnresolvedFunction(f)), .. })
                    if f.function_name == name && f.arguments.len() == 2 && !f.is_user_defined_function =>
                {
                    arguments = f.arguments;
                }
                other => {
                    right.extend(other);
                    break;
                }
            }
        }
        right.reverse();
        self.exprs(right)
    }

    fn alias(&self, message: p::Alias) -> SparkResult<ExprKind> {
        if message.name.len() > 1 && message.metadata.is_some() {
            return Err(SparkError::new("CONNECT_INVALID_PLAN.ALIAS_WITH_MULTIPLE_IDENTIFIERS_AND_METADATA"));
        }
        let metadata = message.metadata.filter(|m| !m.trim().is_empty());
        Ok(ExprKind::Alias { child: self.boxed(message.expr)?, names: message.name, metadata })
    }

    fn cast(&self, message: p::Cast) -> SparkResult<ExprKind> {
        let to = match message.cast_to_type {
            Some(p::cast::CastToType::Type(t)) => self.data_type(&t)?,
            Some(p::cast::CastToType::TypeStr(s)) => self.text.data_type(&s)?,
            None => return Err(not_set("Expression.Cast", "CASTTOTYPE_NOT_SET")),
        };
        let mode = match p::cast::EvalMode::try_from(message.eval_mode) {
            Ok(p::cast::EvalMode::Unspecified) => CastMode::Session,
            Ok(p::cast::EvalMode::Legacy) => CastMode::Legacy,
            Ok(p::cast::EvalMode::Ansi) => CastMode::Ansi,
            Ok(p::cast::EvalMode::Try) => CastMode::Try,
            Err(_) => return Err(bad_enum("Expression.Cast.EvalMode", "eval_mode", message.eval_mode)),
        };
        Ok(ExprKind::Cast { child: self.boxed(message.expr)?, to, mode })
    }

    pub(super) fn sort_order(&self, message: p::SortOrder) -> SparkResult<SortOrder> {
        use p::sort_order::{NullOrdering, SortDirection};
        let ascending = message.direction != SortDirection::Descending as i32;
        let nulls_first = match NullOrdering::try_from(message.null_ordering) {
            Ok(NullOrdering::SortNullsFirst) => true,
            Ok(NullOrdering::SortNullsLast) => false,
            _ => ascending,
        };
        Ok(SortOrder { child: *self.boxed(message.child)?, ascending, nulls_first })
    }

    pub(super) fn sort_orders(&self, messages: Vec<p::SortOrder>) -> SparkResult<Vec<SortOrder>> {
        messages.into_iter().map(|m| self.sort_order(m)).collect()
    }

    fn window(&self, message: p::Window) -> SparkResult<WindowExpr> {
        let function =
            message.window_function.ok_or_else(|| SparkError::new("CONNECT_INVALID_PLAN.WINDOW_FUNCTION_REQUIRED"))?;
        Ok(WindowExpr {
            function: self.expr(*function)?,
            partition_by: self.exprs(message.partition_spec)?,
            order_by: self.sort_orders(message.order_spec)?,
            frame: message.frame_spec.map(|f| self.frame(*f)).transpose()?,
            name: None,
        })
    }

    fn frame(&self, message: p::window::WindowFrame) -> SparkResult<WindowFrame> {
        use p::window::window_frame::FrameType;
        let rows = match FrameType::try_from(message.frame_type) {
            Ok(FrameType::Row) => true,
            Ok(FrameType::Range) => false,
            _ => return Err(bad_enum("Expression.Window.WindowFrame.FrameType", "frame_type", message.frame_type)),
        };
        Ok(WindowFrame {
            rows,
            lower: self.bound(message.lower, FrameBound::UnboundedPreceding, "LOWER")?,
            upper: self.bound(message.upper, FrameBound::UnboundedFollowing, "UPPER")?,
        })
    }

    fn bound(
        &self,
        message: Option<Box<p::window::window_frame::FrameBoundary>>,
        unbounded: FrameBound,
        side: &str,
    ) -> SparkResult<FrameBound> {
        use p::window::window_frame::frame_boundary::Boundary;
        match message.and_then(|m| m.boundary) {
            Some(Boundary::CurrentRow(_)) => Ok(FrameBound::CurrentRow),
            Some(Boundary::Unbounded(_)) => Ok(unbounded),
            Some(Boundary::Value(v)) => Ok(FrameBound::Value(self.boxed(Some(v))?)),
            None => Err(SparkError::new(format!("CONNECT_INVALID_PLAN.{side}_BOUND_REQUIRED_IN_WINDOW_FRAME"))),
        }
    }

    pub(super) fn udf(&self, message: proto::CommonInlineUserDefinedFunction) -> SparkResult<UdfCall> {
        use proto::common_inline_user_defined_function::Function;
        let code = match message.function {
            Some(Function::PythonUdf(f)) => UserCode::Python {
                output_type: f.output_type.as_ref().map_or(Ok(DataType::Null), |t| self.data_type(t))?,
                eval_type: f.eval_type,
                command: Arc::from(&f.command[..]),
                python_version: f.python_ver,
            },
            Some(Function::JavaUdf(f)) => UserCode::Java { class_name: f.class_name },
            Some(Function::ScalarScalaUdf(_)) => UserCode::Scala,
            None => return Err(not_set("CommonInlineUserDefinedFunction", "FUNCTION_NOT_SET")),
        };
        Ok(UdfCall {
            name: message.function_name,
            args: self.exprs(message.arguments)?,
            deterministic: message.deterministic,
            distinct: message.is_distinct,
            code,
        })
    }

    fn subquery(&self, message: proto::SubqueryExpression) -> SparkResult<SubqueryExpr> {
        use proto::subquery_expression::SubqueryType;
        let kind = match SubqueryType::try_from(message.subquery_type) {
            Ok(SubqueryType::Scalar) => SubqueryKind::Scalar,
            Ok(SubqueryType::Exists) => SubqueryKind::Exists,
            Ok(SubqueryType::In) => SubqueryKind::In(self.exprs(message.in_subquery_values)?),
            Ok(SubqueryType::TableArg) => {
                let o = message.table_arg_options.unwrap_or_default();
                SubqueryKind::Table {
                    partition_by: self.exprs(o.partition_spec)?,
                    order_by: self.sort_orders(o.order_spec)?,
                    single_partition: o.with_single_partition.unwrap_or(false),
                }
            }
            _ => return Err(bad_enum("SubqueryExpression.SubqueryType", "subquery_type", message.subquery_type)),
        };
        Ok(SubqueryExpr { plan: SubqueryPlan::PlanId(message.plan_id), kind })
    }
}

/// Operators are calls by their sign, or by the word that SQL has for them.
fn syntax(name: &[String]) -> CallSyntax {
    let words = ["and", "or", "not", "in", "like", "ilike", "rlike"];
    match name {
        [n] if words.contains(&n.as_str()) || !n.starts_with(|c: char| c.is_alphabetic() || c == '_') => {
            CallSyntax::Operator
        }
        _ => CallSyntax::Function,
    }
}

/// `*`, or `target.*` with the star at the end of the target.
fn star(message: p::UnresolvedStar) -> SparkResult<ExprKind> {
    let target = match message.unparsed_target {
        Some(target) => {
            let invalid =
                || SparkError::new("CONNECT_INVALID_PLAN.UNRESOLVED_STAR_TARGET_INVALID").param("target", &target);
            let prefix = target.strip_suffix(".*").ok_or_else(invalid)?;
            if message.plan_id.is_some() {
                return Err(SparkError::new("CONNECT_INVALID_PLAN.UNRESOLVED_STAR_WITH_BOTH_TARGET_AND_PLAN_ID"));
            }
            Some(text::column_name(prefix)?)
        }
        None => None,
    };
    Ok(ExprKind::Star { target, plan_id: message.plan_id, except: vec![] })
}

/// `` `pattern` `` or `` qualifier.`pattern` ``; anything else is a plain column.
fn regex(message: p::UnresolvedRegex) -> ExprKind {
    let name = message.col_name;
    let quoted = name.strip_suffix('`').and_then(|n| n.split_once('`'));
    match quoted {
        Some(("", pattern)) => ExprKind::Regex { pattern: pattern.to_string(), target: None, plan_id: message.plan_id },
        Some((qualifier, pattern)) if qualifier.ends_with('.') => ExprKind::Regex {
            pattern: pattern.to_string(),
            target: Some(qualifier.trim_end_matches('.').split('.').map(str::to_string).collect()),
            plan_id: message.plan_id,
        },
        _ => ExprKind::Attribute {
            name: text::column_name(&name).unwrap_or_else(|_| vec![name]),
            plan_id: message.plan_id,
            metadata_column: false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::test_converter;

    fn expression(kind: ExprType) -> proto::Expression {
        proto::Expression { common: None, expr_type: Some(kind) }
    }

    fn column(name: &str) -> proto::Expression {
        let attribute = p::UnresolvedAttribute { unparsed_identifier: name.into(), ..Default::default() };
        expression(ExprType::UnresolvedAttribute(attribute))
    }

    fn call(name: &str, arguments: Vec<proto::Expression>) -> proto::Expression {
        let function = p::UnresolvedFunction { function_name: name.into(), arguments, ..Default::default() };
        expression(ExprType::UnresolvedFunction(function))
    }

    /// Name, and number of arguments.
    fn shape(expr: &Expr) -> (String, usize) {
        match &expr.kind {
            ExprKind::Function(f) => (f.name.join("."), f.args.len()),
            _ => (String::new(), 0),
        }
    }

    #[test]
    fn chains_of_one_connective_are_flat_to_the_left() {
        let and = (0..1000).fold(column("a"), |chain, _| call("and", vec![chain, column("b")]));
        assert_eq!(test_converter().expr(and).map(|e| shape(&e)), Ok(("and".into(), 1001)));
        let right = call("and", vec![column("a"), call("and", vec![column("b"), column("c")])]);
        assert_eq!(test_converter().expr(right).map(|e| shape(&e)), Ok(("and".into(), 2)));
        let mixed = call("or", vec![call("and", vec![column("a"), column("b")]), column("c")]);
        assert_eq!(test_converter().expr(mixed).map(|e| shape(&e)), Ok(("or".into(), 2)));
    }

    #[test]
    fn an_empty_message_is_refused() {
        let error = test_converter().expr(proto::Expression::default());
        assert!(error.is_err_and(|e| e.class() == "CONNECT_INVALID_PLAN.INVALID_ONE_OF_FIELD_NOT_SET"));
    }
}
