//! `xpath` and `xpath_…`.

use std::sync::Arc;

use datafusion::arrow::array::{ListBuilder, StringArray, StringBuilder};
use datafusion::arrow::datatypes::{Float32Type, Float64Type, Int16Type, Int32Type, Int64Type};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::arrow_types::element_field;
use vonk_expr::columns::{boolean_rows, primitive_rows, string_rows};
use vonk_expr::context::Nullability;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, TypedExpr, Want, not_null};
use vonk_plan::types::DataType;

use super::path::evaluate::Value;
use super::path::{self, Expr};
use super::{Document, Kind};

const GROUP: &str = "xml_funcs";

pub static SPECS: &[FunctionSpec] = &[
    FunctionSpec::scalar("xpath", GROUP, |c, a| build(c, a, &XPATH, DataType::array(DataType::STRING, true)))
        .usage("The values of the nodes that an XPath finds.")
        .kernels(&[&XPATH])
        .literal_nulls(),
    FunctionSpec::scalar("xpath_boolean", GROUP, |c, a| build(c, a, &BOOLEAN, DataType::Boolean))
        .usage("The XPath's value as a boolean.")
        .kernels(&[&BOOLEAN])
        .literal_nulls(),
    FunctionSpec::scalar("xpath_string", GROUP, |c, a| build(c, a, &STRING, DataType::STRING))
        .usage("The XPath's value as a string.")
        .kernels(&[&STRING])
        .literal_nulls(),
    FunctionSpec::scalar("xpath_double", GROUP, |c, a| build(c, a, &DOUBLE, DataType::Double))
        .aliases(&["xpath_number"])
        .usage("The XPath's value as a double.")
        .kernels(&[&DOUBLE])
        .literal_nulls(),
    FunctionSpec::scalar("xpath_float", GROUP, |c, a| build(c, a, &FLOAT, DataType::Float))
        .usage("The XPath's value as a float.")
        .kernels(&[&FLOAT])
        .literal_nulls(),
    FunctionSpec::scalar("xpath_int", GROUP, |c, a| build(c, a, &INT, DataType::Int))
        .usage("The XPath's value as an int.")
        .kernels(&[&INT])
        .literal_nulls(),
    FunctionSpec::scalar("xpath_long", GROUP, |c, a| build(c, a, &LONG, DataType::Long))
        .usage("The XPath's value as a bigint.")
        .kernels(&[&LONG])
        .literal_nulls(),
    FunctionSpec::scalar("xpath_short", GROUP, |c, a| build(c, a, &SHORT, DataType::Short))
        .usage("The XPath's value as a smallint.")
        .kernels(&[&SHORT])
        .literal_nulls(),
];

static XPATH: Kernel = Kernel::new("xpath", xpath);
static BOOLEAN: Kernel = Kernel::new("xpath_boolean", |c, a, n| {
    let mut paths = Paths::new(c, a)?;
    boolean_rows(n, |i| Ok(paths.row(i)?.map(|(d, v)| d.boolean(&v))))
});
static STRING: Kernel = Kernel::new("xpath_string", |c, a, n| {
    let mut paths = Paths::new(c, a)?;
    string_rows(n, n * 8, |i, out| {
        let (doc, value) = not_null!(paths.row(i)?);
        out.push_str(&doc.text(&value));
        Ok(Some(()))
    })
});
static DOUBLE: Kernel = Kernel::new("xpath_double", |c, a, n| {
    let mut paths = Paths::new(c, a)?;
    primitive_rows::<Float64Type>(c, n, |i| paths.number(i))
});
static FLOAT: Kernel = Kernel::new("xpath_float", |c, a, n| {
    let mut paths = Paths::new(c, a)?;
    primitive_rows::<Float32Type>(c, n, |i| Ok(paths.number(i)?.map(|v| v as f32)))
});
static INT: Kernel = Kernel::new("xpath_int", |c, a, n| {
    let mut paths = Paths::new(c, a)?;
    primitive_rows::<Int32Type>(c, n, |i| Ok(paths.number(i)?.map(|v| v as i32)))
});
static LONG: Kernel = Kernel::new("xpath_long", |c, a, n| {
    let mut paths = Paths::new(c, a)?;
    primitive_rows::<Int64Type>(c, n, |i| Ok(paths.number(i)?.map(|v| v as i64)))
});
static SHORT: Kernel = Kernel::new("xpath_short", |c, a, n| {
    let mut paths = Paths::new(c, a)?;
    primitive_rows::<Int16Type>(c, n, |i| Ok(paths.number(i)?.map(|v| v as i32 as i16)))
});

fn build(ctx: &FnContext, args: Vec<TypedExpr>, kernel: &'static Kernel, ty: DataType) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=2)?;
    if let Some(p) = args.get(1).filter(|p| !p.foldable) {
        return Err(ctx.non_foldable(&ctx.sql(&args), "path", "\"STRING\"", p));
    }
    let args = ctx.expect(args, 2, &[Want::Str, Want::Str])?;
    Ok(ctx.call(kernel, args, ty, Nullability::Always))
}

/// The documents and the path, compiled once.
struct Paths<'a> {
    call: &'a Call,
    xml: Col<StringArray>,
    path: Col<StringArray>,
    last: Option<(String, Expr)>,
}

impl<'a> Paths<'a> {
    fn new(call: &'a Call, args: &[ColumnarValue]) -> DfResult<Self> {
        Ok(Paths { call, xml: Col::new(args, 0)?, path: Col::new(args, 1)?, last: None })
    }

    /// The row's document and the path's value in it.
    fn row(&mut self, i: usize) -> DfResult<Option<(Document, Value)>> {
        let (xml, text) = not_null!(self.xml.get(i), self.path.get(i));
        if xml.is_empty() || text.is_empty() {
            return Ok(None);
        }
        let failed = |m: String| self.call.error(SparkError::internal(m));
        if self.last.as_ref().is_none_or(|(t, _)| t != text) {
            let expr = path::parse(text).ok_or_else(|| failed(format!("Invalid XPath '{text}'")))?;
            self.last = Some((text.to_string(), expr));
        }
        let doc = Document::parse(xml).ok_or_else(|| failed(format!("Error loading expression '{text}'")))?;
        let value = self.last.as_ref().and_then(|(_, e)| doc.evaluate(e));
        let value = value.ok_or_else(|| failed(format!("Invalid XPath '{text}'")))?;
        Ok(Some((doc, value)))
    }

    fn number(&mut self, i: usize) -> DfResult<Option<f64>> {
        Ok(self.row(i)?.map(|(doc, value)| doc.number(&value)))
    }
}

/// Elements have no value of their own: they give NULL.
fn xpath(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let mut paths = Paths::new(call, args)?;
    let mut out = ListBuilder::new(StringBuilder::new()).with_field(element_field(&DataType::STRING));
    for i in 0..rows {
        match paths.row(i)? {
            Some((doc, Value::Nodes(nodes))) => {
                for node in nodes {
                    out.values().append_option(doc.node(node).and_then(|n| match &n.kind {
                        Kind::Text(t) | Kind::Attribute(_, t) => Some(t.as_str()),
                        _ => None,
                    }));
                }
                out.append(true);
            }
            Some(_) => return Err(call.error(SparkError::internal("the XPath finds no nodes but a value"))),
            None => out.append(false),
        }
    }
    Ok(ColumnarValue::Array(Arc::new(out.finish())))
}
