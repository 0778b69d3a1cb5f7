//! Names that live with one session: temporary views, variables, temporary functions, the current
//! catalog and database. Global temporary views are [`SharedNames`] of the server.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;
use vonk_common::planner::Deep;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::Relation;
use vonk_plan::command::{CreateFunction, Name};
use vonk_plan::expr::UdfCall;
use vonk_plan::relation::UdtfCall;
use vonk_plan::types::DataType;

use crate::{DEFAULT_DATABASE, SPARK_CATALOG, errors};

/// A temporary view: a query, and how its columns are called.
#[derive(Debug, Clone)]
pub struct TempView {
    pub name: String,
    pub query: Arc<Deep<Relation>>,
    /// Names (and comments) of the view's columns where it gives its own.
    pub columns: Vec<(String, Option<String>)>,
    pub comment: Option<String>,
    pub properties: BTreeMap<String, String>,
    /// SQL text of the query; none for views of DataFrames.
    pub text: Option<String>,
    /// Catalog and database that names in the query refer to.
    pub namespace: (String, String),
    /// The temporary views that names in the query mean, by lower-case name, where it keeps the meaning
    /// that they had when it was made: a view of SQL text does not.
    pub uses: BTreeMap<String, Arc<TempView>>,
}

/// A session variable; its value as a literal expression text is the engine's matter, so it is
/// kept as a typed plan literal.
#[derive(Debug, Clone)]
pub struct Variable {
    pub name: String,
    pub data_type: DataType,
    pub value: vonk_plan::Literal,
    /// What `SET VAR x = DEFAULT` gives, with its SQL text.
    pub default: (vonk_plan::Literal, String),
}

/// Variables of one block of a running script, or of one turn of a FOR loop.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// Made up, for the names of expressions and messages.
    pub id: String,
    /// The block's label, or the loop's variable: variables may be qualified by it.
    pub label: Option<String>,
    pub variables: BTreeMap<String, Arc<Variable>>,
}

/// Where a variable lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VariableHome {
    Session,
    /// A scope of the running script, counted from the outermost.
    Script(usize),
}

/// A temporary function: in SQL, or in Python by `spark.udf.register` and `spark.udtf.register`.
#[derive(Debug, Clone)]
pub enum TempFunction {
    Sql(Arc<CreateFunction>),
    Python(Arc<UdfCall>),
    PythonTable(Arc<UdtfCall>),
}

/// The session's own names. Keys are in lower case.
#[derive(Debug, Clone)]
pub struct SessionNames {
    pub current_catalog: String,
    pub current_database: String,
    pub temp_views: BTreeMap<String, Arc<TempView>>,
    pub variables: BTreeMap<String, Arc<Variable>>,
    /// Scopes of the script that runs in the session, innermost last.
    pub scopes: Vec<Scope>,
    pub temp_functions: BTreeMap<String, Arc<TempFunction>>,
    /// Data sources written in Python: their pickled classes.
    pub data_sources: BTreeMap<String, Arc<[u8]>>,
}

impl Default for SessionNames {
    fn default() -> Self {
        SessionNames {
            current_catalog: SPARK_CATALOG.into(),
            current_database: DEFAULT_DATABASE.into(),
            temp_views: BTreeMap::new(),
            variables: BTreeMap::new(),
            scopes: vec![],
            temp_functions: BTreeMap::new(),
            data_sources: BTreeMap::new(),
        }
    }
}

impl SessionNames {
    /// Error `TEMP_TABLE_OR_VIEW_ALREADY_EXISTS`.
    pub fn create_temp_view(&mut self, view: TempView, replace: bool) -> SparkResult<()> {
        insert(&mut self.temp_views, view, replace)
    }

    pub fn temp_view(&self, name: &str) -> Option<Arc<TempView>> {
        self.temp_views.get(&name.to_lowercase()).cloned()
    }

    /// Whether there was one.
    pub fn drop_temp_view(&mut self, name: &str) -> bool {
        self.temp_views.remove(&name.to_lowercase()).is_some()
    }

    pub fn variable(&self, name: &str) -> Option<Arc<Variable>> {
        self.variables.get(&name.to_lowercase()).cloned()
    }

    /// The variable that a name of one to three parts means: of the innermost block that has it,
    /// else of the session.
    pub fn find_variable(&self, name: &[String]) -> Option<(VariableHome, Arc<Variable>)> {
        let (label, own) = match name {
            [v] => (None, v),
            [l, v] => (Some(l), v),
            [y, s, v] if y.eq_ignore_ascii_case("system") && s.eq_ignore_ascii_case("session") => (Some(s), v),
            _ => return None,
        };
        let key = own.to_lowercase();
        for (i, scope) in self.scopes.iter().enumerate().rev() {
            let fits = match label {
                None => true,
                Some(l) => scope.label.as_ref().is_some_and(|s| s.eq_ignore_ascii_case(l)),
            };
            if fits && let Some(found) = scope.variables.get(&key) {
                return Some((VariableHome::Script(i), found.clone()));
            }
        }
        if label.is_none_or(|l| l.eq_ignore_ascii_case("session")) {
            return self.variables.get(&key).map(|v| (VariableHome::Session, v.clone()));
        }
        None
    }

    pub fn put_variable(&mut self, home: VariableHome, variable: Variable) {
        let key = variable.name.to_lowercase();
        let variables = match home {
            VariableHome::Script(i) => self.scopes.get_mut(i).map(|s| &mut s.variables),
            VariableHome::Session => Some(&mut self.variables),
        };
        if let Some(variables) = variables {
            variables.insert(key, Arc::new(variable));
        }
    }

    /// The qualified name of a variable, as expressions print it.
    pub fn variable_path(&self, home: VariableHome) -> String {
        match home {
            VariableHome::Session => "system.session".into(),
            VariableHome::Script(i) => {
                format!("local.`{}`", self.scopes.get(i).map(|s| s.id.as_str()).unwrap_or_default())
            }
        }
    }

    /// Catalog, database and table that a name of one to three parts means.
    /// Error `REQUIRES_SINGLE_PART_NAMESPACE`.
    pub fn qualify(&self, name: &Name) -> SparkResult<crate::TableName> {
        match name.as_slice() {
            [table] => Ok(crate::TableName::new(&self.current_catalog, &self.current_database, table)),
            [database, table] => Ok(crate::TableName::new(&self.current_catalog, database, table)),
            [catalog, database, table] if catalog.eq_ignore_ascii_case(SPARK_CATALOG) => {
                Ok(crate::TableName::new(SPARK_CATALOG, database, table))
            }
            other => Err(SparkError::new("REQUIRES_SINGLE_PART_NAMESPACE")
                .param("sessionCatalog", SPARK_CATALOG)
                .param("identifier", vonk_common::error::quote_id(other))),
        }
    }
}

/// Global temporary views, shared by the sessions of a server.
#[derive(Debug, Default)]
pub struct SharedNames {
    global_temp_views: RwLock<BTreeMap<String, Arc<TempView>>>,
}

impl SharedNames {
    pub fn create_global_temp_view(&self, view: TempView, replace: bool) -> SparkResult<()> {
        insert(&mut self.global_temp_views.write(), view, replace)
    }

    pub fn global_temp_view(&self, name: &str) -> Option<Arc<TempView>> {
        self.global_temp_views.read().get(&name.to_lowercase()).cloned()
    }

    pub fn global_temp_views(&self) -> Vec<Arc<TempView>> {
        self.global_temp_views.read().values().cloned().collect()
    }

    pub fn drop_global_temp_view(&self, name: &str) -> bool {
        self.global_temp_views.write().remove(&name.to_lowercase()).is_some()
    }
}

fn insert(views: &mut BTreeMap<String, Arc<TempView>>, view: TempView, replace: bool) -> SparkResult<()> {
    let key = view.name.to_lowercase();
    if !replace && views.contains_key(&key) {
        return Err(errors::temp_view_exists(&view.name));
    }
    views.insert(key, Arc::new(view));
    Ok(())
}
