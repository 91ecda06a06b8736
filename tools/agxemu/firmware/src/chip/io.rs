// SPDX-License-Identifier: MIT OR Apache-2.0

//! The devices that a chip's firmware must be given.

/// Distance of the two dies' devices.
const DIE: u64 = 0x20_0000_0000;

/// A mapping that must be there: elements of the same size, in one piece for the firmware.
#[derive(Clone, Copy, Debug)]
pub struct Required {
    /// Place in the table.
    pub index: usize,
    /// Physical address of the first element.
    pub phys: u64,
    /// Size of an element.
    pub element: u32,
    /// Elements of a die, and their distance.
    pub elements: u64,
    stride: u64,
    /// Dies that have them.
    pub dies: u64,
    /// Whether the firmware writes to it.
    pub writable: bool,
}

impl Required {
    /// Returns the size of all elements.
    pub fn size(&self) -> u32 {
        self.element * (self.elements * self.dies) as u32
    }

    /// Returns the physical address of what is `offset` behind the first byte for the firmware.
    pub fn phys_at(&self, offset: u64) -> u64 {
        let number = offset / u64::from(self.element);
        let (die, number) = (number / self.elements, number % self.elements);
        self.phys + die * DIE + number * self.stride + offset % u64::from(self.element)
    }

    pub(super) const fn elements(self, elements: u64, stride: u64) -> Self {
        Self {
            elements,
            stride,
            ..self
        }
    }

    pub(super) const fn dies(self, dies: u64) -> Self {
        Self { dies, ..self }
    }
}

pub(super) const fn rw(index: usize, phys: u64, size: u32) -> Required {
    Required {
        index,
        phys,
        element: size,
        elements: 1,
        stride: 0,
        dies: 1,
        writable: true,
    }
}

pub(super) const fn ro(index: usize, phys: u64, size: u32) -> Required {
    Required {
        writable: false,
        ..rw(index, phys, size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_follow_on_each_other() {
        let io = rw(11, 0x2_0000_0000, 0xd_8000)
            .elements(8, 0x100_0000)
            .dies(2);
        assert_eq!(io.size(), 0xd8_0000);
        for (offset, phys) in [
            (0, 0x2_0000_0000),
            (0xd_7fff, 0x2_000d_7fff),
            (0xd_8000, 0x2_0100_0000),
            (8 * 0xd_8000 + 4, 0x22_0000_0004),
            (0xd7_ffff, 0x22_070d_7fff),
        ] {
            assert_eq!(io.phys_at(offset), phys, "{offset:#x}");
        }
    }
}
