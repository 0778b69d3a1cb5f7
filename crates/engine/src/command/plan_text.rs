//! A physical plan as `EXPLAIN` prints it: the operators by Spark's names, as a tree of Spark's form.
//!
//! What an operator does is told in our words: its columns are `#1`, `#2`, … and no names. Operators that
//! only carry rows through, and projections that only rename, are left out.

use std::any::Any;
use std::sync::Arc;

use datafusion::common::JoinType;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::joins::{HashJoinExec, PartitionMode};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use datafusion::physical_plan::{ExecutionPlan, displayable};
use vonk_analyzer::nodes::place::How;
use vonk_analyzer::nodes::python::PythonKind;
use vonk_analyzer::relation::range;
use vonk_analyzer::scope::column_id;
use vonk_python::eval_type as kind;

use crate::operators::place::PlaceExec;
use crate::operators::python::cogroups::CoGroupsExec;
use crate::operators::python::exec::PythonExec;
use crate::operators::shared::SharedExec;

type Plan = Arc<dyn ExecutionPlan>;

/// An operator as a line, over what is below it.
struct Line {
    text: String,
    below: Vec<Line>,
}

/// The plan, a line for each operator.
pub fn physical(plan: &Plan) -> String {
    let mut root = line(plan);
    if moves_rows(&root) {
        root = Line { text: "AdaptiveSparkPlan isFinalPlan=false".into(), below: vec![root] };
    }
    let mut out = String::new();
    write(&root, "", "", &mut out);
    out
}

/// What is known of the size of the result, as the logical plan's statistics.
pub fn statistics(plan: &Plan) -> String {
    let known = StatisticsContext::new().compute(plan.as_ref(), &StatisticsArgs::new()).ok();
    let value = |p: Option<&usize>| p.copied();
    let rows = known.as_ref().and_then(|s| value(s.num_rows.get_value()));
    let bytes = known.as_ref().and_then(|s| value(s.total_byte_size.get_value()));
    // Spark's word for a size that nobody knows.
    let size = bytes.map_or("8.0 EiB".to_string(), |b| format!("{b}.0 B"));
    let rows = rows.map_or(String::new(), |n| format!(", rowCount={n}"));
    format!("Statistics(sizeInBytes={size}{rows})")
}

fn write(line: &Line, first: &str, rest: &str, out: &mut String) {
    out.push_str(first);
    out.push_str(&line.text);
    out.push('\n');
    let last = line.below.len().saturating_sub(1);
    for (i, below) in line.below.iter().enumerate() {
        let (branch, bar) = if i == last { ("+- ", "   ") } else { (":- ", ":  ") };
        write(below, &format!("{rest}{branch}"), &format!("{rest}{bar}"), out);
    }
}

fn moves_rows(line: &Line) -> bool {
    line.text.contains("Exchange ") || line.below.iter().any(moves_rows)
}

fn line(plan: &Plan) -> Line {
    let any: &dyn Any = plan.as_ref();
    if let Some(shared) = any.downcast_ref::<SharedExec>() {
        return line(&shared.input);
    }
    let children = plan.children();
    if let (true, [child]) = (is_carrier(plan), children.as_slice()) {
        return line(child);
    }
    let mut below: Vec<Line> = children.into_iter().map(line).collect();
    if let Some(join) = any.downcast_ref::<HashJoinExec>() {
        if let (PartitionMode::CollectLeft, Some(built)) = (join.partition_mode(), below.first_mut()) {
            let inner = std::mem::replace(built, Line { text: String::new(), below: vec![] });
            *built = Line { text: "BroadcastExchange HashedRelationBroadcastMode".into(), below: vec![inner] };
        }
        let own = Line { text: join_text(join), below };
        return match &join.projection {
            Some(_) => Line { text: format!("Project {}", columns(plan)), below: vec![own] },
            None => own,
        };
    }
    Line { text: text(plan), below }
}

/// Does the operator only hand rows on, or rename their columns?
fn is_carrier(plan: &Plan) -> bool {
    const CARRIERS: &[&str] =
        &["CooperativeExec", "RowIdExec", "OrderExec", "NumberExec", "StoppableExec", "Pieces", "WindowByPartition"];
    let any: &dyn Any = plan.as_ref();
    match any.downcast_ref::<ProjectionExec>() {
        Some(p) => {
            let renames = p.expr().iter().enumerate().all(|(i, e)| {
                let e: &dyn Any = e.expr.as_ref();
                e.downcast_ref::<Column>().is_some_and(|c| c.index() == i)
            });
            renames && p.expr().len() == p.input().schema().fields().len()
        }
        None => CARRIERS.contains(&plan.name()),
    }
}

fn columns(plan: &Plan) -> String {
    let names: Vec<_> = plan.schema().fields().iter().map(|f| f.name().clone()).collect();
    format!("[{}]", names.join(", "))
}

fn join_text(join: &HashJoinExec) -> String {
    let name = match join.partition_mode() {
        PartitionMode::CollectLeft => "BroadcastHashJoin",
        _ => "ShuffledHashJoin",
    };
    let side = |i: usize| {
        let keys = join.on().iter().map(|pair| if i == 0 { pair.0.to_string() } else { pair.1.to_string() });
        keys.collect::<Vec<_>>().join(", ")
    };
    let kind = match join.join_type() {
        JoinType::Inner => "Inner",
        JoinType::Left => "LeftOuter",
        JoinType::Right => "RightOuter",
        JoinType::Full => "FullOuter",
        JoinType::LeftSemi | JoinType::RightSemi => "LeftSemi",
        JoinType::LeftAnti | JoinType::RightAnti => "LeftAnti",
        _ => "ExistenceJoin",
    };
    format!("{name} [{}], [{}], {kind}, BuildLeft", side(0), side(1))
}

/// The operator's name and what it does.
fn text(plan: &Plan) -> String {
    let any: &dyn Any = plan.as_ref();
    let all = displayable(plan.as_ref()).one_line().to_string();
    let all = all.trim_end();
    let detail = all.split_once(": ").map_or("", |(_, detail)| detail);
    if let Some(aggregate) = any.downcast_ref::<AggregateExec>() {
        let partial = if *aggregate.mode() == AggregateMode::Partial { "partial_" } else { "" };
        let keys: Vec<_> = aggregate.group_expr().expr().iter().map(|(e, _)| e.to_string()).collect();
        let functions: Vec<_> = aggregate
            .aggr_expr()
            .iter()
            .map(|f| format!("{partial}{}", f.human_display().unwrap_or_else(|| f.name())))
            .collect();
        return format!("HashAggregate(keys=[{}], functions=[{}])", keys.join(", "), functions.join(", "));
    }
    if let Some(sort) = any.downcast_ref::<SortExec>() {
        return match sort.fetch() {
            Some(n) => format!("TakeOrderedAndProject(limit={n}, orderBy=[{}])", sort.expr()),
            None => format!("Sort [{}], {}, 0", sort.expr(), !sort.preserve_partitioning()),
        };
    }
    if let Some(source) = any.downcast_ref::<DataSourceExec>() {
        return source_text(source, plan, detail);
    }
    if let Some(parts) = range::parts(any) {
        let splits = parts.len();
        let (start, step) = parts.first().map_or((0, 1), |p| (p.start, p.step));
        let rows = parts.last().map_or(0, |p| p.rows.end);
        return format!(
            "Range ({start}, {}, step={step}, splits={splits})",
            i128::from(start) + rows * i128::from(step)
        );
    }
    let name = name(plan, any);
    if detail.is_empty() { name } else { format!("{name} {detail}") }
}

fn source_text(source: &DataSourceExec, plan: &Plan, detail: &str) -> String {
    let data: &dyn Any = source.data_source().as_ref();
    match data.downcast_ref::<MemorySourceConfig>() {
        // Rows that a query brought along have columns without names.
        Some(memory) => {
            let kept = memory.original_schema().fields().iter().any(|f| column_id(f.name()).is_none());
            format!("{} {}", if kept { "InMemoryTableScan" } else { "LocalTableScan" }, columns(plan))
        }
        None => {
            let format = detail.rsplit_once("file_type=").map_or("", |(_, t)| t.split([',', ' ']).next().unwrap_or(""));
            format!("FileScan {format} {} {detail}", columns(plan))
        }
    }
}

fn name(plan: &Plan, any: &dyn Any) -> String {
    if let Some(python) = any.downcast_ref::<PythonExec>() {
        return python_name(&python.work.kind, python.work.task.eval_type).into();
    }
    if let Some(cogroups) = any.downcast_ref::<CoGroupsExec>() {
        let arrow = cogroups.task.eval_type == kind::COGROUPED_MAP_ARROW;
        return if arrow { "FlatMapCoGroupsInArrow" } else { "FlatMapCoGroupsInPandas" }.into();
    }
    if let Some(place) = any.downcast_ref::<PlaceExec>() {
        return match place.placing.how {
            How::Coalesce => "Coalesce",
            How::InTurns => "Exchange RoundRobinPartitioning",
            How::ByNumber => "Exchange hashpartitioning",
            How::ByRange => "Exchange rangepartitioning",
        }
        .into();
    }
    let own = plan.name();
    match own {
        "ProjectionExec" => "Project",
        "FilterExec" => "Filter",
        "SortMergeJoinExec" => "SortMergeJoin",
        "CrossJoinExec" | "NestedLoopJoinExec" => "BroadcastNestedLoopJoin",
        "RepartitionExec" => "Exchange hashpartitioning",
        "Gather" | "CoalescePartitionsExec" | "SortPreservingMergeExec" => "Exchange SinglePartition",
        "GlobalLimitExec" => "GlobalLimit",
        "LocalLimitExec" => "LocalLimit",
        "WindowAggExec" | "BoundedWindowAggExec" => "Window",
        "UnionExec" | "InterleaveExec" => "Union",
        "PlaceholderRowExec" => "Scan OneRowRelation[]",
        "EmptyExec" => "LocalTableScan <empty>",
        "StreamingTableExec" => "InMemoryTableScan",
        "GenerateExec" => "Generate",
        "ChooseExec" => "Sample",
        "TextScan" => "FileScan",
        "PythonScan" => "BatchScan",
        "RecursionExec" => "UnionLoop",
        other => other.strip_suffix("Exec").unwrap_or(other),
    }
    .into()
}

/// Spark's operator for Python functions of that kind.
fn python_name(how: &PythonKind, eval_type: i32) -> &'static str {
    let arrow = matches!(eval_type, kind::MAP_ARROW_ITER | kind::GROUPED_MAP_ARROW | kind::GROUPED_MAP_ARROW_ITER);
    match how {
        PythonKind::Scalar if eval_type == kind::BATCHED => "BatchEvalPython",
        PythonKind::Scalar => "ArrowEvalPython",
        PythonKind::Map { .. } if arrow => "MapInArrow",
        PythonKind::Map { .. } => "MapInPandas",
        PythonKind::Groups if arrow => "FlatMapGroupsInArrow",
        PythonKind::Groups => "FlatMapGroupsInPandas",
        PythonKind::CoGroups => "FlatMapCoGroupsInPandas",
        PythonKind::Aggregate => "ArrowAggregatePython",
        PythonKind::Window { .. } => "ArrowWindowPython",
        PythonKind::Table { .. } if eval_type == kind::TABLE => "BatchEvalPythonUDTF",
        PythonKind::Table { .. } => "ArrowEvalPythonUDTF",
    }
}
