// SPDX-License-Identifier: MIT OR Apache-2.0

//! Endpoints of ASTC's colours, of the sixteen modes.

/// Two colours. Channels have eight bits, or twelve of a logarithm.
#[derive(Clone, Copy, Default)]
pub struct Ends {
    pub values: [[u32; 4]; 2],
    pub hdr: bool,
    pub hdr_alpha: bool,
}

const BYTE: i32 = 255;
const TWELVE: i32 = 0xfff;
/// One, of twelve bits.
const ONE: i32 = 0x780;

fn clamped(values: [[i32; 4]; 2], most: i32) -> [[u32; 4]; 2] {
    values.map(|end| end.map(|value| value.clamp(0, most) as u32))
}

fn ldr(low: [i32; 4], high: [i32; 4]) -> Ends {
    Ends {
        values: clamped([low, high], BYTE),
        ..Ends::default()
    }
}

fn hdr(low: [i32; 3], high: [i32; 3]) -> Ends {
    let [low, high] = [low, high].map(|[r, g, b]| [r, g, b, ONE]);
    Ends {
        values: clamped([low, high], TWELVE),
        hdr: true,
        hdr_alpha: true,
    }
}

fn grey(low: [i32; 2], high: [i32; 2]) -> Ends {
    let [low, high] = [low, high].map(|[y, a]| [y, y, y, a]);
    ldr(low, high)
}

fn contract([r, g, b, a]: [i32; 4]) -> [i32; 4] {
    [(r + b) >> 1, (g + b) >> 1, b, a]
}

/// A base, and what is added to it: the base's highest bit is in the lowest one's place.
fn offset(base: i32, add: i32) -> (i32, i32) {
    let wide = base >> 1 | add & 0x80;
    let add = add >> 1 & 0x3f;
    (wide, if add & 0x20 != 0 { add - 0x40 } else { add })
}

/// Returns the endpoints that a mode makes of its values.
pub fn endpoints(mode: u32, values: &[u32]) -> Ends {
    let mut v = [0i32; 8];
    for (to, &value) in v.iter_mut().zip(values) {
        *to = value as i32;
    }
    match mode {
        0 => grey([v[0], BYTE], [v[1], BYTE]),
        1 => {
            let low = v[0] >> 2 | v[1] & 0xc0;
            grey([low, BYTE], [low + (v[1] & 0x3f), BYTE])
        }
        2 if v[1] >= v[0] => hdr([v[0] << 4; 3], [v[1] << 4; 3]),
        2 => hdr([(v[1] << 4) + 8; 3], [(v[0] << 4) - 8; 3]),
        3 => {
            let (low, add) = match v[0] & 0x80 {
                0 => ((v[1] & 0xf0) << 4 | (v[0] & 0x7f) << 1, (v[1] & 0xf) << 1),
                _ => ((v[1] & 0xe0) << 4 | (v[0] & 0x7f) << 2, (v[1] & 0x1f) << 2),
            };
            hdr([low; 3], [low + add; 3])
        }
        4 => grey([v[0], v[2]], [v[1], v[3]]),
        5 => {
            let (y, dy) = offset(v[0], v[1]);
            let (a, da) = offset(v[2], v[3]);
            grey([y, a], [y + dy, a + da])
        }
        6 | 10 => {
            let (low, high) = if mode == 6 {
                (BYTE, BYTE)
            } else {
                (v[4], v[5])
            };
            let [r, g, b] = [0, 1, 2].map(|n: usize| (v[n] * v[3]) >> 8);
            ldr([r, g, b, low], [v[0], v[1], v[2], high])
        }
        7 => scaled(v),
        8 | 12 => {
            let (low, high) = if mode == 8 {
                (BYTE, BYTE)
            } else {
                (v[6], v[7])
            };
            let (first, second) = ([v[0], v[2], v[4], low], [v[1], v[3], v[5], high]);
            if v[1] + v[3] + v[5] >= v[0] + v[2] + v[4] {
                ldr(first, second)
            } else {
                ldr(contract(second), contract(first))
            }
        }
        9 | 13 => {
            let [r, g, b, a] = [0, 2, 4, 6].map(|n: usize| match (mode, n) {
                (9, 6) => (BYTE, 0),
                _ => offset(v[n], v[n + 1]),
            });
            let first = [r.0, g.0, b.0, a.0];
            let second = [r.0 + r.1, g.0 + g.1, b.0 + b.1, a.0 + a.1];
            if r.1 + g.1 + b.1 >= 0 {
                ldr(first, second)
            } else {
                ldr(contract(second), contract(first))
            }
        }
        11 => direct(v),
        14 => {
            let mut ends = direct(v);
            ends.hdr_alpha = false;
            ends.values[0][3] = v[6] as u32;
            ends.values[1][3] = v[7] as u32;
            ends
        }
        _ => {
            let mut ends = direct(v);
            let alpha = hdr_alpha(v[6], v[7]);
            for (end, alpha) in ends.values.iter_mut().zip(alpha) {
                end[3] = alpha.clamp(0, TWELVE) as u32;
            }
            ends
        }
    }
}

/// Ors bits into values, of those places whose mask has the mode.
fn scattered(mode: u32, bits: &[i32], places: &[(u32, usize, usize, u32)], to: &mut [i32]) {
    for &(modes, value, bit, shift) in places {
        if modes >> mode & 1 != 0 {
            to[value] |= bits[bit] << shift;
        }
    }
}

/// The largest channel is at the place `major`.
fn placed(major: i32, mut colour: [i32; 3]) -> [i32; 3] {
    if (1..3).contains(&major) {
        colour.swap(0, major as usize);
    }
    colour
}

/// Mode 7: a colour, and what is taken from all of its channels for the other end.
fn scaled(v: [i32; 8]) -> Ends {
    // Modes, value (red, green, blue, scale), bit, place.
    const PLACES: [(u32, usize, usize, u32); 17] = [
        (0x30, 1, 0, 6),
        (0x3a, 1, 1, 5),
        (0x30, 2, 2, 6),
        (0x3a, 2, 3, 5),
        (0x3d, 3, 6, 5),
        (0x2d, 3, 5, 6),
        (0x04, 3, 4, 7),
        (0x3b, 0, 4, 6),
        (0x04, 0, 3, 6),
        (0x10, 0, 5, 7),
        (0x0f, 0, 2, 7),
        (0x05, 0, 1, 8),
        (0x0a, 0, 0, 8),
        (0x05, 0, 0, 9),
        (0x02, 0, 6, 9),
        (0x01, 0, 3, 10),
        (0x02, 0, 5, 10),
    ];
    let all = v[0] >> 6 & 3 | v[1] >> 5 & 4 | v[2] >> 4 & 8;
    let (major, mode) = match all {
        0..12 => (all >> 2, all & 3),
        15 => (0, 5),
        _ => (all & 3, 4),
    };
    let bits = [
        v[1] >> 6,
        v[1] >> 5,
        v[2] >> 6,
        v[2] >> 5,
        v[3] >> 7,
        v[3] >> 6,
        v[3] >> 5,
    ]
    .map(|bit| bit & 1);
    let mut values = [v[0] & 0x3f, v[1] & 0x1f, v[2] & 0x1f, v[3] & 0x1f];
    scattered(mode as u32, &bits, &PLACES, &mut values);
    let shift = [1, 1, 2, 3, 4, 5][mode as usize];
    let [red, mut green, mut blue, scale] = values.map(|value| value << shift);
    if mode != 5 {
        (green, blue) = (red - green, red - blue);
    }
    let high = placed(major, [red, green, blue]);
    hdr(high.map(|value| value - scale), high)
}

/// Mode 11: two colours.
fn direct(v: [i32; 8]) -> Ends {
    // Modes, value (a, c, b0, b1), bit, place.
    const PLACES: [(u32, usize, usize, u32); 13] = [
        (0xa4, 0, 0, 9),
        (0x08, 0, 2, 9),
        (0x50, 0, 4, 9),
        (0x50, 0, 5, 10),
        (0xa0, 0, 1, 10),
        (0xc0, 0, 2, 11),
        (0x04, 1, 1, 6),
        (0xe8, 1, 3, 6),
        (0x20, 1, 2, 7),
        (0x5b, 2, 0, 6),
        (0x5b, 3, 1, 6),
        (0x12, 2, 2, 7),
        (0x12, 3, 3, 7),
    ];
    let major = v[4] >> 7 & 1 | v[5] >> 6 & 2;
    if major == 3 {
        let ends = [0, 1].map(|n: usize| [v[n] << 4, v[n + 2] << 4, (v[n + 4] & 0x7f) << 5]);
        return hdr(ends[0], ends[1]);
    }
    let mode = v[1] >> 7 & 1 | v[2] >> 6 & 2 | v[3] >> 5 & 4;
    let bits = [
        v[2] >> 6,
        v[3] >> 6,
        v[4] >> 6,
        v[5] >> 6,
        v[4] >> 5,
        v[5] >> 5,
    ]
    .map(|bit| bit & 1);
    let a = v[0] | (v[1] & 0x40) << 2;
    let mut values = [a, v[1] & 0x3f, v[2] & 0x3f, v[3] & 0x3f];
    scattered(mode as u32, &bits, &PLACES, &mut values);
    let unsigned = 32 - [7, 6, 7, 6, 5, 6, 5, 6][mode as usize];
    let shift = mode >> 1 ^ 3;
    let [a, c, b0, b1] = values.map(|value| value << shift);
    let [d0, d1] = [v[4], v[5]].map(|d| d << unsigned >> unsigned << shift);
    let high = placed(major, [a, a - b0, a - b1]);
    hdr(
        placed(major, [a - c, a - b0 - c - d0, a - b1 - c - d1]),
        high,
    )
}

/// Mode 15's alpha.
fn hdr_alpha(first: i32, second: i32) -> [i32; 2] {
    let mode = first >> 7 & 1 | second >> 6 & 2;
    let (first, second) = (first & 0x7f, second & 0x7f);
    if mode == 3 {
        return [first << 5, second << 5];
    }
    let low = first | second << (mode + 1) & 0x780;
    let sign = 0x20 >> mode;
    let add = (second & (0x3f >> mode) ^ sign) - sign;
    [low << (4 - mode), (low + add) << (4 - mode)]
}
