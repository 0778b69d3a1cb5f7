//! `pyspark.ml.evaluation`: evaluators, and the measures they share with summaries.

pub mod binary;
pub mod binary_metrics;
pub mod clustering;
pub mod multiclass;
pub mod multiclass_metrics;
pub mod regression;
