//! What `df.show()` prints and a notebook renders: rows as text, computed while analysing.

use std::sync::Arc;

use datafusion::arrow::array::{Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType as Arrow, Field, Schema};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::cast::text::pretty_array;
use vonk_expr::cast::zone::Zone;
use vonk_expr::spark_error;
use vonk_plan::types::{DataType, StructField, StructType};
use vonk_plan::{Expr, Literal, Relation, RelationKind};

use crate::analyzer::Analyzer;
use crate::node::Node;

/// Narrowest column of a table.
const MIN_WIDTH: usize = 3;
/// Most rows one call shows: what an array of Java can hold.
const MAX_ROWS: i32 = i32::MAX - 16;

/// The cells of the header, which are never cut, and those of each row.
struct Grid {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
    more: bool,
    asked: i32,
}

impl Analyzer {
    pub fn show_string(&self, input: &Relation, rows: i32, truncate: i32, vertical: bool) -> SparkResult<Node> {
        let grid = self.grid(input, rows, truncate)?;
        let text = if vertical { grid.records() } else { grid.table(truncate > 0) };
        self.one_text("show_string", text)
    }

    pub fn html_string(&self, input: &Relation, rows: i32, truncate: i32) -> SparkResult<Node> {
        let grid = self.grid(input, rows, truncate)?;
        self.one_text("html_string", grid.html())
    }

    /// One row of one string column.
    fn one_text(&self, name: &str, text: String) -> SparkResult<Node> {
        let schema = StructType::new([StructField::new(name, DataType::STRING, false)]);
        let arrow = Arc::new(Schema::new(vec![Field::new(name, Arrow::Utf8, false)]));
        let batch = RecordBatch::try_new(arrow, vec![Arc::new(StringArray::from(vec![text]))]);
        self.rows(schema, vec![batch.map_err(|e| spark_error(e.into()))?])
    }

    fn grid(&self, input: &Relation, asked: i32, truncate: i32) -> SparkResult<Grid> {
        let asked = asked.clamp(0, MAX_ROWS);
        let limit = Box::new(input.clone());
        let limit = Relation::new(RelationKind::Limit { input: limit, limit: Expr::literal(Literal::Int(asked + 1)) });
        let (schema, batches) = self.resolver().collect(&limit)?;
        let zone = Zone::named(self.facts().conf.time_zone())?;
        let width = usize::try_from(truncate).unwrap_or(0);
        let mut rows: Vec<Vec<String>> = vec![];
        for batch in &batches {
            let columns: SparkResult<Vec<StringArray>> = batch
                .columns()
                .iter()
                .zip(schema.fields.iter())
                .map(|(c, f)| pretty_array(c, &f.data_type, &zone).map_err(spark_error))
                .collect();
            let columns = columns?;
            for r in 0..batch.num_rows() {
                let cell = |c: &StringArray| clip(if c.is_null(r) { "NULL" } else { c.value(r) }, width);
                rows.push(columns.iter().map(cell).collect());
            }
        }
        let most = usize::try_from(asked).map_err(SparkError::internal)?;
        let more = rows.len() > most;
        rows.truncate(most);
        let header = schema.fields.iter().map(|f| clip(&f.name, 0)).collect();
        Ok(Grid { header, rows, more, asked })
    }
}

/// The text with its control characters written out, cut to `width` characters (0: not cut).
fn clip(text: &str, width: usize) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{c}' => out.push_str("\\f"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{7}' => out.push_str("\\a"),
            c => out.push(c),
        }
    }
    if width == 0 || out.chars().count() <= width {
        return out;
    }
    match width {
        0..4 => out.chars().take(width).collect(),
        _ => out.chars().take(width - 3).chain("...".chars()).collect(),
    }
}

/// Cells of a terminal: letters of East Asian scripts take two.
fn width(text: &str) -> usize {
    let wide = |c: char| {
        matches!(u32::from(c),
            0x1100..=0x115F | 0x2E80..=0x303E | 0x3041..=0x33FF | 0x3400..=0x4DBF | 0x4E00..=0x9FFF
            | 0xA000..=0xA4CF | 0xA960..=0xA97F | 0xAC00..=0xD7A3 | 0xF900..=0xFAFF | 0xFE30..=0xFE6F
            | 0xFF00..=0xFF60 | 0xFFE0..=0xFFE6)
    };
    text.chars().map(|c| if wide(c) { 2 } else { 1 }).sum()
}

fn pad(text: &str, to: usize, left: bool) -> String {
    let space = " ".repeat(to.saturating_sub(width(text)));
    if left { format!("{space}{text}") } else { format!("{text}{space}") }
}

impl Grid {
    /// The line that says there is more. It has no line end of its own, the table has.
    fn footer(&self) -> String {
        let s = if self.asked == 1 { "" } else { "s" };
        format!("only showing top {} row{s}", self.asked)
    }

    fn table(&self, right: bool) -> String {
        let mut widths: Vec<usize> = self.header.iter().map(|h| width(h).max(MIN_WIDTH)).collect();
        for row in &self.rows {
            for (w, cell) in widths.iter_mut().zip(row) {
                *w = (*w).max(width(cell));
            }
        }
        let dashes: Vec<String> = widths.iter().map(|w| "-".repeat(*w)).collect();
        let rule = format!("+{}+\n", dashes.join("+"));
        let line = |cells: &[String]| {
            let padded: Vec<String> = cells.iter().zip(&widths).map(|(c, w)| pad(c, *w, right)).collect();
            format!("|{}|\n", padded.join("|"))
        };
        let mut out = format!("{rule}{}{rule}", line(&self.header));
        self.rows.iter().for_each(|r| out.push_str(&line(r)));
        out.push_str(&rule);
        if self.more {
            out.push_str(&self.footer());
        }
        out
    }

    fn records(&self) -> String {
        if self.rows.is_empty() {
            return "(0 rows)".into();
        }
        let names = self.header.iter().map(|h| width(h)).max().unwrap_or(0).max(MIN_WIDTH);
        let values = self.rows.iter().flatten().map(|c| width(c)).max().unwrap_or(0).max(MIN_WIDTH);
        let mut out = String::new();
        for (i, row) in self.rows.iter().enumerate() {
            let title = format!("-RECORD {i}");
            let dashes = "-".repeat((names + values + 5).saturating_sub(title.len()));
            out.push_str(&format!("{title}{dashes}\n"));
            for (name, value) in self.header.iter().zip(row) {
                out.push_str(&format!(" {} | {} \n", pad(name, names, false), pad(value, values, false)));
            }
        }
        if self.more {
            out.push_str(&self.footer());
        }
        out
    }

    fn html(&self) -> String {
        let line = |tag: &str, cells: &[String]| {
            let all: Vec<String> = cells.iter().map(|c| format!("<{tag}>{}</{tag}>", escape(c))).collect();
            format!("<tr>{}</tr>\n", all.concat())
        };
        let mut out = format!("<table border='1'>\n{}", line("th", &self.header));
        self.rows.iter().for_each(|r| out.push_str(&line("td", r)));
        out.push_str("</table>\n");
        if self.more {
            out.push_str(&format!("{}\n", self.footer()));
        }
        out
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}
