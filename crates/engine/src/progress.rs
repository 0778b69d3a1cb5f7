//! How far a running query is: readable at any time from another thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use parking_lot::Mutex;

/// The counters of one query.
#[derive(Debug, Default)]
pub struct Progress {
    plan: Mutex<Option<Arc<dyn ExecutionPlan>>>,
    rows_out: AtomicU64,
    bytes_out: AtomicU64,
    done: AtomicBool,
}

/// A reading of the counters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProgressSnapshot {
    /// Partitions of all operators that read data or shuffle it.
    pub tasks: u64,
    pub tasks_done: u64,
    pub bytes_read: u64,
    pub rows_out: u64,
    pub bytes_out: u64,
    pub done: bool,
}

/// A metric of one operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorMetrics {
    pub operator: String,
    pub id: usize,
    pub parent: Option<usize>,
    pub values: Vec<(String, u64)>,
}

impl Progress {
    pub(crate) fn started(&self, plan: &Arc<dyn ExecutionPlan>) {
        *self.plan.lock() = Some(Arc::clone(plan));
    }

    pub(crate) fn put_out(&self, rows: usize, bytes: usize) {
        self.rows_out.fetch_add(rows as u64, Ordering::Relaxed);
        self.bytes_out.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn finished(&self) {
        self.done.store(true, Ordering::Release);
    }

    pub fn snapshot(&self) -> ProgressSnapshot {
        let mut out = ProgressSnapshot {
            rows_out: self.rows_out.load(Ordering::Relaxed),
            bytes_out: self.bytes_out.load(Ordering::Relaxed),
            done: self.done.load(Ordering::Acquire),
            ..ProgressSnapshot::default()
        };
        let plan = self.plan.lock().clone();
        if let Some(plan) = plan {
            count(&plan, &mut out);
        }
        if out.done {
            out.tasks_done = out.tasks;
        }
        out
    }

    /// The metrics of every operator, parents before children.
    pub fn operators(&self) -> Vec<OperatorMetrics> {
        let mut out = vec![];
        let plan = self.plan.lock().clone();
        if let Some(plan) = plan {
            collect(&plan, None, &mut out);
        }
        out
    }
}

fn count(plan: &Arc<dyn ExecutionPlan>, out: &mut ProgressSnapshot) {
    let children = plan.children();
    if children.is_empty() {
        let partitions = plan.output_partitioning().partition_count() as u64;
        out.tasks += partitions;
        if let Some(metrics) = plan.metrics() {
            let scanned = metrics.sum_by_name("bytes_scanned").map_or(0, |v| v.as_usize());
            out.bytes_read += scanned as u64;
            let ended = metrics.iter().filter(|m| m.value().name() == "end_timestamp" && m.value().as_usize() > 0);
            out.tasks_done += (ended.count() as u64).min(partitions);
        }
    }
    for child in children {
        count(child, out);
    }
}

fn collect(plan: &Arc<dyn ExecutionPlan>, parent: Option<usize>, out: &mut Vec<OperatorMetrics>) {
    let id = out.len();
    let metrics = plan.metrics().map(|m| m.aggregate_by_name());
    let values = metrics.iter().flat_map(|m| m.iter());
    out.push(OperatorMetrics {
        operator: plan.name().to_string(),
        id,
        parent,
        values: values.map(|m| (m.value().name().to_string(), m.value().as_usize() as u64)).collect(),
    });
    for child in plan.children() {
        collect(child, Some(id), out);
    }
}
