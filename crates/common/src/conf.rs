//! The configuration of one session: Spark's keys, Spark's defaults, and typed access to the few
//! that the engine itself reads. Unknown keys are kept, as Spark keeps them.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use crate::{SparkError, SparkResult};

mod defaults;

static DEFAULTS: LazyLock<HashMap<&'static str, &'static str>> =
    LazyLock::new(|| defaults::DEFAULTS.iter().copied().collect());

/// Settings of a session. Cloned into every operation, so that a query sees one state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionConf {
    set: BTreeMap<String, String>,
}

impl SessionConf {
    pub fn new() -> Self {
        Self::default()
    }

    /// The value set, else Spark's default, else none.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.set.get(key).map(String::as_str).or_else(|| DEFAULTS.get(key).copied())
    }

    /// Only what was set in this session.
    pub fn get_explicit(&self, key: &str) -> Option<&str> {
        self.set.get(key).map(String::as_str)
    }

    pub fn default_of(key: &str) -> Option<&'static str> {
        DEFAULTS.get(key).copied()
    }

    /// Whether the value is of the key's type.
    pub fn check_type(key: &str, value: &str) -> SparkResult<()> {
        defaults::check_type(key, value)
    }

    /// Sets a key after checking the value against the key's type and its `static` mark.
    pub fn set(&mut self, key: &str, value: &str) -> SparkResult<()> {
        defaults::check(key, value)?;
        self.set.insert(key.to_string(), value.to_string());
        Ok(())
    }

    /// Sets a key without checks: for what the server itself decides.
    pub fn force(&mut self, key: impl Into<String>, value: impl Into<String>) {
        self.set.insert(key.into(), value.into());
    }

    pub fn unset(&mut self, key: &str) -> SparkResult<()> {
        defaults::check_not_fixed(key)?;
        self.set.remove(key);
        Ok(())
    }

    pub fn clear(&mut self) {
        self.set.clear();
    }

    /// Static keys are fixed when the server starts; unknown keys count as not modifiable, as Spark
    /// says of them in `isModifiable`.
    pub fn is_modifiable(key: &str) -> bool {
        defaults::is_modifiable(key)
    }

    /// All explicitly set pairs, ordered by key.
    pub fn explicit(&self) -> impl Iterator<Item = (&str, &str)> {
        self.set.iter().map(|(k, v)| (k.as_str(), v.as_str()))
    }

    /// All pairs that have a value, ordered by key.
    pub fn all(&self) -> BTreeMap<&str, &str> {
        let mut out: BTreeMap<&str, &str> = DEFAULTS.iter().map(|(k, v)| (*k, *v)).collect();
        out.extend(self.explicit());
        out
    }

    pub fn bool(&self, key: &str) -> bool {
        self.get(key).is_some_and(|v| v.trim().eq_ignore_ascii_case("true"))
    }

    pub fn i64(&self, key: &str) -> Option<i64> {
        self.get(key).and_then(|v| v.trim().parse().ok())
    }

    /// `spark.sql.ansi.enabled`: errors instead of NULL or wrap-around.
    pub fn ansi(&self) -> bool {
        self.bool("spark.sql.ansi.enabled")
    }

    /// `spark.sql.session.timeZone`, e.g. `America/Los_Angeles` or `+01:00`.
    pub fn time_zone(&self) -> &str {
        self.get("spark.sql.session.timeZone").unwrap_or("UTC")
    }

    /// `spark.sql.caseSensitive`.
    pub fn case_sensitive(&self) -> bool {
        self.bool("spark.sql.caseSensitive")
    }

    /// `spark.sql.timestampNanosTypes.enabled`.
    pub fn timestamp_nanos(&self) -> bool {
        self.bool(TIMESTAMP_NANOS)
    }

    /// Error: `FEATURE_NOT_ENABLED`, where there are no timestamps of nanoseconds.
    pub fn check_timestamp_nanos(&self) -> SparkResult<()> {
        match self.timestamp_nanos() {
            true => Ok(()),
            false => Err(SparkError::not_enabled("Nanosecond-precision timestamp types", TIMESTAMP_NANOS)),
        }
    }
}

const TIMESTAMP_NANOS: &str = "spark.sql.timestampNanosTypes.enabled";
