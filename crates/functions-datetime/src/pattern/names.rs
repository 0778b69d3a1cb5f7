//! Names of months, days, eras and zones in English.

use chrono::{DateTime, Offset, TimeZone};
use chrono_tz::{OffsetName, Tz};
use vonk_expr::cast::zone::Zone;

pub const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
/// From Monday.
pub const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
pub const QUARTERS: [&str; 4] = ["1st quarter", "2nd quarter", "3rd quarter", "4th quarter"];
pub const SHORT_QUARTERS: [&str; 4] = ["Q1", "Q2", "Q3", "Q4"];
pub const ERAS: [&str; 2] = ["Before Christ", "Anno Domini"];
pub const SHORT_ERAS: [&str; 2] = ["BC", "AD"];
pub const HALVES: [&str; 2] = ["AM", "PM"];

/// Short name, long name, and the region Java takes the short one for when it reads.
const ZONES: &[(&str, &str, &str)] = &[
    ("PST", "Pacific Standard Time", "America/Los_Angeles"),
    ("PDT", "Pacific Daylight Time", "America/Los_Angeles"),
    ("MST", "Mountain Standard Time", "America/Denver"),
    ("MDT", "Mountain Daylight Time", "America/Denver"),
    ("CST", "Central Standard Time", "America/Chicago"),
    ("CDT", "Central Daylight Time", "America/Chicago"),
    ("EST", "Eastern Standard Time", "America/New_York"),
    ("EDT", "Eastern Daylight Time", "America/New_York"),
    ("AST", "Atlantic Standard Time", "America/Halifax"),
    ("ADT", "Atlantic Daylight Time", "America/Halifax"),
    ("AKST", "Alaska Standard Time", "America/Anchorage"),
    ("AKDT", "Alaska Daylight Time", "America/Anchorage"),
    ("HST", "Hawaii-Aleutian Standard Time", "Pacific/Honolulu"),
    ("GMT", "Greenwich Mean Time", "GMT"),
    ("UTC", "Coordinated Universal Time", "UTC"),
    ("BST", "British Summer Time", "Europe/London"),
    ("WET", "Western European Standard Time", "Europe/Lisbon"),
    ("WEST", "Western European Summer Time", "Europe/Lisbon"),
    ("CET", "Central European Standard Time", "Europe/Paris"),
    ("CEST", "Central European Summer Time", "Europe/Paris"),
    ("EET", "Eastern European Standard Time", "Europe/Bucharest"),
    ("EEST", "Eastern European Summer Time", "Europe/Bucharest"),
    ("MSK", "Moscow Standard Time", "Europe/Moscow"),
    ("IST", "India Standard Time", "Asia/Kolkata"),
    ("JST", "Japan Standard Time", "Asia/Tokyo"),
    ("KST", "Korean Standard Time", "Asia/Seoul"),
    ("HKT", "Hong Kong Standard Time", "Asia/Hong_Kong"),
    ("PKT", "Pakistan Standard Time", "Asia/Karachi"),
    ("WIB", "Western Indonesia Time", "Asia/Jakarta"),
    ("AEST", "Australian Eastern Standard Time", "Australia/Sydney"),
    ("AEDT", "Australian Eastern Daylight Time", "Australia/Sydney"),
    ("ACST", "Australian Central Standard Time", "Australia/Darwin"),
    ("ACDT", "Australian Central Daylight Time", "Australia/Adelaide"),
    ("AWST", "Australian Western Standard Time", "Australia/Perth"),
    ("NZST", "New Zealand Standard Time", "Pacific/Auckland"),
    ("NZDT", "New Zealand Daylight Time", "Pacific/Auckland"),
    ("SAST", "South Africa Standard Time", "Africa/Johannesburg"),
    ("EAT", "East Africa Time", "Africa/Nairobi"),
    ("CAT", "Central Africa Time", "Africa/Maputo"),
    ("WAT", "West Africa Standard Time", "Africa/Lagos"),
];

/// Names that mean another zone in these regions.
const LONG_ELSEWHERE: &[(&str, &str, &str)] = &[
    ("CST", "Asia/Shanghai", "China Standard Time"),
    ("CST", "Asia/Taipei", "Taipei Standard Time"),
    ("IST", "Europe/Dublin", "Irish Standard Time"),
    ("IST", "Asia/Jerusalem", "Israel Standard Time"),
    ("IDT", "Asia/Jerusalem", "Israel Daylight Time"),
];

/// A zone's identifier as Java prints it: old short names are regions, offsets have two digits.
pub fn zone_id(name: &str) -> String {
    let (prefix, tail) =
        ["UTC", "GMT", "UT"].iter().find_map(|p| name.strip_prefix(p).map(|tail| (*p, tail))).unwrap_or(("", name));
    if tail.starts_with(['+', '-']) {
        let seconds = Zone::parse(name).map_or(0, |z| z.offset_at(0));
        return if seconds == 0 && !prefix.is_empty() {
            prefix.to_string()
        } else if seconds == 0 {
            "Z".to_string()
        } else {
            format!("{prefix}{}", offset_id(seconds))
        };
    }
    let long = match name {
        "EST" => "-05:00",
        "MST" => "-07:00",
        "HST" => "-10:00",
        "PST" => "America/Los_Angeles",
        "CST" => "America/Chicago",
        "PNT" => "America/Phoenix",
        "IET" => "America/Indiana/Indianapolis",
        "AST" => "America/Anchorage",
        "JST" => "Asia/Tokyo",
        "IST" => "Asia/Kolkata",
        "CTT" => "Asia/Shanghai",
        "ECT" => "Europe/Paris",
        "BST" => "Asia/Dhaka",
        "AET" => "Australia/Sydney",
        "NST" => "Pacific/Auckland",
        other => other,
    };
    long.to_string()
}

/// `+08:00`, with seconds if there are any.
pub fn offset_id(seconds: i32) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let total = seconds.abs();
    let (h, m, s) = (total / 3600, total / 60 % 60, total % 60);
    if s == 0 { format!("{sign}{h:02}:{m:02}") } else { format!("{sign}{h:02}:{m:02}:{s:02}") }
}

/// The zone's name at a moment (seconds since the epoch): `PST` or `Pacific Standard Time`.
pub fn zone_name(id: &str, second: i64, full: bool) -> String {
    let short = match id.parse::<Tz>() {
        // Times before the tables are local mean time in the tables, standard time in Java.
        Ok(tz) => abbreviation(tz, second.max(-1_500_000_000)),
        Err(_) => id.to_string(),
    };
    let short = if matches!(short.as_str(), "UCT" | "Z") { "UTC".to_string() } else { short };
    if !full {
        return if short.starts_with(['+', '-']) && id.contains('/') {
            format!("GMT{}", offset_id(Zone::parse(id).map_or(0, |z| z.offset_at(second))))
        } else {
            short
        };
    }
    if let Some((.., long)) = LONG_ELSEWHERE.iter().find(|(s, region, _)| *s == short && *region == id) {
        return long.to_string();
    }
    ZONES.iter().find(|(s, ..)| *s == short).map_or(short, |(_, long, _)| long.to_string())
}

fn abbreviation(tz: Tz, second: i64) -> String {
    DateTime::from_timestamp(second, 0)
        .and_then(|t| {
            let offset = tz.offset_from_utc_datetime(&t.naive_utc());
            let name = offset.abbreviation().map(str::to_string);
            name.or_else(|| Some(offset_id(offset.fix().local_minus_utc())))
        })
        .unwrap_or_default()
}

/// The zone whose name stands at the start of the text, and the name's length.
pub fn read_zone(text: &str, names: bool) -> Option<(Zone, usize)> {
    if names {
        let short = |name: &str| text.get(..name.len()).is_some_and(|t| t.eq_ignore_ascii_case(name));
        let found = ZONES
            .iter()
            .flat_map(|(s, l, region)| [(*s, *region), (*l, *region)])
            .filter(|(name, _)| short(name))
            .max_by_key(|(name, _)| name.len());
        if let Some((name, region)) = found
            && !text[name.len()..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/')
        {
            return Zone::parse(region).map(|z| (z, name.len()));
        }
    }
    let length = text.find(|c: char| !c.is_ascii_alphanumeric() && !"/_+-:~".contains(c)).unwrap_or(text.len());
    (1..=length).rev().find_map(|n| Zone::parse(&text[..n]).map(|z| (z, n)))
}
