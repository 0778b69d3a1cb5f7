//! Variables in the text: `${key}`, `${spark:key}`, `${hivevar:key}`, `${env:NAME}` are replaced by
//! their values before the text is read, unless `spark.sql.variable.substitute` is off.

use std::borrow::Cow;

use vonk_common::SessionConf;

/// Replacements in one text; a value may hold further variables.
const MAX_REPLACEMENTS: usize = 40;

pub(crate) fn substitute<'t>(text: &'t str, conf: &SessionConf) -> Cow<'t, str> {
    if !text.contains("${") || !conf.get("spark.sql.variable.substitute").is_none_or(|v| v.eq_ignore_ascii_case("true"))
    {
        return Cow::Borrowed(text);
    }
    let mut out = text.to_string();
    let mut from = 0;
    for _ in 0..MAX_REPLACEMENTS {
        let Some(start) = out.get(from..).and_then(|r| r.find("${")).map(|i| i + from) else { break };
        let Some(len) = out.get(start..).and_then(|r| r.find('}')) else { break };
        let name = out.get(start + 2..start + len).unwrap_or_default();
        match value(name, conf) {
            Some(value) => {
                out.replace_range(start..=start + len, &value);
                from = start;
            }
            None => from = start + 2,
        }
    }
    Cow::Owned(out)
}

fn value(name: &str, conf: &SessionConf) -> Option<String> {
    match name.split_once(':') {
        None => conf.get(name).map(str::to_string),
        Some(("spark" | "sparkconf" | "hivevar" | "hiveconf", key)) => conf.get(key).map(str::to_string),
        // The server's own environment is not for its clients.
        Some(_) => None,
    }
}
