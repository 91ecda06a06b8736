// SPDX-License-Identifier: MIT OR Apache-2.0

//! Floats by integer arithmetic, one at a time.

/// A number: `mantissa · 2^exponent`, and whether something smaller than a unit was lost.
#[derive(Clone, Copy, Debug)]
pub enum Number {
    Nan,
    Infinite {
        minus: bool,
    },
    Finite {
        minus: bool,
        mantissa: u128,
        exponent: i32,
        more: bool,
    },
}

/// Size of a format, and whether its denormals are zeroes.
#[derive(Clone, Copy)]
pub struct Format {
    pub mantissa: u32,
    pub exponent: u32,
    pub flush: bool,
}

pub const SINGLE: Format = Format {
    mantissa: 23,
    exponent: 8,
    flush: true,
};
pub const HALF: Format = Format {
    mantissa: 10,
    exponent: 5,
    flush: false,
};

impl Format {
    fn bias(self) -> i32 {
        (1 << (self.exponent - 1)) - 1
    }

    fn special(self) -> u32 {
        ((1 << self.exponent) - 1) << self.mantissa
    }

    fn sign(self) -> u32 {
        self.mantissa + self.exponent
    }

    pub fn decode(self, bits: u32) -> Number {
        let minus = bits >> self.sign() & 1 == 1;
        let raw = bits >> self.mantissa & ((1 << self.exponent) - 1);
        let low = bits & ((1 << self.mantissa) - 1);
        let least = 1 - self.bias() - self.mantissa as i32;
        if bits & self.special() == self.special() {
            return if low == 0 {
                Number::Infinite { minus }
            } else {
                Number::Nan
            };
        }
        let (mantissa, exponent) = match raw {
            0 if self.flush => (0, least),
            0 => (u128::from(low), least),
            raw => (u128::from(low | 1 << self.mantissa), least + raw as i32 - 1),
        };
        Number::Finite {
            minus,
            mantissa,
            exponent,
            more: false,
        }
    }

    /// To nearest even, or towards zero.
    pub fn encode(self, number: Number, nearest: bool) -> u32 {
        let signed = |minus: bool, bits: u32| bits | u32::from(minus) << self.sign();
        match number {
            Number::Nan => self.special() | 1 << (self.mantissa - 1),
            Number::Infinite { minus } => signed(minus, self.special()),
            Number::Finite {
                minus,
                mantissa: 0,
                more: false,
                ..
            } => signed(minus, 0),
            Number::Finite {
                minus,
                mantissa,
                exponent,
                more,
            } => {
                // The top bit to place 119, then cut to the places of the format.
                let room = mantissa.leading_zeros() as i32 - 8;
                let below = if room < 0 {
                    mantissa & ((1 << -room) - 1)
                } else {
                    0
                };
                let more = more || below != 0;
                let shifted = if room < 0 {
                    mantissa >> -room
                } else {
                    mantissa << room
                };
                let (mantissa, exponent) = (shifted, exponent - room);
                let top = 127 - mantissa.leading_zeros() as i32 + exponent;
                let least = 1 - self.bias() - self.mantissa as i32;
                let unit = (top - self.mantissa as i32).max(least);
                let drop = unit - exponent;
                assert!(drop > 0);
                let (kept, lost) = if drop > 127 {
                    (0, (mantissa, 0))
                } else {
                    (
                        mantissa >> drop,
                        (mantissa & ((1 << drop) - 1), 1 << (drop - 1)),
                    )
                };
                let (rest, half) = lost;
                let up = half != 0 && (rest > half || rest == half && (more || kept & 1 == 1));
                let kept = (kept + u128::from(nearest && up)) as u32;
                if self.flush && kept < 1 << self.mantissa {
                    return signed(minus, 0);
                }
                // A carry out of the mantissa goes to the exponent.
                let bits = (((unit - least) as u32) << self.mantissa) + kept;
                if bits >= self.special() {
                    return signed(minus, self.special() - u32::from(!nearest));
                }
                signed(minus, bits)
            }
        }
    }
}

impl Number {
    fn minus(self) -> bool {
        match self {
            Self::Nan => false,
            Self::Infinite { minus } | Self::Finite { minus, .. } => minus,
        }
    }

    pub fn zero(self) -> bool {
        matches!(
            self,
            Self::Finite {
                mantissa: 0,
                more: false,
                ..
            }
        )
    }

    pub fn negated(self) -> Self {
        match self {
            Self::Nan => self,
            Self::Infinite { minus } => Self::Infinite { minus: !minus },
            Self::Finite {
                minus,
                mantissa,
                exponent,
                more,
            } => Self::Finite {
                minus: !minus,
                mantissa,
                exponent,
                more,
            },
        }
    }

    pub fn absolute(self) -> Self {
        if self.minus() {
            self.negated()
        } else {
            self
        }
    }

    pub fn times(self, other: Self) -> Self {
        let minus = self.minus() != other.minus();
        match (self, other) {
            (Self::Nan, _) | (_, Self::Nan) => Self::Nan,
            (Self::Infinite { .. }, x) | (x, Self::Infinite { .. }) if x.zero() => Self::Nan,
            (Self::Infinite { .. }, _) | (_, Self::Infinite { .. }) => Self::Infinite { minus },
            (
                Self::Finite {
                    mantissa: a,
                    exponent: e,
                    ..
                },
                Self::Finite {
                    mantissa: b,
                    exponent: f,
                    ..
                },
            ) => Self::Finite {
                minus,
                mantissa: a * b,
                exponent: e + f,
                more: false,
            },
        }
    }

    pub fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nan, _) | (_, Self::Nan) => Self::Nan,
            (Self::Infinite { minus: a }, Self::Infinite { minus: b }) if a != b => Self::Nan,
            (Self::Infinite { .. }, _) => self,
            (_, Self::Infinite { .. }) => other,
            (
                Self::Finite {
                    mantissa: 0,
                    minus: a,
                    ..
                },
                x,
            ) if x.zero() => match a && x.minus() {
                true => self,
                false => Self::Finite {
                    minus: false,
                    mantissa: 0,
                    exponent: 0,
                    more: false,
                },
            },
            (Self::Finite { mantissa: 0, .. }, _) => other,
            (_, Self::Finite { mantissa: 0, .. }) => self,
            (
                Self::Finite {
                    minus: a,
                    mantissa: m,
                    exponent: e,
                    ..
                },
                Self::Finite {
                    minus: b,
                    mantissa: n,
                    exponent: f,
                    ..
                },
            ) => {
                // The one with the higher top bit is moved up as far as it goes.
                let top = |m: u128, e: i32| 128 - m.leading_zeros() as i32 + e;
                if top(m, e) < top(n, f) {
                    return other.plus(self);
                }
                let room = (m.leading_zeros() as i32 - 27).max(0);
                let (m, e) = (m << room, e - room);
                let (n, lost) = match f - e {
                    up @ 0.. => (n << up, false),
                    down if down > -128 => (n >> -down, n & ((1 << -down) - 1) != 0),
                    _ => (0, true),
                };
                let (minus, mantissa, more) = match a == b {
                    true => (a, m + n, lost),
                    // What was lost makes the difference smaller: borrow a unit.
                    false if m >= n => (a, m - n - u128::from(lost), lost),
                    false => (b, n - m, lost),
                };
                if mantissa == 0 && !more {
                    return Self::Finite {
                        minus: false,
                        mantissa,
                        exponent: 0,
                        more,
                    };
                }
                Self::Finite {
                    minus,
                    mantissa,
                    exponent: e,
                    more,
                }
            }
        }
    }

    pub fn reciprocal(self) -> Self {
        let minus = self.minus();
        match self {
            Self::Nan => self,
            Self::Infinite { .. } => Self::Finite {
                minus,
                mantissa: 0,
                exponent: 0,
                more: false,
            },
            x if x.zero() => Self::Infinite { minus },
            Self::Finite {
                mantissa, exponent, ..
            } => Self::Finite {
                minus,
                mantissa: (1 << 100) / mantissa,
                exponent: -100 - exponent,
                more: (1 << 100) % mantissa != 0,
            },
        }
    }

    /// To an integer: 0 down, 16 up, 32 towards zero, 48 to nearest even.
    pub fn integral(self, mode: u64) -> Self {
        let Self::Finite {
            minus,
            mantissa,
            exponent,
            ..
        } = self
        else {
            return self;
        };
        if exponent >= 0 || mantissa == 0 {
            return self;
        }
        let drop = (-exponent).min(100);
        let (whole, rest) = (mantissa >> drop, mantissa & ((1 << drop) - 1));
        let half = 1 << (drop - 1);
        let up = match mode {
            0 => minus && rest != 0,
            16 => !minus && rest != 0,
            32 => false,
            _ => rest > half || rest == half && whole & 1 == 1,
        };
        Self::Finite {
            minus,
            mantissa: whole + u128::from(up),
            exponent: 0,
            more: false,
        }
    }

    /// The integer that an integral number is, as far as 128 bits go.
    pub fn integer(self) -> i128 {
        match self {
            Self::Nan => 0,
            Self::Infinite { minus: true } => i128::MIN,
            Self::Infinite { minus: false } => i128::MAX,
            Self::Finite {
                minus,
                mantissa,
                exponent,
                ..
            } => {
                let size = if exponent > 70 {
                    1 << 100
                } else {
                    (mantissa << exponent.max(0)) as i128
                };
                let size = if mantissa == 0 { 0 } else { size };
                if minus {
                    -size
                } else {
                    size
                }
            }
        }
    }

    pub fn from_integer(value: i128) -> Self {
        let mantissa = value.unsigned_abs();
        Self::Finite {
            minus: value < 0,
            mantissa,
            exponent: 0,
            more: false,
        }
    }

    /// Less, equal, greater; `None` for NaN.
    pub fn compare(self, other: Self) -> Option<std::cmp::Ordering> {
        use std::cmp::Ordering::{Equal, Greater, Less};
        let difference = match (self, other) {
            (Self::Nan, _) | (_, Self::Nan) => return None,
            (Self::Infinite { minus: a }, Self::Infinite { minus: b }) if a == b => {
                return Some(Equal)
            }
            _ => self.plus(other.negated()),
        };
        Some(match difference {
            x if x.zero() => Equal,
            x if x.minus() => Less,
            _ => Greater,
        })
    }

    /// Bounded to 0…1, NaN to 0.
    pub fn saturated(self) -> Self {
        let one = Self::from_integer(1);
        let zero = Self::from_integer(0);
        match self {
            Self::Nan => zero,
            x if x.minus() || x.zero() => zero,
            x if x.compare(one) == Some(std::cmp::Ordering::Greater) => one,
            x => x,
        }
    }
}
