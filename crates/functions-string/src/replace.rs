//! `replace` of a string and `translate` of characters.

use std::collections::HashMap;

use datafusion::arrow::array::StringArray;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::SparkResult;
use vonk_expr::collation::collator::Rule;
use vonk_expr::collation::{Collating, Collator};
use vonk_expr::columns::string_rows;
use vonk_expr::context::Nullability;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, TypedExpr, Want, exec_err, not_null};
use vonk_plan::Literal;
use vonk_plan::types::DataType;

pub static SPECS: &[FunctionSpec] = &[
    FunctionSpec::scalar("replace", "string_funcs", build_replace)
        .usage("The string with every occurrence of another replaced (removed by default).")
        .kernels(&[&REPLACE])
        .collating(Collating::COMPARED_RESULT),
    FunctionSpec::scalar("translate", "string_funcs", build_translate)
        .usage("The string with each character of one set replaced by its partner in another, or removed.")
        .kernels(&[&TRANSLATE])
        .collating(Collating::COMPARED_RESULT),
];

static REPLACE: Kernel = Kernel::total("replace", replace);
static TRANSLATE: Kernel = Kernel::total("translate", translate);

fn build_replace(ctx: &FnContext, mut args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=3)?;
    if args.len() == 2 {
        args.push(TypedExpr::literal(&Literal::string(""))?);
    }
    let args = ctx.coerce(args, 3, &[Want::Searched, Want::Searched, Want::Searched])?;
    Ok(ctx.call(&REPLACE, args, DataType::STRING, Nullability::Args))
}

fn build_translate(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 3, &[Want::Searched, Want::Searched, Want::Searched])?;
    Ok(ctx.call(&TRANSLATE, args, DataType::STRING, Nullability::Args))
}

fn replace(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let text = Col::<StringArray>::new(args, 0)?;
    let search = Col::<StringArray>::new(args, 1)?;
    let by = Col::<StringArray>::new(args, 2)?;
    let collator = Collator::of(&call.arg_types).map_err(exec_err)?;
    string_rows(rows, text.array().value_data().len(), |i, out| {
        let (s, search, by) = not_null!(text.get(i), search.get(i), by.get(i));
        if search.is_empty() {
            out.push_str(s);
            return Ok(Some(()));
        }
        if !matches!(collator.rule, Rule::Binary) {
            let searched = collator.searched(s);
            let mut from = 0;
            while let Some(hit) = searched.find(search, from) {
                out.push_str(&s[from..hit.start]);
                out.push_str(by);
                from = hit.end;
            }
            out.push_str(&s[from..]);
            return Ok(Some(()));
        }
        let mut from = 0;
        for (at, hit) in s.match_indices(search) {
            out.push_str(&s[from..at]);
            out.push_str(by);
            from = at + hit.len();
        }
        out.push_str(&s[from..]);
        Ok(Some(()))
    })
}

/// What becomes of each character; the first mention of a character counts.
struct Table {
    ascii: [Option<Option<char>>; 128],
    other: HashMap<char, Option<char>>,
}

impl Table {
    fn new(from: &str, to: &str) -> Self {
        let mut table = Table { ascii: [None; 128], other: HashMap::new() };
        let mut to = to.chars();
        for c in from.chars() {
            let by = to.next();
            match table.ascii.get_mut(c as usize) {
                Some(slot) => *slot = slot.or(Some(by)),
                None => {
                    table.other.entry(c).or_insert(by);
                }
            }
        }
        table
    }

    fn get(&self, c: char) -> Option<char> {
        let found = match self.ascii.get(c as usize) {
            Some(slot) => *slot,
            None => self.other.get(&c).copied(),
        };
        found.unwrap_or(Some(c))
    }
}

/// Each character that is equal to one of the first set becomes that one's partner.
fn translate_letters(collator: &Collator, s: &str, from: &str, to: &str, out: &mut String) {
    let keys: Vec<String> = from.chars().map(|c| collator.key(c.encode_utf8(&mut [0; 4]))).collect();
    let to: Vec<char> = to.chars().collect();
    let mut key = String::new();
    for c in s.chars() {
        key.clear();
        collator.write_key(c.encode_utf8(&mut [0; 4]), &mut key);
        match keys.iter().position(|k| *k == key) {
            Some(i) => out.extend(to.get(i)),
            None => out.push(c),
        }
    }
}

fn translate(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let text = Col::<StringArray>::new(args, 0)?;
    let from = Col::<StringArray>::new(args, 1)?;
    let to = Col::<StringArray>::new(args, 2)?;
    let collator = Collator::of(&call.arg_types).map_err(exec_err)?;
    if !matches!(collator.rule, Rule::Binary) {
        return string_rows(rows, text.array().value_data().len(), |i, out| {
            let (s, from, to) = not_null!(text.get(i), from.get(i), to.get(i));
            translate_letters(&collator, s, from, to, out);
            Ok(Some(()))
        });
    }
    let mut table: Option<Table> = None;
    let constant = from.is_constant() && to.is_constant();
    string_rows(rows, text.array().value_data().len(), |i, out| {
        let (s, from, to) = not_null!(text.get(i), from.get(i), to.get(i));
        if !constant {
            table = None;
        }
        let table = table.get_or_insert_with(|| Table::new(from, to));
        out.extend(s.chars().filter_map(|c| table.get(c)));
        Ok(Some(()))
    })
}
