//! Commands: everything that changes state or describes it, from SQL text, the client's
//! `Command` messages and its catalog calls alike.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::expr::{Expr, UdfCall};
use crate::literal::Literal;
use crate::relation::{MlMethod, MlOperatorRef, Options, Relation, UdtfCall};
use crate::types::{DataType, StructType};

/// A possibly qualified name, in parts.
pub type Name = Vec<String>;
pub type Properties = BTreeMap<String, String>;

#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    // ---- session
    Set {
        key: Option<String>,
        value: Option<String>,
    },
    /// `SET -v`.
    SetVerbose,
    SetTimeZone(Expr),
    Reset {
        key: Option<String>,
    },
    /// One value for all the names.
    DeclareVariable {
        names: Vec<Name>,
        data_type: Option<DataType>,
        default: Option<Expr>,
        replace: bool,
    },
    SetVariable {
        names: Vec<Name>,
        value: VariableValue,
    },
    DropVariable {
        name: Name,
        if_exists: bool,
    },
    UseCatalog(String),
    UseNamespace(Name),

    // ---- databases
    CreateDatabase {
        name: Name,
        if_not_exists: bool,
        comment: Option<String>,
        location: Option<String>,
        properties: Properties,
    },
    DropDatabase {
        name: Name,
        if_exists: bool,
        cascade: bool,
    },
    AlterDatabase {
        name: Name,
        properties: Properties,
        unset: Vec<String>,
        location: Option<String>,
    },
    DescribeDatabase {
        name: Name,
        extended: bool,
    },
    ShowDatabases {
        pattern: Option<String>,
        in_catalog: Option<Name>,
    },
    CommentOnDatabase {
        name: Name,
        comment: Option<String>,
    },

    // ---- tables and views
    CreateTable(Box<CreateTable>),
    CreateTableLike {
        name: Name,
        source: Name,
        if_not_exists: bool,
        provider: Option<String>,
        location: Option<String>,
        properties: Properties,
    },
    DropTable {
        name: Name,
        if_exists: bool,
        purge: bool,
        view: bool,
    },
    AlterTable {
        name: Name,
        if_exists: bool,
        view: bool,
        action: AlterAction,
    },
    TruncateTable {
        name: Name,
        partition: Option<PartitionSpec>,
    },
    DescribeTable {
        name: Name,
        extended: bool,
        partition: Option<PartitionSpec>,
        as_json: bool,
    },
    DescribeColumn {
        name: Name,
        column: Name,
        extended: bool,
    },
    DescribeQuery(Box<Relation>),
    ShowTables {
        namespace: Option<Name>,
        pattern: Option<String>,
    },
    ShowTableExtended {
        namespace: Option<Name>,
        pattern: String,
        partition: Option<PartitionSpec>,
    },
    ShowViews {
        namespace: Option<Name>,
        pattern: Option<String>,
    },
    ShowColumns {
        table: Name,
        namespace: Option<Name>,
    },
    ShowPartitions {
        table: Name,
        partition: Option<PartitionSpec>,
    },
    ShowTblProperties {
        table: Name,
        key: Option<String>,
    },
    ShowCreateTable {
        table: Name,
        as_serde: bool,
    },
    CommentOnTable {
        name: Name,
        comment: Option<String>,
    },
    RefreshTable(Name),
    RefreshPath(String),
    RepairTable {
        name: Name,
        add: bool,
        drop: bool,
    },
    AnalyzeTable {
        name: Name,
        partition: Option<PartitionSpec>,
        columns: AnalyzeColumns,
        no_scan: bool,
    },
    AnalyzeTables {
        namespace: Option<Name>,
        no_scan: bool,
    },
    CreateView(Box<CreateView>),
    CreateTempViewUsing {
        name: Name,
        replace: bool,
        global: bool,
        schema: Option<StructType>,
        provider: String,
        options: Options,
    },
    CacheTable {
        name: Name,
        lazy: bool,
        options: Options,
        query: Option<Box<Relation>>,
    },
    UncacheTable {
        name: Name,
        if_exists: bool,
    },
    ClearCache,

    // ---- data
    Insert(Box<Insert>),
    /// INSERT OVERWRITE [LOCAL] DIRECTORY.
    InsertDirectory {
        path: Option<String>,
        provider: String,
        options: Options,
        query: Box<Relation>,
    },
    /// FROM … INSERT … INSERT ….
    MultiInsert(Vec<Insert>),
    Delete {
        table: Name,
        alias: Option<String>,
        condition: Option<Expr>,
    },
    Update {
        table: Name,
        alias: Option<String>,
        assignments: Vec<(Name, Expr)>,
        condition: Option<Expr>,
    },
    Merge(Box<Merge>),
    LoadData {
        path: String,
        local: bool,
        overwrite: bool,
        table: Name,
        partition: Option<PartitionSpec>,
    },

    // ---- functions
    CreateFunction(Box<CreateFunction>),
    DropFunction {
        name: Name,
        if_exists: bool,
        temporary: bool,
    },
    DescribeFunction {
        name: Name,
        extended: bool,
    },
    ShowFunctions {
        scope: FunctionScope,
        namespace: Option<Name>,
        pattern: Option<String>,
    },
    RefreshFunction(Name),
    RegisterUdf(Box<UdfCall>),
    RegisterUdtf(Box<UdtfCall>),
    RegisterDataSource {
        name: String,
        command: Arc<[u8]>,
        python_version: String,
    },

    // ---- others
    ShowCatalogs {
        pattern: Option<String>,
    },
    ShowCurrentNamespace,
    ShowCollations {
        pattern: Option<String>,
    },
    Explain {
        mode: ExplainMode,
        statement: Box<Statement>,
    },
    ExecuteImmediate {
        query: Expr,
        into: Vec<Name>,
        using: Vec<Expr>,
    },
    /// A BEGIN … END block.
    Script(Box<Script>),
    AddResource {
        kind: String,
        paths: Vec<String>,
    },
    ListResource {
        kind: String,
        paths: Vec<String>,
    },

    // ---- the client's own commands
    Write(Box<Write>),
    WriteTable(Box<WriteTable>),
    CreateDataFrameView {
        name: String,
        input: Box<Relation>,
        global: bool,
        replace: bool,
    },
    Checkpoint {
        input: Box<Relation>,
        local: bool,
        eager: bool,
    },
    RemoveCachedRemote {
        id: String,
    },
    GetResources,
    /// A call of `spark.catalog`.
    Catalog(CatalogCall),
    Ml(Box<MlCommand>),
    /// `CALL name(…)`.
    Call(Vec<String>),
    /// A statement or message that Spark has and Vonk does not, by name: refused when run.
    Unsupported(String),
}

/// What a piece of SQL text is.
#[derive(Debug, Clone, PartialEq)]
pub enum Statement {
    Query(Relation),
    Command(Command),
}

#[derive(Debug, Clone, PartialEq)]
pub enum VariableValue {
    /// One expression per variable; `ExprKind::Default` resets it.
    Exprs(Vec<Expr>),
    Query(Relation),
}

#[derive(Debug, Clone, PartialEq)]
pub struct ColumnDef {
    pub name: String,
    pub data_type: DataType,
    pub nullable: bool,
    pub comment: Option<String>,
    /// DEFAULT expression with its SQL text.
    pub default: Option<(Expr, String)>,
    /// SQL text of GENERATED ALWAYS AS.
    pub generated: Option<String>,
    /// GENERATED … AS IDENTITY.
    pub identity: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct CreateTable {
    pub name: Name,
    pub columns: Vec<ColumnDef>,
    pub provider: Option<String>,
    pub options: Options,
    /// Names of partition columns, or transforms as expressions.
    pub partitioned_by: Vec<Expr>,
    /// Columns declared in PARTITIONED BY with their types (Hive style).
    pub partition_columns: Vec<ColumnDef>,
    pub bucketed_by: Option<Bucketing>,
    pub clustered_by: Vec<Name>,
    pub location: Option<String>,
    pub comment: Option<String>,
    pub properties: Properties,
    /// The collation of strings that name none, in its one form.
    pub collation: Option<String>,
    pub query: Option<Relation>,
    /// SQL texts of CONSTRAINT, PRIMARY KEY, CHECK and the like.
    pub constraints: Vec<String>,
    pub if_not_exists: bool,
    /// CREATE OR REPLACE, or REPLACE.
    pub replace: bool,
    /// REPLACE without CREATE: the table has to exist.
    pub must_exist: bool,
    pub external: bool,
}

impl CreateTable {
    /// A table of that name without columns, to be filled in.
    pub fn named(name: Name) -> Self {
        CreateTable {
            name,
            columns: vec![],
            provider: None,
            options: Options::new(),
            partitioned_by: vec![],
            partition_columns: vec![],
            bucketed_by: None,
            clustered_by: vec![],
            location: None,
            comment: None,
            properties: Properties::new(),
            collation: None,
            query: None,
            constraints: vec![],
            if_not_exists: false,
            replace: false,
            must_exist: false,
            external: false,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Bucketing {
    pub columns: Vec<String>,
    pub sort_columns: Vec<String>,
    pub buckets: i32,
}

#[derive(Debug, Clone, PartialEq)]
pub enum AlterAction {
    Rename(Name),
    AddColumns(Vec<(Name, ColumnDef, ColumnPosition)>),
    ReplaceColumns(Vec<ColumnDef>),
    DropColumns {
        names: Vec<Name>,
        if_exists: bool,
    },
    RenameColumn {
        from: Name,
        to: String,
    },
    AlterColumn {
        name: Name,
        data_type: Option<DataType>,
        nullable: Option<bool>,
        comment: Option<String>,
        position: ColumnPosition,
        default: Option<Option<(Expr, String)>>,
    },
    /// Several columns at once, which file tables refuse.
    AlterColumns(Vec<Name>),
    SetProperties(Properties),
    UnsetProperties {
        keys: Vec<String>,
        if_exists: bool,
    },
    SetLocation {
        partition: Option<PartitionSpec>,
        location: String,
    },
    AddPartitions {
        if_not_exists: bool,
        partitions: Vec<(PartitionSpec, Option<String>)>,
    },
    DropPartitions {
        if_exists: bool,
        partitions: Vec<PartitionSpec>,
        purge: bool,
    },
    RenamePartition {
        from: PartitionSpec,
        to: PartitionSpec,
    },
    RecoverPartitions,
    SetSerde,
    ClusterBy(Vec<Name>),
    DefaultCollation(String),
    /// ADD/DROP CONSTRAINT, SET MANAGED and the like, by name: not supported by file tables.
    Other(String),
    /// ALTER VIEW … AS query, with its SQL text.
    ViewQuery {
        query: Box<Relation>,
        text: String,
    },
}

#[derive(Debug, Clone, PartialEq, Default)]
pub enum ColumnPosition {
    #[default]
    Unspecified,
    First,
    After(String),
}

/// `PARTITION (a = 1, b)`: names with an optional value.
pub type PartitionSpec = Vec<(String, Option<Expr>)>;

#[derive(Debug, Clone, PartialEq)]
pub enum AnalyzeColumns {
    None,
    All,
    Some(Vec<String>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct CreateView {
    pub name: Name,
    pub columns: Vec<(String, Option<String>)>,
    pub comment: Option<String>,
    pub properties: Properties,
    /// The collation of strings that name none, in its one form.
    pub collation: Option<String>,
    pub query: Relation,
    /// SQL text of the query.
    pub text: String,
    pub replace: bool,
    pub if_not_exists: bool,
    pub kind: ViewKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViewKind {
    Permanent,
    Temporary,
    GlobalTemporary,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Insert {
    pub table: Name,
    pub partition: PartitionSpec,
    pub columns: Vec<String>,
    pub by_name: bool,
    pub overwrite: bool,
    pub if_not_exists: bool,
    /// REPLACE WHERE condition.
    pub replace_where: Option<Expr>,
    pub query: Relation,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Merge {
    pub target: Name,
    pub target_alias: Option<String>,
    pub source: Relation,
    pub condition: Expr,
    pub matched: Vec<MergeAction>,
    pub not_matched: Vec<MergeAction>,
    pub not_matched_by_source: Vec<MergeAction>,
    pub schema_evolution: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct MergeAction {
    pub condition: Option<Expr>,
    pub action: MergeKind,
}

#[derive(Debug, Clone, PartialEq)]
pub enum MergeKind {
    Delete,
    UpdateAll,
    Update(Vec<(Name, Expr)>),
    InsertAll,
    Insert(Vec<(Name, Expr)>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct CreateFunction {
    pub name: Name,
    pub parameters: Vec<ColumnDef>,
    /// RETURNS type.
    pub returns: Option<DataType>,
    /// RETURNS TABLE (columns); an empty list means that the columns come from the body.
    pub returns_table: Option<Vec<ColumnDef>>,
    pub body: FunctionBody,
    pub temporary: bool,
    pub replace: bool,
    pub if_not_exists: bool,
    pub comment: Option<String>,
    pub deterministic: Option<bool>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum FunctionBody {
    Expr(Expr, String),
    Query(Relation, String),
    /// A class name: `AS 'org.example.F'`.
    Class(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FunctionScope {
    All,
    System,
    User,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExplainMode {
    Simple,
    Extended,
    Codegen,
    Cost,
    Formatted,
}

/// A SQL script: statements in order, with control flow.
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    pub body: Block,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    pub label: Option<String>,
    pub conditions: Vec<(String, Option<String>)>,
    pub handlers: Vec<Handler>,
    pub statements: Vec<ScriptStatement>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Handler {
    pub exit: bool,
    pub conditions: Vec<String>,
    pub body: Block,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ScriptStatement {
    Block(Block),
    Statement(Statement),
    If { branches: Vec<(Expr, Vec<ScriptStatement>)>, otherwise: Vec<ScriptStatement> },
    Case { operand: Option<Expr>, branches: Vec<(Expr, Vec<ScriptStatement>)>, otherwise: Option<Vec<ScriptStatement>> },
    While { label: Option<String>, condition: Expr, body: Vec<ScriptStatement> },
    Repeat { label: Option<String>, body: Vec<ScriptStatement>, until: Expr },
    Loop { label: Option<String>, body: Vec<ScriptStatement> },
    For { label: Option<String>, variable: Option<String>, query: Relation, body: Vec<ScriptStatement> },
    Leave(String),
    Iterate(String),
    Signal { condition: Option<String>, sqlstate: Option<String>, message: Option<Expr> },
    Resignal,
    DeclareCursor { name: String, query: Relation },
    OpenCursor { name: String, using: Vec<Expr> },
    FetchCursor { name: String, into: Vec<Name> },
    CloseCursor { name: String },
}

/// `df.write`.
#[derive(Debug, Clone, PartialEq)]
pub struct Write {
    pub input: Relation,
    pub format: Option<String>,
    pub target: WriteTarget,
    pub mode: SaveMode,
    pub partition_by: Vec<String>,
    pub sort_by: Vec<String>,
    pub bucket_by: Option<Bucketing>,
    pub cluster_by: Vec<String>,
    pub options: Options,
}

#[derive(Debug, Clone, PartialEq)]
pub enum WriteTarget {
    Path(String),
    /// `saveAsTable`.
    Table(String),
    /// `insertInto`.
    InsertInto(String),
    /// Neither: sources such as `noop`.
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaveMode {
    Unspecified,
    Append,
    Overwrite,
    ErrorIfExists,
    Ignore,
}

/// `df.writeTo(table)`.
#[derive(Debug, Clone, PartialEq)]
pub struct WriteTable {
    pub input: Relation,
    pub table: String,
    pub provider: Option<String>,
    pub partition_by: Vec<Expr>,
    pub cluster_by: Vec<String>,
    pub options: Options,
    pub properties: Properties,
    pub mode: WriteTableMode,
    pub overwrite_condition: Option<Expr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteTableMode {
    Create,
    Overwrite,
    OverwritePartitions,
    Append,
    Replace,
    CreateOrReplace,
}

/// Methods of `spark.catalog`. Names are as the user wrote them, unparsed.
#[derive(Debug, Clone, PartialEq)]
pub enum CatalogCall {
    CurrentDatabase,
    SetCurrentDatabase(String),
    ListDatabases {
        pattern: Option<String>,
    },
    ListTables {
        db: Option<String>,
        pattern: Option<String>,
    },
    ListFunctions {
        db: Option<String>,
        pattern: Option<String>,
    },
    ListColumns {
        table: String,
        db: Option<String>,
    },
    GetDatabase(String),
    GetTable {
        table: String,
        db: Option<String>,
    },
    GetFunction {
        function: String,
        db: Option<String>,
    },
    DatabaseExists(String),
    TableExists {
        table: String,
        db: Option<String>,
    },
    FunctionExists {
        function: String,
        db: Option<String>,
    },
    CreateTable {
        table: String,
        path: Option<String>,
        source: Option<String>,
        description: Option<String>,
        schema: Option<StructType>,
        options: Options,
        external: bool,
    },
    DropTempView(String),
    DropGlobalTempView(String),
    RecoverPartitions(String),
    IsCached(String),
    CacheTable {
        table: String,
    },
    UncacheTable(String),
    ClearCache,
    RefreshTable(String),
    RefreshByPath(String),
    CurrentCatalog,
    SetCurrentCatalog(String),
    ListCatalogs {
        pattern: Option<String>,
    },
    ListCachedTables,
    ListViews {
        db: Option<String>,
        pattern: Option<String>,
    },
    ListPartitions {
        table: String,
    },
    CreateDatabase {
        name: String,
        if_not_exists: bool,
        properties: Properties,
    },
    DropDatabase {
        name: String,
        if_exists: bool,
        cascade: bool,
    },
    DropTable {
        name: String,
        if_exists: bool,
        purge: bool,
    },
    DropView {
        name: String,
        if_exists: bool,
    },
    TruncateTable(String),
    AnalyzeTable {
        name: String,
        no_scan: bool,
    },
    GetTableProperties(String),
    GetCreateTableString {
        table: String,
        as_serde: bool,
    },
}

/// Commands of `pyspark.ml`.
#[derive(Debug, Clone, PartialEq)]
pub enum MlCommand {
    Fit { estimator: String, uid: String, params: Vec<(String, Literal)>, dataset: Relation },
    Fetch { object: String, methods: Vec<MlMethod> },
    Delete { objects: Vec<String>, evict_only: bool },
    Write { operator: MlOperatorRef, params: Vec<(String, Literal)>, path: String, overwrite: bool, options: Options },
    Read { class: String, kind: MlOperatorKind, path: String },
    Evaluate { evaluator: String, uid: String, params: Vec<(String, Literal)>, dataset: Relation },
    CleanCache,
    GetCacheInfo,
    CreateSummary { model: String, dataset: Relation },
    GetModelSize { model: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MlOperatorKind {
    Estimator,
    Transformer,
    Evaluator,
    Model,
}
