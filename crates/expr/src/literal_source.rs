//! A literal as SQL text that gives the same value and type when it is parsed again: Spark's `Literal.sql`.

use std::fmt::Write;

use vonk_plan::Literal;

use crate::cast::text::{literal_name_in, literal_text};
use crate::cast::zone::Zone;
use crate::literal::variant_json;

/// The text; instants are written in the zone, which has to be the session's where it is parsed.
pub fn literal_source(value: &Literal, zone: &Zone) -> String {
    let plain = || literal_text(value, zone);
    let quoted = || quote(&plain());
    let cast = || format!("CAST({} AS {})", quoted(), value.data_type().sql());
    let list = |items: &mut dyn Iterator<Item = &Literal>| {
        items.map(|i| literal_source(i, zone)).collect::<Vec<_>>().join(", ")
    };
    match value {
        Literal::Null(t) => format!("CAST(NULL AS {})", t.sql()),
        Literal::Boolean(_) | Literal::Int(_) => plain(),
        Literal::Byte(_) => plain() + "Y",
        Literal::Short(_) => plain() + "S",
        Literal::Long(_) => plain() + "L",
        Literal::Double(v) if v.is_finite() => plain() + "D",
        Literal::Decimal(..) => plain() + "BD",
        Literal::String(s) => quote(s),
        Literal::Binary(bytes) => {
            let digits = bytes.iter().fold(String::new(), |mut out, b| {
                let _ = write!(out, "{b:02X}");
                out
            });
            format!("X'{digits}'")
        }
        Literal::Date(_) => format!("DATE {}", quoted()),
        Literal::Timestamp(_) => format!("TIMESTAMP {}", quoted()),
        Literal::TimestampNtz(_) => format!("TIMESTAMP_NTZ {}", quoted()),
        Literal::TimestampLtzNanos(..) | Literal::TimestampNtzNanos(..) => literal_name_in(value, zone),
        Literal::Time(..) => format!("TIME {}", quoted()),
        Literal::YearMonthInterval(..) | Literal::DayTimeInterval(..) => plain(),
        Literal::Array(_, items) => format!("ARRAY({})", list(&mut items.iter())),
        Literal::Map { keys, values, .. } => {
            format!("MAP({})", list(&mut keys.iter().zip(values).flat_map(|(k, v)| [k, v])))
        }
        Literal::Struct(fields, items) => {
            let pairs = fields.iter().zip(items);
            let pairs: Vec<_> =
                pairs.map(|(f, i)| format!("{}, {}", quote(&f.name), literal_source(i, zone))).collect();
            format!("NAMED_STRUCT({})", pairs.join(", "))
        }
        Literal::Udt(..) => match variant_json(value, zone) {
            Some(json) => format!("PARSE_JSON('{json}')"),
            None => cast(),
        },
        Literal::Float(_) | Literal::Double(_) | Literal::CalendarInterval { .. } => cast(),
    }
}

fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
