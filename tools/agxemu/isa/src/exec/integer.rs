// SPDX-License-Identifier: MIT OR Apache-2.0

//! Integer kernels.

use super::kernel::kernels;

/// Returns what is shifted out vanishes, and so does everything for 32 and more.
#[inline(always)]
fn shl(value: u32, by: u32) -> u32 {
    if by < 32 {
        value << (by & 31)
    } else {
        0
    }
}

#[inline(always)]
fn shr(value: u32, by: u32) -> u32 {
    if by < 32 {
        value >> (by & 31)
    } else {
        0
    }
}

kernels! {
    /// The first source.
    mov |a, _, _, _, _| a;
    /// `a + (b << p)`
    add |a, b, _, _, k| a.wrapping_add(b << (k.p & 31));
    /// `a - (b << p)`
    sub |a, b, _, _, k| a.wrapping_sub(b << (k.p & 31));
    /// `a * b + (c << p)`
    mul_add |a, b, c, _, k| a.wrapping_mul(b).wrapping_add(c << (k.p & 31));
    /// `a * b - (c << p)`
    mul_sub |a, b, c, _, k| a.wrapping_mul(b).wrapping_sub(c << (k.p & 31));

    /// Inserts the bits `q` of b at c into a.
    bfi |a, b, c, _, k| {
        let at = c & 0x7f;
        (a & !shl(k.q, at)) | shl(b & k.q, at)
    };
    /// As `bfi`, at `p`, which is below 32.
    bfi_at |a, b, _, _, k| (a & !(k.q << (k.p & 31))) | ((b & k.q) << (k.p & 31));
    /// Extracts the bits `q` from b at c, inserts them into the low end of a.
    bfeil |a, b, c, _, k| (a & !k.q) | (shr(b, c & 0x7f) & k.q);
    /// As `bfeil`, at `p`, which is below 32.
    bfeil_at |a, b, _, _, k| (a & !k.q) | ((b >> (k.p & 31)) & k.q);
    /// The 64 bits of b above a, shifted right by c.
    extr |a, b, c, _, k| {
        let at = c & 0x7f;
        let both = u64::from(b) << 32 | u64::from(a);
        let out = if at < 64 { (both >> (at & 63)) as u32 } else { 0 };
        out & k.q
    };
    /// a, which is sign-extended, shifted right by b.
    asr |a, b, _, _, _| ((a as i32) >> (b & 0x7f).min(31)) as u32;
    /// a, which is sign-extended, above 32 zero bits, shifted right by b.
    asrh |a, b, _, _, _| {
        let high = (i64::from(a as i32)) << 32;
        (high >> (b & 0x7f).min(63)) as u32
    };
    /// What `bfi` moves past bit 31.
    shlhi |a, b, c, _, k| {
        let at = c & 0x7f;
        let keep = shl(k.q, at.saturating_sub(32));
        let moved = if at < 64 { (u64::from(b) << (at & 63) >> 32) as u32 } else { 0 };
        (moved & keep) | (a & !keep)
    };
    /// What a shift right moves from b above 32 zero bits.
    shrhi |a, b, c, _, k| {
        let at = c & 0x7f;
        let keep = (u64::from(k.q) << 32 >> at.min(32)) as u32;
        let moved = if at < 64 { (u64::from(b) << 32 >> (at & 63)) as u32 } else { 0 };
        (moved & keep) | (a & !keep)
    };

    /// a and b
    and |a, b, _, _, _| a & b;
    /// a or b
    or |a, b, _, _, _| a | b;
    /// a exclusive-or b
    xor |a, b, _, _, _| a ^ b;
    /// The function of two bits with the truth table `p`.
    bitop |a, b, _, _, k| {
        let t = |bit: u32| 0u32.wrapping_sub(k.p >> bit & 1);
        (t(0) & !a & !b) | (t(1) & a & !b) | (t(2) & !a & b) | (t(3) & a & b)
    };
    /// Bits of a at even places, of b at odd ones.
    interleave |a, b, _, _, _| spread(a) | spread(b) << 1;
    /// The bits in the other order.
    bitrev |a, _, _, _, _| a.reverse_bits();
    /// Number of bits that are set.
    popcount |a, _, _, _, _| a.count_ones();
    /// Number of the highest bit that is set, or -1.
    highest |a, _, _, _, _| 31u32.wrapping_sub(a.leading_zeros());

    /// All ones where a = b; all comparisons are inverted by `p` of all ones.
    eq |a, b, _, _, k| mask(a == b) ^ k.p;
    /// All ones where a < b.
    ult |a, b, _, _, k| mask(a < b) ^ k.p;
    /// All ones where a < b as signed numbers.
    slt |a, b, _, _, k| mask((a as i32) < (b as i32)) ^ k.p;
    /// c where a = b, else d.
    select_eq |a, b, c, d, _| if a == b { c } else { d };
    /// c where a < b, else d.
    select_ult |a, b, c, d, _| if a < b { c } else { d };
    /// c where a < b as signed numbers, else d.
    select_slt |a, b, c, d, _| if (a as i32) < (b as i32) { c } else { d };
}

#[inline(always)]
pub(super) fn mask(condition: bool) -> u32 {
    0u32.wrapping_sub(condition.into())
}

/// Moves bit n of 16 to 2n.
#[inline(always)]
fn spread(value: u32) -> u32 {
    let mut x = value & 0xffff;
    x = (x | x << 8) & 0x00ff_00ff;
    x = (x | x << 4) & 0x0f0f_0f0f;
    x = (x | x << 2) & 0x3333_3333;
    (x | x << 1) & 0x5555_5555
}
