//! `sentences`: words of the sentences of a text, by Unicode's boundaries.

use std::sync::Arc;

use datafusion::arrow::array::{ListBuilder, StringArray, StringBuilder};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use unicode_segmentation::UnicodeSegmentation;
use vonk_common::SparkResult;
use vonk_expr::arrow_types::element_field;
use vonk_expr::collation::Collating;
use vonk_expr::context::Nullability;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, TypedExpr, Want};
use vonk_plan::Literal;
use vonk_plan::types::DataType;

pub static SPECS: &[FunctionSpec] = &[FunctionSpec::scalar("sentences", "string_funcs", build)
    .usage("Arrays of the words of each sentence.")
    .kernels(&[&SENTENCES])
    .collating(Collating::FIRST)];

static SENTENCES: Kernel = Kernel::new("sentences", sentences);

fn build(ctx: &FnContext, mut args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=3)?;
    while args.len() < 3 {
        args.push(TypedExpr::literal(&Literal::string(""))?);
    }
    let args = ctx.coerce(args, 3, &[Want::Str, Want::Str, Want::Str])?;
    let ty = DataType::array(DataType::array(DataType::STRING, false), false);
    Ok(ctx.call(&SENTENCES, args, ty, Nullability::Always))
}

fn sentences(_: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let text = Col::<StringArray>::new(args, 0)?;
    let words = DataType::array(DataType::STRING, false);
    let inner = ListBuilder::new(StringBuilder::new()).with_field(element_field(&DataType::STRING));
    let mut out = ListBuilder::new(inner).with_field(element_field(&words));
    for i in 0..rows {
        let Some(s) = text.get(i) else {
            out.append(false);
            continue;
        };
        for sentence in s.split_sentence_bounds() {
            let list = out.values();
            sentence.unicode_words().for_each(|w| list.values().append_value(w));
            list.append(true);
        }
        out.append(true);
    }
    Ok(ColumnarValue::Array(Arc::new(out.finish())))
}
