//! `sentences`: words of the sentences of a text, as Java's `BreakIterator` finds them.
//!
//! Java's rules are older than Unicode's: runs of Han or of Hiragana are words, hyphens join letters, and a full
//! stop ends a sentence only before blanks and something that is no digit. Boundaries of sentences are Unicode's
//! otherwise.

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
        for sentence in sentences_of(s) {
            let list = out.values();
            words_of(sentence).for_each(|w| list.values().append_value(w));
            list.append(true);
        }
        out.append(true);
    }
    Ok(ColumnarValue::Array(Arc::new(out.finish())))
}

fn sentences_of(text: &str) -> Vec<&str> {
    let mut out = vec![];
    let (mut begin, mut at) = (0, 0);
    for part in text.split_sentence_bounds() {
        at += part.len();
        let (said, next) = (&text[begin..at], &text[at..]);
        let stop = said.trim_end();
        let goes_on = stop.ends_with('.')
            && (stop.len() == said.len() || next.trim_start().starts_with(|c: char| c.is_numeric()));
        if !goes_on || next.is_empty() {
            out.push(said);
            begin = at;
        }
    }
    out
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Letter,
    Han,
    Hiragana,
    Katakana,
    Digit,
    Other,
}

fn kind(c: char) -> Kind {
    match c {
        '\u{3041}'..='\u{3096}' | '\u{309d}' | '\u{309e}' => Kind::Hiragana,
        '\u{30a1}'..='\u{30fa}' | '\u{30fc}'..='\u{30fe}' => Kind::Katakana,
        '\u{3005}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' => Kind::Han,
        c if c.is_numeric() => Kind::Digit,
        c if c.is_alphabetic() || is_mark(c) => Kind::Letter,
        _ => Kind::Other,
    }
}

/// A mark that stands on the letter before it.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}')
}

/// Between letters it is part of the word.
fn joins_letters(c: char) -> bool {
    matches!(c, '-' | '_' | '\'' | '"' | '.' | '\u{ad}' | '\u{2010}'..='\u{2015}' | '\u{2027}' | '\u{203f}')
}

/// In front of a number it is part of it, so that the number is no word.
fn leads_number(c: char) -> bool {
    matches!(c, '#' | '.' | '$' | '\u{a2}'..='\u{a5}' | '\u{20a0}'..='\u{20cf}')
}

/// The runs of text between boundaries that begin with a letter or a digit.
fn words_of(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        while let Some(first) = rest.chars().next() {
            let length = run(rest);
            let (word, behind) = rest.split_at(length);
            rest = behind;
            if kind(first) != Kind::Other {
                return Some(word);
            }
        }
        None
    })
}

/// How long the run is that the text begins with.
fn run(text: &str) -> usize {
    let Some(first) = text.chars().next() else { return 0 };
    let behind = &text[first.len_utf8()..];
    match kind(first) {
        Kind::Letter | Kind::Digit => word(text),
        Kind::Other if leads_number(first) && starts_with(behind, Kind::Digit) => first.len_utf8() + word(behind),
        Kind::Other => first.len_utf8(),
        own => same(text, own),
    }
}

fn starts_with(text: &str, wanted: Kind) -> bool {
    text.chars().next().is_some_and(|c| kind(c) == wanted)
}

fn same(text: &str, wanted: Kind) -> usize {
    text.find(|c| kind(c) != wanted).unwrap_or(text.len())
}

/// Letters and numbers in turn, as long as one stands right behind the other, and a sign of percent behind a
/// last number.
fn word(text: &str) -> usize {
    let mut end = 0;
    loop {
        end += letters(&text[end..]);
        if !starts_with(&text[end..], Kind::Digit) {
            return end;
        }
        end += number(&text[end..]);
        if !starts_with(&text[end..], Kind::Letter) {
            let sign = text[end..].chars().next().filter(|c| matches!(c, '%' | '&' | '\u{2030}'));
            return end + sign.map_or(0, char::len_utf8);
        }
    }
}

/// Letters, also with what joins them.
fn letters(text: &str) -> usize {
    let mut end = same(text, Kind::Letter);
    while let Some(c) = text[end..].chars().next() {
        let behind = end + c.len_utf8();
        if joins_letters(c) && starts_with(&text[behind..], Kind::Letter) {
            end = behind + same(&text[behind..], Kind::Letter);
        } else {
            break;
        }
    }
    end
}

/// Digits with points and commas between them.
fn number(text: &str) -> usize {
    let mut end = same(text, Kind::Digit);
    while text[end..].starts_with(['.', ',']) && starts_with(&text[end + 1..], Kind::Digit) {
        end += 1 + same(&text[end + 1..], Kind::Digit);
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_and_numbers_are_words() {
        for (text, words) in [
            ("a1b2 3.5%x 7&", vec!["a1b2", "3.5%", "x", "7&"]),
            ("a-b1,5c,d", vec!["a-b1,5c", "d"]),
            ("$5 -a #7b", vec!["a"]),
            ("x% 1a%", vec!["x", "1a"]),
        ] {
            assert_eq!(words_of(text).collect::<Vec<_>>(), words, "{text}");
        }
    }

    #[test]
    fn a_word_may_be_of_any_length() {
        let long = "a1".repeat(1_000_000);
        assert_eq!(words_of(&long).collect::<Vec<_>>(), [long.as_str()]);
    }
}
