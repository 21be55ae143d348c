//! The inner loop: a tile of the left factor times a panel of the right one, summed in registers.

/// Defines `sums::<R, V, BY_LINE>(lhs, rhs)`: the sums of `R` rows and `V · 16` columns over all steps of the panel `rhs`.
///
/// `lhs` comes in chunks of 16 steps: by line, `ROWS` lines, each the 16 steps of one row; otherwise 16 lines, each one step of all rows.
macro_rules! define_sums {
    ($features:literal, $sum:ty, $zero:expr, $dot:expr) => {
        #[target_feature(enable = $features)]
        #[inline]
        fn sums<const R: usize, const V: usize, const BY_LINE: bool>(lhs: &[Line], rhs: &[Step]) -> [[$sum; V]; R] {
            let mut sums = [[$zero; V]; R];
            let chunk = if BY_LINE { ROWS } else { LANES };
            assert!(R <= ROWS && V <= 2 && rhs.len().div_ceil(LANES) * chunk <= lhs.len());
            let (mut cells, mut step, mut left) = (lhs.as_ptr().cast::<i32>(), rhs.as_ptr(), rhs.len());
            while left > 0 {
                let n = left.min(LANES);
                for q in 0..n {
                    // SAFETY: `step` and `cells` move over at most `rhs.len()` steps and as many chunks of lines, asserted to exist.
                    let columns = unsafe { *step };
                    step = step.wrapping_add(1);
                    for r in 0..R {
                        let at = if BY_LINE { r * LANES + q } else { q * LANES + r };
                        // SAFETY: as above; `at < chunk * LANES`.
                        let cell = _mm512_set1_epi32(unsafe { *cells.add(at) });
                        for v in 0..V {
                            sums[r][v] = $dot(sums[r][v], cell, columns[v]);
                        }
                    }
                }
                cells = cells.wrapping_add(chunk * LANES);
                left -= n;
            }
            sums
        }
    };
}
pub(super) use define_sums;

/// A table of `$tile::<R, V>` (and further parameters) by rows − 1 and vectors − 1.
macro_rules! tile_table {
    ($tile:ident as $kind:ty $(, $by_line:literal)?) => {
        tile_table!(@rows $tile, $kind, ($($by_line)?), 1 2 3 4 5 6 7 8 9 10 11 12 13 14)
    };
    (@rows $tile:ident, $kind:ty, $by_line:tt, $($r:literal)*) => { [$(tile_table!(@one $tile, $kind, $by_line, $r)),*] };
    (@one $tile:ident, $kind:ty, (), $r:literal) => { [$tile::<$r, 1> as $kind, $tile::<$r, 2> as $kind] };
    (@one $tile:ident, $kind:ty, ($by_line:literal), $r:literal) => {
        [$tile::<$r, 1, $by_line> as $kind, $tile::<$r, 2, $by_line> as $kind]
    };
}
pub(super) use tile_table;
