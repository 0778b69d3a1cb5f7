//! What a function's builder may ask of the session, and how it makes results.

use std::sync::Arc;

use datafusion::logical_expr::Expr;
use vonk_common::error::{quote_id, quote_sql};
use vonk_common::{Origin, SessionConf, SparkError, SparkResult};
use vonk_plan::types::DataType;

use crate::kernel::{Call, Kernel, KernelUdf};
use crate::signature::{self, Want};
use crate::sql_text::SqlText;
use crate::typed::TypedExpr;

/// Facts that are fixed while one query is analysed.
#[derive(Debug, Clone)]
pub struct QueryFacts {
    pub conf: Arc<SessionConf>,
    /// Microseconds since the epoch: what `current_timestamp()` gives everywhere in the query.
    pub now: i64,
    pub user: Arc<str>,
    pub current_catalog: Arc<str>,
    pub current_database: Arc<str>,
    /// Spark's version that Vonk answers as, e.g. `4.3.0`.
    pub version: &'static str,
}

/// The context of one function call.
#[derive(Debug, Clone)]
pub struct FnContext {
    pub facts: Arc<QueryFacts>,
    /// The function's name in lower case, as the user called it (an alias stays an alias).
    pub name: Arc<str>,
    pub origin: Option<Arc<Origin>>,
}

/// When a function's result can be NULL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nullability {
    /// When any argument can.
    Args,
    Always,
    Never,
}

impl FnContext {
    pub fn ansi(&self) -> bool {
        self.facts.conf.ansi()
    }

    pub fn time_zone(&self) -> &str {
        self.facts.conf.time_zone()
    }

    /// Checks the number of arguments. Error: `WRONG_NUM_ARGS.WITHOUT_SUGGESTION`.
    pub fn arity(&self, args: &[TypedExpr], allowed: std::ops::RangeInclusive<usize>) -> SparkResult<()> {
        if allowed.contains(&args.len()) {
            return Ok(());
        }
        let expected = match (*allowed.start(), *allowed.end()) {
            (a, b) if a == b => a.to_string(),
            (a, usize::MAX) => format!("> {}", a.saturating_sub(1)),
            (a, b) => {
                let all: Vec<_> = (a..=b).map(|n| n.to_string()).collect();
                format!("[{}]", all.join(", "))
            }
        };
        Err(SparkError::new("WRONG_NUM_ARGS.WITHOUT_SUGGESTION")
            .param("docroot", vonk_common::error::DOCROOT)
            .param("functionName", quote_id([&*self.name]))
            .param("expectedNum", expected)
            .param("actualNum", args.len())
            .at(self.origin.clone()))
    }

    /// Checks arity and types: one [`Want`] per argument, the last ones optional down to
    /// `required`. Arguments get the implicit casts that Spark would give them.
    pub fn coerce(&self, args: Vec<TypedExpr>, required: usize, wants: &[Want]) -> SparkResult<Vec<TypedExpr>> {
        self.arity(&args, required..=wants.len())?;
        signature::coerce(self, args, wants)
    }

    /// Like [`coerce`](Self::coerce) for the functions that cast nothing implicitly but an untyped NULL.
    pub fn expect(&self, mut args: Vec<TypedExpr>, required: usize, wants: &[Want]) -> SparkResult<Vec<TypedExpr>> {
        self.arity(&args, required..=wants.len())?;
        let fits = |(a, w): (&TypedExpr, &Want)| a.data_type == DataType::Null || w.accepts(&a.data_type);
        match args.iter().zip(wants).position(|pair| !fits(pair)) {
            Some(i) => Err(self.unexpected_type(&args, i, &wants.get(i).map(Want::describe).unwrap_or_default())),
            None => {
                // What is VOID becomes a literal of the type, and is shown as one; what stands for another
                // expression shows what was written.
                let shown = !self.name.starts_with("try_");
                let void = args.iter_mut().filter(|a| shown && a.data_type == DataType::Null);
                void.for_each(|a| a.sql = "NULL".into());
                signature::coerce(self, args, wants)
            }
        }
    }

    /// Like [`coerce`](Self::coerce) with the last want repeated for any further arguments.
    pub fn coerce_variadic(
        &self,
        args: Vec<TypedExpr>,
        required: usize,
        wants: &[Want],
    ) -> SparkResult<Vec<TypedExpr>> {
        self.arity(&args, required..=usize::MAX)?;
        let mut all = wants.to_vec();
        if let Some(last) = wants.last() {
            all.resize(args.len().max(wants.len()), last.clone());
        }
        signature::coerce(self, args, &all)
    }

    /// `DATATYPE_MISMATCH.NON_FOLDABLE_INPUT` of the call that reads `sql`: the argument `name`, of the type that Spark
    /// tells as `wanted`, is no constant.
    pub fn non_foldable(&self, sql: &SqlText, name: &str, wanted: impl Into<String>, arg: &TypedExpr) -> SparkError {
        SparkError::new("DATATYPE_MISMATCH.NON_FOLDABLE_INPUT")
            .param("sqlExpr", quote_sql(sql))
            .param("inputName", quote_id([name]))
            .param("inputType", wanted.into())
            .param("inputExpr", arg.quoted_sql())
            .at(self.origin.clone())
    }

    /// `name(a, b)`, with the name the user called.
    pub fn sql(&self, args: &[TypedExpr]) -> SqlText {
        SqlText::call(&self.name, args.iter().map(|a| a.sql.clone()))
    }

    /// Calls a kernel with coerced arguments.
    pub fn call(&self, kernel: &'static Kernel, args: Vec<TypedExpr>, ty: DataType, nulls: Nullability) -> TypedExpr {
        self.call_with(kernel, args, ty, nulls, vec![])
    }

    /// Calls a kernel with constant parameters.
    pub fn call_with(
        &self,
        kernel: &'static Kernel,
        args: Vec<TypedExpr>,
        ty: DataType,
        nulls: Nullability,
        params: Vec<String>,
    ) -> TypedExpr {
        let nullable = match nulls {
            Nullability::Args => args.iter().any(|a| a.nullable),
            Nullability::Always => true,
            Nullability::Never => false,
        };
        let call = Call {
            kernel,
            arg_types: args.iter().map(|a| a.data_type.clone()).collect(),
            return_type: ty.clone(),
            ansi: self.ansi(),
            time_zone: self.time_zone().into(),
            params: params.into(),
            origin: self.origin.clone(),
        };
        let mut out = TypedExpr::new(Expr::default(), ty, nullable, self.sql(&args)).derived_from(&args);
        if nullable
            && kernel.stops_at_null()
            && nothing_to_compute(&args)
            && let Ok(null) = TypedExpr::null(out.data_type.clone())
        {
            out.expr = null.expr;
            return out.at(self.origin.clone());
        }
        // Arguments are moved, not cloned: they may be deep.
        out.expr = KernelUdf::call(call, args.into_iter().map(|a| a.expr).collect());
        if kernel.volatility == datafusion::logical_expr::Volatility::Volatile {
            out.foldable = false;
            out.deterministic = false;
        }
        out.at(self.origin.clone())
    }

    /// `DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE` for argument `i` (from 0).
    pub fn unexpected_type(&self, args: &[TypedExpr], i: usize, required: &str) -> SparkError {
        self.unexpected_type_at(args, i, i, required)
    }

    /// The same where Spark counts the argument as the one at `position`.
    pub fn unexpected_type_at(&self, args: &[TypedExpr], i: usize, position: usize, required: &str) -> SparkError {
        let (sql, ty) = match args.get(i) {
            Some(a) => (a.quoted_sql(), a.data_type.sql()),
            None => Default::default(),
        };
        SparkError::new("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE")
            .param("sqlExpr", quote_sql(self.sql(args)))
            .param("paramIndex", signature::ordinal(position + 1))
            .param("requiredType", required)
            .param("inputSql", sql)
            .param("inputType", quote_sql(ty))
            .at(self.origin.clone())
    }

    /// A `DATATYPE_MISMATCH` sub-class about the whole call.
    pub fn mismatch(&self, sub_class: &str, args: &[TypedExpr]) -> SparkError {
        SparkError::new(format!("DATATYPE_MISMATCH.{sub_class}"))
            .param("sqlExpr", quote_sql(self.sql(args)))
            .at(self.origin.clone())
    }
}

/// Beside a NULL, Spark's optimizer does not come to evaluate the other arguments of a function that stops
/// at one: one of them that fails is not noticed.
pub fn nothing_to_compute<'a>(args: impl IntoIterator<Item = &'a TypedExpr> + Clone) -> bool {
    let null = |a: &TypedExpr| is_null(&a.expr);
    let fails = |a: &TypedExpr| a.foldable && a.as_literal().is_none() && a.constant().is_err();
    args.clone().into_iter().any(null) && args.into_iter().any(fails)
}

/// Is it NULL, or a NULL brought to another type?
fn is_null(e: &Expr) -> bool {
    match e {
        Expr::Literal(value, _) => value.is_null(),
        Expr::Cast(cast) => is_null(&cast.expr),
        Expr::ScalarFunction(f) => matches!(f.args.as_slice(), [only] if is_null(only)),
        _ => false,
    }
}
