//! Letting the compiler use the widest vectors the processor has, and the few functions it cannot vectorise by itself.
//!
//! The crate is built for the oldest processor of its kind; [`simd_fn!`] compiles a function three times and picks one when it runs.
//! None of the versions contracts `a * b + c` into one rounding, so all three give the same bits.

/// Compiles a function for plain x86-64, AVX2 and AVX-512, and calls the best one. Elsewhere it is an ordinary function.
macro_rules! simd_fn {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block) => {
        $(#[$meta])*
        #[allow(clippy::too_many_arguments)]
        $vis fn $name($($arg: $ty),*) $(-> $ret)? {
            #[inline(always)]
            #[allow(clippy::too_many_arguments)]
            fn portable($($arg: $ty),*) $(-> $ret)? $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
                #[allow(clippy::too_many_arguments)]
                fn avx512($($arg: $ty),*) $(-> $ret)? { portable($($arg),*) }
                #[target_feature(enable = "avx2,fma")]
                #[allow(clippy::too_many_arguments)]
                fn avx2($($arg: $ty),*) $(-> $ret)? { portable($($arg),*) }
                match $crate::model::ops::simd::level() {
                    // SAFETY: `level` has just found the features of the function called.
                    $crate::model::ops::simd::Level::Avx512 => return unsafe { avx512($($arg),*) },
                    $crate::model::ops::simd::Level::Avx2 => return unsafe { avx2($($arg),*) },
                    $crate::model::ops::simd::Level::Portable => {}
                }
            }
            portable($($arg),*)
        }
    };
}
pub(crate) use simd_fn;

/// What the processor offers, of what [`simd_fn!`] compiles for.
#[cfg(target_arch = "x86_64")]
pub(crate) enum Level {
    Avx512,
    Avx2,
    Portable,
}

/// The best level of this processor; the standard library caches the answer.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn level() -> Level {
    if is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("fma")
    {
        Level::Avx512
    } else if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        Level::Avx2
    } else {
        Level::Portable
    }
}

/// Sums run in this many lanes, added up in a fixed order: vectorisable, and the same result everywhere.
pub(crate) const LANES: usize = 16;

/// The sum of the lanes, always in the same order.
#[inline(always)]
pub(crate) fn fold(lanes: [f32; LANES]) -> f32 {
    let mut lanes = lanes;
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] += lanes[i + width];
        }
        width /= 2;
    }
    lanes[0]
}

/// `Σ f(a_i, b_i)` over two slices of the same length.
#[inline(always)]
pub(crate) fn sum_by(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0f32; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let tail: f32 = a_chunks
        .remainder()
        .iter()
        .zip(b_chunks.remainder())
        .map(|(&x, &y)| f(x, y))
        .sum();
    for (a, b) in a_chunks.zip(b_chunks) {
        for lane in 0..LANES {
            lanes[lane] += f(a[lane], b[lane]);
        }
    }
    fold(lanes) + tail
}

/// `e^x` for `x ≤ 88`, relative error below 2e-7; below −87 the result is the smallest normal number's neighbourhood, not a denormal.
///
/// `2^n · p(r)` with `n = round(x / ln 2)`; the polynomial is Cephes' `expf`. Rounding to `n` and building `2^n` are done by adding a
/// large constant, because a float-to-integer conversion would not vectorise on every processor.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 · 2^23: adding it leaves the nearest integer in the low bits
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let x = if x > -87.0 { x } else { -87.0 };
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * LN2_HIGH - n * LN2_LOW;
    let mut p = 1.987_569_1e-4;
    p = p * r + 1.398_199_9e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_6e-1;
    p = p * r + 0.5;
    let y = p * (r * r) + r + 1.0;
    y * f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23))
}

/// The normal distribution's cumulative `Φ(x) = (1 + erf(x / √2)) / 2` and density `φ(x)`, both to about 1e-7.
///
/// Abramowitz and Stegun 7.1.26, in the form without cancellation for negative `x`.
#[inline(always)]
pub(crate) fn normal(x: f32) -> (f32, f32) {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let e = exp(-(z * z));
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let poly = ((((1.061_405_4 * t - 1.453_152) * t + 1.421_413_8) * t - 0.284_496_74) * t + 0.254_829_6) * t;
    let tail = 0.5 * poly * e;
    let cumulative = if x < 0.0 { tail } else { 1.0 - tail };
    (cumulative, e * 0.398_942_3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_exact_to_float_rounding() {
        for i in -8700..=8800 {
            let x = i as f32 * 0.01;
            let expected = (x as f64).exp();
            assert!(
                (exp(x) as f64 - expected).abs() <= 2e-7 * expected,
                "{x}: {} {expected}",
                exp(x)
            );
        }
        assert!(exp(-1e30) < 1e-37 && exp(f32::NEG_INFINITY) < 1e-37);
    }

    #[test]
    fn normal_matches_known_values() {
        // scipy.stats.norm.cdf / pdf
        let known = [
            (0.0, 0.5, 0.398_942_280),
            (1.0, 0.841_344_746, 0.241_970_725),
            (-1.0, 0.158_655_254, 0.241_970_725),
            (-3.0, 0.001_349_898, 0.004_431_848),
            (2.5, 0.993_790_335, 0.017_528_300),
            (-6.0, 9.865_9e-10, 6.075_9e-9),
        ];
        for (x, cdf, pdf) in known {
            let (c, p) = normal(x);
            assert!(
                (c as f64 - cdf).abs() < 2e-7 && (p as f64 - pdf).abs() < 2e-7,
                "{x}: {c} {p}"
            );
        }
    }

    #[test]
    fn lane_sums_cover_the_tail() {
        for n in [0usize, 1, 15, 16, 17, 100] {
            let a: Vec<f32> = (0..n).map(|i| i as f32).collect();
            assert_eq!(sum_by(&a, &a, |x, _| x), (n * n.saturating_sub(1) / 2) as f32);
        }
    }
}
