//! `to_xml`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray};
use datafusion::arrow::datatypes::DataType as Arrow;
use datafusion::arrow::util::display::array_value_to_string;
use datafusion::common::{DataFusionError, Result as DfResult};
use datafusion::logical_expr::ColumnarValue;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::cast::text::Style;
use vonk_expr::context::Nullability;
use vonk_expr::kernel::array_arg;
use vonk_expr::{Call, FnContext, FunctionSpec, Kernel, TypedExpr};
use vonk_plan::types::{DataType, StructType};

use super::from_xml::Names;
use crate::formats::options::text;
use crate::formats::write::{Kind, TextFormat, as_stored};
use crate::json::schema::{from_params, options_argument, to_params};

pub static SPECS: &[FunctionSpec] = &[FunctionSpec::scalar("to_xml", "xml_funcs", build)
    .usage("The struct as XML text.")
    .kernels(&[&TO_XML])
    .literal_nulls()];

static TO_XML: Kernel = Kernel::new("to_xml", to_xml);

fn build(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=2)?;
    let options = options_argument(ctx, args.get(1))?;
    let args: Vec<_> = args.into_iter().take(1).collect();
    if let Some(a) = args.first()
        && !matches!(a.data_type.storage(), DataType::Struct(_) | DataType::Null | DataType::Variant)
    {
        return Err(ctx.unexpected_type(&args, 0, "\"STRUCT\""));
    }
    Ok(ctx.call_with(&TO_XML, args, DataType::STRING, Nullability::Always, to_params(ctx, &options)))
}

/// A column on its way to XML.
enum Node {
    Leaf(StringArray),
    Struct(Vec<(String, Node)>, ArrayRef),
    List(ArrayRef, Box<Node>),
    Map(ArrayRef, StringArray, Box<Node>),
}

impl Node {
    fn new(format: &TextFormat, column: &ArrayRef, ty: &DataType) -> DfResult<Node> {
        let bad = || DataFusionError::Internal(format!("a column of {ty} holds {}", column.data_type()));
        Ok(match ty {
            DataType::Struct(s) => {
                let parts = column.as_struct_opt().ok_or_else(bad)?;
                let fields = s.fields.iter().zip(parts.columns());
                let fields = fields.map(|(f, c)| Ok((f.name.clone(), Node::new(format, c, &f.data_type)?)));
                Node::Struct(fields.collect::<DfResult<_>>()?, column.clone())
            }
            DataType::Array(element, _) => {
                let list = column.as_list_opt::<i32>().ok_or_else(bad)?;
                Node::List(column.clone(), Box::new(Node::new(format, list.values(), element)?))
            }
            DataType::Map(key, value, _) => {
                let map = column.as_map_opt().ok_or_else(bad)?;
                let keys = format.plain(map.keys(), key)?;
                Node::Map(column.clone(), keys, Box::new(Node::new(format, map.values(), value)?))
            }
            DataType::YearMonthInterval(..) | DataType::DayTimeInterval(..) if column.null_count() < column.len() => {
                let stored = as_stored(column, ty)?;
                let class = if *stored.data_type() == Arrow::Int32 { "Integer" } else { "Long" };
                let row = (0..stored.len()).find(|row| stored.is_valid(*row)).unwrap_or_default();
                let error = SparkError::new("_LEGACY_ERROR_TEMP_3238")
                    .param("v", array_value_to_string(&stored, row)?)
                    .param("class", format!("class java.lang.{class}"))
                    .param("dt", ty.class_name());
                return Err(vonk_expr::exec_err(error));
            }
            DataType::Binary => Node::Leaf(format.styled(column, ty, Style::csv())?),
            other => Node::Leaf(format.plain(column, other)?),
        })
    }

    fn is_null(&self, row: usize) -> bool {
        match self {
            Node::Leaf(a) => a.is_null(row),
            Node::Struct(_, a) | Node::List(a, _) | Node::Map(a, ..) => a.is_null(row),
        }
    }
}

struct Writer {
    names: Names,
    /// The element of an array in an array.
    item: String,
    /// The text that stands for NULL; without one it is left out.
    null: Option<String>,
    indent: &'static str,
}

impl Writer {
    fn line(&self, depth: usize, out: &mut String) {
        if !out.is_empty() {
            out.push('\n');
        }
        (0..depth).for_each(|_| out.push_str(self.indent));
    }

    fn leaf(&self, name: &str, text: &str, depth: usize, out: &mut String) {
        self.line(depth, out);
        out.push_str(&format!("<{name}>"));
        escape(text, out);
        out.push_str(&format!("</{name}>"));
    }

    /// An array in an array is an element of its own, its items are inside.
    fn inner_list(&self, name: &str, list: (&ArrayRef, &Node), row: usize, depth: usize, out: &mut String) {
        let (array, items) = list;
        let mut inside = String::from("\n");
        for item in bounds(array.as_list::<i32>().value_offsets(), row) {
            self.element(&self.item, items, item, depth + 1, &mut inside);
        }
        self.line(depth, out);
        match inside.get(1..).filter(|inside| !inside.is_empty()) {
            None => out.push_str(&format!("<{name}/>")),
            Some(inside) => {
                out.push_str(&format!("<{name}>{inside}"));
                self.line(depth, out);
                out.push_str(&format!("</{name}>"));
            }
        }
    }

    fn element(&self, name: &str, node: &Node, row: usize, depth: usize, out: &mut String) {
        if node.is_null(row) {
            if let Some(null) = &self.null {
                self.leaf(name, null, depth, out);
            }
            return;
        }
        match node {
            Node::Leaf(texts) => self.leaf(name, texts.value(row), depth, out),
            Node::List(array, items) => {
                let list = array.as_list::<i32>();
                for item in bounds(list.value_offsets(), row) {
                    match &**items {
                        Node::List(inner, below) if !items.is_null(item) => {
                            self.inner_list(name, (inner, below), item, depth, out);
                        }
                        _ => self.element(name, items, item, depth, out),
                    }
                }
            }
            Node::Map(array, keys, values) => {
                self.line(depth, out);
                out.push_str(&format!("<{name}>"));
                let entries = bounds(array.as_map().value_offsets(), row);
                for entry in entries.clone() {
                    self.element(keys.value(entry), values, entry, depth + 1, out);
                }
                if !entries.is_empty() {
                    self.line(depth, out);
                }
                out.push_str(&format!("</{name}>"));
            }
            Node::Struct(fields, _) => {
                self.line(depth, out);
                out.push_str(&format!("<{name}"));
                let is_attribute = |n: &str| {
                    n.starts_with(&self.names.attribute) && n != self.names.value && !self.names.attribute.is_empty()
                };
                let mut value = None;
                for (field, node) in fields.iter().filter(|(_, n)| !n.is_null(row)) {
                    match node {
                        Node::Leaf(texts) if is_attribute(field) => {
                            out.push_str(&format!(" {}=\"", &field[self.names.attribute.len()..]));
                            out.push_str(&escaped(texts.value(row)).replace('"', "&quot;"));
                            out.push('"');
                        }
                        Node::Leaf(texts) if *field == self.names.value => value = Some(texts.value(row)),
                        _ => {}
                    }
                }
                let mut inside = String::new();
                for (field, node) in fields {
                    let special = matches!(node, Node::Leaf(_)) && (is_attribute(field) || *field == self.names.value);
                    if !special {
                        // The first line of the children begins with a line break as well.
                        let mut child = String::from("\n");
                        self.element(field, node, row, depth + 1, &mut child);
                        inside.push_str(child.get(1..).unwrap_or_default());
                    }
                }
                match (value, inside.is_empty()) {
                    (None, true) => out.push_str("/>"),
                    (Some(value), true) => {
                        out.push('>');
                        escape(value, out);
                        out.push_str(&format!("</{name}>"));
                    }
                    (value, false) => {
                        out.push('>');
                        escape(value.unwrap_or_default(), out);
                        out.push_str(&inside);
                        self.line(depth, out);
                        out.push_str(&format!("</{name}>"));
                    }
                }
            }
        }
    }
}

fn bounds(offsets: &[i32], row: usize) -> std::ops::Range<usize> {
    let at = |i: usize| offsets.get(i).and_then(|o| usize::try_from(*o).ok()).unwrap_or(0);
    at(row)..at(row + 1)
}

/// Text between tags: quotes and `>` stand for themselves there.
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            c => out.push(c),
        }
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    escape(text, &mut out);
    out
}

fn to_xml(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let values = array_arg(args, 0, rows)?;
    let (options, conf) = from_params(call);
    let ty = call.arg_types.first().cloned().unwrap_or(DataType::Null);
    if !matches!(ty, DataType::Struct(_)) {
        return Ok(ColumnarValue::Array(Arc::new(StringArray::new_null(rows))));
    }
    let format = TextFormat::new(Kind::Json, StructType::default(), &options, &conf).map_err(|e| call.error(e))?;
    let node = Node::new(&format, &values, &ty)?;
    let writer = Writer {
        names: Names::new(&options),
        item: text(&options, "arrayelementname").unwrap_or("item").to_string(),
        null: text(&options, "nullvalue").map(str::to_string),
        indent: "    ",
    };
    let tag = text(&options, "rowtag").unwrap_or("ROW");
    let one = |row: usize| {
        (!node.is_null(row)).then(|| {
            let mut out = String::new();
            writer.element(tag, &node, row, 0, &mut out);
            out
        })
    };
    Ok(ColumnarValue::Array(Arc::new((0..rows).map(one).collect::<StringArray>())))
}
