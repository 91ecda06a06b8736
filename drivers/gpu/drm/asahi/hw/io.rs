// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The device registers that are mapped into the firmware's address space.
//!
//! The firmware runs clocks, power and temperature by itself. The driver's part is to map the
//! blocks and to write the list into the hw-cal-b blob.

/// Distance between the physical address spaces of two dies.
pub(crate) const DIE_STRIDE: u64 = 0x20_0000_0000;

/// One entry of the list: `count` elements on each die it covers, one after the other in the
/// firmware's address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IoMapping {
    /// Place in the list.
    pub(crate) index: usize,
    /// Physical address of the first element.
    pub(crate) phys: u64,
    /// Bytes of an element.
    pub(crate) size: u32,
    /// Elements on a die.
    pub(crate) count: u32,
    /// Distance between elements.
    pub(crate) stride: u64,
    /// True if every die has it; otherwise only die 0.
    pub(crate) per_die: bool,
    /// True if the firmware may write it.
    pub(crate) writable: bool,
}

impl IoMapping {
    /// Dies that it covers, on a chip that has `dies`.
    pub(crate) const fn dies(&self, dies: u32) -> u32 {
        if self.per_die {
            dies
        } else {
            1
        }
    }

    /// Returns the bytes of all elements.
    pub(crate) const fn total_size(&self, dies: u32) -> u32 {
        self.size * self.count * self.dies(dies)
    }

    /// Returns the physical addresses of all elements, in the order in which they are mapped.
    pub(crate) fn elements(&self, dies: u32) -> impl Iterator<Item = u64> {
        let this = *self;
        (0..u64::from(this.dies(dies))).flat_map(move |die| {
            (0..u64::from(this.count)).map(move |i| this.phys + die * DIE_STRIDE + i * this.stride)
        })
    }

    const fn per_die(self) -> Self {
        Self {
            per_die: true,
            ..self
        }
    }

    const fn times(self, count: u32, stride: u64) -> Self {
        Self {
            count,
            stride,
            ..self
        }
    }
}

const fn entry(index: usize, phys: u64, size: u32, writable: bool) -> IoMapping {
    IoMapping {
        index,
        phys,
        size,
        count: 1,
        stride: 0,
        per_die: false,
        writable,
    }
}

const fn rw(index: usize, phys: u64, size: u32) -> IoMapping {
    entry(index, phys, size, true)
}

const fn ro(index: usize, phys: u64, size: u32) -> IoMapping {
    entry(index, phys, size, false)
}

// The indices: 0 Fender, 1 AIC timer, 2 AIC software interrupt, 3 RGX, 7 analog temperature
// sensors, 8 PMP doorbell, 9 metrology, 10 GMG, 11 memory caches, 12 AIC banked registers, 13 PMGR
// scratch, 14 and 15 NIA of either die, 16 CRE, 17 stream codec; the others have no known name.

/// The registers of the M1 that the firmware uses.
pub(super) static T8103: [IoMapping; 10] = [
    rw(0, 0x2_04d0_0000, 0x1_c000),
    ro(1, 0x2_0e10_0000, 0x4000),
    rw(2, 0x2_3b10_4000, 0x4000),
    rw(3, 0x2_0400_0000, 0x2_0000),
    ro(7, 0x2_3b2e_8000, 0x1000),
    rw(8, 0x2_3bc0_0000, 0x1000),
    rw(9, 0x2_04d8_0000, 0x5000),
    rw(10, 0x2_04d6_1000, 0x1000),
    rw(11, 0x2_0000_0000, 0xd_6400),
    rw(13, 0x2_3b73_8000, 0x1000),
];

/// The registers of the M2 that the firmware uses.
pub(super) static T8112: [IoMapping; 12] = [
    rw(0, 0x2_04d0_0000, 0x1_4000),
    ro(1, 0x2_0e10_0000, 0x4000),
    rw(2, 0x2_3b0c_4000, 0x4000),
    rw(3, 0x2_0400_0000, 0x2_0000),
    ro(7, 0x2_3b2c_0000, 0x1000),
    rw(9, 0x2_04d8_0000, 0x8000),
    rw(10, 0x2_04d6_1000, 0x1000),
    rw(11, 0x2_0000_0000, 0xd_6400),
    rw(16, 0x2_04e0_0000, 0x1_0000),
    rw(17, 0x2_7d05_0000, 0x4000),
    rw(18, 0x2_3b3d_0000, 0x1000),
    ro(19, 0x2_3b3c_0000, 0x1000),
];

/// The registers that the firmware uses of all chips of the M1 Pro family.
pub(super) static T600X: [IoMapping; 10] = [
    rw(0, 0x4_04d0_0000, 0x1_c000),
    ro(1, 0x2_0e10_0000, 0x4000),
    rw(2, 0x2_8e10_4000, 0x4000),
    rw(3, 0x4_0400_0000, 0x2_0000),
    ro(7, 0x2_8e49_4000, 0x4000).per_die(),
    rw(9, 0x4_04d8_0000, 0x8000),
    // 0x204d61000 and not 0x404d61000: so it is in the one source there is.
    rw(10, 0x2_04d6_1000, 0x1000),
    rw(14, 0x2_643c_4000, 0x1000),
    rw(18, 0x2_8e3d_0000, 0x1000),
    ro(19, 0x2_8e3c_0000, 0x2000),
];

const CACHES: IoMapping = rw(11, 0x2_0000_0000, 0xd_8000).per_die();

/// The memory caches of one die with two clusters.
pub(super) static CACHES_4: [IoMapping; 1] = [CACHES.times(4, 0x100_0000)];
/// The memory caches of a die with four clusters.
pub(super) static CACHES_8: [IoMapping; 1] = [CACHES.times(8, 0x100_0000)];

/// The registers that the firmware uses of all chips of the M2 Pro family.
pub(super) static T602X: [IoMapping; 10] = [
    rw(0, 0x4_04d0_0000, 0x14_4000),
    ro(1, 0x2_0e10_0000, 0x4000),
    rw(2, 0x2_8e10_6000, 0x4000),
    rw(3, 0x4_0400_0000, 0x2_0000),
    rw(9, 0x4_04e0_8000, 0x8000),
    ro(12, 0x2_8e11_8000, 0x4000),
    rw(18, 0x2_8e3d_0000, 0x4000),
    ro(19, 0x2_8e3c_0000, 0x4000),
    rw(20, 0x2_8e3d_8000, 0x4000),
    rw(21, 0x4_04ea_c000, 0x4000).per_die(),
];

/// The temperature sensors of the M2 Pro.
pub(super) static T6020: [IoMapping; 1] = [ro(7, 0x2_8e46_0000, 0x4000)];
/// The temperature sensors of the M2 Max and Ultra.
pub(super) static T6021: [IoMapping; 1] = [ro(7, 0x2_8e47_8000, 0x4000).per_die()];

/// The second die's NIA of the M1 Ultra.
pub(super) static T6002_NIA: [IoMapping; 1] = [rw(15, 0x22_643c_4000, 0x1000)];

#[cfg(test)]
mod tests {
    use super::super::chips::*;

    #[test]
    fn entries_are_unique_and_mappable() {
        for chip in ALL {
            let mut seen = [false; 25];
            for io in chip.io_mappings() {
                assert!(
                    !seen[io.index],
                    "{:x}: index {} twice",
                    chip.chip_id, io.index
                );
                seen[io.index] = true;
                // Only a single element may start in the middle of a page.
                if io.count * io.dies(chip.dies) > 1 {
                    assert_eq!(io.phys % 0x4000, 0);
                    assert_eq!(io.size % 0x4000, 0);
                }
                for phys in io.elements(chip.dies) {
                    assert_eq!(phys >> chip.oas, 0);
                }
                let n = io.elements(chip.dies).count() as u32;
                assert_eq!(io.total_size(chip.dies), n * io.size);
            }
        }
    }

    #[test]
    fn elements_run_through_each_die() {
        let caches = T6002.io_mappings().find(|io| io.index == 11).unwrap();
        let mut e = caches.elements(T6002.dies);
        assert_eq!(e.next(), Some(0x2_0000_0000));
        assert_eq!(e.next(), Some(0x2_0100_0000));
        assert_eq!(e.nth(6), Some(0x22_0000_0000));
        assert_eq!(e.last(), Some(0x22_0700_0000));
    }
}
