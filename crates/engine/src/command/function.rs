//! Functions: SHOW, DESCRIBE, CREATE and DROP.

use std::sync::Arc;

use vonk_analyzer::Analyzer;
use vonk_analyzer::resolver::SessionFunction;
use vonk_catalog::pattern::matches;
use vonk_catalog::{Function, SPARK_CATALOG, TempFunction};
use vonk_common::error::{quote_id, search_path};
use vonk_common::{SparkError, SparkResult};
use vonk_plan::command::{ColumnDef, CreateFunction, FunctionBody, FunctionScope, Name};
use vonk_plan::expr::{UdfCall, UserCode};
use vonk_plan::types::{DataType, StructType};

use super::rows::Rows;
use super::table::field_of;
use super::{database_of, now_millis, qualify};
use crate::resolver::NamedView;
use crate::session::Session;

/// Names of all functions in scope: built-in, temporary, and the database's.
pub(super) fn names(session: &Session, scope: FunctionScope, database: &str) -> SparkResult<Vec<String>> {
    let mut out: Vec<String> = vec![];
    if scope != FunctionScope::User {
        out.extend(vonk_functions::names().filter(|n| !n.starts_with('$')).map(str::to_string));
    }
    if scope != FunctionScope::System {
        out.extend(session.names.read().temp_functions.keys().cloned());
        let of_database = session.catalog().functions(database)?;
        out.extend(of_database.into_iter().map(|f| format!("{}.{}.{}", f.catalog, f.database, f.name)));
    }
    out.sort();
    out.dedup();
    Ok(out)
}

pub(super) fn show(
    session: &Session,
    scope: FunctionScope,
    namespace: Option<Name>,
    pattern: Option<&str>,
) -> SparkResult<Rows> {
    let database = database_of(session, namespace.as_ref())?;
    if namespace.is_some() {
        session.catalog().expect_database(&database)?;
    }
    let all = names(session, scope, &database)?;
    Rows::strings(
        "function",
        all.into_iter().filter(|n| pattern.is_none_or(|p| matches(p, n.rsplit('.').next().unwrap_or(n)))),
    )
}

fn builtin_name(name: &Name) -> Option<String> {
    match name.as_slice() {
        [f] => Some(f.to_lowercase()),
        [b, f] if b.eq_ignore_ascii_case("builtin") => Some(f.to_lowercase()),
        [s, b, f] if s.eq_ignore_ascii_case("system") && b.eq_ignore_ascii_case("builtin") => Some(f.to_lowercase()),
        _ => None,
    }
}

/// What DESCRIBE prints of a SQL function.
struct Described<'a> {
    name: String,
    parameters: StructType,
    returns: Option<String>,
    columns: Option<StructType>,
    comment: Option<&'a str>,
    deterministic: Option<bool>,
    body: &'a str,
    created: Option<i64>,
}

impl Described<'_> {
    fn lines(&self, extended: bool) -> Vec<String> {
        let width = if extended { "Deterministic: ".len() } else { "Function: ".len() };
        let mut out = vec![];
        let mut put = |key: &str, values: Vec<String>| {
            for (i, v) in values.into_iter().enumerate() {
                let key = if i == 0 { format!("{key}:") } else { String::new() };
                out.push(format!("{key:width$}{v}"));
            }
        };
        put("Function", vec![self.name.clone()]);
        put("Type", vec![if self.columns.is_some() { "TABLE" } else { "SCALAR" }.into()]);
        let column = |f: &vonk_plan::StructField, names: usize, types: usize| {
            let mut line = format!("{:names$} {:types$}", f.name, f.data_type.sql());
            if let (true, Some(d)) = (extended, crate::defaults::text_of(f)) {
                line.push_str(&format!(" DEFAULT {d}"));
            }
            if let (true, Some(c)) = (extended, super::describe::comment_of(f)) {
                line.push_str(&format!(" '{c}'"));
            }
            line
        };
        // Names and types stand below each other.
        let list = |columns: &StructType| -> Vec<String> {
            let names = columns.fields.iter().map(|f| f.name.chars().count()).max().unwrap_or_default();
            let types = columns.fields.iter().map(|f| f.data_type.sql().chars().count()).max().unwrap_or_default();
            columns.fields.iter().map(|f| column(f, names, types)).collect()
        };
        let inputs = list(&self.parameters);
        put("Input", if inputs.is_empty() { vec!["()".into()] } else { inputs });
        match &self.columns {
            Some(columns) => put("Returns", list(columns)),
            None => put("Returns", self.returns.iter().cloned().collect()),
        }
        if extended {
            put("Comment", self.comment.iter().map(|c| c.to_string()).collect());
            put("Deterministic", vec![self.deterministic.unwrap_or(true).to_string()]);
            let reads = if self.body.to_uppercase().contains("FROM") { "READS SQL DATA" } else { "CONTAINS SQL" };
            put("Data Access", vec![reads.into()]);
            put("Create Time", self.created.iter().map(|t| super::describe::date_text(*t)).collect());
            put("Body", vec![self.body.to_string()]);
        }
        out
    }
}

pub(super) fn describe(session: &Session, name: &Name, extended: bool) -> SparkResult<Rows> {
    let temporary = name.last().and_then(|n| session.names.read().temp_functions.get(&n.to_lowercase()).cloned());
    let mut lines = vec![];
    if let (Some(f), true) = (temporary.as_deref(), name.len() == 1) {
        let TempFunction::Sql(f) = f else {
            return Rows::strings("function_desc", python_lines(&name.join("."), extended));
        };
        let body = match &f.body {
            FunctionBody::Expr(_, text) | FunctionBody::Query(_, text) | FunctionBody::Class(text) => text,
        };
        let described = Described {
            name: name.join("."),
            parameters: StructType::new(f.parameters.iter().map(field_of)),
            returns: f.returns.as_ref().map(DataType::sql),
            columns: f.returns_table.as_ref().map(|t| StructType::new(t.iter().map(field_of))),
            comment: f.comment.as_deref(),
            deterministic: f.deterministic,
            body,
            created: None,
        };
        lines = described.lines(extended);
    } else if let Some(spec) = builtin_name(name).and_then(|n| vonk_functions::lookup(&n)) {
        let own = builtin_name(name).unwrap_or_default();
        lines.push(format!("Function: {own}"));
        lines.push(format!("Class: builtin.{}", spec.group));
        lines.push(format!("Usage: {}", spec.usage));
        if extended {
            lines.push("Extended Usage:".into());
            lines.push(format!("  Group: {}", spec.group));
        }
    } else {
        let full = qualify(session, name)?;
        match session.catalog().function(&full.database, &full.table)? {
            Some(f) => {
                let described = Described {
                    name: format!("{}.{}.{}", f.catalog, f.database, f.name),
                    returns: f.returns.as_ref().map(|t| t.to_uppercase()),
                    columns: f.returns_table,
                    comment: f.comment.as_deref(),
                    deterministic: f.deterministic,
                    body: &f.body,
                    created: Some(f.created),
                    parameters: f.parameters,
                };
                lines = described.lines(extended);
            }
            None => {
                return Err(SparkError::new("UNRESOLVED_ROUTINE")
                    .param("routineName", quote_id(name))
                    .param("searchPath", search_path(&full.catalog, &full.database)));
            }
        }
    }
    Rows::strings("function_desc", lines)
}

/// What DESCRIBE prints of a Python function.
fn python_lines(name: &str, extended: bool) -> Vec<String> {
    let full = format!("Function: {SPARK_CATALOG}.session.{name}");
    let mut lines = vec![full, "Class: Python".to_string(), "Usage: N/A.".to_string()];
    if extended {
        lines.push(format!("Extended Usage:\n    No example/argument for {name}.\n"));
    }
    lines
}

/// Analyses the body; gives the result its type or columns where the statement leaves them out.
async fn checked(session: &Arc<Session>, mut f: CreateFunction) -> SparkResult<CreateFunction> {
    for (i, p) in f.parameters.iter().enumerate() {
        if f.parameters.iter().take(i).any(|q| q.name.eq_ignore_ascii_case(&p.name)) {
            return Err(SparkError::new("DUPLICATE_ROUTINE_PARAMETER_NAMES")
                .param("routineName", f.name.join("."))
                .param("names", quote_id([&p.name])));
        }
    }
    check_parameters(&f)?;
    let name = f.name.last().cloned().unwrap_or_default();
    let (text, is_query) = match &f.body {
        FunctionBody::Expr(_, text) => (text.clone(), false),
        FunctionBody::Query(_, text) => (text.clone(), true),
        FunctionBody::Class(_) => return Ok(f),
    };
    if f.returns_table.is_some() && !is_query {
        return Err(SparkError::new("USER_DEFINED_FUNCTIONS.SQL_TABLE_UDF_BODY_MUST_BE_A_QUERY").param("name", name));
    }
    check_columns(&name, f.returns_table.iter().flatten().map(|c| c.name.as_str()))?;
    let SessionFunction::Sql { parameters, body, .. } = crate::resolver::sql_function(&f)? else { return Ok(f) };
    let (own, returns) = (name.clone(), f.returns.clone());
    let work = move |a: &Analyzer| a.check_function(&own, &parameters, returns.as_ref(), &body, &text);
    let checked = session.with_analyzer_and_views(work).await;
    let (schema, met) = checked.map_err(|e| routine_not_found(session, e))?;
    if f.returns_table.as_ref().is_some_and(Vec::is_empty) {
        check_columns(&name, schema.fields.iter().map(|c| c.name.as_str()))?;
    }
    if !f.temporary {
        rests_on_permanent(session, &name, &met)?;
    }
    match &mut f.returns_table {
        Some(columns) if columns.is_empty() => {
            columns.extend(schema.fields.iter().map(|c| ColumnDef {
                name: c.name.clone(),
                data_type: c.data_type.clone(),
                nullable: true,
                comment: None,
                default: None,
                generated: None,
                identity: false,
            }));
        }
        Some(columns) if columns.len() != schema.fields.len() => {
            return Err(SparkError::new("USER_DEFINED_FUNCTIONS.RETURN_COLUMN_COUNT_MISMATCH")
                .param("name", name)
                .param("outputSize", schema.fields.len())
                .param("returnParamSize", columns.len()));
        }
        Some(_) => {}
        None if f.returns.is_none() => f.returns = schema.fields.first().map(|c| c.data_type.clone()),
        None => {}
    }
    Ok(f)
}

/// Types that parameters and results may have, and defaults only at the end.
fn check_parameters(f: &CreateFunction) -> SparkResult<()> {
    let types = f.parameters.iter().chain(f.returns_table.iter().flatten()).map(|c| &c.data_type);
    if types.chain(&f.returns).any(has_length) {
        return Err(SparkError::new("UNSUPPORTED_CHAR_OR_VARCHAR_AS_STRING"));
    }
    for pair in f.parameters.windows(2) {
        if let [before, after] = pair
            && before.default.is_some()
            && after.default.is_none()
        {
            return Err(SparkError::new("USER_DEFINED_FUNCTIONS.NOT_A_VALID_DEFAULT_PARAMETER_POSITION")
                .param("functionName", f.name.last().map(String::as_str).unwrap_or_default())
                .param("parameterName", before.name.as_str())
                .param("nextParameterName", after.name.as_str()));
        }
    }
    Ok(())
}

/// Is the type CHAR or VARCHAR, or is one in it?
fn has_length(t: &DataType) -> bool {
    match t {
        DataType::Char(_) | DataType::VarChar(_) => true,
        DataType::Array(element, _) => has_length(element),
        DataType::Map(key, value, _) => has_length(key) || has_length(value),
        DataType::Struct(s) => s.fields.iter().any(|f| has_length(&f.data_type)),
        _ => false,
    }
}

/// The columns of a table function have different names.
fn check_columns<'a>(function: &str, names: impl Iterator<Item = &'a str>) -> SparkResult<()> {
    let mut seen: Vec<String> = vec![];
    let mut twice: Vec<String> = vec![];
    for name in names.map(str::to_lowercase) {
        match seen.contains(&name) {
            true => twice.push(quote_id([&name])),
            false => seen.push(name),
        }
    }
    if twice.is_empty() {
        return Ok(());
    }
    Err(SparkError::new("DUPLICATE_ROUTINE_RETURNS_COLUMNS")
        .param("routineName", function)
        .param("columns", twice.join(", ")))
}

/// A permanent function rests on permanent views and functions only.
fn rests_on_permanent(session: &Session, function: &str, met: &[NamedView]) -> SparkResult<()> {
    let own = quote_id([database_of(session, None)?.as_str(), function]);
    met.iter().try_for_each(|view| view.refused(("FUNCTION", &own)))
}

/// What a body calls that does not exist is looked for in the current database.
fn routine_not_found(session: &Session, e: SparkError) -> SparkError {
    let key = match e.class() {
        "UNRESOLVED_ROUTINE" => "routineName",
        "UNRESOLVABLE_TABLE_VALUED_FUNCTION" => "name",
        _ => return e,
    };
    let name = e.params().iter().find(|(k, _)| *k == key).map(|(_, v)| v.to_string()).unwrap_or_default();
    let Ok(database) = database_of(session, None) else { return e };
    match name.contains("`.`") {
        true => e,
        false => SparkError::new("ROUTINE_NOT_FOUND")
            .param("routineName", format!("{}.{name}", quote_id([&database])))
            .at(e.origin().cloned()),
    }
}

pub(super) async fn create(session: &Arc<Session>, f: CreateFunction) -> SparkResult<Rows> {
    let Some(last) = f.name.last().cloned() else { return Err(SparkError::internal("a function without a name")) };
    // Spark looks for the class of a temporary function at once, of another one when it is called.
    if let (true, FunctionBody::Class(class)) = (f.temporary, &f.body) {
        return Err(SparkError::new("CANNOT_LOAD_FUNCTION_CLASS")
            .param("className", class)
            .param("functionName", quote_id(&f.name)));
    }
    let class = match &f.body {
        FunctionBody::Class(class) => Some(class.clone()),
        _ => None,
    };
    let f = if class.is_none() { checked(session, f).await? } else { f };
    if f.temporary {
        let key = last.to_lowercase();
        if f.name.len() > 1 {
            return Err(SparkError::new("INVALID_TEMP_OBJ_QUALIFIER")
                .param("objectType", "FUNCTION")
                .param("objectName", quote_id([&last]))
                .param("qualifier", quote_id(&f.name[..f.name.len() - 1])));
        }
        let mut names = session.names.write();
        if names.temp_functions.contains_key(&key) && !f.replace {
            if f.if_not_exists {
                return Ok(Rows::none());
            }
            return Err(SparkError::new("ROUTINE_ALREADY_EXISTS")
                .param("routineName", quote_id([&key]))
                .param("newRoutineType", "routine")
                .param("existingRoutineType", "routine"));
        }
        names.temp_functions.insert(key, Arc::new(TempFunction::Sql(Arc::new(f))));
        return Ok(Rows::none());
    }
    let full = qualify(session, &f.name)?;
    let (body, is_query) = match &f.body {
        FunctionBody::Expr(_, text) => (text.clone(), false),
        FunctionBody::Query(_, text) => (text.clone(), true),
        FunctionBody::Class(_) => (String::new(), false),
    };
    let function = Function {
        catalog: full.catalog,
        database: full.database,
        name: full.table,
        class,
        parameters: StructType::new(f.parameters.iter().map(field_of)),
        returns: f.returns.as_ref().map(DataType::to_string),
        returns_table: f.returns_table.as_ref().map(|t| StructType::new(t.iter().map(field_of))),
        body,
        is_query,
        comment: f.comment,
        deterministic: f.deterministic,
        created: now_millis(),
        owner: session.acts_as.to_string(),
        conf: Default::default(),
    };
    session.catalog().create_function(function, f.if_not_exists, f.replace)?;
    Ok(Rows::none())
}

/// `spark.udf.register` and `spark.udtf.register`: a function of that name is replaced.
pub(super) fn register(session: &Session, name: &str, f: TempFunction) -> SparkResult<Rows> {
    session.names.write().temp_functions.insert(name.to_lowercase(), Arc::new(f));
    Ok(Rows::none())
}

/// `spark.udf.register`; there is no class path that a Java class could be on.
pub(super) fn register_udf(session: &Session, f: UdfCall) -> SparkResult<Rows> {
    if let UserCode::Java { class_name } = &f.code {
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_1329").param("className", class_name));
    }
    register(session, &f.name.clone(), TempFunction::Python(Arc::new(f)))
}

/// `spark.dataSource.register`: a source of that name is replaced, unless it is built in.
pub(super) fn register_source(session: &Session, name: &str, class: Arc<[u8]>) -> SparkResult<Rows> {
    let known = crate::source::Format::named(name);
    if known.is_ok() || known.is_err_and(|e| e.class() != "DATA_SOURCE_NOT_FOUND") {
        return Err(SparkError::new("DATA_SOURCE_ALREADY_EXISTS").param("provider", name));
    }
    session.names.write().data_sources.insert(name.to_lowercase(), class);
    Ok(Rows::none())
}

pub(super) fn drop(session: &Session, name: &Name, if_exists: bool, temporary: bool) -> SparkResult<Rows> {
    let last = name.last().map(|n| n.to_lowercase()).unwrap_or_default();
    if temporary {
        if session.names.write().temp_functions.remove(&last).is_none() && !if_exists {
            if vonk_functions::lookup(&last).is_some() {
                return Err(no_drop(&last));
            }
            return Err(SparkError::new("ROUTINE_NOT_FOUND").param("routineName", quote_id([&last])));
        }
        return Ok(Rows::none());
    }
    if name.len() == 1 && vonk_functions::lookup(&last).is_some() {
        return Err(no_drop(&last));
    }
    let full = qualify(session, name)?;
    session.catalog().drop_function(&full.database, &full.table, if_exists)?;
    Ok(Rows::none())
}

/// Built-in functions stay.
fn no_drop(name: &str) -> SparkError {
    SparkError::new("FORBIDDEN_OPERATION")
        .param("statement", "DROP")
        .param("objectType", "FUNCTION")
        .param("objectName", quote_id([name]))
}
