//! All classes that clients may name.

use vonk_common::SparkResult;

use crate::error::unsupported;
use crate::operator::{Class, Estimator, Evaluator, Role, Transformer};
use crate::{classification, clustering, evaluation, feature, regression};

static CLASSES: &[&Class] = &[
    &classification::linear_svc::CLASS,
    &classification::linear_svc::MODEL,
    &classification::logistic_regression::CLASS,
    &classification::logistic_regression::MODEL,
    &clustering::kmeans::CLASS,
    &clustering::kmeans::MODEL,
    &evaluation::binary::CLASS,
    &evaluation::clustering::CLASS,
    &evaluation::multiclass::CLASS,
    &evaluation::regression::CLASS,
    &feature::binarize::CLASS,
    &feature::bucketize::CLASS,
    &feature::index_to_string::CLASS,
    &feature::max_abs_scaler::CLASS,
    &feature::max_abs_scaler::MODEL,
    &feature::min_max_scaler::CLASS,
    &feature::min_max_scaler::MODEL,
    &feature::normalize::CLASS,
    &feature::one_hot_encoder::CLASS,
    &feature::one_hot_encoder::MODEL,
    &feature::standard_scaler::CLASS,
    &feature::standard_scaler::MODEL,
    &feature::string_indexer::CLASS,
    &feature::string_indexer::MODEL,
    &feature::tokenize::CLASS,
    &feature::vector_assembler::CLASS,
    &regression::linear_regression::CLASS,
    &regression::linear_regression::MODEL,
];

/// The class of that Java name. Error: `CONNECT_ML.UNSUPPORTED_EXCEPTION`.
pub fn class(name: &str) -> SparkResult<&'static Class> {
    CLASSES.iter().copied().find(|c| c.name == name).ok_or_else(|| unsupported(format!("Unsupported class {name}.")))
}

pub fn estimator(name: &str) -> SparkResult<(&'static Class, &'static dyn Estimator)> {
    match class(name)? {
        c @ Class { role: Role::Estimator(e), .. } => Ok((c, *e)),
        _ => Err(unsupported(format!("Unsupported estimator {name}."))),
    }
}

pub fn transformer(name: &str) -> SparkResult<(&'static Class, &'static dyn Transformer)> {
    match class(name)? {
        c @ Class { role: Role::Transformer(t), .. } => Ok((c, *t)),
        _ => Err(unsupported(format!("Unsupported transformer {name}."))),
    }
}

pub fn evaluator(name: &str) -> SparkResult<(&'static Class, &'static dyn Evaluator)> {
    match class(name)? {
        c @ Class { role: Role::Evaluator(e), .. } => Ok((c, *e)),
        _ => Err(unsupported(format!("Unsupported evaluator {name}."))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_defaults_are_valid() -> SparkResult<()> {
        for (i, c) in CLASSES.iter().enumerate() {
            assert!(CLASSES.iter().skip(i + 1).all(|o| o.name != c.name), "{}", c.name);
            let params = c.params("uid");
            for p in c.params {
                if let Some(value) = params.find(p.name) {
                    c.params("uid").with(&[(p.name.to_string(), value)])?;
                }
            }
        }
        Ok(())
    }
}
