//! Matrix products over slices with strides, on the `gemm` crate: no copies for transposes.
//!
//! Not here: products in reduced precision.

use gemm::Parallelism;

/// A matrix inside a slice: element `(r, c)` is `data[r * row_stride + c * col_stride]`.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(super) data: &'a [f32],
    pub(super) rows: usize,
    pub(super) cols: usize,
    pub(super) row_stride: usize,
    pub(super) col_stride: usize,
}

impl<'a> View<'a> {
    /// A row-major matrix of `rows × cols` whose rows are `stride` apart.
    pub(crate) fn new(data: &'a [f32], rows: usize, cols: usize, stride: usize) -> View<'a> {
        View {
            data,
            rows,
            cols,
            row_stride: stride,
            col_stride: 1,
        }
    }

    /// The same matrix, transposed.
    pub(crate) fn t(self) -> View<'a> {
        View {
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
            ..self
        }
    }

    /// How many elements of the slice the matrix spans.
    pub(super) fn n_needed(&self) -> usize {
        if self.rows == 0 || self.cols == 0 {
            0
        } else {
            (self.rows - 1) * self.row_stride + (self.cols - 1) * self.col_stride + 1
        }
    }
}

/// Whether a product is spread over the current rayon pool.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Threads {
    /// Runs on the calling thread.
    One,
    /// Runs on all threads of the pool that is current.
    Pool,
}

/// `out = scale · lhs · rhs`, or `out += …` with `accumulate`. `out` is row-major with rows `stride` apart.
///
/// # Panics
/// When the inner sizes differ or a matrix does not lie within its slice.
pub(crate) fn product(
    out: &mut [f32],
    stride: usize,
    lhs: View,
    rhs: View,
    scale: f32,
    accumulate: bool,
    threads: Threads,
) {
    let (m, n, k) = (lhs.rows, rhs.cols, lhs.cols);
    assert_eq!(k, rhs.rows, "inner sizes of a product");
    let target = View::new(out, m, n, stride);
    assert!(
        n <= stride && target.n_needed() <= out.len(),
        "the product does not fit"
    );
    assert!(
        lhs.n_needed() <= lhs.data.len() && rhs.n_needed() <= rhs.data.len(),
        "a factor is out of bounds"
    );
    let parallelism = match threads {
        Threads::Pool if rayon::current_num_threads() > 1 => Parallelism::Rayon(0),
        _ => Parallelism::None,
    };
    // SAFETY: the three matrices lie within their slices (checked above), and `out` is borrowed exclusively, so it overlaps neither.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            stride as isize,
            accumulate,
            lhs.data.as_ptr(),
            lhs.col_stride as isize,
            lhs.row_stride as isize,
            rhs.data.as_ptr(),
            rhs.col_stride as isize,
            rhs.row_stride as isize,
            1.0,
            scale,
            false,
            false,
            false,
            parallelism,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_with_strides_and_accumulation() {
        // a = [[1,2],[3,4],[5,6]] within rows of 3; b = [[1,0,2],[0,1,1]]
        let a = [1., 2., 9., 3., 4., 9., 5., 6., 9.];
        let b = [1., 0., 2., 0., 1., 1.];
        let mut out = [0f32; 12];
        product(
            &mut out,
            4,
            View::new(&a, 3, 2, 3),
            View::new(&b, 2, 3, 3),
            1.0,
            false,
            Threads::One,
        );
        assert_eq!(out, [1., 2., 4., 0., 3., 4., 10., 0., 5., 6., 16., 0.]);
        product(
            &mut out,
            4,
            View::new(&a, 3, 2, 3),
            View::new(&b, 2, 3, 3),
            0.5,
            true,
            Threads::Pool,
        );
        assert_eq!(out[..3], [1.5, 3., 6.]);
        let mut gram = [7f32; 4];
        product(
            &mut gram,
            2,
            View::new(&a, 3, 2, 3).t(),
            View::new(&a, 3, 2, 3),
            1.0,
            false,
            Threads::Pool,
        );
        assert_eq!(gram, [35., 44., 44., 56.]);
    }

    #[test]
    #[should_panic(expected = "out of bounds")]
    fn a_short_slice_is_refused() {
        let mut out = [0f32; 4];
        product(
            &mut out,
            2,
            View::new(&[1.0; 3], 2, 2, 2),
            View::new(&[1.0; 4], 2, 2, 2),
            1.0,
            false,
            Threads::One,
        );
    }
}
