// SPDX-License-Identifier: MIT OR Apache-2.0

//! Sequences of bounded integers of ASTC: bits, and digits of base three or five that are packed.

/// What numbers a sequence is of: `base` times two to the power of `bits`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Quantity {
    base: u32,
    bits: u32,
}

const fn quantity(base: u32, bits: u32) -> Quantity {
    Quantity { base, bits }
}

/// All of them. Weights have one of the first twelve.
pub const QUANTITIES: [Quantity; 21] = [
    quantity(1, 1),
    quantity(3, 0),
    quantity(1, 2),
    quantity(5, 0),
    quantity(3, 1),
    quantity(1, 3),
    quantity(5, 1),
    quantity(3, 2),
    quantity(1, 4),
    quantity(5, 2),
    quantity(3, 3),
    quantity(1, 5),
    quantity(5, 3),
    quantity(3, 4),
    quantity(1, 6),
    quantity(5, 4),
    quantity(3, 5),
    quantity(1, 7),
    quantity(5, 5),
    quantity(3, 6),
    quantity(1, 8),
];

/// Returns bits of a sequence of so many numbers.
pub fn bits_of(quantity: Quantity, count: u32) -> u32 {
    let digits = match quantity.base {
        3 => (8 * count).div_ceil(5),
        5 => (7 * count).div_ceil(3),
        _ => 0,
    };
    digits + quantity.bits * count
}

/// The five digits of base three that a byte has.
fn trits(byte: u32) -> [u32; 5] {
    let at = |start: u32, count: u32| byte >> start & ((1u32 << count) - 1);
    let (three, last, rest) = if at(2, 3) == 7 {
        (2, 2, at(5, 3) << 2 | at(0, 2))
    } else if at(5, 2) == 3 {
        (at(7, 1), 2, at(0, 5))
    } else {
        (at(5, 2), at(7, 1), at(0, 5))
    };
    let at = |start: u32, count: u32| rest >> start & ((1u32 << count) - 1);
    let (zero, one, two) = if at(0, 2) == 3 {
        (at(3, 1) << 1 | at(2, 1) & !at(3, 1), at(4, 1), 2)
    } else if at(2, 2) == 3 {
        (at(0, 2), 2, 2)
    } else {
        (at(1, 1) << 1 | at(0, 1) & !at(1, 1), at(2, 2), at(4, 1))
    };
    [zero, one, two, three, last]
}

/// The three digits of base five that seven bits have.
fn quints(seven: u32) -> [u32; 3] {
    let at = |start: u32, count: u32| seven >> start & ((1u32 << count) - 1);
    if at(1, 2) == 3 && at(5, 2) == 0 {
        let two = at(0, 1) << 2 | (at(4, 1) & !at(0, 1)) << 1 | at(3, 1) & !at(0, 1);
        return [4, 4, two];
    }
    let (two, rest) = if at(1, 2) == 3 {
        (4, at(3, 2) << 3 | (!at(5, 2) & 3) << 1 | at(0, 1))
    } else {
        (at(5, 2), at(0, 5))
    };
    match rest & 7 {
        5 => [rest >> 3, 4, two],
        zero => [zero, rest >> 3, two],
    }
}

/// Takes numbers from the lowest bits on. What the last of packed digits lack are zeros, whatever
/// comes behind the sequence.
pub fn sequence(bits: u128, quantity: Quantity, out: &mut [u32]) {
    let length = bits_of(quantity, out.len() as u32);
    let mut left = bits & ((1 << length) - 1);
    let mut take = |count: u32| {
        let value = left as u32 & ((1 << count) - 1);
        left >>= count;
        value
    };
    let shares: &[u32] = match quantity.base {
        3 => &[2, 2, 1, 2, 1],
        5 => &[3, 2, 2],
        _ => &[0],
    };
    for chunk in out.chunks_mut(shares.len()) {
        let (mut packed, mut at) = (0, 0);
        let mut low = [0; 5];
        for (low, &share) in low.iter_mut().zip(shares) {
            *low = take(quantity.bits);
            packed |= take(share) << at;
            at += share;
        }
        let digits = match quantity.base {
            3 => trits(packed),
            5 => {
                let [zero, one, two] = quints(packed);
                [zero, one, two, 0, 0]
            }
            _ => [0; 5],
        };
        for ((to, digit), low) in chunk.iter_mut().zip(digits).zip(low) {
            *to = digit << quantity.bits | low;
        }
    }
}

impl Quantity {
    /// Returns a number's digit, its lowest bit and the others.
    fn parts(self, value: u32) -> [u32; 3] {
        let low = value & ((1 << self.bits) - 1);
        [value >> self.bits, low & 1, low >> 1]
    }

    /// Repeats the bits of a number so that there are `to`.
    fn repeat(self, value: u32, to: u32) -> u32 {
        let mut all = 0;
        let mut at = to;
        while at > 0 {
            let fits = at.min(self.bits);
            at -= fits;
            all |= value >> (self.bits - fits) << at;
        }
        all
    }

    /// Returns a number as one of eight bits.
    pub fn colour(self, value: u32) -> u32 {
        let [digit, low, x] = self.parts(value);
        let (b, c) = match (self.base, self.bits) {
            (3, 1) => (0, 204),
            (3, 2) => (x << 8 | x << 4 | x << 2 | x << 1, 93),
            (3, 3) => (x << 7 | x << 2 | x, 44),
            (3, 4) => (x << 6 | x, 22),
            (3, 5) => (x << 5 | x >> 2, 11),
            (3, _) => (x << 4 | x >> 4, 5),
            (5, 1) => (0, 113),
            (5, 2) => (x << 8 | x << 3 | x << 2, 54),
            (5, 3) => (x << 7 | x << 1 | x >> 1, 26),
            (5, 4) => (x << 6 | x >> 1, 13),
            (5, _) => (x << 5 | x >> 3, 6),
            _ => return self.repeat(value, 8),
        };
        let all = low * 0x1ff;
        all & 0x80 | ((digit * c + b) ^ all) >> 2
    }

    /// Returns a number as a weight from 0 to 64.
    pub fn weight(self, value: u32) -> u32 {
        let [digit, low, x] = self.parts(value);
        let weight = match (self.base, self.bits) {
            (3, 0) => [0, 32, 63][digit as usize],
            (5, 0) => [0, 16, 32, 47, 63][digit as usize],
            (1, _) => self.repeat(value, 6),
            (base, bits) => {
                let (b, c) = match (base, bits) {
                    (3, 1) => (0, 50),
                    (3, 2) => (x << 6 | x << 2 | x, 23),
                    (3, _) => (x << 5 | x, 11),
                    (_, 1) => (0, 28),
                    _ => (x << 6 | x << 1, 13),
                };
                let all = low * 0x7f;
                all & 0x20 | ((digit * c + b) ^ all) >> 2
            }
        };
        weight + u32::from(weight > 32)
    }
}
