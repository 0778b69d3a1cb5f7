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

/// What stands for the variable: nothing for a key that is not set. `None` leaves the text as it is.
fn value(name: &str, conf: &SessionConf) -> Option<String> {
    if name.is_empty() || name.contains(char::is_whitespace) {
        return None;
    }
    let is_word = |s: &str| !s.is_empty() && s.chars().all(|c| c == '_' || c.is_ascii_alphanumeric());
    let key = match name.split_once(':').filter(|(prefix, key)| is_word(prefix) && !key.is_empty()) {
        None => name,
        Some(("spark" | "sparkconf" | "hivevar" | "hiveconf", key)) => key,
        // The server's own environment is not for its clients.
        Some(_) => return None,
    };
    Some(conf.get(key).unwrap_or_default().to_string())
}
