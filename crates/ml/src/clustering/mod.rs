//! `pyspark.ml.clustering`.

pub mod assign;
pub mod kmeans;
pub mod kmeans_model;
pub mod kmeans_start;
