//! `pyspark.ml.regression`.

pub mod least_squares;
pub mod linear_model;
pub mod linear_regression;
pub mod normal_equations;
pub mod predict;
pub mod student;
