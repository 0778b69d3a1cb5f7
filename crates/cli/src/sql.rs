//! `vonk sql`: a SQL prompt, or SQL from the command line or a file.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::RecordBatch;
use futures::StreamExt;
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;
use tokio::runtime::Runtime;
use vonk_engine::Session;
use vonk_expr::cast::text::pretty_array;
use vonk_expr::cast::zone::Zone;
use vonk_plan::command::Statement;
use vonk_plan::types::{DataType, StructType};

use crate::args::SqlArgs;
use crate::table::{self, Column};
use crate::{print, say, server};

/// Rows shown of a result at the prompt; all rows are counted.
const SHOWN: usize = 1000;

pub fn main(args: SqlArgs) -> Result<ExitCode, String> {
    let runtime = server::runtime(&args.engine)?;
    let engine = server::engine(&args.engine)?;
    let session = engine.session(&std::env::var("USER").unwrap_or_default(), "sql");
    let text = match (args.execute, args.file) {
        (Some(text), _) => Some(text),
        (None, Some(file)) => Some(std::fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?),
        (None, None) => None,
    };
    let code = match text {
        Some(text) => batch(&runtime, &session, &text),
        None => prompt(&runtime, &session),
    };
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    code
}

/// Runs statements one after the other; the first error ends it.
fn batch(runtime: &Runtime, session: &Arc<Session>, text: &str) -> Result<ExitCode, String> {
    for statement in split(text) {
        let ran = runtime.block_on(interruptible(execute(session.clone(), statement.to_string())));
        match ran {
            Some(Ok(rows)) => show(&rows, usize::MAX),
            Some(Err(message)) => {
                say(&message);
                return Ok(ExitCode::FAILURE);
            }
            None => return Ok(ExitCode::from(130)),
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn prompt(runtime: &Runtime, session: &Arc<Session>) -> Result<ExitCode, String> {
    let mut editor = DefaultEditor::new().map_err(|e| e.to_string())?;
    let history = std::env::var_os("HOME").map(|h| std::path::Path::new(&h).join(".vonk_sql_history"));
    if let Some(h) = &history {
        let _ = editor.load_history(h);
    }
    say(&format!(
        "vonk {}: SQL as Apache Spark 4.3 has it. End a statement with ;  Ctrl-D leaves.",
        env!("CARGO_PKG_VERSION")
    ));
    let mut pending = String::new();
    loop {
        match editor.readline(if pending.is_empty() { "vonk> " } else { "   -> " }) {
            Ok(line) => {
                if pending.is_empty() && matches!(line.trim(), "exit" | "quit" | "exit;" | "quit;") {
                    break;
                }
                if pending.is_empty() && line.trim().is_empty() {
                    continue;
                }
                pending.push_str(&line);
                pending.push('\n');
                if !line.trim_end().ends_with(';') {
                    continue;
                }
                let text = std::mem::take(&mut pending);
                let _ = editor.add_history_entry(text.trim());
                for statement in split(&text) {
                    run_one(runtime, session, statement.to_string());
                }
            }
            // Ctrl-C at the prompt forgets the half-typed statement.
            Err(ReadlineError::Interrupted) => pending.clear(),
            Err(ReadlineError::Eof) => break,
            Err(e) => return Err(e.to_string()),
        }
    }
    if let Some(h) = &history {
        let _ = editor.save_history(h);
    }
    Ok(ExitCode::SUCCESS)
}

fn run_one(runtime: &Runtime, session: &Arc<Session>, statement: String) {
    let start = Instant::now();
    match runtime.block_on(interruptible(execute(session.clone(), statement))) {
        Some(Ok(rows)) => {
            show(&rows, SHOWN);
            let seconds = start.elapsed().as_secs_f64();
            let count = rows.count;
            match rows.schema.is_empty() {
                true => say(&format!("done in {seconds:.3} s")),
                false => say(&format!("{count} row{} in {seconds:.3} s", if count == 1 { "" } else { "s" })),
            }
        }
        Some(Err(message)) => say(&message),
        None => say("cancelled"),
    }
}

/// The work's result, or none when Ctrl-C came first: the work is dropped, which stops it.
async fn interruptible<T>(work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        out = work => Some(out),
        _ = tokio::signal::ctrl_c() => None,
    }
}

struct Shown {
    schema: StructType,
    batches: Vec<RecordBatch>,
    count: usize,
    time_zone: String,
}

async fn execute(session: Arc<Session>, text: String) -> Result<Shown, String> {
    let time_zone = session.conf().time_zone().to_string();
    let statement = session.parse(&text).await.map_err(|e| e.message())?;
    let (schema, batches, count) = match statement {
        Statement::Query(relation) => {
            let mut rows = session.execute(relation).await.map_err(|e| e.message())?;
            let (mut kept, mut count) = (vec![], 0);
            while let Some(batch) = rows.batches.next().await {
                let batch = batch.map_err(|e| e.message())?;
                if count < SHOWN * 100 {
                    kept.push(batch.clone());
                }
                count += batch.num_rows();
            }
            (rows.schema, kept, count)
        }
        Statement::Command(command) => {
            let rows = session.run_command(command).await.map_err(|e| e.message())?;
            let count = rows.batches.iter().map(RecordBatch::num_rows).sum();
            (rows.schema, rows.batches, count)
        }
    };
    Ok(Shown { schema, batches, count, time_zone })
}

fn show(rows: &Shown, most: usize) {
    if rows.schema.is_empty() {
        return;
    }
    let mut columns: Vec<Column> = rows
        .schema
        .fields
        .iter()
        .map(|f| Column {
            name: f.name.clone(),
            right: f.data_type.is_numeric() || matches!(f.data_type, DataType::Boolean),
            cells: vec![],
        })
        .collect();
    let mut left = most;
    for batch in &rows.batches {
        let take = left.min(batch.num_rows());
        let batch = batch.slice(0, take);
        for ((column, array), field) in columns.iter_mut().zip(batch.columns()).zip(rows.schema.fields.iter()) {
            let texts = Zone::parse(&rows.time_zone)
                .ok_or_else(|| "unknown time zone".to_string())
                .and_then(|zone| pretty_array(array, &field.data_type, &zone).map_err(|e| e.to_string()));
            match texts {
                Ok(texts) => column.cells.extend(texts.iter().map(|t| t.unwrap_or("NULL").to_string())),
                Err(e) => column.cells.extend(std::iter::repeat_n(e, take)),
            }
        }
        left -= take;
    }
    for line in table::render(&columns) {
        print(&line);
    }
    if rows.count > most {
        say(&format!("only the first {most} rows are shown"));
    }
}

/// The statements of a text: split at semicolons outside of quotes and comments. A script
/// (BEGIN … END) is one statement.
fn split(text: &str) -> Vec<String> {
    let mut out = vec![];
    let mut current = String::new();
    let mut chars = text.chars().peekable();
    let mut quote: Option<char> = None;
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(q), _) if c == q => quote = None,
            (Some(q), '\\') if q != '`' => {
                current.push(c);
                current.extend(chars.next());
                continue;
            }
            (None, '\'' | '"' | '`') => quote = Some(c),
            (None, '-') if chars.peek() == Some(&'-') => {
                for c in chars.by_ref() {
                    if c == '\n' {
                        break;
                    }
                }
                current.push('\n');
                continue;
            }
            (None, ';') if !is_script(&current) => {
                out.push(std::mem::take(&mut current));
                continue;
            }
            _ => {}
        }
        current.push(c);
    }
    out.push(current);
    out.retain(|s| !s.trim().is_empty());
    out
}

/// The text begins a script that has not ended yet.
fn is_script(text: &str) -> bool {
    let upper = text.trim().to_ascii_uppercase();
    upper.starts_with("BEGIN") && !upper.ends_with("END")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn semicolons_in_quotes_comments_and_scripts_do_not_split() {
        assert_eq!(split("select ';' ; -- a;b\nselect 2;"), ["select ';' ", " \nselect 2"]);
        assert_eq!(split("BEGIN select 1; select 2; END;"), ["BEGIN select 1; select 2; END"]);
    }
}
