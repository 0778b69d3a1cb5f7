//! What the analyzer asks of the session: tables, views, sources, functions, variables.
//!
//! The engine implements [`Resolver`]. Calls are synchronous: analysis runs on a planner thread,
//! which may block on I/O.

use std::sync::Arc;

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::TableProvider;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::TypedExpr;
use vonk_plan::command::Command;
use vonk_plan::expr::UdfCall;
use vonk_plan::relation::{DataSource, MlMethod, MlOperatorRef, Options, Relation, TimeTravel, UdtfCall};
use vonk_plan::types::{DataType, StructType};
use vonk_plan::{Expr, Literal};

/// Rows from somewhere.
#[derive(Clone)]
pub struct Source {
    /// Its columns are those of `schema`, in order. Other Arrow types than the engine's own for
    /// the Spark type are cast.
    pub provider: Arc<dyn TableProvider>,
    pub schema: StructType,
    /// `[spark_catalog, default, t]` for a table, else empty.
    pub qualifier: Vec<String>,
    /// How many of the provider's last columns are hidden (`_metadata`): they are in `schema` too.
    pub hidden: usize,
}

/// What a table name stands for.
pub enum ResolvedTable {
    Source(Source),
    View(View),
}

pub struct View {
    /// The view's query, parsed.
    pub relation: Relation,
    /// The schema recorded when the view was made: names, types and nullability of the columns,
    /// which the query's result is cast to. `None` for temporary views.
    pub schema: Option<StructType>,
    /// The query's columns when the view was made, which the schema's are by name: columns that
    /// came later are left out.
    pub query_columns: Option<Vec<String>>,
    pub qualifier: Vec<String>,
    /// The session as the view sees it (current database, configuration) where it differs.
    pub resolver: Option<Arc<dyn Resolver>>,
}

/// A function that is no built-in.
pub enum SessionFunction {
    /// A SQL function: the body is an expression over the parameters, or a query.
    Sql {
        parameters: Vec<SqlParameter>,
        return_type: Option<DataType>,
        /// Of a table function; empty where the query names the columns.
        columns: Option<StructType>,
        body: SqlBody,
    },
    /// A Python function, scalar or aggregate.
    Python(Arc<UdfCall>),
    /// A Python table function.
    Table(Arc<UdtfCall>),
}

pub struct SqlParameter {
    pub name: String,
    pub data_type: DataType,
    pub default: Option<Expr>,
}

pub enum SqlBody {
    Expr(Expr),
    Query(Relation),
}

/// An argument of a Python table function, as its `analyze` sees it.
pub struct UdtfArgument {
    pub name: Option<String>,
    pub is_table: bool,
    /// The whole row, where it is a table.
    pub value: TypedExpr,
}

/// What `analyze` gave. Expressions are SQL text.
pub struct UdtfAnalysis {
    pub schema: StructType,
    pub single_partition: bool,
    pub partition_by: Vec<String>,
    /// Ascending, and nulls first if that was said.
    pub order_by: Vec<(String, bool, Option<bool>)>,
    pub select: Vec<(String, Option<String>)>,
    /// The result itself, for the function.
    pub pickled: Arc<[u8]>,
}

/// What a transformer does to its input.
pub struct MlColumns {
    /// A column of the same name is replaced.
    pub columns: Vec<(String, TypedExpr)>,
    /// A condition over the input's columns that rows have to meet.
    pub filter: Option<datafusion::logical_expr::Expr>,
}

/// A DataFrame that a model has.
pub enum MlRows {
    Rows(StructType, Vec<RecordBatch>),
    Relation(Box<Relation>),
}

pub trait Resolver: Send + Sync {
    /// Error when there is none: `TABLE_OR_VIEW_NOT_FOUND`.
    fn table(&self, name: &[String], options: &Options, time_travel: Option<&TimeTravel>)
    -> SparkResult<ResolvedTable>;

    fn data_source(&self, source: &DataSource) -> SparkResult<Source>;

    fn cached_remote(&self, id: &str) -> SparkResult<Source>;

    /// Asked first for every relation: the rows of a relation that was persisted.
    fn cached(&self, _relation: &Relation) -> Option<Source> {
        None
    }

    /// A temporary or catalog function; `None` if there is none of that name.
    fn function(&self, _name: &[String]) -> SparkResult<Option<SessionFunction>> {
        Ok(None)
    }

    /// The name that a call of a session's function prints.
    fn function_name(&self, name: &[String]) -> String {
        name.join(".")
    }

    /// Calls the `analyze` of a Python table function.
    fn analyze_udtf(&self, call: &UdtfCall, _args: &[UdtfArgument]) -> SparkResult<UdtfAnalysis> {
        Err(SparkError::unsupported(format!("the table function {}", call.name)))
    }

    /// The value of a variable, its declared type, and the name that expressions print before the
    /// variable's own: `system.session`. `None` if there is none of that name.
    fn variable(&self, _name: &[String]) -> SparkResult<Option<(Literal, DataType, String)>> {
        Ok(None)
    }

    /// The rows of a statement that gives rows.
    fn command_output(&self, _command: &Command) -> SparkResult<(StructType, Vec<RecordBatch>)> {
        Err(SparkError::unsupported("a statement as a relation"))
    }

    /// The rows of a query that the analysis itself needs: values of a pivot column, what `show`
    /// prints.
    fn collect(&self, _relation: &Relation) -> SparkResult<(StructType, Vec<RecordBatch>)> {
        Err(SparkError::unsupported("a query inside the analysis"))
    }

    /// Told of each `df.observe`: the query of its metrics, to be run beside.
    fn observe(&self, _name: &str, _plan_id: Option<i64>, _totals: Relation) {}

    /// Rows of text, read as a file of that format would be.
    fn parse(
        &self,
        _format: &str,
        _lines: Vec<RecordBatch>,
        _schema: Option<&StructType>,
        _options: &Options,
    ) -> SparkResult<Source> {
        Err(SparkError::unsupported("reading CSV, JSON or XML from a DataFrame of strings"))
    }

    /// The columns that a model or transformer adds to its input.
    fn ml_transform(
        &self,
        _operator: &MlOperatorRef,
        _params: &[(String, Literal)],
        _input: &StructType,
        _columns: &[TypedExpr],
    ) -> SparkResult<MlColumns> {
        Err(SparkError::unsupported("machine learning"))
    }

    /// The rows of an attribute of a model.
    fn ml_fetch(&self, _object: &str, _methods: &[MlMethod], _dataset: Option<&Relation>) -> SparkResult<MlRows> {
        Err(SparkError::unsupported("machine learning"))
    }

    /// Whether database names are known for `SELECT … FROM a.b` messages: the search path of
    /// functions, for `UNRESOLVED_ROUTINE`.
    fn function_search_path(&self) -> String {
        vonk_common::error::search_path("spark_catalog", "default")
    }
}

/// A session without tables: for constant expressions and tests.
pub struct NoTables;

impl Resolver for NoTables {
    fn table(&self, name: &[String], _: &Options, _: Option<&TimeTravel>) -> SparkResult<ResolvedTable> {
        Err(SparkError::new("TABLE_OR_VIEW_NOT_FOUND").param("relationName", vonk_common::error::quote_id(name)))
    }

    fn data_source(&self, _: &DataSource) -> SparkResult<Source> {
        Err(SparkError::unsupported("data sources"))
    }

    fn cached_remote(&self, id: &str) -> SparkResult<Source> {
        Err(SparkError::internal(format!("no cached relation {id}")))
    }
}
