//! `upper`, `lower` and `initcap`.
//!
//! Full Unicode mappings (`ß` becomes `SS`); words of `initcap` begin after a space only.

use datafusion::arrow::array::StringArray;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use unicode_segmentation::UnicodeSegmentation;
use vonk_common::SparkResult;
use vonk_expr::collation::collator::Rule;
use vonk_expr::collation::{Collating, Collator};
use vonk_expr::columns::string_rows;
use vonk_expr::context::Nullability;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, TypedExpr, Want, not_null};
use vonk_plan::types::DataType;

pub static SPECS: &[FunctionSpec] = &[
    FunctionSpec::scalar("upper", "string_funcs", |c, a| build(c, a, &UPPER))
        .aliases(&["ucase"])
        .usage("The string in upper case.")
        .kernels(&[&UPPER])
        .collating(Collating::FIRST_KNOWN),
    FunctionSpec::scalar("lower", "string_funcs", |c, a| build(c, a, &LOWER))
        .aliases(&["lcase"])
        .usage("The string in lower case.")
        .kernels(&[&LOWER])
        .collating(Collating::FIRST_KNOWN),
    FunctionSpec::scalar("initcap", "string_funcs", |c, a| build(c, a, &INITCAP))
        .usage("The string with each word's first letter in upper case, the others in lower case.")
        .kernels(&[&INITCAP])
        .collating(Collating::FIRST_KNOWN),
];

static UPPER: Kernel = Kernel::total("upper", |_, a, n| map(a, n, upper));
static LOWER: Kernel = Kernel::total("lower", |_, a, n| map(a, n, lower));
static INITCAP: Kernel = Kernel::total("initcap", initcaps);

fn build(ctx: &FnContext, args: Vec<TypedExpr>, kernel: &'static Kernel) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 1, &[Want::Str])?;
    let ty = args.first().map_or(DataType::STRING, |a| a.data_type.clone());
    Ok(ctx.call(kernel, args, ty, Nullability::Args))
}

fn map(args: &[ColumnarValue], rows: usize, write: fn(&str, &mut String)) -> DfResult<ColumnarValue> {
    let v = Col::<StringArray>::new(args, 0)?;
    string_rows(rows, v.array().value_data().len(), |i, out| {
        write(not_null!(v.get(i)), out);
        Ok(Some(()))
    })
}

fn initcaps(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let collator = Collator::of(&call.arg_types).map_err(vonk_expr::exec_err)?;
    match &collator.rule {
        Rule::Binary => map(args, rows, initcap),
        Rule::Icu(icu) if matches!(&*icu.locale, "tr" | "az") => map(args, rows, |s, out| initcap_words(s, out, true)),
        _ => map(args, rows, |s, out| initcap_words(s, out, false)),
    }
}

/// Words as Unicode has them. `dotless`: the language has an `i` with a dot and one without.
fn initcap_words(s: &str, out: &mut String, dotless: bool) {
    for word in s.split_word_bounds() {
        let mut letters = word.chars();
        match letters.next() {
            Some('i') if dotless => out.push('İ'),
            Some(first) => title(first, out),
            None => {}
        }
        let rest = letters.as_str();
        match dotless {
            true => out.push_str(&rest.replace('I', "ı").to_lowercase()),
            false => out.push_str(&rest.to_lowercase()),
        }
    }
}

fn upper(s: &str, out: &mut String) {
    if s.is_ascii() {
        out.push_str(s);
        out.make_ascii_uppercase();
    } else {
        out.push_str(&s.to_uppercase());
    }
}

fn lower(s: &str, out: &mut String) {
    if s.is_ascii() {
        out.push_str(s);
        out.make_ascii_lowercase();
    } else {
        out.push_str(&s.to_lowercase());
    }
}

fn initcap(s: &str, out: &mut String) {
    let mut lowered = String::new();
    for word in s.split_inclusive(' ') {
        let Some(first) = word.chars().next() else { continue };
        title(first, out);
        // A letter is written by what stands before it: a last sigma by the whole word.
        lowered.clear();
        lower(word, &mut lowered);
        let begin = first.to_lowercase().map(char::len_utf8).sum();
        out.push_str(lowered.get(begin..).unwrap_or_default());
    }
}

/// The letter as a word begins with it: `ß` becomes `Ss`, and `ǆ` the `ǅ` between small and capital.
fn title(c: char, out: &mut String) {
    match c {
        'Ǆ'..='ǆ' => out.push('ǅ'),
        'Ǉ'..='ǉ' => out.push('ǈ'),
        'Ǌ'..='ǌ' => out.push('ǋ'),
        'Ǳ'..='ǳ' => out.push('ǲ'),
        _ => {
            let mut upper = c.to_uppercase();
            out.extend(upper.next());
            // What one letter becomes several for, but not a letter with its accents.
            upper.for_each(|more| out.extend(more.to_lowercase()));
        }
    }
}
