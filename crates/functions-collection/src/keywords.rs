//! `sql_keywords()`: a table of the words of the grammar, and whether they are reserved now.

use vonk_common::SparkResult;
use vonk_expr::spec::Body;
use vonk_expr::{FnContext, FunctionSpec, GeneratorCall, TypedExpr};
use vonk_plan::Literal;
use vonk_plan::types::{DataType, StructField};

pub static SQL_KEYWORDS: FunctionSpec = FunctionSpec::new("sql_keywords", "table_funcs", Body::Generator(build))
    .table_only()
    .usage("sql_keywords() - the keywords of SQL, and whether each is reserved");

/// All words in order; a star marks those that ANSI SQL reserves.
const WORDS: &str = include_str!("keywords/words.txt");

fn build(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<GeneratorCall> {
    ctx.arity(&args, 0..=0)?;
    let enforced = ctx.ansi() && ctx.facts.conf.bool("spark.sql.ansi.enforceReservedKeywords");
    let columns = vec![
        StructField::new("keyword", DataType::STRING, false),
        StructField::new("reserved", DataType::Boolean, false),
    ];
    let rows = WORDS.split_whitespace().map(|word| {
        let plain = word.trim_end_matches('*');
        let reserved = enforced && plain != word;
        Literal::Struct(columns.clone(), vec![Literal::string(plain), Literal::Boolean(reserved)])
    });
    let rows = Literal::Array(DataType::structure(columns.clone()), rows.collect());
    Ok(GeneratorCall { rows: TypedExpr::literal(&rows)?, columns, outer: false })
}
