//! `from_xml` and `schema_of_xml`.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, ListArray, MapArray, StringArray, StructArray};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::datatypes::DataType as Arrow;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::error::quote_sql;
use vonk_common::{SessionConf, SparkError, SparkResult};
use vonk_expr::arrow_types::{element_field, entries_field, struct_fields};
use vonk_expr::context::Nullability;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, SqlText, TypedExpr, exec_err};
use vonk_plan::Literal;
use vonk_plan::relation::Options;
use vonk_plan::types::{DataType, StructField};

use super::{Document, Kind};
use crate::formats::convert::Converter;
use crate::formats::options::{ParseMode, flag, parse_mode, text};
use crate::json::schema::{
    corrupt_column, failed_fast, from_params, options_argument, sample, schema_argument, text_only, to_params,
};

pub static SPECS: &[FunctionSpec] = &[
    FunctionSpec::scalar("from_xml", "xml_funcs", build)
        .usage("The struct that an XML text holds.")
        .kernels(&[&FROM_XML])
        .literal_nulls(),
    FunctionSpec::scalar("schema_of_xml", "xml_funcs", schema_of).usage("The type of an XML text, in SQL."),
];

static FROM_XML: Kernel = Kernel::new("from_xml", from_xml);

/// What marks attributes and text among the fields of a struct.
pub struct Names {
    pub attribute: String,
    pub value: String,
}

impl Names {
    pub fn new(options: &Options) -> Self {
        let named = |key: &str, default: &str| text(options, key).unwrap_or(default).to_string();
        Names { attribute: named("attributeprefix", "_"), value: named("valuetag", "_VALUE") }
    }
}

fn build(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=3)?;
    let schema = match args.get(1) {
        Some(arg) => schema_argument(ctx, arg)?.as_nullable(),
        None => DataType::Null,
    };
    let options = options_argument(ctx, args.get(2))?;
    let args = text_only(ctx, args)?;
    if !matches!(schema, DataType::Struct(_)) {
        return Err(ctx.mismatch("INVALID_XML_SCHEMA", &args).param("schema", quote_sql(schema.sql())));
    }
    Ok(ctx.call_with(&FROM_XML, args, schema, Nullability::Always, to_params(ctx, &options)))
}

/// Elements, each with its document; none for NULL.
type Items = Vec<Option<(usize, usize)>>;

struct Reader<'d> {
    docs: &'d [Option<Document>],
    options: &'d Options,
    conf: &'d SessionConf,
    names: Names,
    bad: Vec<bool>,
}

impl Reader<'_> {
    /// Names of fields and of XML are the same as names of columns are.
    fn same(&self, own: &str, name: &str) -> bool {
        own == name || (!self.conf.bool("spark.sql.caseSensitive") && own.eq_ignore_ascii_case(name))
    }

    fn children(&self, (doc, at): (usize, usize), name: Option<&str>) -> Vec<usize> {
        let Some(doc) = self.docs.get(doc).and_then(Option::as_ref) else { return vec![] };
        let children = doc.node(at).map_or(&[][..], |n| n.children.as_slice());
        let is = |n: &usize| match doc.node(*n).map(|n| &n.kind) {
            Some(Kind::Element(own)) => name.is_none_or(|name| self.same(own, name)),
            _ => false,
        };
        children.iter().copied().filter(is).collect()
    }

    fn element_name(&self, (doc, at): (usize, usize)) -> String {
        match self.docs.get(doc).and_then(Option::as_ref).and_then(|d| d.node(at)).map(|n| &n.kind) {
            Some(Kind::Element(name)) => name.clone(),
            _ => String::new(),
        }
    }

    fn attribute(&self, (doc, at): (usize, usize), name: &str) -> Option<String> {
        let doc = self.docs.get(doc)?.as_ref()?;
        doc.node(at)?.attributes.iter().find_map(|a| match doc.node(*a).map(|n| &n.kind) {
            Some(Kind::Attribute(own, value)) if self.same(own, name) => Some(value.clone()),
            _ => None,
        })
    }

    fn text(&self, (doc, at): (usize, usize)) -> Option<String> {
        self.docs.get(doc)?.as_ref().map(|d| d.string(at).trim().to_string())
    }

    fn leaf(&mut self, texts: Vec<Option<String>>, rows: &[Option<usize>], ty: &DataType) -> DfResult<ArrayRef> {
        let texts: StringArray = match ty.is_string() {
            true => texts.into_iter().collect(),
            false => texts.into_iter().map(|t| t.filter(|t| !t.is_empty())).collect(),
        };
        let typed = Converter::new(ty, self.options, self.conf).map_err(exec_err)?.convert(&texts)?;
        for (i, row) in rows.iter().enumerate() {
            if let Some(flag) = row.and_then(|r| self.bad.get_mut(r)) {
                *flag |= texts.is_valid(i) && typed.is_null(i);
            }
        }
        Ok(typed)
    }

    fn build(&mut self, items: &Items, ty: &DataType) -> DfResult<ArrayRef> {
        let rows: Vec<Option<usize>> = items.iter().map(|i| i.map(|(row, _)| row)).collect();
        let valid = NullBuffer::from_iter(items.iter().map(Option::is_some));
        match ty {
            DataType::Struct(s) => {
                let mut columns = vec![];
                for field in s.fields.iter() {
                    columns.push(self.field(items, &rows, field)?);
                }
                let out = StructArray::try_new_with_length(struct_fields(s), columns, Some(valid), items.len())?;
                Ok(Arc::new(out))
            }
            DataType::Map(key, value, _) => {
                let lists: Vec<_> = items.iter().map(|i| i.map_or(vec![], |item| self.children(item, None))).collect();
                let flat = flatten(items, &lists);
                let names: Vec<_> = flat.iter().map(|i| i.map(|item| self.element_name(item))).collect();
                let flat_rows: Vec<_> = flat.iter().map(|i| i.map(|(row, _)| row)).collect();
                let keys = self.leaf(names, &flat_rows, key)?;
                let values = self.build(&flat, value)?;
                let field = entries_field(key, value);
                let Arrow::Struct(fields) = field.data_type() else {
                    return Err(exec_err(SparkError::internal("entries of a map")));
                };
                let entries = StructArray::try_new(fields.clone(), vec![keys, values], None)?;
                let offsets = OffsetBuffer::from_lengths(lists.iter().map(Vec::len));
                Ok(Arc::new(MapArray::try_new(field, offsets, entries, Some(valid), false)?))
            }
            DataType::Array(element, _) => {
                // An element where a list is due is its only item.
                let items_array = self.build(items, element)?;
                let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(1, items.len()));
                Ok(Arc::new(ListArray::try_new(element_field(element), offsets, items_array, Some(valid))?))
            }
            leaf => {
                let texts = items.iter().map(|i| i.and_then(|item| self.text(item))).collect();
                self.leaf(texts, &rows, leaf)
            }
        }
    }

    fn field(&mut self, items: &Items, rows: &[Option<usize>], field: &StructField) -> DfResult<ArrayRef> {
        if field.name == self.names.value {
            let texts = items.iter().map(|i| i.and_then(|item| self.text(item))).collect();
            return self.leaf(texts, rows, &field.data_type);
        }
        if let Some(name) = field.name.strip_prefix(&self.names.attribute).map(str::to_string) {
            let texts: Vec<_> = items.iter().map(|i| i.and_then(|item| self.attribute(item, &name))).collect();
            if texts.iter().any(Option::is_some) {
                return self.leaf(texts, rows, &field.data_type);
            }
        }
        let lists: Vec<_> =
            items.iter().map(|i| i.map_or(vec![], |item| self.children(item, Some(&field.name)))).collect();
        if let DataType::Array(element, _) = &field.data_type {
            let flat = flatten(items, &lists);
            let values = self.build(&flat, element)?;
            let offsets = OffsetBuffer::from_lengths(lists.iter().map(Vec::len));
            let valid = NullBuffer::from_iter(lists.iter().map(|l| !l.is_empty()));
            return Ok(Arc::new(ListArray::try_new(element_field(element), offsets, values, Some(valid))?));
        }
        let last: Items = items.iter().zip(&lists).map(|(i, l)| Some((i.as_ref()?.0, l.last().copied()?))).collect();
        self.build(&last, &field.data_type)
    }
}

fn flatten(items: &Items, lists: &[Vec<usize>]) -> Items {
    let one = |(item, list): (&Option<(usize, usize)>, &Vec<usize>)| {
        let row = item.map_or(0, |(row, _)| row);
        list.iter().map(|n| Some((row, *n))).collect::<Vec<_>>()
    };
    items.iter().zip(lists).flat_map(one).collect()
}

fn from_xml(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let text = Col::<StringArray>::new(args, 0)?;
    let (options, conf) = from_params(call);
    let docs: Vec<Option<Document>> = (0..rows).map(|i| text.get(i).and_then(Document::parse)).collect();
    let bad = docs.iter().enumerate().map(|(i, d)| d.is_none() && text.get(i).is_some()).collect();
    let mut reader = Reader { docs: &docs, options: &options, conf: &conf, names: Names::new(&options), bad };
    let items: Items = docs.iter().enumerate().map(|(i, d)| Some((i, d.as_ref()?.root()?))).collect();
    let built = reader.build(&items, &call.return_type)?;
    let bad = reader.bad;
    if parse_mode(&options) == ParseMode::FailFast && bad.contains(&true) {
        return Err(call.error(failed_fast()));
    }
    let (DataType::Struct(s), Some(structs)) = (&call.return_type, built.as_any().downcast_ref::<StructArray>()) else {
        return Err(exec_err(SparkError::internal("from_xml")));
    };
    let mut columns = structs.columns().to_vec();
    let corrupt = corrupt_column(&options, &conf);
    if let Some(at) = s.fields.iter().position(|f| f.name == corrupt && f.data_type.is_string()) {
        let kept: StringArray = bad.iter().enumerate().map(|(i, bad)| text.get(i).filter(|_| *bad)).collect();
        if let Some(column) = columns.get_mut(at) {
            *column = Arc::new(kept);
        }
    }
    // A text that is not XML gives a struct of NULLs.
    let valid = NullBuffer::from_iter((0..rows).map(|i| text.get(i).is_some()));
    let out = StructArray::try_new_with_length(struct_fields(s), columns, Some(valid), rows)?;
    Ok(ColumnarValue::Array(Arc::new(out)))
}

fn schema_of(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=2)?;
    let options = options_argument(ctx, args.get(1))?;
    let text = sample(ctx, &args, "xml")?;
    let ty = match Document::parse(&text).and_then(|doc| doc.root().map(|root| (doc, root))) {
        Some((doc, root)) => {
            let names = Names::new(&options);
            let attributes = !flag(&options, "excludeattribute", false)?;
            match canonical(infer(&doc, root, &names, attributes)) {
                s @ DataType::Struct(_) => s,
                DataType::Null => DataType::structure([]),
                value => DataType::structure([StructField::new(names.value, value, true)]),
            }
        }
        None => {
            DataType::structure([StructField::new(corrupt_column(&options, &ctx.facts.conf), DataType::STRING, true)])
        }
    };
    let ty = if ty == DataType::STRING { DataType::structure([]) } else { ty };
    let mut out = TypedExpr::literal(&Literal::string(ty.sql()))?.at(ctx.origin.clone());
    out.sql = SqlText::call(&ctx.name, args.iter().take(1).map(|a| a.sql.clone()));
    Ok(out)
}

fn infer(doc: &Document, at: usize, names: &Names, attributes: bool) -> DataType {
    let Some(node) = doc.node(at) else { return DataType::Null };
    let mut fields: BTreeMap<String, DataType> = BTreeMap::new();
    if attributes {
        for a in &node.attributes {
            if let Some(Kind::Attribute(name, value)) = doc.node(*a).map(|n| &n.kind) {
                fields.insert(format!("{}{name}", names.attribute), leaf_type(value));
            }
        }
    }
    let mut own_text = String::new();
    for child in &node.children {
        match doc.node(*child).map(|n| &n.kind) {
            Some(Kind::Element(name)) => {
                let found = infer(doc, *child, names, attributes);
                let merged = match fields.remove(name) {
                    None => found,
                    Some(DataType::Array(e, _)) => DataType::array(common(*e, found, &names.value), true),
                    Some(before) => DataType::array(common(before, found, &names.value), true),
                };
                fields.insert(name.clone(), merged);
            }
            Some(Kind::Text(t)) => own_text.push_str(t),
            _ => {}
        }
    }
    if fields.is_empty() {
        return leaf_type(&own_text);
    }
    if !own_text.trim().is_empty() {
        fields.insert(names.value.clone(), leaf_type(&own_text));
    }
    DataType::structure(fields.into_iter().map(|(n, t)| StructField::new(n, t, true)))
}

fn leaf_type(text: &str) -> DataType {
    let text = text.trim();
    let number = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
    match text {
        "" => DataType::Null,
        t if t.eq_ignore_ascii_case("true") || t.eq_ignore_ascii_case("false") => DataType::Boolean,
        t if number && t.parse::<i64>().is_ok() => DataType::Long,
        t if number && t.parse::<f64>().is_ok() => DataType::Double,
        t if t.len() == 10 && vonk_expr::cast::parse::datetime::date(t).is_some() => DataType::Date,
        t if t.len() > 10 && vonk_expr::cast::parse::datetime::timestamp_ntz(t).is_some() => DataType::Timestamp,
        _ => DataType::STRING,
    }
}

/// The type of two elements of one name. Text beside a struct becomes the struct's value field.
fn common(a: DataType, b: DataType, value: &str) -> DataType {
    match (a, b) {
        (a, b) if a == b => a,
        (DataType::Null, t) | (t, DataType::Null) => t,
        (DataType::Long, DataType::Double) | (DataType::Double, DataType::Long) => DataType::Double,
        (DataType::Date, DataType::Timestamp) | (DataType::Timestamp, DataType::Date) => DataType::Timestamp,
        (DataType::Array(a, _), DataType::Array(b, _)) => DataType::array(common(*a, *b, value), true),
        (DataType::Array(a, _), b) | (b, DataType::Array(a, _)) => DataType::array(common(*a, b, value), true),
        (DataType::Struct(a), DataType::Struct(b)) => {
            let mut fields: BTreeMap<String, DataType> = BTreeMap::new();
            for f in a.fields.iter().chain(b.fields.iter()) {
                let merged = match fields.remove(&f.name) {
                    Some(before) => common(before, f.data_type.clone(), value),
                    None => f.data_type.clone(),
                };
                fields.insert(f.name.clone(), merged);
            }
            DataType::structure(fields.into_iter().map(|(n, t)| StructField::new(n, t, true)))
        }
        (s @ DataType::Struct(_), leaf) | (leaf, s @ DataType::Struct(_)) => {
            common(s, DataType::structure([StructField::new(value, leaf, true)]), value)
        }
        _ => DataType::STRING,
    }
}

/// Fields that never had a value are strings.
fn canonical(t: DataType) -> DataType {
    match t {
        DataType::Array(e, n) => DataType::array(canonical_leaf(*e), n),
        DataType::Struct(s) => DataType::structure(
            s.fields.iter().map(|f| StructField::new(&f.name, canonical_leaf(f.data_type.clone()), true)),
        ),
        other => other,
    }
}

fn canonical_leaf(t: DataType) -> DataType {
    match t {
        DataType::Null => DataType::STRING,
        other => canonical(other),
    }
}
