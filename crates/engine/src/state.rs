//! DataFusion's session state as Vonk wants it.
//!
//! Plans arrive fully typed, so type coercion is left out. Row order is kept wherever Spark keeps it:
//! no round-robin repartitioning, and partitions are gathered in order ([`crate::operators::gather`]).

use std::sync::Arc;

use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::optimizer::Analyzer;
use datafusion::prelude::SessionConfig;
use vonk_common::SessionConf;

use crate::operators::gather::GatherInOrder;
use crate::operators::planner::Planner;
use crate::server::Server;

/// Rows of a batch (`spark.sql.execution.arrow.maxRecordsPerBatch` is 10,000; this is for caches).
const BATCH_ROWS: usize = 8192;

/// The state of a session with these settings.
pub fn build(server: &Server, conf: &SessionConf, id: &str) -> SessionState {
    let rules = Analyzer::new().rules.into_iter().filter(|r| r.name() != "type_coercion").collect();
    SessionStateBuilder::new()
        .with_default_features()
        .with_session_id(id.to_string())
        .with_config(config(server, conf))
        .with_runtime_env(Arc::clone(&server.runtime))
        .with_analyzer_rules(rules)
        .with_query_planner(Arc::new(Planner))
        .with_physical_optimizer_rule(Arc::new(GatherInOrder))
        .build()
}

fn config(server: &Server, conf: &SessionConf) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_target_partitions(server.parallelism)
        .with_batch_size(BATCH_ROWS)
        .with_round_robin_repartition(false)
        .with_information_schema(false);
    let options = config.options_mut();
    options.execution.time_zone = Some(conf.time_zone().to_string());
    options.execution.skip_physical_aggregate_schema_check = true;
    options.execution.collect_statistics = true;
    options.execution.parquet.pushdown_filters = conf.bool("spark.sql.parquet.filterPushdown");
    options.execution.parquet.reorder_filters = true;
    options.execution.parquet.schema_force_view_types = false;
    options.execution.parquet.binary_as_string = conf.bool("spark.sql.parquet.binaryAsString");
    // Every sort of a plan sets this aside for its merge, small pools included.
    let share = server.memory_bytes / (32 * server.parallelism);
    options.execution.sort_spill_reservation_bytes = share.clamp(256 << 10, 10 << 20);
    options.optimizer.skip_failed_rules = false;
    options.optimizer.expand_views_at_output = false;
    options.optimizer.prefer_existing_sort = true;
    config
}

/// The same state with joins planned for data that do not fit in memory: by sorting.
pub fn without_hash_joins(state: &SessionState) -> SessionState {
    let mut config = state.config().clone();
    config.options_mut().optimizer.prefer_hash_join = false;
    SessionStateBuilder::new_from_existing(state.clone()).with_config(config).build()
}
