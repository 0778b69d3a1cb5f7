//! Views: temporary, global temporary and permanent.

use std::collections::BTreeMap;
use std::sync::Arc;

use vonk_catalog::{GLOBAL_TEMP, Table, TableKind, TempView, ViewText};
use vonk_common::error::{quote_id, quote_sql};
use vonk_common::planner::Deep;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::Body;
use vonk_plan::command::{AlterAction, CreateView, Name, ViewKind};
use vonk_plan::relation::{DataSource, Options};
use vonk_plan::types::{StructField, StructType};
use vonk_plan::{Expr, ExprKind, Relation, RelationKind};

use super::rows::Rows;
use super::{find_table, now_millis, qualify};
use crate::limits::declared;
use crate::resolver::NamedView;
use crate::session::Session;

/// Settings that change what a view's text means: kept with it.
const KEPT: [&str; 4] = [
    "spark.sql.ansi.enabled",
    "spark.sql.session.timeZone",
    "spark.sql.caseSensitive",
    "spark.sql.storeAssignmentPolicy",
];

fn namespace(session: &Session) -> (String, String) {
    let names = session.names.read();
    (names.current_catalog.clone(), names.current_database.clone())
}

/// The view's columns: those of the query under the names and comments the statement gives.
fn view_schema(name: &str, schema: &StructType, columns: &[(String, Option<String>)]) -> SparkResult<StructType> {
    if !columns.is_empty() && columns.len() != schema.len() {
        let class = if columns.len() > schema.len() { "NOT_ENOUGH_DATA_COLUMNS" } else { "TOO_MANY_DATA_COLUMNS" };
        let list = |names: Vec<&str>| names.iter().map(|n| quote_id([n])).collect::<Vec<_>>().join(", ");
        return Err(SparkError::new(format!("CREATE_VIEW_COLUMN_ARITY_MISMATCH.{class}"))
            .param("viewName", name)
            .param("viewColumns", list(columns.iter().map(|(n, _)| n.as_str()).collect()))
            .param("dataColumns", list(schema.fields.iter().map(|f| f.name.as_str()).collect())));
    }
    let fields: Vec<StructField> = schema
        .fields
        .iter()
        .enumerate()
        .map(|(i, f)| match columns.get(i) {
            Some((n, Some(c))) => StructField {
                name: n.clone(),
                metadata: Some(serde_json::json!({ "comment": c }).to_string().into()),
                ..f.clone()
            },
            Some((n, None)) => StructField { name: n.clone(), ..f.clone() },
            None => f.clone(),
        })
        .collect();
    let mut seen = std::collections::HashSet::new();
    for f in &fields {
        if !seen.insert(f.name.to_lowercase()) {
            return Err(SparkError::new("COLUMN_ALREADY_EXISTS").param("columnName", quote_id([f.name.to_lowercase()])));
        }
    }
    declared(&StructType::new(fields))
}

/// The one part of a temporary view's name. Error `INVALID_TEMP_OBJ_QUALIFIER`.
fn unqualified(name: &Name) -> SparkResult<String> {
    match name.as_slice() {
        [single] => Ok(single.clone()),
        [qualifier @ .., own] => Err(SparkError::new("INVALID_TEMP_OBJ_QUALIFIER")
            .param("objectType", "VIEW")
            .param("objectName", quote_id([own]))
            .param("qualifier", quote_id(qualifier))),
        [] => Err(SparkError::internal("a view without a name")),
    }
}

/// Is it a temporary view of the session?
pub(super) fn is_own(session: &Session, name: &Name) -> bool {
    matches!(name.as_slice(), [single] if session.names.read().temp_view(single).is_some())
}

/// What a temporary view cannot have.
pub(super) fn not_permanent(name: &Name, action: &AlterAction) -> SparkError {
    let operation = match action {
        AlterAction::SetProperties(_) => "ALTER VIEW ... SET TBLPROPERTIES",
        AlterAction::UnsetProperties { .. } => "ALTER VIEW ... UNSET TBLPROPERTIES",
        AlterAction::Other(what) if what == "WITH SCHEMA" => {
            return SparkError::new("UNSUPPORTED_FEATURE.TEMPORARY_VIEW_WITH_SCHEMA_BINDING_MODE");
        }
        _ => "ALTER VIEW",
    };
    SparkError::new("EXPECT_PERMANENT_VIEW_NOT_TEMP").param("viewName", quote_id(name)).param("operation", operation)
}

/// Renames a temporary view of the session, which stays where it is.
pub(super) fn rename_own(session: &Session, from: &Name, to: &Name) -> SparkResult<Rows> {
    let mut names = session.names.write();
    let single = match to.as_slice() {
        [single] => single,
        [.., database, _] => {
            return Err(SparkError::new("RENAME_TABLE_SOURCE_DESTINATION_DATABASE_MISMATCH")
                .param("db", quote_id([&names.current_database]))
                .param("newDb", quote_id([database])));
        }
        [] => return Err(SparkError::internal("a view without a name")),
    };
    if names.temp_view(single).is_some() {
        return Err(SparkError::new("TABLE_OR_VIEW_ALREADY_EXISTS").param("relationName", quote_id([single])));
    }
    let Some(old) = from.last().and_then(|name| names.temp_view(name)) else { return Ok(Rows::none()) };
    names.drop_temp_view(&old.name);
    names.create_temp_view(TempView { name: single.clone(), ..(*old).clone() }, false)?;
    Ok(Rows::none())
}

/// The columns of a permanent view are named in its query. Error `CREATE_PERMANENT_VIEW_WITHOUT_ALIAS`.
fn check_names(query: &Relation, schema: &StructType, quoted: &str) -> SparkResult<()> {
    let Some(exprs) = select_list(query) else { return Ok(()) };
    let Some(at) = exprs.iter().position(|e| !is_named(e)) else { return Ok(()) };
    // Behind a star the place is told from the end.
    let star = |e: &Expr| matches!(e.kind, ExprKind::Star { .. } | ExprKind::Regex { .. });
    let place = match exprs.iter().take(at).any(star) {
        true => (schema.fields.len() + at).checked_sub(exprs.len()),
        false => Some(at),
    };
    let shown = place.and_then(|i| schema.fields.get(i)).map(|f| f.name.as_str()).unwrap_or_default();
    Err(SparkError::new("CREATE_PERMANENT_VIEW_WITHOUT_ALIAS").param("name", quoted).param("attr", quote_sql(shown)))
}

/// The expressions that the query's columns are.
fn select_list(query: &Relation) -> Option<&[Expr]> {
    let exprs = match &query.kind {
        RelationKind::Project { exprs, .. } => exprs,
        RelationKind::Aggregate(a) if !a.with_grouping_columns => &a.aggregates,
        RelationKind::Select(s) => &s.projection,
        RelationKind::SetOperation(s) => return select_list(s.inputs.first()?),
        RelationKind::With { body, .. } => return select_list(body),
        RelationKind::Sort { input, .. }
        | RelationKind::Limit { input, .. }
        | RelationKind::Offset { input, .. }
        | RelationKind::Distinct { input }
        | RelationKind::Filter { input, .. } => return select_list(input),
        RelationKind::Alias { input, columns, .. } if columns.is_empty() => return select_list(input),
        _ => return None,
    };
    let below = match &query.kind {
        RelationKind::Project { input, .. } => Some(&**input),
        RelationKind::Select(s) => Some(&s.from),
        _ => None,
    };
    match exprs.as_slice() {
        [only] if matches!(&only.kind, ExprKind::Star { target: None, .. }) => below.and_then(select_list),
        _ => Some(exprs.as_slice()),
    }
}

/// Has the column a name: its own, or that of a column, a field or a constant?
fn is_named(e: &Expr) -> bool {
    let column = |e: &Expr| matches!(e.kind, ExprKind::Attribute { .. } | ExprKind::Identifier(_));
    match &e.kind {
        ExprKind::Cast { child, .. } => column(child) || matches!(child.kind, ExprKind::Alias { .. }),
        ExprKind::Extract { child, extraction } => column(child) && matches!(extraction.kind, ExprKind::Literal(_)),
        // The columns of a generator have names of their own.
        ExprKind::Function(call) => {
            let spec =
                if let [name] = call.name.as_slice() { vonk_functions::lookup(&name.to_lowercase()) } else { None };
            spec.is_some_and(|s| matches!(s.body, Body::Generator(_)))
        }
        ExprKind::Window(_) | ExprKind::Subquery(_) => false,
        _ => true,
    }
}

pub(super) async fn create(session: &Arc<Session>, v: CreateView) -> SparkResult<Rows> {
    let quoted = match v.kind {
        ViewKind::Permanent => qualify(session, &v.name)?.quoted(),
        _ => quote_id([unqualified(&v.name)?]),
    };
    let schema = session.analyze(v.query.clone()).await?.schema;
    if v.kind == ViewKind::Permanent {
        check_names(&v.query, &schema, &quoted)?;
    }
    let columns = view_schema(&quoted, &schema, &v.columns)?;
    if v.kind == ViewKind::Permanent {
        check_views(session, &v, &quoted).await?;
    }
    match v.kind {
        ViewKind::Permanent => create_permanent(session, v, &schema, columns),
        kind => {
            let view = TempView {
                name: unqualified(&v.name)?,
                query: Arc::new(Deep::new(v.query)),
                columns: v.columns,
                comment: v.comment,
                properties: v.properties,
                text: Some(v.text),
                namespace: namespace(session),
                uses: BTreeMap::new(),
            };
            store(session, view, kind == ViewKind::GlobalTemporary, v.replace)
        }
    }
}

/// A permanent view rests on permanent ones only, and not on itself.
async fn check_views(session: &Arc<Session>, v: &CreateView, quoted: &str) -> SparkResult<()> {
    let own = qualify(session, &v.name)?;
    for view in session.views_of(v.query.clone()).await? {
        view.refused(("VIEW", quoted))?;
        if v.replace && matches!(&view, NamedView::Permanent(name) if *name == own) {
            return Err(SparkError::new("RECURSIVE_VIEW")
                .param("viewIdent", quoted)
                .param("newPath", format!("{quoted} -> {quoted}")));
        }
    }
    Ok(())
}

fn store(session: &Session, view: TempView, global: bool, replace: bool) -> SparkResult<Rows> {
    match global {
        true => session.server.shared_names.create_global_temp_view(view, replace)?,
        false => session.names.write().create_temp_view(view, replace)?,
    }
    Ok(Rows::none())
}

fn create_permanent(session: &Session, v: CreateView, query: &StructType, schema: StructType) -> SparkResult<Rows> {
    let full = qualify(session, &v.name)?;
    if full.database == GLOBAL_TEMP {
        return Err(vonk_catalog::errors::reserved_database(GLOBAL_TEMP));
    }
    session.catalog().expect_database(&full.database)?;
    if let Some(old) = session.catalog().table(&full.database, &full.table)? {
        if v.if_not_exists {
            return Ok(Rows::none());
        }
        if !old.is_view() && v.replace {
            return Err(SparkError::new("EXPECT_VIEW_NOT_TABLE.NO_ALTERNATIVE")
                .param("tableName", full.quoted())
                .param("operation", "CREATE OR REPLACE VIEW"));
        }
    }
    let conf = session.conf();
    let (catalog, database) = namespace(session);
    let table = Table {
        kind: TableKind::View,
        schema,
        comment: v.comment,
        properties: v.properties,
        collation: v.collation,
        owner: session.acts_as.to_string(),
        view: Some(ViewText {
            text: v.text,
            catalog,
            database,
            conf: KEPT.iter().filter_map(|k| conf.get(k).map(|v| (k.to_string(), v.to_string()))).collect(),
            query_columns: query.fields.iter().map(|f| f.name.clone()).collect(),
        }),
        ..Table::new(full, now_millis())
    };
    session.catalog().create_table(table, v.if_not_exists, v.replace)?;
    Ok(Rows::none())
}

pub(super) async fn alter_query(
    session: &Arc<Session>,
    name: &Name,
    query: Relation,
    text: String,
) -> SparkResult<Rows> {
    if let [single] = name.as_slice()
        && let Some(old) = session.names.read().temp_view(single)
    {
        let view = TempView { query: Arc::new(Deep::new(query)), text: Some(text), columns: vec![], ..(*old).clone() };
        return store_replacing(session, view);
    }
    let mut table = find_table(session, name)?;
    if !table.is_view() {
        return Err(SparkError::new("EXPECT_VIEW_NOT_TABLE.NO_ALTERNATIVE")
            .param("tableName", table.name.quoted())
            .param("operation", "ALTER VIEW ... AS"));
    }
    let schema = session.analyze(query.clone()).await?.schema;
    check_names(&query, &schema, &table.name.quoted())?;
    table.schema = view_schema(&table.name.quoted(), &schema, &[])?;
    if let Some(v) = &mut table.view {
        v.text = text;
        v.query_columns = schema.fields.iter().map(|f| f.name.clone()).collect();
    }
    session.catalog().alter_table(table)?;
    Ok(Rows::none())
}

fn store_replacing(session: &Session, view: TempView) -> SparkResult<Rows> {
    session.names.write().create_temp_view(view, true)?;
    Ok(Rows::none())
}

pub(super) async fn create_from_dataframe(
    session: &Arc<Session>,
    name: &str,
    input: Relation,
    global: bool,
    replace: bool,
) -> SparkResult<Rows> {
    let parts = super::call::identifier(name)
        .map_err(|_| SparkError::new("_LEGACY_ERROR_TEMP_1321").param("viewName", name))?;
    let [single] = parts.as_slice() else {
        return Err(SparkError::new("TEMP_VIEW_NAME_TOO_MANY_NAME_PARTS").param("actualName", name));
    };
    let named = session.views_of(input.clone()).await?;
    let uses = named.into_iter().filter_map(|view| match view {
        NamedView::Temporary(name) => session.names.read().temp_view(&name).map(|v| (name.to_lowercase(), v)),
        NamedView::Permanent(_) | NamedView::Function(_) | NamedView::Variable(_) => None,
    });
    let view = TempView {
        name: single.clone(),
        query: Arc::new(Deep::new(input)),
        columns: vec![],
        comment: None,
        properties: BTreeMap::new(),
        text: None,
        namespace: namespace(session),
        uses: uses.collect(),
    };
    store(session, view, global, replace)
}

pub(super) async fn create_using(
    session: &Arc<Session>,
    name: &Name,
    replace: bool,
    global: bool,
    schema: Option<StructType>,
    provider: String,
    options: Options,
) -> SparkResult<Rows> {
    let own = unqualified(name)?;
    let paths = options.get("path").map(|p| vec![p.clone()]).unwrap_or_default();
    let source = DataSource { format: Some(provider), schema, options, paths, predicates: vec![], streaming: false };
    let query = Relation::new(RelationKind::DataSource(source));
    session.analyze(query.clone()).await?;
    let view = TempView {
        name: own,
        query: Arc::new(Deep::new(query)),
        columns: vec![],
        comment: None,
        properties: BTreeMap::new(),
        text: None,
        namespace: namespace(session),
        uses: BTreeMap::new(),
    };
    store(session, view, global, replace)
}
