//! Unresolved expressions.
//!
//! Operators are function calls by the names PySpark uses for them, so that SQL and DataFrame
//! programs meet: `+ - * / % div`, `== != < <= > >= <=>`, `and or not`, `isNull isNotNull`, `negative`
//! and `positive` for the signs, `& | ^ ~ << >> >>>`, `in` (value, then items), `between`, `like`,
//! `ilike`, `rlike`, `when` (condition, value, …, optional else), `||` for `concat`.
//!
//! SQL adds: `likeAny`, `likeAll`, `notLikeAny`, `notLikeAll` (value, constant patterns); `isUnknown`,
//! `isNotUnknown` (`isNull` of a boolean); `struct` for a row in parentheses; `extract` ('FIELD', source);
//! `trim`, `ltrim`, `rtrim` (characters, text) for TRIM(… FROM …); `timestampadd` and `timestampdiff`
//! ('UNIT', a, b); `semi_structured_extract` (variant, '$.path') for `v:path`, named by the path's last
//! field. All of these have [`CallSyntax::Operator`].
//! Flat chains of `and` and of `or` hold all their operands in one call, so that a chain of
//! 100,000 has depth one.

use std::sync::Arc;

use vonk_common::Origin;

use crate::literal::Literal;
use crate::relation::Relation;
use crate::types::DataType;

/// An expression with the place it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    pub kind: ExprKind,
    pub origin: Option<Arc<Origin>>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    Literal(Literal),
    /// A column, possibly qualified, possibly followed by struct fields: `a.b.c` in parts.
    Attribute {
        name: Vec<String>,
        plan_id: Option<i64>,
        metadata_column: bool,
    },
    /// `*`, `t.*`, `s.*`, with `EXCEPT (…)` columns (each a name in parts).
    Star {
        target: Option<Vec<String>>,
        plan_id: Option<i64>,
        except: Vec<Vec<String>>,
    },
    /// `df.colRegex`, or a back-quoted regex in SQL where that is enabled.
    Regex {
        pattern: String,
        target: Option<Vec<String>>,
        plan_id: Option<i64>,
    },
    Function(FunctionCall),
    /// More than one name for generators of several columns. `metadata` is a JSON object.
    Alias {
        child: Box<Expr>,
        names: Vec<String>,
        metadata: Option<String>,
    },
    Cast {
        child: Box<Expr>,
        to: DataType,
        mode: CastMode,
    },
    /// `child[extraction]`, `child.field` on something that is not a plain name (extraction is then
    /// a string literal).
    Extract {
        child: Box<Expr>,
        extraction: Box<Expr>,
    },
    /// `withField` (value given) or `dropFields` (none); `field` may be dotted.
    UpdateField {
        child: Box<Expr>,
        field: String,
        value: Option<Box<Expr>>,
    },
    Sort(Box<SortOrder>),
    Lambda {
        parameters: Vec<String>,
        body: Box<Expr>,
    },
    /// A parameter of an enclosing lambda, possibly followed by struct fields.
    LambdaVariable {
        name: Vec<String>,
    },
    Window(Box<WindowExpr>),
    NamedArgument {
        name: String,
        value: Box<Expr>,
    },
    Subquery(Box<SubqueryExpr>),
    Udf(Box<UdfCall>),
    /// A parameter of a parameterised query: `:name`, or `?` with its position counted from 0.
    Parameter(Parameter),
    /// SQL `DEFAULT` in INSERT and UPDATE.
    Default,
    /// `expr COLLATE name`.
    Collate {
        child: Box<Expr>,
        collation: Vec<String>,
    },
    /// `IDENTIFIER(expr)` where a column is meant.
    Identifier(Box<Expr>),
    /// SQL text to be parsed when it is analysed (`F.expr`): the front ends parse it before.
    SqlText(String),
    /// The partition number that a row is sent to as it is (`repartitionById`).
    PartitionId(Box<Expr>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct FunctionCall {
    /// Name in parts: `abs`, or `system.builtin.abs`.
    pub name: Vec<String>,
    pub args: Vec<Expr>,
    pub distinct: bool,
    /// `FILTER (WHERE …)`.
    pub filter: Option<Box<Expr>>,
    /// `WITHIN GROUP (ORDER BY …)`.
    pub within_group: Vec<SortOrder>,
    /// `IGNORE NULLS` (true) or `RESPECT NULLS` (false), if said.
    pub ignore_nulls: Option<bool>,
    /// Spark's internal functions, reachable from the client's own code only.
    pub internal: bool,
    /// Written as an operator, so that names print in infix form.
    pub syntax: CallSyntax,
}

/// How a call was written, where the automatic column name or the function that is found depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum CallSyntax {
    #[default]
    Function,
    /// As a function in SQL text, where functions that only clients and operators call have no name.
    Text,
    Operator,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CastMode {
    /// As the session says: ANSI or legacy.
    Session,
    Legacy,
    Ansi,
    Try,
}

#[derive(Debug, Clone, PartialEq)]
pub struct SortOrder {
    pub child: Expr,
    pub ascending: bool,
    /// Spark's default: nulls first when ascending, last when descending.
    pub nulls_first: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct WindowExpr {
    pub function: Expr,
    pub partition_by: Vec<Expr>,
    pub order_by: Vec<SortOrder>,
    pub frame: Option<WindowFrame>,
    /// `OVER name` or `OVER (name …)`; resolved against the SELECT's WINDOW clause by the SQL front end.
    pub name: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct WindowFrame {
    /// ROWS, else RANGE.
    pub rows: bool,
    pub lower: FrameBound,
    pub upper: FrameBound,
}

#[derive(Debug, Clone, PartialEq)]
pub enum FrameBound {
    UnboundedPreceding,
    UnboundedFollowing,
    CurrentRow,
    /// An offset: negative is PRECEDING, positive FOLLOWING.
    Value(Box<Expr>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct SubqueryExpr {
    pub plan: SubqueryPlan,
    pub kind: SubqueryKind,
}

#[derive(Debug, Clone, PartialEq)]
pub enum SubqueryPlan {
    Inline(Relation),
    /// A relation given in `RelationKind::WithRelations` by its plan id.
    PlanId(i64),
}

#[derive(Debug, Clone, PartialEq)]
pub enum SubqueryKind {
    Scalar,
    Exists,
    /// `(values) IN (subquery)`; NOT IN is `not` around it.
    In(Vec<Expr>),
    /// A table argument of a table-valued function.
    Table {
        partition_by: Vec<Expr>,
        order_by: Vec<SortOrder>,
        single_partition: bool,
    },
}

/// A call of user code that travels as an opaque payload.
#[derive(Debug, Clone, PartialEq)]
pub struct UdfCall {
    pub name: String,
    pub args: Vec<Expr>,
    pub deterministic: bool,
    pub distinct: bool,
    pub code: UserCode,
}

#[derive(Debug, Clone, PartialEq)]
pub enum UserCode {
    Python { output_type: DataType, eval_type: i32, command: Arc<[u8]>, python_version: String },
    Java { class_name: String },
    Scala,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Parameter {
    Named(String),
    /// `?`, by the place of the character in the text.
    Positional(usize),
}

impl Parameter {
    /// What messages call it: one without a name by its place in the text.
    pub fn name(&self) -> String {
        match self {
            Parameter::Named(name) => name.clone(),
            Parameter::Positional(place) => format!("_{place}"),
        }
    }
}

impl Expr {
    pub fn new(kind: ExprKind) -> Self {
        Expr { kind, origin: None }
    }

    pub fn at(mut self, origin: Option<Arc<Origin>>) -> Self {
        self.origin = origin;
        self
    }

    pub fn literal(value: Literal) -> Self {
        Expr::new(ExprKind::Literal(value))
    }

    pub fn string(value: impl Into<Arc<str>>) -> Self {
        Expr::literal(Literal::string(value))
    }

    pub fn column(name: impl Into<String>) -> Self {
        Expr::attribute(vec![name.into()])
    }

    pub fn attribute(name: Vec<String>) -> Self {
        Expr::new(ExprKind::Attribute { name, plan_id: None, metadata_column: false })
    }

    pub fn star() -> Self {
        Expr::new(ExprKind::Star { target: None, plan_id: None, except: vec![] })
    }

    pub fn call(name: &str, args: Vec<Expr>) -> Self {
        Expr::new(ExprKind::Function(FunctionCall::new(vec![name.to_string()], args)))
    }

    pub fn alias(self, name: impl Into<String>) -> Self {
        Expr::new(ExprKind::Alias { child: Box::new(self), names: vec![name.into()], metadata: None })
    }

    pub fn cast(self, to: DataType) -> Self {
        Expr::new(ExprKind::Cast { child: Box::new(self), to, mode: CastMode::Session })
    }
}

impl FunctionCall {
    pub fn new(name: Vec<String>, args: Vec<Expr>) -> Self {
        FunctionCall {
            name,
            args,
            distinct: false,
            filter: None,
            within_group: vec![],
            ignore_nulls: None,
            internal: false,
            syntax: CallSyntax::Function,
        }
    }
}

impl SortOrder {
    pub fn asc(child: Expr) -> Self {
        SortOrder { child, ascending: true, nulls_first: true }
    }

    pub fn desc(child: Expr) -> Self {
        SortOrder { child, ascending: false, nulls_first: false }
    }
}
