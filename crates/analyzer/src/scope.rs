//! What names mean at one place of a query.
//!
//! Every computed column has a slot of its own: in DataFusion's plan it is the unqualified column
//! `#slot`. Names, qualifiers, Spark types and nullability live here only, so duplicate and
//! ambiguous names never reach DataFusion. Beside its slot a column has an id that keeps its meaning
//! through projections, filters and joins, as Spark's expression ids do: an alias gives a new id
//! over the same slot.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use crate::row_ids::{FILE_METADATA_FIELD, INPUT_FILE};
use datafusion::common::Column;
use datafusion::logical_expr::Expr;
use vonk_expr::TypedExpr;
use vonk_expr::collation::Strength;
use vonk_plan::types::{DataType, StructField, StructType};

/// Id or slot of a column: one number sequence for a whole query.
pub type ColumnId = u64;

/// The name of the column in DataFusion's plan.
pub fn column_name(id: ColumnId) -> String {
    format!("#{id}")
}

/// The id in a name made by [`column_name`].
pub fn column_id(name: &str) -> Option<ColumnId> {
    name.strip_prefix('#')?.parse().ok()
}

/// A reference to the column.
pub fn column_expr(id: ColumnId) -> Expr {
    Expr::Column(Column::new_unqualified(column_name(id)))
}

#[derive(Debug, Clone)]
pub struct ScopeColumn {
    pub id: ColumnId,
    /// Where the values are: the column `#slot` of the plan.
    pub slot: ColumnId,
    pub name: Arc<str>,
    /// `[spark_catalog, default, t]`, `[alias]` or empty.
    pub qualifier: Arc<[String]>,
    pub data_type: DataType,
    pub nullable: bool,
    pub metadata: Option<Arc<str>>,
}

impl ScopeColumn {
    pub fn new(id: ColumnId, name: impl Into<Arc<str>>, data_type: DataType, nullable: bool) -> Self {
        ScopeColumn { id, slot: id, name: name.into(), qualifier: Arc::from([]), data_type, nullable, metadata: None }
    }

    /// A column that holds the expression, named as the expression names itself.
    pub fn of(id: ColumnId, e: &TypedExpr) -> Self {
        let mut out = ScopeColumn::new(id, e.output_name(), e.data_type.clone(), e.nullable);
        out.metadata = e.metadata.clone();
        out
    }

    pub fn typed(&self) -> TypedExpr {
        let mut out =
            TypedExpr::new(column_expr(self.slot), self.data_type.clone(), self.nullable, self.name.to_string());
        out.name = Some(self.name.clone());
        out.metadata = self.metadata.clone();
        out.strength = Strength::Implicit;
        out
    }

    /// What stands for the column where it is compared.
    pub fn key(&self) -> Expr {
        vonk_expr::collation::key(column_expr(self.slot), &self.data_type)
    }

    pub fn field(&self) -> StructField {
        StructField {
            name: self.name.to_string(),
            data_type: self.data_type.clone(),
            nullable: self.nullable,
            metadata: self.metadata.clone(),
        }
    }

    /// Is it the column about the files of a source?
    pub fn is_file_metadata(&self) -> bool {
        self.metadata.as_deref() == Some(FILE_METADATA_FIELD)
    }

    /// Qualifier and name, as error messages list candidates.
    pub fn full_name(&self) -> Vec<String> {
        self.qualifier.iter().cloned().chain([self.name.to_string()]).collect()
    }
}

/// The columns a relation shows, in order, and the hidden ones that can be named all the same.
#[derive(Debug, Default)]
pub struct Scope {
    pub columns: Vec<ScopeColumn>,
    /// Keys of USING joins under their own qualifier, metadata columns of sources.
    pub hidden: Vec<ScopeColumn>,
    by_name: OnceLock<HashMap<String, Vec<usize>>>,
    by_id: OnceLock<HashMap<ColumnId, usize>>,
}

impl Scope {
    pub fn new(columns: Vec<ScopeColumn>) -> Self {
        Scope { columns, ..Scope::default() }
    }

    pub fn with_hidden(columns: Vec<ScopeColumn>, hidden: Vec<ScopeColumn>) -> Self {
        Scope { columns, hidden, ..Scope::default() }
    }

    /// The column with that id, shown or hidden.
    pub fn find(&self, id: ColumnId) -> Option<&ScopeColumn> {
        let index = self.by_id.get_or_init(|| {
            let mut index = HashMap::with_capacity(self.columns.len());
            for (i, c) in self.columns.iter().chain(&self.hidden).enumerate() {
                index.entry(c.id).or_insert(i);
            }
            index
        });
        self.at(*index.get(&id)?)
    }

    fn at(&self, i: usize) -> Option<&ScopeColumn> {
        self.columns.get(i).or_else(|| self.hidden.get(i.checked_sub(self.columns.len())?))
    }

    /// Shown, then hidden columns of that name, in order.
    pub fn named(&self, name: &str, case_sensitive: bool) -> impl Iterator<Item = (bool, &ScopeColumn)> {
        let index = self.by_name.get_or_init(|| {
            let mut index: HashMap<String, Vec<usize>> = HashMap::with_capacity(self.columns.len());
            for (i, c) in self.columns.iter().chain(&self.hidden).enumerate() {
                index.entry(fold(&c.name)).or_default().push(i);
            }
            index
        });
        let hits = index.get(&fold(name)).map(Vec::as_slice).unwrap_or_default();
        let name = name.to_string();
        hits.iter()
            .filter_map(|i| self.at(*i).map(|c| (*i >= self.columns.len(), c)))
            .filter(move |(_, c)| !case_sensitive || *c.name == name)
    }

    pub fn struct_type(&self) -> StructType {
        StructType::new(self.columns.iter().map(ScopeColumn::field))
    }

    /// The same columns under another qualifier. Of the hidden ones only what a source says of its rows goes along.
    pub fn qualified(&self, qualifier: impl Into<Arc<[String]>>) -> Scope {
        let qualifier = qualifier.into();
        let under = |c: &ScopeColumn| ScopeColumn { qualifier: qualifier.clone(), ..c.clone() };
        let hidden = self.hidden.iter().filter_map(|c| match &*c.name {
            "" | INPUT_FILE => Some(c.clone()),
            _ => c.is_file_metadata().then(|| under(c)),
        });
        Scope::with_hidden(self.columns.iter().map(under).collect(), hidden.collect())
    }

    /// The same without the columns about files, which can be named neither through a view nor through a CTE.
    pub fn without_file_metadata(&self) -> Scope {
        let hidden = self.hidden.iter().filter(|c| !c.is_file_metadata()).cloned().collect();
        Scope::with_hidden(self.columns.clone(), hidden)
    }
}

/// Names are compared without case in Spark's default.
pub fn fold(name: &str) -> String {
    name.to_lowercase()
}

/// Equality of names under the session's `caseSensitive`.
pub fn same_name(a: &str, b: &str, case_sensitive: bool) -> bool {
    a == b || !case_sensitive && fold(a) == fold(b)
}
