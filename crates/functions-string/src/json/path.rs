//! `get_json_object` and `json_tuple`: values out of JSON text by paths and by names.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, ListArray, StringArray, StructArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::error::quote_id;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::arrow_types::{element_field, struct_fields};
use vonk_expr::columns::string_rows;
use vonk_expr::context::Nullability;
use vonk_expr::{Body, Call, Col, FnContext, FunctionSpec, GeneratorCall, Kernel, TypedExpr, Want, exec_err, not_null};
use vonk_plan::relation::Options;
use vonk_plan::types::{DataType, StructField};

use super::steps::{Step, parse};
use crate::formats::json_text::{Json, Liberties, Reader};

pub static SPECS: &[FunctionSpec] = &[
    FunctionSpec::scalar("get_json_object", "json_funcs", build)
        .usage("What a path such as $.a[0].b finds in a JSON text.")
        .kernels(&[&GET]),
    FunctionSpec::new("json_tuple", "json_funcs", Body::Generator(build_tuple))
        .usage("One column for each of the named fields of a JSON object.")
        .kernels(&[&TUPLE]),
];

static GET: Kernel = Kernel::new("get_json_object", get);
static TUPLE: Kernel = Kernel::new("json_tuple", tuple).eager();

fn build(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.expect(args, 2, &[Want::Str, Want::Str])?;
    Ok(ctx.call(&GET, args, DataType::STRING, Nullability::Always))
}

fn build_tuple(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<GeneratorCall> {
    ctx.arity(&args, 2..=usize::MAX)?;
    if args.iter().any(|a| !a.data_type.is_string()) {
        return Err(ctx.mismatch("NON_STRING_TYPE", &args).param("funcName", quote_id([&*ctx.name])));
    }
    let columns: Vec<_> =
        (0..args.len() - 1).map(|i| StructField::new(format!("c{i}"), DataType::STRING, true)).collect();
    let ty = DataType::array(DataType::structure(columns.clone()), false);
    Ok(GeneratorCall { rows: ctx.call(&TUPLE, args, ty, Nullability::Never), columns, outer: false })
}

/// How found values are written: as they are, as JSON, or with arrays laid out flat.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Style {
    Raw,
    Quoted,
    Flat,
}

/// Writes values with commas between them inside an array.
struct Writer {
    out: String,
    in_array: bool,
    any: bool,
}

impl Writer {
    fn new(in_array: bool) -> Self {
        Writer { out: String::new(), in_array, any: false }
    }

    fn separate(&mut self) {
        if self.in_array && self.any {
            self.out.push(',');
        }
        self.any = true;
    }
}

/// Whether something was written.
fn walk(value: &Json<'_>, steps: &[Step], style: Style, w: &mut Writer) -> bool {
    match (value, steps) {
        (Json::String(s), []) if style == Style::Raw => {
            w.separate();
            w.out.push_str(s);
            true
        }
        (Json::Array(items), []) if style == Style::Flat => {
            let mut any = false;
            for item in items {
                any |= walk(item, &[], style, w);
            }
            any
        }
        (value, []) => {
            w.separate();
            value.copy(&mut w.out);
            true
        }
        (Json::Object(fields), [Step::Name(name), rest @ ..]) => {
            fields.iter().find(|(n, _)| n == name).is_some_and(|(_, v)| *v != Json::Null && walk(v, rest, style, w))
        }
        (Json::Array(items), [Step::All, Step::All, rest @ ..]) => {
            let mut inner = Writer::new(true);
            let mut any = false;
            for item in items {
                any |= walk(item, rest, Style::Flat, &mut inner);
            }
            w.separate();
            w.out.push_str(&format!("[{}]", inner.out));
            any
        }
        (Json::Array(items), [Step::All, rest @ ..]) => {
            let next = if style == Style::Flat { Style::Flat } else { Style::Quoted };
            let mut inner = Writer::new(true);
            let found = items.iter().filter(|item| walk(item, rest, next, &mut inner)).count();
            if style == Style::Quoted || found > 1 {
                w.separate();
                w.out.push_str(&format!("[{}]", inner.out));
            } else if found == 1 {
                w.separate();
                w.out.push_str(&inner.out);
            }
            found > 0
        }
        (Json::Array(items), [Step::Index(n), rest @ ..]) => {
            let style = if rest.first() == Some(&Step::All) { Style::Quoted } else { style };
            items.get(*n).is_some_and(|item| walk(item, rest, style, w))
        }
        _ => false,
    }
}

/// What Hive's functions read beside strict JSON: single quotes, control characters as they are. `NaN` and
/// infinities are no numbers to them.
pub fn liberties() -> DfResult<Liberties> {
    let options = [("allownonnumericnumbers", "false"), ("allowunquotedcontrolchars", "true")];
    let options = options.map(|(key, value)| (key.to_string(), value.to_string()));
    Liberties::new(&Options::from(options)).map_err(exec_err)
}

fn get(_: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let text = Col::<StringArray>::new(args, 0)?;
    let path = Col::<StringArray>::new(args, 1)?;
    let allow = liberties()?;
    let mut last: Option<(String, Option<Vec<Step>>)> = None;
    string_rows(rows, rows * 8, |i, out| {
        let (text, path) = not_null!(text.get(i), path.get(i));
        if last.as_ref().is_none_or(|(p, _)| p != path) {
            last = Some((path.to_string(), parse(path)));
        }
        let steps = not_null!(last.as_ref().and_then(|(_, s)| s.as_ref()));
        let value = not_null!(Reader::new(text, allow).next_value().and_then(Result::ok));
        let mut w = Writer::new(false);
        if !walk(&value, steps, Style::Raw, &mut w) {
            return Ok(None);
        }
        out.push_str(&w.out);
        Ok(Some(()))
    })
}

/// A field's value as the generator gives it.
fn plain<'v>(value: &'v Json<'_>) -> Option<Cow<'v, str>> {
    match value {
        Json::Null => None,
        Json::String(s) => Some(Cow::Borrowed(s)),
        other => {
            let mut out = String::new();
            other.copy(&mut out);
            Some(Cow::Owned(out))
        }
    }
}

fn tuple(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let text = Col::<StringArray>::new(args, 0)?;
    let names: DfResult<Vec<_>> = (1..args.len()).map(|i| Col::<StringArray>::new(args, i)).collect();
    let names = names?;
    let allow = liberties()?;
    let mut columns: Vec<Vec<Option<String>>> = vec![Vec::with_capacity(rows); names.len()];
    for i in 0..rows {
        let value = text.get(i).and_then(|t| Reader::new(t, allow).next_value()).and_then(Result::ok);
        for (name, column) in names.iter().zip(&mut columns) {
            let found = match (&value, name.get(i)) {
                (Some(Json::Object(fields)), Some(name)) => fields.iter().find(|(n, _)| n == name).map(|(_, v)| v),
                _ => None,
            };
            column.push(found.and_then(plain).map(Cow::into_owned));
        }
    }
    let DataType::Array(element, _) = &call.return_type else {
        return Err(exec_err(SparkError::internal("json_tuple")));
    };
    let DataType::Struct(s) = &**element else { return Err(exec_err(SparkError::internal("json_tuple"))) };
    let columns: Vec<ArrayRef> = columns.into_iter().map(|c| Arc::new(StringArray::from(c)) as ArrayRef).collect();
    let structs = StructArray::try_new(struct_fields(s), columns, None)?;
    let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(1, rows));
    Ok(ColumnarValue::Array(Arc::new(ListArray::try_new(element_field(element), offsets, Arc::new(structs), None)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_as_hive_walks_them() {
        let allow = Liberties::new(&Options::new()).ok();
        for (text, path, want) in [
            (r#"{"a":1.50}"#, "$.a", Some("1.5")),
            (r#"{"b":[1,{"c":"x"}]}"#, "$.b", Some(r#"[1,{"c":"x"}]"#)),
            (r#"{"b":[1,{"c":"x"}]}"#, "$.b[1].c", Some("x")),
            (r#"{"b":[{"c":1},{"c":2}]}"#, "$.b[*].c", Some("[1,2]")),
            (r#"{"b":[{"c":1}]}"#, "$.b[*].c", Some("1")),
            (r#"{"d":null}"#, "$.d", None),
            (r#"{"a b":1}"#, "$['a b']", Some("1")),
            (r#"{"a":1}"#, "a", None),
            (r#"{"a":{"x":1}}"#, "$.a.*", None),
            ("[[1,2],[3]]", "$[*][*]", Some("[1,2,3]")),
            (r#"{"a":[1,[2,3]]}"#, "$.a[*]", Some("[1,[2,3]]")),
            (r#"{"a":1e5,"c":100000000000000000000}"#, "$", Some(r#"{"a":100000.0,"c":100000000000000000000}"#)),
        ] {
            let value = allow.and_then(|a| Reader::new(text, a).next_value()).and_then(Result::ok);
            let mut w = Writer::new(false);
            let found = match (value, parse(path)) {
                (Some(v), Some(steps)) => walk(&v, &steps, Style::Raw, &mut w),
                _ => false,
            };
            assert_eq!(found.then_some(w.out.as_str()), want, "{text} {path}");
        }
    }
}
