//! Elementary functions to the last digit as Java's `StrictMath` has them, which Spark calls.
//!
//! Java fixes the algorithms: those of fdlibm, with its polynomials and order of operations. Where the crate
//! `libm` works by the same ones it is used; where its authors have gone other ways since, they are here.
//! Sine, cosine and tangent are not: Java leaves them to the processor.

pub use libm::{acos, asin, atan, exp, expm1};

const LN2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
const LN2_LOW: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);
const TWO_54: f64 = (1u64 << 54) as f64;

/// The polynomial of both logarithms, from the highest power down.
const SERIES: [f64; 7] = [
    0.14798198605116586,
    0.15313837699209373,
    0.1818357216161805,
    0.22222198432149784,
    0.2857142874366239,
    0.3999999999940942,
    0.6666666666666735,
];

fn high(x: f64) -> i32 {
    (x.to_bits() >> 32) as u32 as i32
}

fn with_high(x: f64, high: i32) -> f64 {
    f64::from_bits((u64::from(high as u32) << 32) | (x.to_bits() & 0xffff_ffff))
}

/// The upper half of the number's bits, the lower ones zero.
fn upper(x: f64) -> f64 {
    with_high(0.0, high(x))
}

/// Java's power: NaN where C gives 1, for 1 and -1 to infinite and NaN powers.
pub fn pow(x: f64, y: f64) -> f64 {
    if y.is_nan() || (x.abs() == 1.0 && y.is_infinite()) {
        return f64::NAN;
    }
    libm::pow(x, y)
}

/// A positive number as mantissa and exponent; subnormal ones are scaled first.
fn scaled(x: f64) -> (f64, i32) {
    if high(x) < 0x0010_0000 { (x * TWO_54, -54) } else { (x, 0) }
}

pub fn ln(x: f64) -> f64 {
    if x.is_nan() || x < 0.0 {
        return f64::NAN;
    }
    if x == 0.0 {
        return f64::NEG_INFINITY;
    }
    if x.is_infinite() {
        return x;
    }
    let (x, mut k) = scaled(x);
    let hx = high(x);
    k += (hx >> 20) - 1023;
    let hx = hx & 0x000f_ffff;
    let carry = (hx + 0x9_5f64) & 0x10_0000;
    let x = with_high(x, hx | (carry ^ 0x3ff0_0000));
    k += carry >> 20;
    let (f, dk) = (x - 1.0, f64::from(k));
    if (0x000f_ffff & (2 + hx)) < 3 {
        if f == 0.0 {
            return if k == 0 { 0.0 } else { dk * LN2_HIGH + dk * LN2_LOW };
        }
        let r = f * f * (0.5 - 0.3333333333333333 * f);
        return if k == 0 { f - r } else { dk * LN2_HIGH - ((r - dk * LN2_LOW) - f) };
    }
    let s = f / (2.0 + f);
    let z = s * s;
    let w = z * z;
    let [l7, l6, l5, l4, l3, l2, l1] = SERIES;
    let t1 = w * (l2 + w * (l4 + w * l6));
    let t2 = z * (l1 + w * (l3 + w * (l5 + w * l7)));
    let r = t2 + t1;
    if ((hx - 0x6_147a) | (0x6_b851 - hx)) > 0 {
        let half = 0.5 * f * f;
        match k {
            0 => f - (half - s * (half + r)),
            _ => dk * LN2_HIGH - ((half - (s * (half + r) + dk * LN2_LOW)) - f),
        }
    } else {
        match k {
            0 => f - s * (f - r),
            _ => dk * LN2_HIGH - ((s * (f - r) - dk * LN2_LOW) - f),
        }
    }
}

pub fn log2(x: f64) -> f64 {
    ln(x) / ln(2.0)
}

pub fn log10(x: f64) -> f64 {
    const PER_LN: f64 = f64::from_bits(0x3fdb_cb7b_1526_e50e);
    const TWO_HIGH: f64 = f64::from_bits(0x3fd3_4413_509f_6000);
    const TWO_LOW: f64 = f64::from_bits(0x3d59_fef3_11f1_2b36);
    if !(x > 0.0 && x.is_finite()) {
        return ln(x);
    }
    let (x, mut k) = scaled(x);
    let hx = high(x);
    k += (hx >> 20) - 1023;
    let negative = i32::from(k < 0);
    let x = with_high(x, (hx & 0x000f_ffff) | ((0x3ff - negative) << 20));
    let y = f64::from(k + negative);
    let z = y * TWO_LOW + PER_LN * ln(x);
    z + y * TWO_HIGH
}

/// ln(1 + x)
pub fn ln_1p(x: f64) -> f64 {
    if x.is_nan() || x < -1.0 {
        return f64::NAN;
    }
    if x == -1.0 {
        return f64::NEG_INFINITY;
    }
    if x.is_infinite() {
        return x;
    }
    let hx = high(x);
    let size = hx & 0x7fff_ffff;
    if size < 0x3e20_0000 {
        return if size < 0x3c90_0000 { x } else { x - x * x * 0.5 };
    }
    let (mut k, mut f, mut hu, mut c) = (0, x, 1, 0.0);
    if hx >= 0x3fda_827a || (hx < 0 && hx > 0xbfd2_bec3_u32 as i32) {
        let mut u = if hx < 0x4340_0000 { 1.0 + x } else { x };
        hu = high(u);
        k = (hu >> 20) - 1023;
        if hx < 0x4340_0000 {
            c = if k > 0 { 1.0 - (u - x) } else { x - (u - 1.0) };
            c /= u;
        }
        hu &= 0x000f_ffff;
        if hu < 0x6_a09e {
            u = with_high(u, hu | 0x3ff0_0000);
        } else {
            k += 1;
            u = with_high(u, hu | 0x3fe0_0000);
            hu = (0x0010_0000 - hu) >> 2;
        }
        f = u - 1.0;
    }
    let (half, dk) = (0.5 * f * f, f64::from(k));
    if hu == 0 {
        if f == 0.0 {
            return if k == 0 { 0.0 } else { dk * LN2_HIGH + (c + dk * LN2_LOW) };
        }
        let r = half * (1.0 - 0.6666666666666666 * f);
        return if k == 0 { f - r } else { dk * LN2_HIGH - ((r - (dk * LN2_LOW + c)) - f) };
    }
    let s = f / (2.0 + f);
    let z = s * s;
    let r = z * SERIES.iter().fold(0.0, |sum, c| c + z * sum);
    match k {
        0 => f - (half - s * (half + r)),
        _ => dk * LN2_HIGH - ((half - (s * (half + r) + (dk * LN2_LOW + c))) - f),
    }
}

/// The angle of the point. Where the ratio is out of reach, fdlibm still subtracts from pi.
pub fn atan2(y: f64, x: f64) -> f64 {
    const PI_LOW: f64 = f64::from_bits(0x3ca1_a626_3314_5c07);
    let steep = (high(y) & 0x7fff_ffff) - (high(x) & 0x7fff_ffff) > 60 << 20;
    if x < 0.0 && x.is_finite() && y.is_finite() && steep {
        let angle = std::f64::consts::FRAC_PI_2 + 0.5 * PI_LOW;
        return (std::f64::consts::PI - (angle - PI_LOW)).copysign(y);
    }
    libm::atan2(y, x)
}

/// From here on e to the power is more than a number holds, though half of it is not.
const LARGEST_POWER: i32 = 0x4086_2e42;

/// Half of e to the power of a large number.
fn half_exp(x: f64) -> f64 {
    if high(x) < LARGEST_POWER {
        return 0.5 * exp(x);
    }
    let root = exp(0.5 * x);
    0.5 * root * root
}

pub fn sinh(x: f64) -> f64 {
    if !x.is_finite() || x.abs() < 1.0 / (1u64 << 28) as f64 {
        return x;
    }
    let half = 0.5f64.copysign(x);
    let a = x.abs();
    if a >= 22.0 {
        return half_exp(a).copysign(x);
    }
    let t = expm1(a);
    if a < 1.0 { half * (2.0 * t - t * t / (t + 1.0)) } else { half * (t + t / (t + 1.0)) }
}

pub fn cosh(x: f64) -> f64 {
    let a = x.abs();
    if !a.is_finite() {
        return a;
    }
    if high(a) < 0x3fd6_2e43 {
        let t = expm1(a);
        let w = 1.0 + t;
        return if high(a) < 0x3c80_0000 { w } else { 1.0 + (t * t) / (w + w) };
    }
    if a < 22.0 {
        let t = exp(a);
        return 0.5 * t + 0.5 / t;
    }
    half_exp(a)
}

pub fn tanh(x: f64) -> f64 {
    let a = x.abs();
    let value = if x.is_nan() {
        return x;
    } else if a >= 22.0 {
        1.0
    } else if high(a) < 0x3c80_0000 {
        return x * (1.0 + x);
    } else if a >= 1.0 {
        1.0 - 2.0 / (expm1(2.0 * a) + 2.0)
    } else {
        let t = expm1(-2.0 * a);
        -t / (t + 2.0)
    };
    value.copysign(x)
}

pub fn cbrt(x: f64) -> f64 {
    if x == 0.0 || !x.is_finite() {
        return x;
    }
    let a = x.abs();
    let mut t = match high(a) < 0x0010_0000 {
        true => {
            let t = a * TWO_54;
            with_high(t, high(t) / 3 + 696_219_795)
        }
        false => with_high(0.0, high(a) / 3 + 715_094_163),
    };
    let r = t * t / a;
    let s = 0.5428571428571428 + r * t;
    t *= 0.35714285714285715 + 1.6071428571428572 / (s + 1.4142857142857144 - 0.7053061224489796 / s);
    t = with_high(0.0, high(t) + 1);
    let s = t * t;
    let r = a / s;
    let r = (r - t) / (t + t + r);
    (t + t * r).copysign(x)
}

pub fn hypot(x: f64, y: f64) -> f64 {
    if x.is_infinite() || y.is_infinite() {
        return f64::INFINITY;
    }
    let (mut a, mut b) = (x.abs(), y.abs());
    if a.is_nan() || b.is_nan() {
        return f64::NAN;
    }
    if high(a) < high(b) {
        (a, b) = (b, a);
    }
    if high(a) - high(b) > 0x3c0_0000 {
        return a + b;
    }
    let scale = |power: i32| f64::from_bits(((1023 + power) as u64) << 52);
    let mut k = 0;
    if high(a) > 0x5f30_0000 {
        (a, b, k) = (a * scale(-600), b * scale(-600), 600);
    }
    if high(b) < 0x20b0_0000 {
        if b == 0.0 {
            return a * scale(k);
        }
        let up = if high(b) <= 0x000f_ffff { 1022 } else { 600 };
        (a, b, k) = (a * scale(up), b * scale(up), k - up);
    }
    let w = a - b;
    let root = if w > b {
        let t1 = upper(a);
        let t2 = a - t1;
        (t1 * t1 - (b * (-b) - t2 * (a + t1))).sqrt()
    } else {
        let (twice, y1) = (a + a, upper(b));
        let (y2, t1) = (b - y1, with_high(0.0, high(a) + 0x0010_0000));
        let t2 = twice - t1;
        (t1 * y1 - (w * (-w) - (t1 * y2 + t2 * b))).sqrt()
    };
    if k == 0 { root } else { root * scale(k) }
}
