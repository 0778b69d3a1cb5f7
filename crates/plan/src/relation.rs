//! Unresolved relations: one variant for each thing a query can be built of, shared by the
//! DataFrame protocol and SQL.

use std::collections::BTreeMap;
use std::sync::Arc;

use vonk_common::Origin;

use crate::command::Command;
use crate::expr::{Expr, FunctionCall, SortOrder, UdfCall, UserCode};
use crate::json_table::JsonTable;
use crate::literal::Literal;
use crate::types::{DataType, StructType};

/// Reader or writer options: keys are case-insensitive, kept in lower case.
pub type Options = BTreeMap<String, String>;

#[derive(Debug, Clone, PartialEq)]
pub struct Relation {
    pub kind: RelationKind,
    /// The client's id of the DataFrame this node belongs to: columns refer to it.
    pub plan_id: Option<i64>,
    pub origin: Option<Arc<Origin>>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum RelationKind {
    // ---- leaves
    /// `SELECT` without FROM: one row, no columns.
    OneRow,
    /// A table or view by name.
    Table {
        name: Vec<String>,
        options: Options,
        streaming: bool,
        time_travel: Option<TimeTravel>,
    },
    /// A table whose name is an expression: `IDENTIFIER(…)`.
    TableIdentifier {
        name: Expr,
        options: Options,
    },
    /// Files or another source by format.
    DataSource(DataSource),
    /// Rows shipped by the client as Arrow IPC stream bytes, with the schema it names.
    Local {
        data: Option<Arc<[u8]>>,
        schema: Option<StructType>,
    },
    /// Rows shipped earlier as artifacts, named by hash. `connect` resolves them before analysis.
    CachedLocal {
        data_hashes: Vec<String>,
        schema_hash: Option<String>,
    },
    /// A checkpointed DataFrame kept on the server.
    CachedRemote {
        id: String,
    },
    /// `VALUES`: rows of expressions, columns `col1`, `col2`, ….
    Values(Vec<Vec<Expr>>),
    Range {
        start: i64,
        end: i64,
        step: i64,
        partitions: Option<i32>,
    },
    /// A table-valued function in FROM or `spark.tvf`.
    TableFunction(FunctionCall),
    /// `JSON_TABLE(…)` in FROM.
    JsonTable(Box<JsonTable>),
    /// A Python UDTF that travels with the query.
    Udtf(Box<UdtfCall>),
    /// A statement that gives rows (SHOW, DESCRIBE, …), or a catalog call of the client.
    Command(Box<Command>),
    /// SQL text with its arguments. The front ends replace it by the parsed plan.
    Sql {
        query: String,
        named: BTreeMap<String, Expr>,
        positional: Vec<Expr>,
    },

    // ---- one input
    Project {
        input: Box<Relation>,
        exprs: Vec<Expr>,
    },
    Filter {
        input: Box<Relation>,
        condition: Expr,
    },
    Aggregate(Box<Aggregate>),
    /// SELECT with FROM, WHERE and GROUP BY taken apart already but HAVING, windows, DISTINCT and
    /// lateral column aliases still to be sorted out.
    Select(Box<Select>),
    Sort {
        input: Box<Relation>,
        order: Vec<SortOrder>,
        global: bool,
    },
    /// ORDER BY ALL.
    SortAll {
        input: Box<Relation>,
        ascending: bool,
        nulls_first: bool,
    },
    Limit {
        input: Box<Relation>,
        limit: Expr,
    },
    Offset {
        input: Box<Relation>,
        offset: Expr,
    },
    Tail {
        input: Box<Relation>,
        limit: i64,
    },
    Distinct {
        input: Box<Relation>,
    },
    /// `dropDuplicates`: on the named columns, or on all.
    Deduplicate {
        input: Box<Relation>,
        columns: Option<Vec<String>>,
        within_watermark: bool,
    },
    Sample(Sample),
    /// `AS alias`, `AS alias(columns)`.
    Alias {
        input: Box<Relation>,
        alias: String,
        qualifier: Vec<String>,
        columns: Vec<String>,
    },
    Repartition {
        input: Box<Relation>,
        partitions: i32,
        shuffle: bool,
    },
    RepartitionBy {
        input: Box<Relation>,
        exprs: Vec<Expr>,
        partitions: Option<i32>,
    },
    /// DISTRIBUTE BY … SORT BY … of SQL is RepartitionBy under Sort { global: false }.
    ToDf {
        input: Box<Relation>,
        names: Vec<String>,
    },
    /// (old, new) pairs.
    RenameColumns {
        input: Box<Relation>,
        renames: Vec<(String, String)>,
    },
    /// Aliases (single-name) that add or replace columns.
    WithColumns {
        input: Box<Relation>,
        columns: Vec<Expr>,
    },
    Drop {
        input: Box<Relation>,
        columns: Vec<Expr>,
        names: Vec<String>,
    },
    ToSchema {
        input: Box<Relation>,
        schema: StructType,
    },
    Hint {
        input: Box<Relation>,
        name: String,
        parameters: Vec<Expr>,
    },
    Unpivot(Box<Unpivot>),
    Pivot(Box<Pivot>),
    Transpose {
        input: Box<Relation>,
        index_columns: Vec<Expr>,
    },
    /// `LATERAL VIEW [OUTER] generator alias AS columns`.
    LateralView {
        input: Box<Relation>,
        generator: Expr,
        outer: bool,
        alias: Option<String>,
        columns: Vec<String>,
    },
    CollectMetrics {
        input: Box<Relation>,
        name: String,
        metrics: Vec<Expr>,
    },
    /// Text rows parsed as CSV, JSON or XML.
    Parse {
        input: Box<Relation>,
        format: String,
        schema: Option<StructType>,
        options: Options,
    },
    WithWatermark {
        input: Box<Relation>,
        event_time: String,
        delay: String,
    },
    MapPartitions {
        input: Box<Relation>,
        function: UdfCall,
        barrier: bool,
    },
    GroupMap(Box<GroupMap>),
    CoGroupMap(Box<CoGroupMap>),

    // ---- several inputs
    Join(Box<Join>),
    AsOfJoin(Box<AsOfJoin>),
    NearestByJoin(Box<NearestByJoin>),
    SetOperation(SetOperation),
    /// Rows side by side (`DataFrame.zip`).
    Zip {
        left: Box<Relation>,
        right: Box<Relation>,
    },
    /// A root that refers to other relations by plan id (sub-queries of the DataFrame API).
    WithRelations {
        root: Box<Relation>,
        references: Vec<Relation>,
    },
    /// `WITH [RECURSIVE] …`.
    With {
        ctes: Vec<Cte>,
        recursive: bool,
        body: Box<Relation>,
    },
    /// Pipe operator `|> AGGREGATE`, `|> EXTEND`, `|> SET`, … where no other node says it.
    Pipe {
        input: Box<Relation>,
        operator: PipeOperator,
    },

    // ---- statistics and presentation
    ShowString {
        input: Box<Relation>,
        rows: i32,
        truncate: i32,
        vertical: bool,
    },
    HtmlString {
        input: Box<Relation>,
        rows: i32,
        truncate: i32,
    },
    FillNa {
        input: Box<Relation>,
        columns: Vec<String>,
        values: Vec<Literal>,
    },
    DropNa {
        input: Box<Relation>,
        columns: Vec<String>,
        min_non_nulls: Option<i32>,
    },
    Replace {
        input: Box<Relation>,
        columns: Vec<String>,
        replacements: Vec<(Literal, Literal)>,
    },
    Summary {
        input: Box<Relation>,
        statistics: Vec<String>,
    },
    Describe {
        input: Box<Relation>,
        columns: Vec<String>,
    },
    Crosstab {
        input: Box<Relation>,
        left: String,
        right: String,
    },
    Cov {
        input: Box<Relation>,
        left: String,
        right: String,
    },
    Corr {
        input: Box<Relation>,
        left: String,
        right: String,
        method: Option<String>,
    },
    ApproxQuantile {
        input: Box<Relation>,
        columns: Vec<String>,
        probabilities: Vec<f64>,
        relative_error: f64,
    },
    FreqItems {
        input: Box<Relation>,
        columns: Vec<String>,
        support: Option<f64>,
    },
    SampleBy {
        input: Box<Relation>,
        column: Expr,
        fractions: Vec<(Literal, f64)>,
        seed: Option<i64>,
    },

    // ---- machine learning
    Ml(Box<MlRelation>),

    /// A message Vonk does not know, by name: refused when analysed.
    Unsupported(String),
}

#[derive(Debug, Clone, PartialEq)]
pub enum TimeTravel {
    Version(String),
    Timestamp(Expr),
}

#[derive(Debug, Clone, PartialEq)]
pub struct DataSource {
    /// `None`: the session's default source.
    pub format: Option<String>,
    pub schema: Option<StructType>,
    pub options: Options,
    pub paths: Vec<String>,
    /// Partitioning predicates of a JDBC read.
    pub predicates: Vec<String>,
    pub streaming: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct UdtfCall {
    pub name: String,
    pub args: Vec<Expr>,
    pub deterministic: bool,
    pub return_type: Option<DataType>,
    pub code: UserCode,
}

/// GROUP BY of the DataFrame API and of SQL.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    pub input: Relation,
    pub grouping: Grouping,
    /// For the DataFrame API the grouping columns come before these in the output.
    pub aggregates: Vec<Expr>,
    /// Output is grouping columns then aggregates (DataFrame) instead of just `aggregates` (SQL).
    pub with_grouping_columns: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Grouping {
    By(Vec<Expr>),
    Rollup(Vec<Expr>),
    Cube(Vec<Expr>),
    Sets {
        exprs: Vec<Expr>,
        sets: Vec<Vec<Expr>>,
    },
    /// SQL: several of the above in one list, combined by cross product.
    Mixed(Vec<Grouping>),
    /// SQL: GROUP BY ALL.
    All,
    /// `groupBy(…).pivot(column, values)`.
    Pivot {
        by: Vec<Expr>,
        column: Box<Expr>,
        values: Vec<Literal>,
    },
}

/// One SELECT block of SQL. Clauses are evaluated in SQL's order: FROM, WHERE, GROUP BY, HAVING,
/// windows, DISTINCT. ORDER BY, LIMIT and so on are nodes above it.
#[derive(Debug, Clone, PartialEq)]
pub struct Select {
    pub from: Relation,
    pub filter: Option<Expr>,
    pub projection: Vec<Expr>,
    pub group_by: Option<Grouping>,
    pub having: Option<Expr>,
    pub qualify: Option<Expr>,
    pub distinct: bool,
    /// `LATERAL VIEW`s are already part of `from`.
    pub hints: Vec<(String, Vec<Expr>)>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub input: Box<Relation>,
    pub method: SampleMethod,
    pub with_replacement: bool,
    pub seed: Option<i64>,
    pub deterministic_order: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum SampleMethod {
    /// Rows whose random number in [0, 1) falls into `lower..upper`.
    Fraction {
        lower: f64,
        upper: f64,
    },
    Rows(Expr),
    Bucket {
        numerator: i64,
        denominator: i64,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub struct Unpivot {
    pub input: Relation,
    pub ids: Option<Vec<Expr>>,
    /// Value columns; each item may hold several columns (`(a, b) AS x` in SQL) with an alias.
    pub values: Option<Vec<UnpivotValue>>,
    pub variable: String,
    pub value_names: Vec<String>,
    pub include_nulls: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct UnpivotValue {
    pub columns: Vec<Expr>,
    pub alias: Option<String>,
}

/// SQL's PIVOT clause. (The DataFrame API's pivot is `Grouping::Pivot`.)
#[derive(Debug, Clone, PartialEq)]
pub struct Pivot {
    pub input: Relation,
    pub aggregates: Vec<Expr>,
    pub columns: Vec<Expr>,
    /// Each value is an expression, possibly an alias; several pivot columns take struct values.
    pub values: Vec<Expr>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct GroupMap {
    pub input: Relation,
    pub grouping: Vec<Expr>,
    pub function: UdfCall,
    pub sorting: Vec<SortOrder>,
    /// Set for `applyInPandasWithState` and `transformWithState`.
    pub stateful: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct CoGroupMap {
    pub left: Relation,
    pub left_grouping: Vec<Expr>,
    pub right: Relation,
    pub right_grouping: Vec<Expr>,
    pub function: UdfCall,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JoinKind {
    Inner,
    Left,
    Right,
    Full,
    LeftSemi,
    LeftAnti,
    Cross,
}

#[derive(Debug, Clone, PartialEq)]
pub enum JoinCondition {
    None,
    On(Expr),
    Using(Vec<String>),
    Natural,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Join {
    pub left: Relation,
    pub right: Relation,
    pub kind: JoinKind,
    pub condition: JoinCondition,
    /// The right side may refer to the left side's columns.
    pub lateral: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct AsOfJoin {
    pub left: Relation,
    pub right: Relation,
    pub left_as_of: Expr,
    pub right_as_of: Expr,
    pub condition: JoinCondition,
    pub kind: JoinKind,
    pub tolerance: Option<Expr>,
    pub allow_exact_matches: bool,
    /// `backward`, `forward` or `nearest`.
    pub direction: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct NearestByJoin {
    pub left: Relation,
    pub right: Relation,
    pub ranking: Expr,
    pub num_results: i32,
    pub kind: JoinKind,
    pub mode: String,
    pub direction: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SetKind {
    Union,
    Intersect,
    Except,
}

/// A set operation over two or more inputs: chains of one kind are kept flat.
#[derive(Debug, Clone, PartialEq)]
pub struct SetOperation {
    pub kind: SetKind,
    pub inputs: Vec<Relation>,
    pub all: bool,
    pub by_name: bool,
    pub allow_missing_columns: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Cte {
    pub name: String,
    pub columns: Vec<String>,
    pub query: Relation,
    /// `MAX RECURSION LEVEL n`.
    pub max_recursion: Option<i64>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum PipeOperator {
    /// What stands before `|>`: the operator behind it sees no more than that shows.
    Output,
    Extend(Vec<Expr>),
    Set(Vec<(String, Expr)>),
    Drop(Vec<Vec<String>>),
    Aggregate {
        aggregates: Vec<Expr>,
        grouping: Vec<Expr>,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub enum MlRelation {
    /// A model by id, or a transformer by class name and uid, applied to the input.
    Transform {
        operator: MlOperatorRef,
        input: Relation,
        params: Vec<(String, Literal)>,
    },
    Fetch {
        object: String,
        methods: Vec<MlMethod>,
        summary_dataset: Option<Relation>,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub enum MlOperatorRef {
    Model(String),
    Operator { name: String, uid: String },
}

#[derive(Debug, Clone, PartialEq)]
pub struct MlMethod {
    pub name: String,
    pub args: Vec<MlArg>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum MlArg {
    Param(Literal),
    Input(Box<Relation>),
}

impl Relation {
    pub fn new(kind: RelationKind) -> Self {
        Relation { kind, plan_id: None, origin: None }
    }

    pub fn with_plan_id(mut self, plan_id: Option<i64>) -> Self {
        self.plan_id = plan_id;
        self
    }

    pub fn at(mut self, origin: Option<Arc<Origin>>) -> Self {
        self.origin = origin;
        self
    }

    pub fn table(name: Vec<String>) -> Self {
        Relation::new(RelationKind::Table { name, options: Options::new(), streaming: false, time_travel: None })
    }

    pub fn project(self, exprs: Vec<Expr>) -> Self {
        Relation::new(RelationKind::Project { input: Box::new(self), exprs })
    }

    pub fn filter(self, condition: Expr) -> Self {
        Relation::new(RelationKind::Filter { input: Box::new(self), condition })
    }

    pub fn alias(self, alias: impl Into<String>) -> Self {
        Relation::new(RelationKind::Alias {
            input: Box::new(self),
            alias: alias.into(),
            qualifier: vec![],
            columns: vec![],
        })
    }
}
