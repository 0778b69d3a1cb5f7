//! Reading the binary form of variants (the Parquet Variant encoding, version 1).
//!
//! Every access is checked: a malformed value gives `None`, never a panic.

/// One variant value with the dictionary of field names it refers to.
#[derive(Debug, Clone, Copy)]
pub struct Variant<'a> {
    pub value: &'a [u8],
    pub metadata: &'a [u8],
}

#[derive(Debug, Clone)]
pub enum Value<'a> {
    Null,
    Boolean(bool),
    Long(i64),
    Double(f64),
    Float(f32),
    /// Unscaled value and scale.
    Decimal(i128, u8),
    Date(i32),
    Timestamp(i64),
    TimestampNtz(i64),
    String(&'a str),
    Binary(&'a [u8]),
    Uuid([u8; 16]),
    Array(Items<'a>),
    /// Fields in the order of their names.
    Object(Fields<'a>),
}

/// The elements of an array.
#[derive(Debug, Clone)]
pub struct Items<'a> {
    metadata: &'a [u8],
    offsets: Numbers<'a>,
    data: &'a [u8],
    at: usize,
    len: usize,
}

/// The fields of an object.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    ids: Numbers<'a>,
    items: Items<'a>,
}

/// Little-endian numbers of one to four bytes in a row.
#[derive(Debug, Clone, Copy)]
struct Numbers<'a> {
    bytes: &'a [u8],
    width: usize,
}

impl Numbers<'_> {
    fn get(&self, i: usize) -> Option<usize> {
        number(self.bytes.get(i.checked_mul(self.width)?..)?, self.width)
    }
}

fn number(bytes: &[u8], width: usize) -> Option<usize> {
    let mut out = [0u8; 8];
    out.get_mut(..width)?.copy_from_slice(bytes.get(..width)?);
    usize::try_from(u64::from_le_bytes(out)).ok()
}

fn fixed<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.get(..N)?.try_into().ok()
}

impl<'a> Variant<'a> {
    /// The value; `None` when it is malformed.
    pub fn get(&self) -> Option<Value<'a>> {
        let (head, body) = self.value.split_first()?;
        let (basic, info) = (head & 3, head >> 2);
        match basic {
            0 => primitive(info, body),
            1 => Some(Value::String(std::str::from_utf8(body.get(..usize::from(info))?).ok()?)),
            2 => {
                let (len, body) = length(body, info & 0x10 != 0)?;
                let id_width = usize::from((info >> 2) & 3) + 1;
                let (ids, body) = body.split_at_checked(len.checked_mul(id_width)?)?;
                let ids = Numbers { bytes: ids, width: id_width };
                Some(Value::Object(Fields { ids, items: self.items(len, usize::from(info & 3) + 1, body)? }))
            }
            _ => {
                let (len, body) = length(body, info & 4 != 0)?;
                Some(Value::Array(self.items(len, usize::from(info & 3) + 1, body)?))
            }
        }
    }

    fn items(&self, len: usize, width: usize, body: &'a [u8]) -> Option<Items<'a>> {
        let (offsets, data) = body.split_at_checked(len.checked_add(1)?.checked_mul(width)?)?;
        Some(Items { metadata: self.metadata, offsets: Numbers { bytes: offsets, width }, data, at: 0, len })
    }
}

fn length(body: &[u8], large: bool) -> Option<(usize, &[u8])> {
    let width = if large { 4 } else { 1 };
    Some((number(body, width)?, body.get(width..)?))
}

fn primitive(kind: u8, body: &[u8]) -> Option<Value<'_>> {
    let sized = || body.get(4..4usize.checked_add(number(body, 4)?)?);
    Some(match kind {
        0 => Value::Null,
        1 => Value::Boolean(true),
        2 => Value::Boolean(false),
        3 => Value::Long(i8::from_le_bytes(fixed(body)?).into()),
        4 => Value::Long(i16::from_le_bytes(fixed(body)?).into()),
        5 => Value::Long(i32::from_le_bytes(fixed(body)?).into()),
        6 => Value::Long(i64::from_le_bytes(fixed(body)?)),
        7 => Value::Double(f64::from_le_bytes(fixed(body)?)),
        8 => Value::Decimal(i32::from_le_bytes(fixed(body.get(1..)?)?).into(), scale(body)?),
        9 => Value::Decimal(i64::from_le_bytes(fixed(body.get(1..)?)?).into(), scale(body)?),
        10 => Value::Decimal(i128::from_le_bytes(fixed(body.get(1..)?)?), scale(body)?),
        11 => Value::Date(i32::from_le_bytes(fixed(body)?)),
        12 => Value::Timestamp(i64::from_le_bytes(fixed(body)?)),
        13 => Value::TimestampNtz(i64::from_le_bytes(fixed(body)?)),
        14 => Value::Float(f32::from_le_bytes(fixed(body)?)),
        15 => Value::Binary(sized()?),
        16 => Value::String(std::str::from_utf8(sized()?).ok()?),
        20 => Value::Uuid(fixed(body)?),
        _ => return None,
    })
}

fn scale(body: &[u8]) -> Option<u8> {
    body.first().copied().filter(|s| *s <= 38)
}

/// The name of a field id.
pub fn name(metadata: &[u8], id: usize) -> Option<&str> {
    let (head, body) = metadata.split_first()?;
    let width = usize::from(head >> 6) + 1;
    let len = number(body, width)?;
    let offsets = Numbers { bytes: body.get(width..)?, width };
    let data = offsets.bytes.get(len.checked_add(1)?.checked_mul(width)?..)?;
    let (start, end) = (offsets.get(id)?, offsets.get(id.checked_add(1)?)?);
    std::str::from_utf8(data.get(start..end)?).ok()
}

impl<'a> Items<'a> {
    fn nth_item(&self, i: usize) -> Option<Variant<'a>> {
        Some(Variant { value: self.data.get(self.offsets.get(i)?..)?, metadata: self.metadata })
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Variant<'a>;

    fn next(&mut self) -> Option<Variant<'a>> {
        if self.at >= self.len {
            return None;
        }
        self.at += 1;
        self.nth_item(self.at - 1)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a str, Variant<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let id = self.ids.get(self.items.at)?;
        Some((name(self.items.metadata, id)?, self.items.next()?))
    }
}
