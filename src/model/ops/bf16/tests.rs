//! The products against plain loops, at all kinds of sizes and strides, and the promises about threads and rows.

use super::{available, product};
use crate::model::ops::matmul::{Threads, View};

const SIZES: [usize; 14] = [1, 2, 3, 13, 14, 15, 16, 17, 28, 31, 32, 33, 50, 70];

/// Values in −1..1, the same on every run.
fn values(n: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    };
    (0..n).map(next).collect()
}

fn at(view: &View, row: usize, col: usize) -> f32 {
    view.data[row * view.row_stride + col * view.col_stride]
}

/// To the nearest `bf16`, ties to even.
fn rounded(x: f32) -> f64 {
    let bits = x.to_bits();
    f64::from(f32::from_bits((bits + 0x7fff + ((bits >> 16) & 1)) & 0xffff_0000))
}

/// The product of rounded factors, and the sum of absolute terms that its rounding error scales with.
fn expected(lhs: &View, rhs: &View, row: usize, col: usize) -> (f64, f64) {
    (0..lhs.cols).fold((0.0, 0.0), |(sum, size), p| {
        let term = rounded(at(lhs, row, p)) * rounded(at(rhs, p, col));
        (sum + term, size + term.abs())
    })
}

/// A view of each layout onto `data`: rows contiguous, columns contiguous, neither.
fn layouts(data: &[f32], rows: usize, cols: usize) -> [View<'_>; 3] {
    let spaced = View {
        data,
        rows,
        cols,
        row_stride: 2 * cols + 1,
        col_stride: 2,
    };
    [
        View::new(data, rows, cols, cols + 3),
        View::new(data, cols, rows, rows + 1).t(),
        spaced,
    ]
}

#[test]
fn products_of_all_sizes_layouts_and_strides() {
    if !available() {
        return;
    }
    let data = values(30_000, 1);
    let mut case = 0;
    for m in SIZES {
        for n in SIZES {
            for k in SIZES {
                case += 1;
                let lhs = layouts(&data, m, k)[case % 3];
                let rhs = layouts(&data[7..], k, n)[case / 3 % 3];
                let (scale, accumulate, stride) = ([1.0, 0.25][case % 2], case % 5 < 2, n + case % 4);
                let before = values(m * stride, 2);
                let mut out = before.clone();
                product(
                    &mut out[..(m - 1) * stride + n],
                    stride,
                    lhs,
                    rhs,
                    scale,
                    accumulate,
                    Threads::Pool,
                );
                for (i, (&out, &before)) in out.iter().zip(&before).enumerate() {
                    let (row, col) = (i / stride, i % stride);
                    if col >= n {
                        assert_eq!(out, before, "written outside: {m} {n} {k}, row {row} column {col}");
                        continue;
                    }
                    let (sum, size) = expected(&lhs, &rhs, row, col);
                    let wanted = sum * f64::from(scale) + if accumulate { f64::from(before) } else { 0.0 };
                    let error = (f64::from(out) - wanted).abs();
                    assert!(
                        error <= 1e-6 * (size + 1.0),
                        "{m} {n} {k}, row {row} column {col}: {out} {wanted}"
                    );
                }
            }
        }
    }
}

#[test]
fn products_without_an_inner_dimension_or_elements() {
    if !available() {
        return;
    }
    let mut out = [3f32; 6];
    let none = View::new(&[], 0, 0, 0);
    let (lhs, rhs) = (View { rows: 2, ..none }, View { cols: 3, ..none });
    product(&mut out, 3, lhs, rhs, 1.0, true, Threads::One);
    assert_eq!(out, [3.0; 6]);
    product(&mut out, 3, lhs, rhs, 1.0, false, Threads::One);
    assert_eq!(out, [0.0; 6]);
    product(&mut out, 3, none, rhs, 1.0, false, Threads::Pool);
    product(&mut [], 3, lhs, none, 1.0, false, Threads::Pool);
}

#[test]
#[should_panic]
fn a_short_factor_is_refused() {
    let (lhs, rhs) = (View::new(&[1.0; 3], 2, 2, 2), View::new(&[1.0; 4], 2, 2, 2));
    product(&mut [0f32; 4], 2, lhs, rhs, 1.0, false, Threads::One);
}

/// Large enough for two blocks of the inner dimension, several blocks of rows, and several threads.
#[test]
fn the_same_bits_with_any_threads_and_for_a_row_alone() {
    if !available() {
        return;
    }
    let (m, n, k) = (257, 100, 1100);
    let (x, weight, dy) = (values(m * k, 6), values(n * k, 7), values(m * n, 9));
    let forward = |rows: std::ops::Range<usize>| {
        let mut y = vec![0f32; rows.len() * n];
        let lhs = View::new(&x[rows.start * k..], rows.len(), k, k);
        product(
            &mut y,
            n,
            lhs,
            View::new(&weight, n, k, k).t(),
            1.0,
            false,
            Threads::Pool,
        );
        y
    };
    let in_pool = |n_threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| {
            let (mut dx, mut dw) = (vec![0f32; m * k], vec![0f32; n * k]);
            let dy = View::new(&dy, m, n, n);
            product(&mut dx, k, dy, View::new(&weight, n, k, k), 1.0, false, Threads::Pool);
            product(&mut dw, k, dy.t(), View::new(&x, m, k, k), 1.0, false, Threads::Pool);
            [forward(0..m), dx, dw]
        })
    };
    let one = in_pool(1);
    for n_threads in [2, 3] {
        assert!(in_pool(n_threads) == one, "other bits with {n_threads} threads");
    }
    assert_eq!(forward(200..201), one[0][200 * n..201 * n]);
    let (lhs, rhs) = (View::new(&x, m, k, k), View::new(&weight, n, k, k).t());
    for (at, y) in one[0].iter().enumerate().step_by(37) {
        let (sum, size) = expected(&lhs, &rhs, at / n, at % n);
        assert!((f64::from(*y) - sum).abs() <= 1e-6 * (size + 1.0), "{at}: {y} {sum}");
    }
}
