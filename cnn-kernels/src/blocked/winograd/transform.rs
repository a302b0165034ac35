//! The transforms, for interpolation points 0, ±a, ±b, (±c,) and infinity.
//!
//! With N(p) the product of p - q over the other finite points q, the rows of the weight's transform are
//! (1, p, p², ..)/N(p) and (0, .., 0, 1); the input's are the coefficients of the product of x - q; the output's are the
//! powers of the points.

use super::Winograd;
use crate::blocked::filter::Filter;
use crate::blocked::{Buffer, tile};
use crate::simd::{Isa, LANES, Vector};

const A: f32 = 0.625;
const B: f32 = 1.5;

/// The finite points of an algorithm.
fn points(algorithm: Winograd) -> &'static [f64] {
    match algorithm {
        Winograd::F2x3 => &[0.0, 1.0, -1.0],
        Winograd::F4x3 | Winograd::F2x5 => &[0.0, A as f64, -A as f64, B as f64, -B as f64],
        Winograd::F6x3 => &[0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5],
    }
}

/// The transform of a weight along one axis: T rows of R.
pub(crate) fn weight_matrix(algorithm: Winograd) -> Vec<Vec<f64>> {
    let r = algorithm.kernel();
    let points = points(algorithm);
    let mut rows: Vec<Vec<f64>> = points
        .iter()
        .map(|&p| {
            let n: f64 = points.iter().filter(|&&q| q != p).map(|q| p - q).product();
            (0..r).map(|k| p.powi(k as i32) / n).collect()
        })
        .collect();
    rows.push((0..r).map(|k| if k == r - 1 { 1.0 } else { 0.0 }).collect());
    rows
}

/// Gives a weight back from its transform along one axis: R rows of T, the least squares (GᵀG)⁻¹Gᵀ.
pub(super) fn weight_inverse(algorithm: Winograd) -> Vec<Vec<f64>> {
    let (matrix, r) = (weight_matrix(algorithm), algorithm.kernel());
    // GᵀG beside Gᵀ, of which elimination makes 1 beside the inverse.
    let mut rows: Vec<Vec<f64>> = (0..r)
        .map(|i| {
            let squares = (0..r).map(|j| matrix.iter().map(|row| row[i] * row[j]).sum());
            squares.chain(matrix.iter().map(|row| row[i])).collect()
        })
        .collect();
    // Without exchanges: the matrix is positive definite.
    for i in 0..r {
        let pivot = rows[i][i];
        rows[i].iter_mut().for_each(|value| *value /= pivot);
        let row = rows[i].clone();
        for (_, other) in rows.iter_mut().enumerate().filter(|(j, _)| *j != i) {
            let factor = other[i];
            other.iter_mut().zip(&row).for_each(|(value, x)| *value -= factor * x);
        }
    }
    rows.into_iter().map(|row| row[r..].to_vec()).collect()
}

/// Transforms (K, C, R, R) and packs each of the T x T positions for the product, in `f64` and rounded once.
pub(super) fn weights(isa: Isa, algorithm: Winograd, [k, c]: [usize; 2], weight: &Filter<'_>) -> Buffer {
    let (r, t) = (algorithm.kernel(), algorithm.tile());
    let matrix = weight_matrix(algorithm);
    let each = tile::packed_len([k, c, 1]);
    let mut packed = Buffer::zeros(t * t * each);
    let (wide, _) = isa.tile();
    let blocks = k.div_ceil(LANES);
    let width_of = |o: usize| {
        let group = o / (wide * LANES);
        (group, wide.min(blocks - group * wide) * LANES)
    };
    for o in 0..k {
        let (group, width) = width_of(o);
        let base = group * wide * LANES * c + o % (wide * LANES);
        for i in 0..c {
            if weight.raw(o, i, 0).is_none() {
                continue;
            }
            let w: [f64; 25] = std::array::from_fn(|tap| {
                let value = if tap < r * r { weight.raw(o, i, tap) } else { None };
                value.map_or(0.0, |value| f64::from(value) * weight.factor(o))
            });
            // Rows, then columns.
            let mut half = [[0.0f64; 5]; 8];
            for (half, row) in half.iter_mut().zip(&matrix) {
                for x in 0..r {
                    half[x] = (0..r).map(|y| row[y] * w[y * r + x]).sum();
                }
            }
            for y in 0..t {
                for (x, row) in matrix.iter().enumerate() {
                    let value: f64 = (0..r).map(|j| row[j] * half[y][j]).sum();
                    packed[(y * t + x) * each + base + i * width] = value as f32;
                }
            }
        }
    }
    packed
}

/// A transform along one axis; of eight places the first T are used.
pub(super) trait Line {
    const TILE: usize;
    const OUTPUTS: usize;

    /// # Safety
    /// As [`Vector`].
    unsafe fn input<V: Vector>(d: [V; 8]) -> [V; 8];

    /// # Safety
    /// As [`Vector`].
    unsafe fn output<V: Vector>(m: [V; 8]) -> [V; 8];
}

pub(super) struct Line2x3;
pub(super) struct Line4x3;
pub(super) struct Line6x3;
pub(super) struct Line2x5;

impl Line for Line2x3 {
    const TILE: usize = 4;
    const OUTPUTS: usize = 2;

    #[inline(always)]
    unsafe fn input<V: Vector>(d: [V; 8]) -> [V; 8] {
        let mut out = d;
        // SAFETY: the caller's promise. The products of the other points, for 0, ±1 and infinity: 1 - x² is taken
        // with the sign that N(0) = -1 has in the weights.
        unsafe {
            out[0] = d[2].sub(d[0]);
            out[1] = d[2].add(d[1]);
            out[2] = d[2].sub(d[1]);
            out[3] = d[3].sub(d[1]);
        }
        out
    }

    #[inline(always)]
    unsafe fn output<V: Vector>(m: [V; 8]) -> [V; 8] {
        let mut out = m;
        // SAFETY: the caller's promise.
        unsafe {
            out[0] = m[0].add(m[1].add(m[2]));
            out[1] = m[1].sub(m[2]).add(m[3]);
        }
        out
    }
}

/// The input's transform for T = 6.
#[inline(always)]
unsafe fn input6<V: Vector>(d: [V; 8]) -> [V; 8] {
    let mut out = d;
    // SAFETY: the caller's promise.
    unsafe {
        let (a, b) = (V::splat(A), V::splat(B));
        let (aa, bb) = (V::splat(A * A), V::splat(B * B));
        let (product, sum) = (V::splat(A * A * B * B), V::splat(A * A + B * B));
        // x⁴ - b²x² ± a(x³ - b²x), and with a and b exchanged.
        let even = bb.neg_mul_add(d[2], d[4]);
        let odd = bb.neg_mul_add(d[1], d[3]);
        out[1] = odd.mul_add(a, even);
        out[2] = odd.neg_mul_add(a, even);
        let even = aa.neg_mul_add(d[2], d[4]);
        let odd = aa.neg_mul_add(d[1], d[3]);
        out[3] = odd.mul_add(b, even);
        out[4] = odd.neg_mul_add(b, even);
        // a²b² - (a² + b²)x² + x⁴, and the same times x.
        out[0] = sum.neg_mul_add(d[2], product.mul_add(d[0], d[4]));
        out[5] = sum.neg_mul_add(d[3], product.mul_add(d[1], d[5]));
    }
    out
}

/// The sums and differences of the products at ±a and ±b.
#[inline(always)]
unsafe fn pairs<V: Vector>(m: [V; 8]) -> [V; 4] {
    // SAFETY: the caller's promise.
    unsafe { [m[1].add(m[2]), m[1].sub(m[2]), m[3].add(m[4]), m[3].sub(m[4])] }
}

impl Line for Line4x3 {
    const TILE: usize = 6;
    const OUTPUTS: usize = 4;

    #[inline(always)]
    unsafe fn input<V: Vector>(d: [V; 8]) -> [V; 8] {
        // SAFETY: the caller's promise.
        unsafe { input6(d) }
    }

    #[inline(always)]
    unsafe fn output<V: Vector>(m: [V; 8]) -> [V; 8] {
        let mut out = m;
        // SAFETY: the caller's promise.
        unsafe {
            let [sa, da, sb, db] = pairs(m);
            out[0] = m[0].add(sa).add(sb);
            out[1] = db.mul_add(V::splat(B), da.mul(V::splat(A)));
            out[2] = sb.mul_add(V::splat(B * B), sa.mul(V::splat(A * A)));
            out[3] = db.mul_add(V::splat(B * B * B), da.mul_add(V::splat(A * A * A), m[5]));
        }
        out
    }
}

impl Line for Line2x5 {
    const TILE: usize = 6;
    const OUTPUTS: usize = 2;

    #[inline(always)]
    unsafe fn input<V: Vector>(d: [V; 8]) -> [V; 8] {
        // SAFETY: the caller's promise.
        unsafe { input6(d) }
    }

    #[inline(always)]
    unsafe fn output<V: Vector>(m: [V; 8]) -> [V; 8] {
        let mut out = m;
        // SAFETY: the caller's promise.
        unsafe {
            let [sa, da, sb, db] = pairs(m);
            out[0] = m[0].add(sa).add(sb);
            out[1] = db.mul_add(V::splat(B), da.mul_add(V::splat(A), m[5]));
        }
        out
    }
}

impl Line for Line6x3 {
    const TILE: usize = 8;
    const OUTPUTS: usize = 6;

    // Points 0, ±1, ±2, ±1/2 and infinity.
    #[inline(always)]
    unsafe fn input<V: Vector>(d: [V; 8]) -> [V; 8] {
        let mut out = d;
        // SAFETY: the caller's promise.
        unsafe {
            let (quarter, c425, c525) = (V::splat(0.25), V::splat(4.25), V::splat(5.25));
            // ±1: the others' product is (x² - 4)(x² - 1/4) = x⁴ - 4.25x² + 1, times x(x ± 1).
            let even = c425.neg_mul_add(d[4], d[2].add(d[6]));
            let odd = c425.neg_mul_add(d[3], d[1].add(d[5]));
            out[1] = even.add(odd);
            out[2] = even.sub(odd);
            // ±2: (x² - 1)(x² - 1/4) = x⁴ - 1.25x² + 1/4, times x(x ± 2).
            let c125 = V::splat(1.25);
            let even = c125.neg_mul_add(d[4], quarter.mul_add(d[2], d[6]));
            let odd = c125.neg_mul_add(d[3], quarter.mul_add(d[1], d[5]));
            out[3] = odd.mul_add(V::splat(2.0), even);
            out[4] = odd.neg_mul_add(V::splat(2.0), even);
            // ±1/2: (x² - 1)(x² - 4) = x⁴ - 5x² + 4, times x(x ± 1/2).
            let (four, five) = (V::splat(4.0), V::splat(5.0));
            let even = five.neg_mul_add(d[4], four.mul_add(d[2], d[6]));
            let odd = five.neg_mul_add(d[3], four.mul_add(d[1], d[5]));
            out[5] = odd.mul_add(V::splat(0.5), even);
            out[6] = odd.neg_mul_add(V::splat(0.5), even);
            // (x² - 1)(x² - 4)(x² - 1/4) = x⁶ - 5.25x⁴ + 5.25x² - 1, and the same times x.
            out[0] = c525.mul_add(d[2].sub(d[4]), d[6].sub(d[0]));
            out[7] = c525.mul_add(d[3].sub(d[5]), d[7].sub(d[1]));
        }
        out
    }

    #[inline(always)]
    unsafe fn output<V: Vector>(m: [V; 8]) -> [V; 8] {
        let mut out = m;
        // SAFETY: the caller's promise.
        unsafe {
            let (s1, d1) = (m[1].add(m[2]), m[1].sub(m[2]));
            let (s2, d2) = (m[3].add(m[4]), m[3].sub(m[4]));
            let (s3, d3) = (m[5].add(m[6]), m[5].sub(m[6]));
            out[0] = m[0].add(s1).add(s2).add(s3);
            out[1] = power(d1, d2, d3, 1);
            out[2] = power(s1, s2, s3, 2);
            out[3] = power(d1, d2, d3, 3);
            out[4] = power(s1, s2, s3, 4);
            out[5] = power(d1, d2, d3, 5).add(m[7]);
        }
        out
    }
}

/// `one + 2^p two + 2^-p half`
#[inline(always)]
unsafe fn power<V: Vector>(one: V, two: V, half: V, p: i32) -> V {
    let (up, down) = (2f32.powi(p), 0.5f32.powi(p));
    // SAFETY: the caller's promise.
    unsafe { half.mul_add(V::splat(down), two.mul_add(V::splat(up), one)) }
}
