//! Spark's configuration keys and their defaults.

use crate::SparkResult;

pub(super) const DEFAULTS: &[(&str, &str)] =
    &[("spark.sql.ansi.enabled", "true"), ("spark.sql.session.timeZone", "UTC")];

pub(super) fn check(_key: &str, _value: &str) -> SparkResult<()> {
    Ok(())
}

pub(super) fn is_modifiable(key: &str) -> bool {
    key.starts_with("spark.sql.")
}
