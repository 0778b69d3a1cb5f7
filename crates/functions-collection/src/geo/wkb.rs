//! The well-known binary form of geometries, checked and written in the byte order that is wanted.
//!
//! Points, lines, polygons, their collections and collections of anything, with Z and M (types
//! above 1000, 2000 and 3000). What is no such form is a [`Fault`] with its place.

use vonk_common::SparkError;

/// Deepest nesting of collections.
const MAX_DEPTH: usize = 64;

#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    pub what: &'static str,
    pub at: usize,
}

impl Fault {
    pub fn error(self) -> SparkError {
        SparkError::new("WKB_PARSE_ERROR").param("parseError", self.what).param("pos", self.at)
    }
}

const END: &str = "Unexpected end of WKB buffer";

/// Appends the form in the byte order; `globe` holds coordinates to longitudes and latitudes.
pub fn rewrite(bytes: &[u8], little: bool, globe: bool, out: &mut Vec<u8>) -> Result<(), Fault> {
    if bytes.len() < 5 {
        return Err(Fault { what: END, at: 0 });
    }
    let mut reader = Reader { bytes, at: 0, from_little: true, little, globe };
    reader.geometry(out, None, 0)?;
    match reader.at == bytes.len() {
        true => Ok(()),
        false => Err(Fault { what: "WKB contains trailing bytes", at: reader.at }),
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    from_little: bool,
    little: bool,
    globe: bool,
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let found = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<N>()).copied();
        let found = found.ok_or(Fault { what: END, at: self.at })?;
        self.at += N;
        Ok(found)
    }

    /// A number, copied in the order that is wanted.
    fn number(&mut self, out: &mut Vec<u8>) -> Result<u32, Fault> {
        let bytes = self.take::<4>()?;
        let value = if self.from_little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) };
        out.extend(if self.little { value.to_le_bytes() } else { value.to_be_bytes() });
        Ok(value)
    }

    fn coordinate(&mut self, out: &mut Vec<u8>) -> Result<f64, Fault> {
        let bytes = self.take::<8>()?;
        let value = if self.from_little { f64::from_le_bytes(bytes) } else { f64::from_be_bytes(bytes) };
        out.extend(if self.little { value.to_le_bytes() } else { value.to_be_bytes() });
        Ok(value)
    }

    /// A point; only one that stands by itself may be empty (all NaN).
    fn point(&mut self, out: &mut Vec<u8>, size: usize, alone: bool) -> Result<(), Fault> {
        let start = self.at;
        let mut values = [0.0; 4];
        for value in values.iter_mut().take(size) {
            *value = self.coordinate(out)?;
        }
        let own = values.get(..size).unwrap_or_default();
        let empty = alone && own.iter().all(|v| v.is_nan());
        let [x, y, ..] = values;
        let off = self.globe && !(x.abs() <= 180.0 && y.abs() <= 90.0);
        match !empty && (own.iter().any(|v| !v.is_finite()) || off) {
            true => Err(Fault { what: "Invalid coordinate value found", at: start }),
            false => Ok(()),
        }
    }

    fn points(&mut self, out: &mut Vec<u8>, size: usize) -> Result<(), Fault> {
        for _ in 0..self.number(out)? {
            self.point(out, size, false)?;
        }
        Ok(())
    }

    fn geometry(&mut self, out: &mut Vec<u8>, wanted: Option<u32>, depth: usize) -> Result<(), Fault> {
        let start = self.at;
        let [order] = self.take::<1>()?;
        if order > 1 {
            return Err(Fault { what: "Invalid byte order", at: start });
        }
        if depth > MAX_DEPTH {
            return Err(Fault { what: "Collections are nested too deeply", at: start });
        }
        self.from_little = order == 1;
        out.push(u8::from(self.little));
        let at = self.at;
        let kind = self.number(out)?;
        let (base, size) = (
            kind % 1000,
            match kind / 1000 {
                0 => 2,
                1 | 2 => 3,
                _ => 4,
            },
        );
        if kind >= 4000 || !(1..=7).contains(&base) || wanted.is_some_and(|w| w != kind) {
            return Err(Fault { what: "Invalid or unsupported type", at });
        }
        match base {
            1 => self.point(out, size, true),
            2 => self.points(out, size),
            3 => {
                for _ in 0..self.number(out)? {
                    self.points(out, size)?;
                }
                Ok(())
            }
            _ => {
                let order = self.from_little;
                for _ in 0..self.number(out)? {
                    self.geometry(out, (base < 7).then(|| kind - 3), depth + 1)?;
                    self.from_little = order;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_checked_and_turned() {
        let mut point = vec![1, 1, 0, 0, 0];
        point.extend(1.0f64.to_le_bytes());
        point.extend(2.0f64.to_le_bytes());
        let (mut big, mut back) = (vec![], vec![]);
        assert_eq!(rewrite(&point, false, true, &mut big), Ok(()));
        assert_eq!(big.get(..5), Some(&[0, 0, 0, 0, 1][..]));
        assert_eq!(rewrite(&big, true, true, &mut back), Ok(()));
        assert_eq!(back, point);
        let mut far = vec![1, 1, 0, 0, 0];
        far.extend(500.0f64.to_le_bytes());
        far.extend(2.0f64.to_le_bytes());
        assert_eq!(rewrite(&far, true, true, &mut vec![]).map_err(|e| e.at), Err(5));
        assert_eq!(rewrite(&far, true, false, &mut vec![]), Ok(()));
        for bad in
            [&[1][..], &[1, 1, 0, 0, 0], &[2, 1, 0, 0, 0], &[1, 9, 0, 0, 0], &[1, 2, 0, 0, 0, 255, 255, 255, 255]]
        {
            assert!(rewrite(bad, true, false, &mut vec![]).is_err(), "{bad:?}");
        }
    }
}
