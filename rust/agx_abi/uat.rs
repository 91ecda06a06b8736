// SPDX-License-Identifier: MIT

//! The page tables of the GPU and its coprocessor ("UAT"), and the handoff between their writers.
//!
//! ARMv8 tables with pages of 16 KiB, three levels and addresses of 39 bits a half: the lower half
//! is a client's address space, the upper half the kernel's.

use crate::{
    Abi,
    Numbers, //
};

/// Logarithm of the page size.
pub const PAGE_BITS: u32 = 14;
/// Bytes of a page.
pub const PAGE_SIZE: u64 = 1 << PAGE_BITS;
/// Bits of an address in either half.
pub const VA_BITS: u32 = 39;
/// First bit of the index into a table of each level, from the root.
pub const LEVEL_SHIFTS: [u32; 3] = [36, 25, 14];
/// Entries of a table of each level, from the root.
pub const LEVEL_ENTRIES: [usize; 3] = [8, 2048, 2048];

/// Contexts: 0 is the kernel's, the others are slots for clients' address spaces.
pub const CONTEXTS: usize = 64;

/// First address that a client may use.
pub const USER_START: u64 = 0x4000;
/// End of the addresses that a client may use.
pub const USER_END: u64 = 0x7f_ffff_8000;
/// A zeroed page in each client's address space. The boot loader's blobs contain its address.
pub const DUMMY_PAGE: u64 = USER_END;
/// Control page of the buffer managers, in the lower half of context 0.
pub const BUFFER_MGR_CTL_GPU: u64 = 0x20_0000_0000;

/// Start of the upper half: the firmware's own.
pub const FIRMWARE_START: u64 = 0xffff_ff80_0000_0000;
/// Start of what the driver maps. Its entry in the root table is the only one that the driver
/// writes.
pub const KERNEL_START: u64 = 0xffff_ffa0_0000_0000;
/// Index of that entry.
pub const KERNEL_ROOT_INDEX: usize = 2;
/// End of what the driver maps.
pub const KERNEL_END: u64 = 0xffff_ffb0_0000_0000;
/// Start of the objects for timestamps. The boot loader's blobs contain it.
pub const TIMESTAMP_BASE: u64 = 0xffff_ffae_1000_0000;
/// Size of that range.
pub const TIMESTAMP_SIZE: u64 = 0x400_0000;

/// Flush slot of the kernel's half.
pub const KERNEL_FLUSH_SLOT: usize = 64;

/// Bits of page table entries.
pub mod pte {
    /// A valid page, at the last level, or a table.
    pub const VALID: u64 = 3;
    /// First bit of the index of the memory attributes.
    pub const ATTR_SHIFT: u32 = 2;
    /// Bits of that index.
    pub const ATTR_MASK: u64 = 7 << ATTR_SHIFT;
    /// First bit of the access permissions.
    pub const AP_SHIFT: u32 = 6;
    /// Bits of the access permissions.
    pub const AP_MASK: u64 = 3 << AP_SHIFT;
    /// Shareability: left 0.
    pub const SH_MASK: u64 = 3 << 8;
    /// Access flag.
    pub const AF: u64 = 1 << 10;
    /// Not global: set in the lower half.
    pub const NG: u64 = 1 << 11;
    /// Address of the page or table.
    pub const ADDRESS_MASK: u64 = 0x0000_ffff_ffff_c000;
    /// Privileged execute never.
    pub const PXN: u64 = 1 << 53;
    /// Unprivileged execute never.
    pub const UXN: u64 = 1 << 54;
    /// The page is the host's: set in all that the host maps.
    pub const HOST: u64 = 1 << 55;

    /// Index of attributes: cached by the firmware, and not coherently so.
    pub const ATTR_CACHED: u64 = 0;
    /// Index of attributes: device registers.
    pub const ATTR_DEVICE: u64 = 1;
    /// Index of attributes: shared.
    pub const ATTR_SHARED: u64 = 2;
}

/// Returns whether clients' contexts have the kernel's half as well in version `abi`.
///
/// The GPU writes [`crate::buffer::Scene::CONTROL_WORD`] while the context is a client's. So it
/// reaches all of the kernel's half there that any GPU may access, shaders included.
pub const fn clients_have_kernel_half(abi: Abi) -> bool {
    const DO: Numbers = numbers!(0 | 0 | 1);

    DO.of(abi) != 0
}

/// The kind of access that a processor has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// True if it may read.
    pub read: bool,
    /// True if it may write.
    pub write: bool,
}

const NONE: Access = access(false, false);
const READ: Access = access(true, false);
const WRITE: Access = access(false, true);
const READ_WRITE: Access = access(true, true);

const fn access(read: bool, write: bool) -> Access {
    Access { read, write }
}

/// Protection of a page: the bits of its entry other than address, validity and [`pte::NG`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protection(u64);

impl Protection {
    /// Device registers for the firmware.
    pub const FW_MMIO_RW: Self = Self::new(1, true, false, pte::ATTR_DEVICE);
    /// Device registers that the firmware may read.
    pub const FW_MMIO_RO: Self = Self::new(1, false, false, pte::ATTR_DEVICE);
    /// Shared with the firmware.
    pub const FW_SHARED_RW: Self = Self::new(1, true, false, pte::ATTR_SHARED);
    /// Shared with the firmware, which may read.
    pub const FW_SHARED_RO: Self = Self::new(1, false, false, pte::ATTR_SHARED);
    /// The firmware's, cached by it.
    pub const FW_PRIV_RW: Self = Self::new(1, true, false, pte::ATTR_CACHED);
    /// Shared with the firmware and the GPU.
    pub const GPU_FW_SHARED_RW: Self = Self::new(0, true, true, pte::ATTR_SHARED);
    /// The firmware's and the GPU's, cached by the firmware.
    pub const GPU_FW_PRIV_RW: Self = Self::new(0, true, true, pte::ATTR_CACHED);
    /// The firmware's, cached by it; the GPU may read.
    pub const GPU_RO_FW_PRIV_RW: Self = Self::new(1, true, true, pte::ATTR_CACHED);
    /// Shared with the GPU.
    pub const GPU_SHARED_RW: Self = Self::new(2, true, false, pte::ATTR_SHARED);
    /// Shared with the GPU, which may read.
    pub const GPU_SHARED_RO: Self = Self::new(2, false, false, pte::ATTR_SHARED);
    /// Shared with the GPU, which may write.
    pub const GPU_SHARED_WO: Self = Self::new(2, false, true, pte::ATTR_SHARED);

    const fn new(ap: u64, uxn: bool, pxn: bool, attr: u64) -> Self {
        Self(
            pte::HOST
                | pte::AF
                | (ap << pte::AP_SHIFT)
                | (attr << pte::ATTR_SHIFT)
                | if uxn { pte::UXN } else { 0 }
                | if pxn { pte::PXN } else { 0 },
        )
    }

    /// Returns the protection of a page table entry.
    pub const fn from_entry(entry: u64) -> Self {
        Self(
            entry
                & (pte::HOST
                    | pte::AF
                    | pte::AP_MASK
                    | pte::ATTR_MASK
                    | pte::SH_MASK
                    | pte::UXN
                    | pte::PXN),
        )
    }

    /// Returns its bits in a page table entry.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Returns the same protection, but shared instead of cached. A cached mapping gets it before
    /// it ends.
    pub const fn uncached(self) -> Self {
        Self((self.0 & !pte::ATTR_MASK) | (pte::ATTR_SHARED << pte::ATTR_SHIFT))
    }

    /// Returns whether the firmware caches it, so that it has to be told before the mapping ends.
    pub const fn is_cached(self) -> bool {
        self.ap() != 2 && (self.0 & pte::ATTR_MASK) >> pte::ATTR_SHIFT == pte::ATTR_CACHED
    }

    const fn ap(self) -> usize {
        ((self.0 & pte::AP_MASK) >> pte::AP_SHIFT) as usize
    }

    const fn execute(self) -> usize {
        (self.0 & pte::UXN != 0) as usize * 2 + (self.0 & pte::PXN != 0) as usize
    }

    /// Returns what the firmware may do with it.
    pub const fn firmware(self) -> Access {
        // Host pages, then the firmware's own. A mapping for the firmware to write only is not
        // known to exist: the entry is [?].
        const HOST: [[Access; 4]; 4] = [
            [NONE, READ, WRITE, READ_WRITE],
            [READ, NONE, READ_WRITE, READ_WRITE],
            [NONE; 4],
            [NONE; 4],
        ];
        const OWN: [[Access; 4]; 4] = [
            [NONE, NONE, NONE, READ_WRITE],
            [NONE, READ_WRITE, NONE, READ_WRITE],
            [READ, READ, NONE, READ],
            [READ, READ_WRITE, NONE, READ],
        ];
        if self.0 & pte::HOST != 0 {
            HOST[self.ap()][self.execute()]
        } else {
            OWN[self.ap()][self.execute()]
        }
    }

    /// Returns what the GPU may do with it.
    pub const fn gpu(self) -> Access {
        const HOST: [[Access; 4]; 4] = [
            [NONE, READ, WRITE, READ_WRITE],
            [NONE, NONE, NONE, READ],
            [READ, WRITE, READ_WRITE, NONE],
            [NONE; 4],
        ];
        if self.0 & pte::HOST != 0 {
            HOST[self.ap()][self.execute()]
        } else {
            NONE
        }
    }
}

layout! {
    /// Roots of the tables of a context, in the page of the region `ttbs`.
    pub struct TtbEntry(""): 0x10 {
        /// Root of the lower half: see [`ttb`].
        TTB0(""): u64 = 0x0,
        /// Root of the upper half.
        TTB1(""): u64 = 0x8,
    }

    /// The region `handoff`, by which host and firmware agree when they touch the page tables.
    pub struct Handoff(""): 0x648 {
        /// [`Handoff::MAGIC`], from the host.
        MAGIC_AP(""): u64 = 0x00,
        /// [`Handoff::MAGIC`], from the firmware.
        MAGIC_FW(""): u64 = 0x08,
        /// The host wants the lock.
        LOCK_AP(""): u8 = 0x10,
        /// The firmware wants the lock.
        LOCK_FW(""): u8 = 0x11,
        /// The side that has its turn where both want the lock: 0 the host's, else the firmware's.
        TURN(""): u32 = 0x14,
        /// Context in the coprocessor's lower half; 0 or all ones for none. The firmware's.
        CUR_SLOT(""): u32 = 0x18,
        /// One for each context, and [`KERNEL_FLUSH_SLOT`].
        FLUSH(""): [FlushSlot; 65] = 0x20,
        /// Unknown; 0.
        UNK_638(""): u8 = 0x638,
        /// Unknown; 0.
        UNK_640(""): u64 = 0x640,
    }

    /// A request to clean the caches of a range that is to be unmapped.
    ///
    /// ```text
    ///        host: message by FwCtl           firmware: caches are clean
    ///   IDLE ──────────────────────► REQUESTED ────────────────────────► DONE
    ///    ▲                                                                │
    ///    └──────────────────── host: the range is unmapped ───────────────┘
    /// ```
    pub struct FlushSlot(""): 0x18 {
        /// [`FlushSlot::IDLE`], [`FlushSlot::REQUESTED`] or [`FlushSlot::DONE`].
        STATE(""): u64 = 0x00,
        /// Address of the range.
        ADDRESS(""): u64 = 0x08,
        /// The size of the range in bytes.
        SIZE(""): u64 = 0x10,
    }
}

impl Handoff {
    /// The value of [`Handoff::MAGIC_AP`] and [`Handoff::MAGIC_FW`].
    pub const MAGIC: u64 = 0x4b1d_0000_0000_0002;
}

impl FlushSlot {
    /// Nothing is to be done.
    pub const IDLE: u64 = 0;
    /// The host asks.
    pub const REQUESTED: u64 = 1;
    /// The firmware has done it.
    pub const DONE: u64 = 2;
}

/// First bit of the context in a root.
const TTB_ASID_SHIFT: u32 = 48;
/// The root is valid.
pub const TTB_VALID: u64 = 1;

/// Returns the root of context `asid` whose table is at `table`.
pub const fn ttb(table: u64, asid: u64) -> u64 {
    table | (asid << TTB_ASID_SHIFT) | TTB_VALID
}

/// Returns the context of a root.
pub const fn ttb_asid(ttb: u64) -> u64 {
    ttb >> TTB_ASID_SHIFT
}

/// Returns the address of a root's table.
pub const fn ttb_table(ttb: u64) -> u64 {
    ttb & ((1 << TTB_ASID_SHIFT) - 1) & !TTB_VALID
}
