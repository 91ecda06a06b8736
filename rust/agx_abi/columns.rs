// SPDX-License-Identifier: MIT

//! The versions of the firmware interface, and numbers that differ between them.

/// A version of the firmware interface: a generation of the GPU with a firmware of macOS.
///
/// A version is what a layout depends on. Firmware of the same version has the same layout on all
/// chips of a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abi {
    /// M1 and its larger relatives, firmware of macOS 12.3.
    G13V12_3,
    /// M2, firmware of macOS 12.4.
    G14V12_4,
    /// M1 and its larger relatives, firmware of macOS 13.5.
    G13V13_5,
    /// M2, firmware of macOS 13.5.
    G14V13_5,
    /// M2 Pro, Max and Ultra, firmware of macOS 13.5.
    G14XV13_5,
}

impl Abi {
    /// Number of versions.
    pub const COUNT: usize = 5;
    /// The versions, in the order of [`Columns`].
    pub const ALL: [Self; Self::COUNT] = [
        Self::G13V12_3,
        Self::G14V12_4,
        Self::G13V13_5,
        Self::G14V13_5,
        Self::G14XV13_5,
    ];

    /// Returns the version with number `n` in [`Abi::ALL`].
    ///
    /// # Panics
    ///
    /// If there is none.
    #[inline(always)]
    pub const fn nth(n: usize) -> Self {
        Self::ALL[n]
    }

    /// Runs the copy of `code` for this version, and returns what it returns.
    #[inline(always)]
    pub fn specialised<C: Specialised>(self, code: C) -> C::Output {
        match self {
            Self::G13V12_3 => code.run::<{ Self::G13V12_3 as usize }>(),
            Self::G14V12_4 => code.run::<{ Self::G14V12_4 as usize }>(),
            Self::G13V13_5 => code.run::<{ Self::G13V13_5 as usize }>(),
            Self::G14V13_5 => code.run::<{ Self::G14V13_5 as usize }>(),
            Self::G14XV13_5 => code.run::<{ Self::G14XV13_5 as usize }>(),
        }
    }

    /// Some version: what is the same in all of them can be done with this one.
    pub(crate) const ANY: Self = Self::ALL[0];
}

/// Code of which there is a copy for each [`Abi`], as it runs often: [`Abi::specialised`] runs it.
///
/// The version is a constant in each copy, and so are offsets and sizes. A closure that takes the
/// version does not have the same effect: the compiler makes one call of the five, and loads each
/// offset from a table.
pub trait Specialised {
    /// The type that the code returns.
    type Output;

    /// Runs the code for version [`Abi::nth(ABI)`](Abi::nth).
    fn run<const ABI: usize>(self) -> Self::Output;
}

/// A value for each [`Abi`]: each version has one.
///
/// ```
/// use agx_abi::{fragment::RunFragment, Abi};
///
/// assert_eq!(RunFragment::UNK_BUF_10_VALUE.of(Abi::G13V13_5), 1);
/// ```
///
/// Offsets and sizes are [`Columns`], of which a version may lack one. They are no such values:
///
/// ```compile_fail
/// use agx_abi::{fragment::JobParameters1, Abi};
///
/// JobParameters1::UTILE_CONFIG.offsets().of(Abi::G14XV13_5);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers(Columns);

impl Numbers {
    /// Returns the values in `columns`.
    ///
    /// # Panics
    ///
    /// If one is absent: at compile time in a constant.
    pub(crate) const fn new(columns: Columns) -> Self {
        assert!(columns.is_everywhere(), "a version lacks the value");
        Self(columns)
    }

    /// Returns the value `n` in each version but the last, which has `last`.
    pub(crate) const fn last(n: u32, last: u32) -> Self {
        Self(Columns([n, n, n, n, last]))
    }

    /// Returns the value of version `abi`.
    #[inline(always)]
    pub const fn of(self, abi: Abi) -> usize {
        self.0 .0[abi as usize] as usize
    }
}

/// A number of bytes for each [`Abi`]: an offset, or a size. It may be absent in some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Columns([u32; Abi::COUNT]);

impl Columns {
    /// The entry in the column of a version that lacks the field or structure.
    pub(crate) const NONE: u32 = u32::MAX;
    /// Absent in all versions.
    pub const ABSENT: Self = Self([Self::NONE; Abi::COUNT]);

    /// Returns the numbers `columns`, in the order of [`Abi::ALL`].
    pub(crate) const fn new(columns: [u32; Abi::COUNT]) -> Self {
        Self(columns)
    }

    /// Returns the number `n` in each version.
    pub const fn same(n: usize) -> Self {
        assert!(n < Self::NONE as usize);
        Self([n as u32; Abi::COUNT])
    }

    /// Returns the number of version `abi`, or `None` if it is absent there.
    #[inline(always)]
    pub const fn get(self, abi: Abi) -> Option<usize> {
        match self.0[abi as usize] {
            Self::NONE => None,
            n => Some(n as usize),
        }
    }

    /// Returns the number of version `abi`.
    ///
    /// # Panics
    ///
    /// If it is absent there.
    #[inline(always)]
    pub(crate) const fn of(self, abi: Abi) -> usize {
        let n = self.0[abi as usize];
        // The first is known where these are constants, and spares the look.
        assert!(
            self.is_everywhere() || n != Self::NONE,
            "absent in this version"
        );
        n as usize
    }

    /// Returns the number of version `abi`, which has one. [`u32::MAX`] if it has not.
    #[inline(always)]
    pub(crate) const fn known(self, abi: Abi) -> usize {
        self.0[abi as usize] as usize
    }

    /// Returns whether no version lacks it.
    #[inline(always)]
    pub(crate) const fn is_everywhere(self) -> bool {
        let mut i = 0;
        while i < Abi::COUNT {
            if self.0[i] == Self::NONE {
                return false;
            }
            i += 1;
        }
        true
    }

    /// Returns whether the number is the same in all versions.
    pub const fn is_same(self) -> bool {
        let mut i = 1;
        while i < Abi::COUNT {
            if self.0[i] != self.0[0] {
                return false;
            }
            i += 1;
        }
        self.0[0] != Self::NONE
    }

    /// Returns the number that is the same in all versions.
    ///
    /// # Panics
    ///
    /// If it is not: at compile time in a constant.
    #[inline(always)]
    pub const fn fixed(self) -> usize {
        assert!(self.is_same(), "not the same in all versions");
        self.0[0] as usize
    }

    /// Returns the largest number.
    ///
    /// # Panics
    ///
    /// If it is absent in all versions.
    pub const fn max(self) -> usize {
        let mut max = None;
        let mut i = 0;
        while i < Abi::COUNT {
            if self.0[i] != Self::NONE {
                match max {
                    Some(n) if n >= self.0[i] => {}
                    _ => max = Some(self.0[i]),
                }
            }
            i += 1;
        }
        match max {
            Some(max) => max as usize,
            None => panic!("absent in all versions"),
        }
    }

    /// Returns whether all numbers are multiples of `n`.
    #[inline(always)]
    pub const fn are_multiples_of(self, n: usize) -> bool {
        let mut i = 0;
        while i < Abi::COUNT {
            if self.0[i] != Self::NONE && self.0[i] as usize % n != 0 {
                return false;
            }
            i += 1;
        }
        true
    }

    /// Returns whether it is absent in a version in which `other` is there.
    pub(crate) const fn is_partial(self, other: Self) -> bool {
        let mut i = 0;
        while i < Abi::COUNT {
            if self.0[i] == Self::NONE && other.0[i] != Self::NONE {
                return true;
            }
            i += 1;
        }
        false
    }

    /// Returns the sums, each column with itself. It is absent where one of them is.
    #[inline(always)]
    pub(crate) const fn plus(self, other: Self) -> Self {
        let mut sum = [Self::NONE; Abi::COUNT];
        let mut i = 0;
        while i < Abi::COUNT {
            if self.0[i] != Self::NONE && other.0[i] != Self::NONE {
                sum[i] = self.0[i] + other.0[i];
            }
            i += 1;
        }
        Self(sum)
    }

    /// Returns `n` times the numbers.
    #[inline(always)]
    pub(crate) const fn times(self, n: usize) -> Self {
        let mut product = self.0;
        let mut i = 0;
        while i < Abi::COUNT {
            if product[i] != Self::NONE {
                product[i] *= n as u32;
            }
            i += 1;
        }
        Self(product)
    }
}

/// Makes [`Columns`] of one, two or three numbers, separated by `|`.
///
/// | written | G13 12.3 | G14 12.4 | G13 13.5 | G14 13.5 | G14X 13.5 |
/// |---|---|---|---|---|---|
/// | `a` | a | a | a | a | a |
/// | `a \| b` | a | a | b | b | b |
/// | `a \| b \| c` | a | a | b | b | c |
/// | `a/x \| b/y \| c` | a | x | b | y | c |
///
/// A number is `-` where it is absent.
macro_rules! columns {
    (@ -) => { $crate::columns::Columns::NONE };
    (@ $n:literal) => { $n };
    (@second $a:tt) => { columns!(@ $a) };
    (@second $a:tt $b:tt) => { columns!(@ $b) };
    ($a:tt) => { $crate::columns::Columns::same(columns!(@ $a) as usize) };
    ($a:tt $(/ $x:tt)? | $b:tt $(/ $y:tt)?) => {
        $crate::columns::Columns::new([
            columns!(@ $a),
            columns!(@second $a $($x)?),
            columns!(@ $b),
            columns!(@second $b $($y)?),
            columns!(@ $b),
        ])
    };
    ($a:tt $(/ $x:tt)? | $b:tt $(/ $y:tt)? | $c:tt) => {
        $crate::columns::Columns::new([
            columns!(@ $a),
            columns!(@second $a $($x)?),
            columns!(@ $b),
            columns!(@second $b $($y)?),
            columns!(@ $c),
        ])
    };
}

/// Makes [`Numbers`] of one, two or three values, written as in [`columns!`]. None may be absent.
macro_rules! numbers {
    ($($columns:tt)*) => { $crate::columns::Numbers::new(columns!($($columns)*)) };
}

#[cfg(test)]
mod tests {
    use super::{Abi, Columns};

    fn all(columns: Columns) -> [Option<usize>; Abi::COUNT] {
        Abi::ALL.map(|abi| columns.get(abi))
    }

    #[test]
    fn columns_stand_for_versions() {
        assert_eq!(all(columns!(1)), [Some(1); 5]);
        let (a, b, c, x, y) = (Some(1), Some(2), Some(3), Some(4), Some(5));
        assert_eq!(all(columns!(1 | 2)), [a, a, b, b, b]);
        assert_eq!(all(columns!(1 | 2 | 3)), [a, a, b, b, c]);
        assert_eq!(all(columns!(1 / 4 | 2)), [a, x, b, b, b]);
        assert_eq!(all(columns!(1 | 2 / 5)), [a, a, b, y, b]);
        assert_eq!(all(columns!(1 / 4 | 2 / 5 | 3)), [a, x, b, y, c]);
        assert_eq!(all(columns!(- | 2/- | -)), [None, None, b, None, None]);
    }

    #[test]
    fn what_is_absent_stays_absent() {
        let sum = columns!(1 | 2 | -).plus(columns!(1 / -|2| 3));
        assert_eq!(all(sum), [Some(2), None, Some(4), Some(4), None]);
        let product = columns!(-|2| 3).times(3);
        assert_eq!(all(product), [None, None, Some(6), Some(6), Some(9)]);
    }

    #[test]
    #[should_panic(expected = "absent in this version")]
    fn what_is_absent_has_no_number() {
        let _ = columns!(- | 2).of(Abi::G13V12_3);
    }
}
