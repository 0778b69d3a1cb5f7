//! `SET`, `RESET`, `SET TIME ZONE`.

use std::sync::Arc;

use vonk_common::error::quote_sql;
use vonk_common::{SessionConf, SparkError, SparkResult};
use vonk_plan::Expr;
use vonk_plan::types::DataType;

use super::rows::{Cell, Rows};
use crate::session::Session;

const KEY_VALUE: [(&str, DataType, bool); 2] = [("key", DataType::STRING, false), ("value", DataType::STRING, false)];

/// Keys whose values are not shown, as Spark's redaction does.
fn redacted(key: &str, value: &str) -> String {
    let lower = key.to_ascii_lowercase();
    let secret = ["secret", "password", "token", "access.key", "accesskey"].iter().any(|s| lower.contains(s));
    if secret { "*********(redacted)".into() } else { value.to_string() }
}

pub(super) fn set(session: &Session, key: Option<String>, value: Option<String>) -> SparkResult<Rows> {
    let mut conf = session.conf_lock().write();
    match (key, value) {
        (None, _) => {
            let rows = conf.explicit().map(|(k, v)| vec![Cell::from(k), redacted(k, v).into()]).collect();
            Rows::new(&KEY_VALUE, rows)
        }
        (Some(key), None) => {
            let value = conf.get(&key).map_or_else(|| "<undefined>".to_string(), |v| redacted(&key, v));
            Rows::new(&KEY_VALUE, vec![vec![key.into(), value.into()]])
        }
        (Some(key), Some(value)) => {
            conf.set(&key, &value)?;
            Rows::new(&KEY_VALUE, vec![vec![key.into(), value.into()]])
        }
    }
}

pub(super) fn set_verbose(session: &Session) -> SparkResult<Rows> {
    let conf = session.conf();
    let rows = conf
        .all()
        .into_iter()
        .filter(|(k, _)| k.starts_with("spark.sql."))
        .map(|(k, v)| vec![Cell::from(k), redacted(k, v).into(), "".into(), "".into()])
        .collect();
    let text = DataType::STRING;
    Rows::new(
        &[
            ("key", text.clone(), false),
            ("value", text.clone(), false),
            ("meaning", text.clone(), false),
            ("Since version", text, false),
        ],
        rows,
    )
}

/// The zone is a string (`'+1'`, `'Asia/Tokyo'`), an interval, or the name LOCAL.
pub(super) async fn set_time_zone(session: &Arc<Session>, zone: Expr) -> SparkResult<Rows> {
    let literal = session.constant(zone).await?;
    let text = match &literal {
        vonk_plan::Literal::String(s) if s.eq_ignore_ascii_case("local") => {
            SessionConf::default_of("spark.sql.session.timeZone").unwrap_or("UTC").to_string()
        }
        vonk_plan::Literal::String(s) => s.to_string(),
        vonk_plan::Literal::DayTimeInterval(us, ..) => offset(*us)?,
        vonk_plan::Literal::CalendarInterval { microseconds, .. } => offset(*microseconds)?,
        other => {
            return Err(SparkError::new("INVALID_CONF_VALUE.TIME_ZONE")
                .param("confValue", quote_sql(format!("{other:?}")))
                .param("confName", quote_sql("spark.sql.session.timeZone")));
        }
    };
    set(session, Some("spark.sql.session.timeZone".into()), Some(text))
}

/// A zone offset such as `+08:30` of an interval.
fn offset(microseconds: i64) -> SparkResult<String> {
    let seconds = microseconds / 1_000_000;
    if seconds.abs() > 18 * 3600 {
        // Told in days where it has any, else in hours.
        let shown = if seconds / 86_400 != 0 { seconds / 86_400 } else { seconds / 3600 };
        return Err(SparkError::new("INVALID_INTERVAL_FORMAT.TIMEZONE_INTERVAL_OUT_OF_RANGE").param("input", shown));
    }
    let sign = if seconds < 0 { '-' } else { '+' };
    let s = seconds.abs();
    Ok(match s % 60 {
        0 => format!("{sign}{:02}:{:02}", s / 3600, s / 60 % 60),
        rest => format!("{sign}{:02}:{:02}:{rest:02}", s / 3600, s / 60 % 60),
    })
}

pub(super) fn reset(session: &Session, key: Option<String>) -> SparkResult<Rows> {
    let defaults = session.server.default_settings().clone();
    let mut conf = session.conf_lock().write();
    match key {
        None => *conf = defaults,
        Some(key) => {
            conf.unset(&key)?;
            if let Some(value) = defaults.get_explicit(&key) {
                conf.force(key.as_str(), value);
            }
        }
    }
    Ok(Rows::none())
}
