//! The transpose of 16 × 16 cells in registers.

use super::LANES;
use std::arch::x86_64::*;

/// Lane `i` of vector `j` becomes lane `j` of vector `i`.
#[target_feature(enable = "avx512f")]
#[inline]
pub(super) fn transpose(rows: [__m512i; LANES]) -> [__m512i; LANES] {
    // Pairs, then fours, within each 128-bit quarter: quarter `l` of `fours[4 i + c]` is column `4 l + c` of rows `4 i..4 i + 4`.
    let mut pairs = rows;
    for i in 0..8 {
        pairs[2 * i] = _mm512_unpacklo_epi32(rows[2 * i], rows[2 * i + 1]);
        pairs[2 * i + 1] = _mm512_unpackhi_epi32(rows[2 * i], rows[2 * i + 1]);
    }
    let mut fours = pairs;
    for i in 0..4 {
        for half in 0..2 {
            let (a, b) = (pairs[4 * i + half], pairs[4 * i + 2 + half]);
            fours[4 * i + 2 * half] = _mm512_unpacklo_epi64(a, b);
            fours[4 * i + 2 * half + 1] = _mm512_unpackhi_epi64(a, b);
        }
    }
    // Quarters: even ones (columns c and 8 + c), odd ones (4 + c and 12 + c), of rows 0..8 and of rows 8..16.
    let mut columns = fours;
    for c in 0..4 {
        let even_top = _mm512_shuffle_i32x4::<0x88>(fours[c], fours[4 + c]);
        let odd_top = _mm512_shuffle_i32x4::<0xdd>(fours[c], fours[4 + c]);
        let even_bottom = _mm512_shuffle_i32x4::<0x88>(fours[8 + c], fours[12 + c]);
        let odd_bottom = _mm512_shuffle_i32x4::<0xdd>(fours[8 + c], fours[12 + c]);
        columns[c] = _mm512_shuffle_i32x4::<0x88>(even_top, even_bottom);
        columns[4 + c] = _mm512_shuffle_i32x4::<0x88>(odd_top, odd_bottom);
        columns[8 + c] = _mm512_shuffle_i32x4::<0xdd>(even_top, even_bottom);
        columns[12 + c] = _mm512_shuffle_i32x4::<0xdd>(odd_top, odd_bottom);
    }
    columns
}
