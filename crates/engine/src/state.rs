//! DataFusion's session state as Vonk wants it.
//!
//! Plans arrive fully typed, so type coercion is left out. Row order is kept wherever Spark keeps it:
//! no round-robin repartitioning, and partitions are gathered in order ([`crate::operators::gather`]).

use std::sync::Arc;

use datafusion::common::config::ConfigNonZeroUsize;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::{Analyzer, Optimizer, OptimizerRule};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::prelude::SessionConfig;
use vonk_analyzer::relation::local;
use vonk_common::SessionConf;
use vonk_common::limits::MAX_OPTIMISED_NODES;
use vonk_python::Environment;

use crate::operators::borders::respecting;
use crate::operators::count_distinct::CountDistinctByGroups;
use crate::operators::cuts::CutSums;
use crate::operators::failing_constants::FailingConstants;
use crate::operators::gather::GatherInOrder;
use crate::operators::guarded::guarded;
use crate::operators::hash_order::OrderOfGroups;
use crate::operators::join_order::JoinOrder;
use crate::operators::join_sides::SidesOfJoins;
use crate::operators::nested_loop::OneRightSide;
use crate::operators::only_where::only_where;
use crate::operators::opaque::OpaqueInputs;
use crate::operators::pieces::SortInPieces;
use crate::operators::planner::Planner;
use crate::operators::python::session::PythonSession;
use crate::operators::wanted::{asking, asking_physical};
use crate::operators::window::WindowsByPartition;
use crate::operators::yielding::YieldingJoins;
use crate::server::Server;

/// Most rows of a batch: what suits a processor's caches, and what a Python function takes at once
/// (`spark.sql.execution.arrow.maxRecordsPerBatch`).
const BATCH_ROWS: usize = 10_000;

/// Rows of a batch: fewer where the pool is small, since sorts and merges cannot do with less than a few
/// batches each. Tests ask for very few, to have the seams of operators in small data.
fn batch_rows(server: &Server, conf: &SessionConf) -> usize {
    const POOL_BYTES_PER_ROW: usize = 8 << 10;
    let asked = conf.i64("spark.vonk.execution.batchRows").and_then(|n| usize::try_from(n).ok());
    if let Some(rows) = asked.filter(|n| *n > 0) {
        return rows;
    }
    (server.memory_bytes / server.parallelism / POOL_BYTES_PER_ROW).clamp(1024, BATCH_ROWS)
}

/// The state of a session with these settings.
pub fn build(server: &Server, conf: &SessionConf, id: &str, python: Environment) -> SessionState {
    let python = PythonSession::new(server.python.clone(), Arc::new(python), conf);
    let mut analyzers = Analyzer::new().rules;
    analyzers.retain(|r| r.name() != "type_coercion");
    analyzers.push(Arc::new(FailingConstants));
    SessionStateBuilder::new()
        .with_default_features()
        .with_session_id(id.to_string())
        .with_config(config(server, conf).with_extension(Arc::new(python)))
        .with_runtime_env(Arc::clone(&server.runtime))
        .with_analyzer_rules(analyzers)
        .with_optimizer_rules(asking(rules()))
        .with_query_planner(Arc::new(Planner))
        .with_physical_optimizer_rules(asking_physical(physical_rules(server, conf)))
        .build()
}

fn config(server: &Server, conf: &SessionConf) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_target_partitions(server.parallelism)
        .with_batch_size(batch_rows(server, conf))
        .with_round_robin_repartition(false)
        .with_information_schema(false);
    let options = config.options_mut();
    options.execution.time_zone = Some(conf.time_zone().to_string());
    options.execution.skip_physical_aggregate_schema_check = true;
    options.execution.collect_statistics = true;
    // Row groups and pages are skipped by their statistics; rows are filtered once decoded, which
    // measures faster (TPC-H q6 by half) than filtering while decoding.
    options.execution.parquet.pruning = conf.bool("spark.sql.parquet.filterPushdown");
    options.execution.parquet.pushdown_filters = false;
    options.execution.parquet.schema_force_view_types = false;
    options.execution.parquet.binary_as_string = conf.bool("spark.sql.parquet.binaryAsString");
    // Every sort of a plan sets this aside for its merge, small pools included.
    let share = server.memory_bytes / (32 * server.parallelism);
    options.execution.sort_spill_reservation_bytes = share.clamp(256 << 10, 10 << 20);
    // Channels between partitions that spill get a file for each batch. Where writers share a file, the
    // reader of one waits for a batch that lies in the next, and its writers wait for the reader.
    if let Ok(one_batch) = ConfigNonZeroUsize::try_new(1) {
        options.execution.max_spill_file_size_bytes = one_batch;
    }
    options.optimizer.skip_failed_rules = false;
    options.optimizer.expand_views_at_output = false;
    options.optimizer.prefer_existing_sort = true;
    config
}

/// DataFusion's rules without those that find nothing to do here: we use neither its struct access nor
/// its forms of sub-queries that they are for.
fn rules() -> Vec<Rule> {
    const IDLE: &[&str] =
        &["rewrite_set_comparison", "unions_to_filter", "extract_leaf_expressions", "push_down_leaf_projections"];
    let rules = Optimizer::new().rules.into_iter().filter(|r| !IDLE.contains(&r.name()));
    let mut rules: Vec<Rule> = rules.map(guarded).collect();
    rules.push(Arc::new(CountDistinctByGroups));
    rules
}

type Rule = Arc<dyn OptimizerRule + Send + Sync>;

/// The order of joins, DataFusion's physical rules, then the others of ours.
fn physical_rules(server: &Server, conf: &SessionConf) -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules: Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> = vec![Arc::new(CutSums)];
    let partitions = conf.i64("spark.sql.shuffle.partitions").and_then(|n| i32::try_from(n).ok());
    if let Some(partitions) = partitions.filter(|n| *n > 0) {
        rules.push(Arc::new(OrderOfGroups { partitions, parallelism: local::parallelism(conf) }));
    }
    rules.push(Arc::new(JoinOrder));
    rules.push(Arc::new(OpaqueInputs));
    for rule in PhysicalOptimizer::new().rules {
        let sides_are_chosen = rule.name() == "join_selection";
        rules.push(respecting(only_where(rule)));
        if sides_are_chosen {
            rules.push(Arc::new(SidesOfJoins));
        }
    }
    rules.push(Arc::new(GatherInOrder));
    rules.push(Arc::new(OneRightSide { small: server.memory_bytes / 16 }));
    rules.push(Arc::new(WindowsByPartition));
    rules.push(Arc::new(SortInPieces));
    rules.push(Arc::new(YieldingJoins));
    rules
}

/// The same state for a plan of very many nodes: one pass of the rules that it cannot do without.
pub fn for_large_plans(state: &SessionState) -> SessionState {
    const NEEDED: &[&str] = &[
        "simplify_expressions",
        "replace_distinct_aggregate",
        "decorrelate_predicate_subquery",
        "scalar_subquery_to_join",
        "decorrelate_lateral_join",
        "extract_equijoin_predicate",
        "eliminate_cross_join",
        "push_down_limit",
        "push_down_filter",
        "optimize_projections",
    ];
    let rules = asking(state.optimizers().iter().filter(|r| NEEDED.contains(&r.name())).cloned());
    let mut config = state.config().clone();
    config.options_mut().optimizer.max_passes = 1;
    SessionStateBuilder::new_from_existing(state.clone()).with_config(config).with_optimizer_rules(rules).build()
}

/// Has the plan more nodes, of relations and expressions, than all rules are used for?
pub fn is_large(plan: &LogicalPlan) -> bool {
    let mut nodes = 0;
    let mut count = || {
        nodes += 1;
        Ok(if nodes > MAX_OPTIMISED_NODES { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    };
    let counted = plan.apply(|node| {
        node.apply_expressions(|e| e.apply(|_| count()))?;
        count()
    });
    counted.is_ok() && nodes > MAX_OPTIMISED_NODES
}

/// The same state with joins planned for data that do not fit in memory: by sorting.
pub fn without_hash_joins(state: &SessionState) -> SessionState {
    // DataFusion sorts for a join only where it has more than one partition to sort in.
    let partitions = state.config().target_partitions().max(2);
    let mut config = state.config().clone().with_target_partitions(partitions);
    config.options_mut().optimizer.prefer_hash_join = false;
    SessionStateBuilder::new_from_existing(state.clone()).with_config(config).build()
}
