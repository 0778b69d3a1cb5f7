//! Merging the schemas of several files (`mergeSchema`).

use vonk_common::error::quote_sql;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::types::{DataType, StructField, StructType};

/// One schema with the columns of both, those of `a` first.
/// Error: `CANNOT_MERGE_SCHEMAS` through [`merge_types`].
pub fn merge(a: &StructType, b: &StructType, case_sensitive: bool) -> SparkResult<StructType> {
    let same = |x: &str, y: &str| x == y || !case_sensitive && x.to_lowercase() == y.to_lowercase();
    let mut fields: Vec<StructField> = Vec::with_capacity(a.len());
    for field in a.fields.iter() {
        let mut field = field.clone();
        if let Some(other) = b.fields.iter().find(|o| same(&o.name, &field.name)) {
            field.data_type = merge_types(&field.data_type, &other.data_type, case_sensitive).ok_or_else(|| {
                SparkError::new("CANNOT_MERGE_SCHEMAS")
                    .param("left", quote_sql(DataType::Struct(a.clone()).sql()))
                    .param("right", quote_sql(DataType::Struct(b.clone()).sql()))
            })?;
            field.nullable |= other.nullable;
        }
        fields.push(field);
    }
    let new = b.fields.iter().filter(|o| !a.fields.iter().any(|f| same(&f.name, &o.name)));
    fields.extend(new.cloned());
    Ok(StructType::new(fields))
}

fn merge_types(a: &DataType, b: &DataType, case_sensitive: bool) -> Option<DataType> {
    Some(match (a, b) {
        (DataType::Array(x, n), DataType::Array(y, m)) => DataType::array(merge_types(x, y, case_sensitive)?, *n || *m),
        (DataType::Map(k, v, n), DataType::Map(l, w, m)) => {
            DataType::map(merge_types(k, l, case_sensitive)?, merge_types(v, w, case_sensitive)?, *n || *m)
        }
        (DataType::Struct(x), DataType::Struct(y)) => DataType::Struct(merge(x, y, case_sensitive).ok()?),
        (DataType::Decimal(p, s), DataType::Decimal(q, t)) if s == t => DataType::Decimal(*p.max(q), *s),
        (x, y) if x == y => x.clone(),
        _ => return None,
    })
}
