//! `pyspark.ml.feature`: one file per class, and the row functions they share.

pub mod assemble;
pub mod binarize;
pub mod bucketize;
pub mod index_strings;
pub mod index_to_string;
pub mod max_abs_scaler;
pub mod min_max_scaler;
pub mod normalize;
pub mod one_hot;
pub mod one_hot_encoder;
pub mod present;
pub mod rescale;
pub mod standard_scaler;
pub mod string_indexer;
pub mod tokenize;
pub mod vector_assembler;
