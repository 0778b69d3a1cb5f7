//! MurmurHash3 (32 bits) in the two forms that Spark uses.

fn mix_k1(k1: i32) -> i32 {
    k1.wrapping_mul(0xcc9e_2d51_u32 as i32).rotate_left(15).wrapping_mul(0x1b87_3593)
}

fn mix_h1(h1: i32, k1: i32) -> i32 {
    (h1 ^ k1).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64_u32 as i32)
}

fn finish(h1: i32, length: i32) -> i32 {
    let mut h = (h1 ^ length) as u32;
    h = (h ^ (h >> 16)).wrapping_mul(0x85eb_ca6b);
    h = (h ^ (h >> 13)).wrapping_mul(0xc2b2_ae35);
    (h ^ (h >> 16)) as i32
}

pub fn int(v: i32, seed: i32) -> i32 {
    finish(mix_h1(seed, mix_k1(v)), 4)
}

pub fn long(v: i64, seed: i32) -> i32 {
    let h = mix_h1(seed, mix_k1(v as i32));
    finish(mix_h1(h, mix_k1((v >> 32) as i32)), 8)
}

fn words(bytes: &[u8], seed: i32) -> (i32, &[u8]) {
    let mut h = seed;
    let mut chunks = bytes.chunks_exact(4);
    for c in chunks.by_ref() {
        if let Ok(word) = <[u8; 4]>::try_from(c) {
            h = mix_h1(h, mix_k1(i32::from_le_bytes(word)));
        }
    }
    (h, chunks.remainder())
}

/// Spark's form: each byte left over at the end is mixed in as a word of its own.
pub fn bytes(bytes: &[u8], seed: i32) -> i32 {
    let (mut h, tail) = words(bytes, seed);
    for b in tail {
        h = mix_h1(h, mix_k1(i32::from(*b as i8)));
    }
    finish(h, bytes.len() as i32)
}

/// The standard form: the bytes left over make one word.
pub fn standard_bytes(bytes: &[u8], seed: i32) -> i32 {
    let (mut h, tail) = words(bytes, seed);
    if !tail.is_empty() {
        let word = tail.iter().rev().fold(0i32, |w, b| w << 8 | i32::from(*b));
        h ^= mix_k1(word);
    }
    finish(h, bytes.len() as i32)
}
