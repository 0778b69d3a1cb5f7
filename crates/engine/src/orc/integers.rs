//! Runs of integers. Both versions are read: the first has runs of one difference and lists of literals,
//! the second packs bits. Written is the first, which every reader knows; codecs make up for its size.

use super::Orc;
use super::runs::{Input, MAX_LITERALS, MAX_RUN, MIN_RUN, put_varint, unzigzag, zigzag};

/// Integers out of runs.
#[derive(Debug, Default)]
pub struct Integers {
    input: Input,
    signed: bool,
    second: bool,
    /// The values of the run that is being read, from `at` on.
    run: Vec<i64>,
    at: usize,
}

impl Integers {
    pub fn new(bytes: Vec<u8>, signed: bool, second: bool) -> Self {
        Integers { input: Input::new(bytes), signed, second, run: vec![], at: 0 }
    }

    /// The next `n` values.
    pub fn values(&mut self, n: usize) -> Orc<Vec<i64>> {
        let mut out = vec![];
        while out.len() < n {
            if self.at >= self.run.len() {
                self.run.clear();
                self.at = 0;
                if self.second { self.second_run()? } else { self.first_run()? }
            }
            let taken = (n - out.len()).min(self.run.len() - self.at);
            out.extend_from_slice(self.run.get(self.at..self.at + taken).unwrap_or_default());
            self.at += taken;
        }
        Ok(out)
    }

    fn varint(&mut self, signed: bool) -> Orc<i64> {
        let value = self.input.varint()?;
        Ok(if signed { unzigzag(value) as i64 } else { value as i64 })
    }

    fn first_run(&mut self) -> Orc<()> {
        let control = self.input.byte()? as i8;
        if control < 0 {
            for _ in 0..control.unsigned_abs() {
                let value = self.varint(self.signed)?;
                self.run.push(value);
            }
            return Ok(());
        }
        let step = i64::from(self.input.byte()? as i8);
        let base = self.varint(self.signed)?;
        self.run.extend((0..control as i64 + MIN_RUN as i64).map(|i| base.wrapping_add(step * i)));
        Ok(())
    }

    fn second_run(&mut self) -> Orc<()> {
        let first = self.input.byte()?;
        if first >> 6 == 0 {
            let value = self.input.big_endian(usize::from(first >> 3 & 7) + 1)?;
            let value = if self.signed { unzigzag(value.into()) as i64 } else { value as i64 };
            self.run.extend(std::iter::repeat_n(value, usize::from(first & 7) + MIN_RUN));
            return Ok(());
        }
        let code = first >> 1 & 31;
        let length = (usize::from(first & 1) << 8 | usize::from(self.input.byte()?)) + 1;
        match first >> 6 {
            1 => {
                let values = self.packed(width(code), length)?;
                let signed = self.signed;
                self.run.extend(values.into_iter().map(|v| if signed { unzigzag(v.into()) as i64 } else { v as i64 }));
                Ok(())
            }
            2 => self.patched(width(code), length),
            _ => self.differences(if code == 0 { 0 } else { width(code) }, length),
        }
    }

    /// A base, differences to it, and the high bits of the few that have some.
    fn patched(&mut self, width: u32, length: usize) -> Orc<()> {
        let (third, fourth) = (self.input.byte()?, self.input.byte()?);
        let base_bytes = usize::from(third >> 5) + 1;
        let patch_width = self::width(third & 31);
        let gap_width = u32::from(fourth >> 5) + 1;
        let raw = self.input.big_endian(base_bytes)?;
        let sign = 1u64 << (base_bytes * 8 - 1);
        let base = if raw & sign == 0 { raw as i64 } else { ((raw & !sign) as i64).wrapping_neg() };
        let mut values = self.packed(width, length)?;
        let patch_bits = patch_width + gap_width;
        if patch_bits > 64 {
            return Err("a patch is too wide".into());
        }
        let mut at = 0;
        for patch in self.packed(whole_width(patch_bits), usize::from(fourth & 31))? {
            let (gap, bits) = match patch_width {
                64 => (0, patch),
                w => (patch >> w, patch & ((1 << w) - 1)),
            };
            at += gap as usize;
            if let Some(value) = values.get_mut(at) {
                *value |= bits.checked_shl(width).unwrap_or(0);
            }
        }
        self.run.extend(values.into_iter().map(|v| base.wrapping_add(v as i64)));
        Ok(())
    }

    /// A base, a first difference, and differences that go the same way.
    fn differences(&mut self, width: u32, length: usize) -> Orc<()> {
        let base = self.varint(self.signed)?;
        let step = self.varint(true)?;
        if width == 0 {
            self.run.extend((0..length as i64).map(|i| base.wrapping_add(step.wrapping_mul(i))));
            return Ok(());
        }
        let mut value = base.wrapping_add(step);
        self.run.push(base);
        if length > 1 {
            self.run.push(value);
        }
        for difference in self.packed(width, length.saturating_sub(2))? {
            let difference = difference as i64;
            value = if step < 0 { value.wrapping_sub(difference) } else { value.wrapping_add(difference) };
            self.run.push(value);
        }
        Ok(())
    }

    /// Numbers of so many bits, the highest first, up to the end of a byte.
    fn packed(&mut self, width: u32, length: usize) -> Orc<Vec<u64>> {
        let bytes = self.input.take((width as usize * length).div_ceil(8))?;
        let mut out = Vec::with_capacity(length);
        let (mut held, mut bits) = (0u128, 0);
        let mut bytes = bytes.iter();
        for _ in 0..length {
            while bits < width {
                held = held << 8 | u128::from(*bytes.next().ok_or_else(super::ended)?);
                bits += 8;
            }
            bits -= width;
            out.push((held >> bits) as u64);
            held &= (1 << bits) - 1;
        }
        Ok(out)
    }
}

/// Bits of a number, by their code.
fn width(code: u8) -> u32 {
    match code {
        0..=23 => u32::from(code) + 1,
        24..=26 => 26 + 2 * (u32::from(code) - 24),
        27 => 32,
        _ => 40 + 8 * (u32::from(code) - 28).min(3),
    }
}

/// The narrowest width with a code that has room for so many bits.
fn whole_width(bits: u32) -> u32 {
    (0..=31).map(width).find(|w| *w >= bits).unwrap_or(64)
}

/// Integers into runs of the first version.
pub fn put_integers(values: impl IntoIterator<Item = i64>, signed: bool, out: &mut Vec<u8>) {
    let values: Vec<i64> = values.into_iter().collect();
    let put = |value: i64, out: &mut Vec<u8>| {
        put_varint(if signed { zigzag(value.into()) } else { (value as u64).into() }, out);
    };
    let literals = |literals: &[i64], out: &mut Vec<u8>| {
        for some in literals.chunks(MAX_LITERALS) {
            out.push((some.len() as i8).wrapping_neg() as u8);
            some.iter().for_each(|v| put(*v, out));
        }
    };
    let (mut from, mut at) = (0, 0);
    while let Some(rest) = values.get(at..).filter(|r| !r.is_empty()) {
        let (run, step) = run_of(rest);
        if run < MIN_RUN {
            at += 1;
            continue;
        }
        literals(values.get(from..at).unwrap_or_default(), out);
        out.extend_from_slice(&[(run - MIN_RUN) as u8, step as u8]);
        put(rest.first().copied().unwrap_or_default(), out);
        at += run;
        from = at;
    }
    literals(values.get(from..).unwrap_or_default(), out);
}

/// How many values from the first on have one difference that a byte holds.
fn run_of(values: &[i64]) -> (usize, i8) {
    let steps = |pair: &[i64]| match pair {
        [a, b] => b.checked_sub(*a).and_then(|d| i8::try_from(d).ok()),
        _ => None,
    };
    let mut pairs = values.windows(2).take(MAX_RUN - 1).map(steps);
    let Some(Some(step)) = pairs.next() else { return (1, 0) };
    (2 + pairs.take_while(|s| *s == Some(step)).count(), step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_round_trip() {
        let mut all: Vec<i64> = (0..1000).map(|i| i * i * if i % 3 == 0 { -1 } else { 1 }).collect();
        all.extend([5; 300]);
        all.extend(0..500);
        all.extend([i64::MIN, i64::MAX, i64::MIN, 0, 1, 2]);
        let mut out = vec![];
        put_integers(all.iter().copied(), true, &mut out);
        assert_eq!(Integers::new(out, true, false).values(all.len()).unwrap(), all);
    }

    /// The examples of ORC's specification.
    #[test]
    fn second_version() {
        let read = |bytes: &[u8], signed, n| Integers::new(bytes.to_vec(), signed, true).values(n).unwrap();
        assert_eq!(read(&[0x0a, 0x27, 0x10], false, 5), [10_000; 5]);
        let direct = [0x5e, 0x03, 0x5c, 0xa1, 0xab, 0x1e, 0xde, 0xad, 0xbe, 0xef];
        assert_eq!(read(&direct, false, 4), [23713, 43806, 57005, 48879]);
        let delta = [0xc6, 0x09, 0x02, 0x02, 0x22, 0x42, 0x42, 0x46];
        assert_eq!(read(&delta, false, 10), [2, 3, 5, 7, 11, 13, 17, 19, 23, 29]);
        let patched = [
            0x8e, 0x13, 0x2b, 0x21, 0x07, 0xd0, 0x1e, 0x00, 0x14, 0x70, 0x28, 0x32, 0x3c, 0x46, 0x50, 0x5a, 0x64, 0x6e,
            0x78, 0x82, 0x8c, 0x96, 0xa0, 0xaa, 0xb4, 0xbe, 0xfc, 0xe8,
        ];
        let expected = [
            2030, 2000, 2020, 1_000_000, 2040, 2050, 2060, 2070, 2080, 2090, 2100, 2110, 2120, 2130, 2140, 2150, 2160,
            2170, 2180, 2190,
        ];
        assert_eq!(read(&patched, true, 20), expected);
        assert!(Integers::new(vec![0x5e, 0x03, 0x5c], false, true).values(1).is_err());
    }
}
