//! `url_encode`, `url_decode`, `try_url_decode` (of HTML forms), `parse_url`, `try_parse_url`.

use std::borrow::Cow;

use datafusion::arrow::array::StringArray;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::columns::string_rows;
use vonk_expr::context::Nullability;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, TypedExpr, Want, not_null};
use vonk_plan::types::DataType;

pub static SPECS: &[FunctionSpec] = &[
    FunctionSpec::scalar("url_encode", "url_funcs", |c, a| build(c, a, &ENCODE))
        .usage("The string as it stands in the query of a URL.")
        .kernels(&[&ENCODE]),
    FunctionSpec::scalar("url_decode", "url_funcs", |c, a| build(c, a, &DECODE))
        .usage("The string that was encoded for a URL.")
        .kernels(&[&DECODE]),
    FunctionSpec::scalar("try_url_decode", "url_funcs", |c, a| build(c, a, &TRY_DECODE))
        .usage("As url_decode, NULL where the string is malformed.")
        .kernels(&[&TRY_DECODE]),
    FunctionSpec::scalar("parse_url", "url_funcs", |c, a| parts(c, a, &PARSE))
        .usage("A part of a URL.")
        .kernels(&[&PARSE]),
    FunctionSpec::scalar("try_parse_url", "url_funcs", |c, a| parts(c, a, &TRY_PARSE))
        .usage("As parse_url, NULL where the URL is malformed.")
        .kernels(&[&TRY_PARSE]),
];

static ENCODE: Kernel = Kernel::new("url_encode", encode);
static DECODE: Kernel = Kernel::new("url_decode", |c, a, n| decode(c, a, n, false));
static TRY_DECODE: Kernel = Kernel::new("try_url_decode", |c, a, n| decode(c, a, n, true));
static PARSE: Kernel = Kernel::new("parse_url", |c, a, n| parse(c, a, n, false));
static TRY_PARSE: Kernel = Kernel::new("try_parse_url", |c, a, n| parse(c, a, n, true));

fn build(ctx: &FnContext, args: Vec<TypedExpr>, kernel: &'static Kernel) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 1, &[Want::Str])?;
    Ok(ctx.call(kernel, args, DataType::STRING, Nullability::Always))
}

fn parts(ctx: &FnContext, args: Vec<TypedExpr>, kernel: &'static Kernel) -> SparkResult<TypedExpr> {
    let args = ctx.expect(args, 2, &[Want::Str, Want::Str, Want::Str])?;
    Ok(ctx.call(kernel, args, DataType::STRING, Nullability::Always))
}

fn encode(_: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let text = Col::<StringArray>::new(args, 0)?;
    string_rows(rows, text.array().value_data().len() * 2, |i, out| {
        for b in not_null!(text.get(i)).bytes() {
            match b {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'*' | b'_' => out.push(char::from(b)),
                b' ' => out.push('+'),
                b => out.push_str(&format!("%{b:02X}")),
            }
        }
        Ok(Some(()))
    })
}

/// Decodes `+` and `%xx`; `None` if a `%` is not followed by two hexadecimal digits.
fn decoded(s: &str) -> Option<String> {
    let mut out = Vec::with_capacity(s.len());
    let mut bytes = s.bytes();
    while let Some(b) = bytes.next() {
        match b {
            b'+' => out.push(b' '),
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                out.push((digit()? * 16 + digit()?) as u8);
            }
            b => out.push(b),
        }
    }
    Some(String::from_utf8_lossy(&out).into_owned())
}

fn decode(call: &Call, args: &[ColumnarValue], rows: usize, tolerant: bool) -> DfResult<ColumnarValue> {
    let text = Col::<StringArray>::new(args, 0)?;
    string_rows(rows, text.array().value_data().len(), |i, out| {
        let s = not_null!(text.get(i));
        match decoded(s) {
            Some(plain) => out.push_str(&plain),
            None if tolerant => return Ok(None),
            None => return Err(call.error(SparkError::new("CANNOT_DECODE_URL").param("url", s))),
        }
        Ok(Some(()))
    })
}

/// The parts of a URI as `java.net.URI` cuts them.
#[derive(Debug, Default, PartialEq)]
struct Uri<'a> {
    scheme: Option<&'a str>,
    authority: Option<&'a str>,
    path: Option<&'a str>,
    query: Option<&'a str>,
    fragment: Option<&'a str>,
}

impl<'a> Uri<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let bytes = text.as_bytes();
        for (i, c) in text.char_indices() {
            let legal = match c {
                '%' => bytes.get(i + 1..i + 3).is_some_and(|h| h.iter().all(u8::is_ascii_hexdigit)),
                c if c.is_ascii_alphanumeric() => true,
                c if c.is_ascii() => "-_.!~*'();/?:@&=+$,#[]".contains(c),
                c => !c.is_control() && !c.is_whitespace(),
            };
            if !legal {
                return None;
            }
        }
        let mut uri = Uri::default();
        let (mut rest, fragment) = match text.split_once('#') {
            Some((rest, fragment)) => (rest, Some(fragment)),
            None => (text, None),
        };
        uri.fragment = fragment;
        if let Some(colon) = rest.find([':', '/', '?']).filter(|i| bytes.get(*i) == Some(&b':')) {
            let scheme = &rest[..colon];
            let valid = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
            if !valid {
                return None;
            }
            uri.scheme = Some(scheme);
            rest = &rest[colon + 1..];
            if rest.is_empty() {
                return None;
            }
            if !rest.starts_with('/') {
                // Opaque: no parts.
                return Some(uri);
            }
        }
        if let Some(after) = rest.strip_prefix("//") {
            let end = after.find(['/', '?']).unwrap_or(after.len());
            if end == 0 && after.is_empty() {
                return None;
            }
            uri.authority = Some(&after[..end]).filter(|a| !a.is_empty());
            rest = &after[end..];
        }
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (rest, None),
        };
        uri.path = Some(path);
        uri.query = query;
        Some(uri)
    }

    /// User information and host, if the authority is that of a server.
    fn server(&self) -> (Option<&'a str>, Option<&'a str>) {
        let Some(authority) = self.authority else { return (None, None) };
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        let host = match host.strip_prefix('[').and_then(|h| h.find(']')) {
            Some(end) => &host[..end + 2],
            None => {
                let (name, port) = host.split_once(':').unwrap_or((host, ""));
                let named = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
                if !port.bytes().all(|b| b.is_ascii_digit()) || !name.chars().all(named) || name.is_empty() {
                    return (None, None);
                }
                name
            }
        };
        (user, Some(host))
    }

    fn part(&self, name: &str) -> Option<Cow<'a, str>> {
        match name {
            "HOST" => self.server().1.map(Into::into),
            "PATH" => self.path.map(Into::into),
            "QUERY" => self.query.map(Into::into),
            "REF" => self.fragment.map(Into::into),
            "PROTOCOL" => self.scheme.map(Into::into),
            "FILE" => match (self.path, self.query) {
                (Some(path), Some(query)) => Some(format!("{path}?{query}").into()),
                (path, _) => path.map(Into::into),
            },
            "AUTHORITY" => self.authority.map(Into::into),
            "USERINFO" => self.server().0.map(Into::into),
            _ => None,
        }
    }
}

fn parse(call: &Call, args: &[ColumnarValue], rows: usize, tolerant: bool) -> DfResult<ColumnarValue> {
    let url = Col::<StringArray>::new(args, 0)?;
    let part = Col::<StringArray>::new(args, 1)?;
    let key = if args.len() > 2 { Some(Col::<StringArray>::new(args, 2)?) } else { None };
    string_rows(rows, rows * 16, |i, out| {
        let (text, part) = not_null!(url.get(i), part.get(i));
        let key = match &key {
            Some(key) => Some(not_null!(key.get(i))),
            None => None,
        };
        if key.is_some() && part != "QUERY" {
            return Ok(None);
        }
        let uri = match Uri::parse(text) {
            Some(uri) => uri,
            None if tolerant || !call.ansi => return Ok(None),
            None => return Err(call.error(SparkError::new("INVALID_URL").param("url", text))),
        };
        let found = not_null!(uri.part(part));
        match key {
            None => out.push_str(&found),
            Some(key) => {
                let value = found.split('&').find_map(|pair| pair.split_once('=').filter(|(k, _)| *k == key));
                out.push_str(not_null!(value).1);
            }
        }
        Ok(Some(()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_urls() {
        let url = "http://user:pw@h:80/p/a?q=1&r=2#f";
        for (text, part, want) in [
            (url, "HOST", Some("h")),
            (url, "PATH", Some("/p/a")),
            (url, "FILE", Some("/p/a?q=1&r=2")),
            (url, "AUTHORITY", Some("user:pw@h:80")),
            (url, "USERINFO", Some("user:pw")),
            (url, "REF", Some("f")),
            ("http://h_1/p", "HOST", None),
            ("https://[::1]:80/x", "HOST", Some("[::1]")),
            ("//h/p", "HOST", Some("h")),
            ("p", "PATH", Some("p")),
            ("http://h?a=1", "FILE", Some("?a=1")),
            ("mailto:a@b", "HOST", None),
        ] {
            let got = Uri::parse(text).and_then(|u| u.part(part).map(|s| s.to_string()));
            assert_eq!(got.as_deref(), want, "{text} {part}");
        }
        assert_eq!(Uri::parse("inva lid"), None);
    }
}
