//! The AES block cipher (FIPS 197) and its modes ECB, CBC and GCM (NIST SP 800-38A and 38D).
//!
//! Plain tables, not hardened against timing of shared caches.

type Block = [u8; 16];

/// Multiplication by x in the field of AES.
const fn double(b: u8) -> u8 {
    (b << 1) ^ (if b & 0x80 != 0 { 0x1b } else { 0 })
}

const fn multiply(mut a: u8, mut b: u8) -> u8 {
    let mut out = 0;
    while b != 0 {
        if b & 1 != 0 {
            out ^= a;
        }
        a = double(a);
        b >>= 1;
    }
    out
}

/// The substitution: the inverse in the field, then an affine map.
const SBOX: [u8; 256] = {
    let mut out = [0u8; 256];
    let mut i = 0;
    while i < 256 {
        let mut inverse = 0u8;
        let mut j = 1;
        while j < 256 {
            if multiply(i as u8, j as u8) == 1 {
                inverse = j as u8;
            }
            j += 1;
        }
        let b = inverse;
        out[i] = b ^ b.rotate_left(1) ^ b.rotate_left(2) ^ b.rotate_left(3) ^ b.rotate_left(4) ^ 0x63;
        i += 1;
    }
    out
};

const INVERSE: [u8; 256] = {
    let mut out = [0u8; 256];
    let mut i = 0;
    while i < 256 {
        out[SBOX[i] as usize] = i as u8;
        i += 1;
    }
    out
};

/// Products with a constant for every byte.
const fn products(by: u8) -> [u8; 256] {
    let mut out = [0u8; 256];
    let mut i = 0;
    while i < 256 {
        out[i] = multiply(i as u8, by);
        i += 1;
    }
    out
}

const BY_2: [u8; 256] = products(2);
const BY_3: [u8; 256] = products(3);
const BY_9: [u8; 256] = products(9);
const BY_11: [u8; 256] = products(11);
const BY_13: [u8; 256] = products(13);
const BY_14: [u8; 256] = products(14);

/// A key, expanded to one block per round.
pub struct Cipher {
    rounds: Vec<Block>,
}

fn xor(a: &mut Block, b: &Block) {
    a.iter_mut().zip(b).for_each(|(x, y)| *x ^= y);
}

fn substitute(block: &mut Block, table: &[u8; 256]) {
    block.iter_mut().for_each(|b| *b = table[usize::from(*b)]);
}

/// Row `r` of the state moves by `r` columns.
fn shift_rows(b: &Block, back: bool) -> Block {
    std::array::from_fn(|i| {
        let (row, column) = (i % 4, i / 4);
        let from = if back { (column + 4 - row) % 4 } else { (column + row) % 4 };
        b[from * 4 + row]
    })
}

fn mix(b: &Block, tables: [&[u8; 256]; 4]) -> Block {
    std::array::from_fn(|i| {
        let (row, column) = (i % 4, i / 4 * 4);
        (0..4).fold(0, |sum, k| sum ^ tables[(k + 4 - row) % 4][usize::from(b[column + k])])
    })
}

/// One times: the identity as a table.
const BY_1: [u8; 256] = products(1);

impl Cipher {
    /// `None` unless the key has 16, 24 or 32 bytes.
    pub fn new(key: &[u8]) -> Option<Cipher> {
        if !matches!(key.len(), 16 | 24 | 32) {
            return None;
        }
        let words = key.len() / 4;
        let total = 4 * (words + 7);
        let mut w: Vec<[u8; 4]> = key.chunks_exact(4).filter_map(|c| c.try_into().ok()).collect();
        let mut constant = 1u8;
        while w.len() < total {
            let i = w.len();
            let mut t = *w.last()?;
            if i.is_multiple_of(words) {
                t.rotate_left(1);
                t = t.map(|b| SBOX[usize::from(b)]);
                t[0] ^= constant;
                constant = double(constant);
            } else if words > 6 && i % words == 4 {
                t = t.map(|b| SBOX[usize::from(b)]);
            }
            let before = *w.get(i - words)?;
            w.push(std::array::from_fn(|k| before[k] ^ t[k]));
        }
        let rounds = w.chunks_exact(4).map(|c| std::array::from_fn(|i| c[i / 4][i % 4])).collect();
        Some(Cipher { rounds })
    }

    fn encrypt(&self, block: &mut Block) {
        let last = self.rounds.len() - 1;
        for (i, key) in self.rounds.iter().enumerate() {
            if i > 0 {
                substitute(block, &SBOX);
                *block = shift_rows(block, false);
                if i < last {
                    *block = mix(block, [&BY_2, &BY_3, &BY_1, &BY_1]);
                }
            }
            xor(block, key);
        }
    }

    fn decrypt(&self, block: &mut Block) {
        let last = self.rounds.len() - 1;
        for (i, key) in self.rounds.iter().enumerate().rev() {
            xor(block, key);
            if i > 0 {
                if i < last {
                    *block = mix(block, [&BY_14, &BY_11, &BY_13, &BY_9]);
                }
                *block = shift_rows(block, true);
                substitute(block, &INVERSE);
            }
        }
    }

    /// With PKCS padding; chained when there is a vector.
    pub fn encrypt_padded(&self, text: &[u8], vector: Option<Block>, out: &mut Vec<u8>) {
        let pad = 16 - text.len() % 16;
        let padded: Vec<u8> = text.iter().copied().chain(std::iter::repeat_n(pad as u8, pad)).collect();
        let mut before = vector;
        for chunk in padded.chunks_exact(16) {
            let mut block: Block = std::array::from_fn(|i| chunk[i]);
            if let Some(before) = &before {
                xor(&mut block, before);
            }
            self.encrypt(&mut block);
            out.extend_from_slice(&block);
            before = before.map(|_| block);
        }
    }

    pub fn decrypt_padded(&self, text: &[u8], vector: Option<Block>, out: &mut Vec<u8>) -> Result<(), &'static str> {
        if text.is_empty() {
            return Ok(());
        }
        if !text.len().is_multiple_of(16) {
            return Err("Input length must be multiple of 16 when decrypting with padded cipher");
        }
        let mut before = vector;
        for chunk in text.chunks_exact(16) {
            let cipher: Block = std::array::from_fn(|i| chunk[i]);
            let mut block = cipher;
            self.decrypt(&mut block);
            if let Some(before) = &before {
                xor(&mut block, before);
            }
            out.extend_from_slice(&block);
            before = before.map(|_| cipher);
        }
        let pad = usize::from(out.last().copied().unwrap_or(0));
        let whole = (1..=16).contains(&pad) && out.iter().rev().take(pad).all(|b| usize::from(*b) == pad);
        if !whole {
            return Err(
                "Given final block not properly padded. Such issues can arise if a bad key is used during decryption.",
            );
        }
        out.truncate(out.len() - pad);
        Ok(())
    }

    fn counter(vector: &[u8], n: u32) -> Block {
        let mut block = [0; 16];
        block.iter_mut().zip(vector.iter().take(12)).for_each(|(b, v)| *b = *v);
        block[12..].copy_from_slice(&n.to_be_bytes());
        block
    }

    fn count(&self, text: &[u8], vector: &[u8], out: &mut Vec<u8>) {
        for (i, chunk) in text.chunks(16).enumerate() {
            let mut key = Cipher::counter(vector, i as u32 + 2);
            self.encrypt(&mut key);
            out.extend(chunk.iter().zip(key).map(|(t, k)| t ^ k));
        }
    }

    fn tag(&self, cipher: &[u8], vector: &[u8], extra: &[u8]) -> Block {
        let mut h = [0; 16];
        self.encrypt(&mut h);
        let h = u128::from_be_bytes(h);
        let mut sum = 0u128;
        for part in [extra, cipher] {
            for chunk in part.chunks(16) {
                let block: Block = std::array::from_fn(|i| chunk.get(i).copied().unwrap_or(0));
                sum = carryless(sum ^ u128::from_be_bytes(block), h);
            }
        }
        let lengths = ((extra.len() as u128 * 8) << 64) | (cipher.len() as u128 * 8);
        sum = carryless(sum ^ lengths, h);
        let mut first = Cipher::counter(vector, 1);
        self.encrypt(&mut first);
        (sum ^ u128::from_be_bytes(first)).to_be_bytes()
    }

    /// Ciphertext and tag.
    pub fn encrypt_gcm(&self, text: &[u8], vector: &[u8], extra: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        self.count(text, vector, out);
        let tag = self.tag(out.get(start..).unwrap_or_default(), vector, extra);
        out.extend_from_slice(&tag);
    }

    pub fn decrypt_gcm(&self, text: &[u8], vector: &[u8], extra: &[u8], out: &mut Vec<u8>) -> Result<(), &'static str> {
        let Some(end) = text.len().checked_sub(16) else {
            return Err("Input data too short to contain an expected tag length of 16bytes");
        };
        let (cipher, tag) = text.split_at(end);
        let differs = self.tag(cipher, vector, extra).iter().zip(tag).fold(0, |d, (a, b)| d | (a ^ b));
        if differs != 0 {
            return Err("Tag mismatch!");
        }
        self.count(cipher, vector, out);
        Ok(())
    }
}

/// Product in the field of GCM.
fn carryless(a: u128, b: u128) -> u128 {
    let (mut out, mut v) = (0u128, b);
    for i in (0..128).rev() {
        if a >> i & 1 == 1 {
            out ^= v;
        }
        v = v >> 1 ^ if v & 1 == 1 { 0xe1 << 120 } else { 0 };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_and_modes() {
        // FIPS 197, appendix C.1.
        let key: Vec<u8> = (0..16).collect();
        let mut block: Block = std::array::from_fn(|i| (i * 0x11) as u8);
        let text = block;
        let cipher = Cipher::new(&key).unwrap_or(Cipher { rounds: vec![] });
        cipher.encrypt(&mut block);
        assert_eq!(block[..4], [0x69, 0xc4, 0xe0, 0xd8]);
        cipher.decrypt(&mut block);
        assert_eq!(block, text);
        for length in [0, 5, 16, 33] {
            let text: Vec<u8> = (0..length).collect();
            for vector in [None, Some([7; 16])] {
                let (mut there, mut back) = (vec![], vec![]);
                cipher.encrypt_padded(&text, vector, &mut there);
                assert_eq!(cipher.decrypt_padded(&there, vector, &mut back), Ok(()));
                assert_eq!(back, text);
            }
            let (mut there, mut back) = (vec![], vec![]);
            cipher.encrypt_gcm(&text, &[1; 12], b"aad", &mut there);
            assert_eq!(cipher.decrypt_gcm(&there, &[1; 12], b"aad", &mut back), Ok(()));
            assert_eq!(back, text);
            assert!(cipher.decrypt_gcm(&there, &[1; 12], b"other", &mut vec![]).is_err());
        }
    }
}
