//! Long and deep plans are analysed in time linear in their size.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use vonk_analyzer::{Analyzed, NoTables, analyze};
use vonk_common::{SessionConf, SparkResult};
use vonk_expr::context::QueryFacts;
use vonk_plan::{Expr, Literal, Relation, RelationKind};

fn facts() -> Arc<QueryFacts> {
    Arc::new(QueryFacts {
        conf: Arc::new(SessionConf::new()),
        now: 0,
        user: "user".into(),
        current_catalog: "spark_catalog".into(),
        current_database: "default".into(),
        version: "4.3.0",
    })
}

/// Analyses on a planner thread, and fails if that takes longer than the limit.
fn within(limit: Duration, relation: impl FnOnce() -> Relation + Send + 'static) -> usize {
    let work = vonk_common::planner::run(move || {
        let relation = relation();
        let start = Instant::now();
        let analyzed: SparkResult<Analyzed> = analyze(&relation, Arc::new(NoTables), facts());
        let taken = start.elapsed();
        (analyzed.map(|a| a.schema.len()), taken)
    });
    let (columns, taken) = futures::executor::block_on(work).unwrap();
    println!("{taken:?}");
    assert!(taken < limit, "took {taken:?}");
    columns.unwrap()
}

fn range() -> Relation {
    Relation::new(RelationKind::Range { start: 0, end: 10, step: 1, partitions: Some(1) })
}

fn int(n: i32) -> Expr {
    Expr::literal(Literal::Int(n))
}

fn plus(a: Expr, b: Expr) -> Expr {
    Expr::call("+", vec![a, b])
}

#[test]
fn chained_with_columns() {
    let columns = within(Duration::from_secs(8), || {
        (0..510).fold(range(), |input, i| {
            let columns = vec![plus(Expr::column("id"), int(i)).alias(format!("c{i}"))];
            Relation::new(RelationKind::WithColumns { input: Box::new(input), columns })
        })
    });
    assert_eq!(columns, 511);
}

#[test]
fn chained_selects_that_build_on_each_other() {
    let names: Vec<String> = (0..10).map(|i| format!("c{i}")).collect();
    let columns = within(Duration::from_secs(8), move || {
        let first = range().project(names.iter().map(|n| Expr::column("id").alias(n.clone())).collect());
        (0..510).fold(first, |input, _| {
            input.project(names.iter().map(|n| plus(Expr::column(n.clone()), int(1)).alias(n.clone())).collect())
        })
    });
    assert_eq!(columns, 10);
}

#[test]
fn chained_filters_and_renames() {
    let columns = within(Duration::from_secs(8), || {
        (0..510).fold(range(), |input, i| {
            let names = vec![format!("n{i}")];
            let renamed = Relation::new(RelationKind::ToDf { input: Box::new(input), names });
            renamed.filter(Expr::call(">", vec![Expr::column(format!("n{i}")), int(-1)]))
        })
    });
    assert_eq!(columns, 1);
}

#[test]
fn a_wide_projection() {
    let columns = within(Duration::from_secs(8), || {
        range().project((0..10_000).map(|i| plus(Expr::column("id"), int(i)).alias(format!("c{i}"))).collect())
    });
    assert_eq!(columns, 10_000);
}

#[test]
fn a_deep_expression() {
    within(Duration::from_secs(8), || {
        range().project(vec![(0..4_000).fold(Expr::column("id"), |e, i| plus(e, int(i)))])
    });
}

#[test]
fn a_long_in_list_and_a_long_or() {
    within(Duration::from_secs(8), || {
        let items = std::iter::once(Expr::column("id")).chain((0..100_000).map(int)).collect();
        let any = (0..20_000).map(|i| Expr::call("==", vec![Expr::column("id"), int(i)])).collect();
        range().filter(Expr::call("in", items)).filter(Expr::call("or", any))
    });
}
