//! `pyspark.ml.classification`.

pub mod classify;
pub mod linear_svc;
pub mod logistic_model;
pub mod logistic_regression;
pub mod scaled_objective;
pub mod summary;
