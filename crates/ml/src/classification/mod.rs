//! `pyspark.ml.classification`.

pub mod classify;
pub mod logistic_model;
pub mod logistic_regression;
pub mod summary;
