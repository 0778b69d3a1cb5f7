//! How a function is declared: once, as data that feeds resolution, `SHOW FUNCTIONS`,
//! `DESCRIBE FUNCTION` and the coverage table.

use datafusion::logical_expr::SortExpr;
use vonk_common::SparkResult;
use vonk_plan::Literal;
use vonk_plan::types::{DataType, StructField};

use crate::collation::Collating;
use crate::context::FnContext;
use crate::kernel::Kernel;
use crate::lambda::HigherOrderArg;
use crate::typed::TypedExpr;

/// The group of functions that the DataFrame API calls and `SHOW FUNCTIONS` does not list.
pub const INTERNAL: &str = "internal_funcs";

/// A constant that a parameter has when it is not given.
#[derive(Debug, Clone, Copy)]
pub enum ParameterDefault {
    Null,
    Int(i32),
    Boolean(bool),
    Text(&'static str),
}

impl ParameterDefault {
    pub fn literal(self) -> Literal {
        match self {
            ParameterDefault::Null => Literal::Null(DataType::Null),
            ParameterDefault::Int(n) => Literal::Int(n),
            ParameterDefault::Boolean(b) => Literal::Boolean(b),
            ParameterDefault::Text(text) => Literal::string(text),
        }
    }
}

pub struct FunctionSpec {
    /// Spark's name, in lower case.
    pub name: &'static str,
    pub aliases: &'static [&'static str],
    /// Spark's group: `math_funcs`, `string_funcs`, `agg_funcs`, ….
    pub group: &'static str,
    /// One line for `DESCRIBE FUNCTION`, in our own words.
    pub usage: &'static str,
    /// Names of the parameters, for named arguments; empty where Spark allows none.
    pub parameters: &'static [&'static str],
    /// Values of the last parameters where a call with named arguments leaves them out.
    pub defaults: &'static [ParameterDefault],
    pub body: Body,
    /// A generator that stands in FROM alone.
    pub table_only: bool,
    /// What it does with the collations of its arguments.
    pub collating: Collating,
    /// Whether an argument of type VOID is the literal NULL to it.
    pub literal_nulls: bool,
    /// Kernels that the builder uses: how a serialised plan finds them by name.
    pub kernels: &'static [&'static Kernel],
}

/// Builders: they check and coerce arguments and give the typed result.
#[derive(Clone, Copy)]
pub enum Body {
    Scalar(fn(&FnContext, Vec<TypedExpr>) -> SparkResult<TypedExpr>),
    /// Takes lambdas besides values.
    HigherOrder(fn(&FnContext, Vec<HigherOrderArg>) -> SparkResult<TypedExpr>),
    /// The result's `expr` holds one or more `Expr::AggregateFunction`; everything around them is
    /// computed after aggregation. As a window function they become window calls.
    Aggregate(fn(&FnContext, AggregateCall) -> SparkResult<TypedExpr>),
    /// The result's `expr` holds one `Expr::WindowFunction` without partitioning, order and frame,
    /// which the analyzer adds. `WindowCall` is the same data as an aggregate's.
    Window(fn(&FnContext, AggregateCall) -> SparkResult<TypedExpr>),
    /// One row to many.
    Generator(fn(&FnContext, Vec<TypedExpr>) -> SparkResult<GeneratorCall>),
}

/// Arguments of an aggregate or window function.
#[derive(Debug, Clone)]
pub struct AggregateCall {
    pub args: Vec<TypedExpr>,
    pub distinct: bool,
    pub filter: Option<TypedExpr>,
    /// `WITHIN GROUP (ORDER BY …)`, typed and as DataFusion sort keys.
    pub within_group: Vec<(TypedExpr, SortExpr)>,
    pub ignore_nulls: bool,
}

/// A generator: its value is an array of structs, one struct a row, and each field a column.
pub struct GeneratorCall {
    /// Type `ARRAY<STRUCT<columns>>`; NULL and empty arrays give no row.
    pub rows: TypedExpr,
    pub columns: Vec<StructField>,
    /// `*_outer`: NULL and empty arrays give one row of NULLs.
    pub outer: bool,
}

impl FunctionSpec {
    pub const fn new(name: &'static str, group: &'static str, body: Body) -> Self {
        FunctionSpec {
            name,
            aliases: &[],
            group,
            usage: "",
            parameters: &[],
            defaults: &[],
            body,
            table_only: false,
            collating: Collating::APART,
            literal_nulls: false,
            kernels: &[],
        }
    }

    pub const fn scalar(
        name: &'static str,
        group: &'static str,
        build: fn(&FnContext, Vec<TypedExpr>) -> SparkResult<TypedExpr>,
    ) -> Self {
        FunctionSpec::new(name, group, Body::Scalar(build))
    }

    pub const fn aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    pub const fn usage(mut self, usage: &'static str) -> Self {
        self.usage = usage;
        self
    }

    pub const fn parameters(mut self, parameters: &'static [&'static str]) -> Self {
        self.parameters = parameters;
        self
    }

    pub const fn defaults(mut self, defaults: &'static [ParameterDefault]) -> Self {
        self.defaults = defaults;
        self
    }

    pub const fn table_only(mut self) -> Self {
        self.table_only = true;
        self
    }

    pub const fn collating(mut self, collating: Collating) -> Self {
        self.collating = collating;
        self
    }

    /// For functions whose arguments Spark only expects to be of a type (`ExpectsInputTypes`) instead of casting
    /// implicitly: it gives them a literal NULL for an argument of type VOID. Builders that check all their arguments
    /// by [`FnContext::expect`] have it from there.
    pub const fn literal_nulls(mut self) -> Self {
        self.literal_nulls = true;
        self
    }

    pub const fn kernels(mut self, kernels: &'static [&'static Kernel]) -> Self {
        self.kernels = kernels;
        self
    }
}

impl AggregateCall {
    /// The `Expr::AggregateFunction` of a DataFusion aggregate over these arguments, with the
    /// call's DISTINCT, FILTER and null treatment.
    pub fn aggregate(
        &self,
        function: std::sync::Arc<datafusion::logical_expr::AggregateUDF>,
        args: Vec<datafusion::logical_expr::Expr>,
    ) -> datafusion::logical_expr::Expr {
        use datafusion::logical_expr::expr::{AggregateFunction, NullTreatment};
        let filter = self.filter.as_ref().map(|f| Box::new(f.expr.clone()));
        let nulls = self.ignore_nulls.then_some(NullTreatment::IgnoreNulls);
        let order = self.within_group.iter().map(|(_, s)| s.clone()).collect();
        datafusion::logical_expr::Expr::AggregateFunction(AggregateFunction::new_udf(
            function,
            args,
            self.distinct,
            filter,
            order,
            nulls,
        ))
    }
}
