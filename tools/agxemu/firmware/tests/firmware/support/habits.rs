// SPDX-License-Identifier: MIT OR Apache-2.0

//! What drivers that have run on Macs do in different ways.

use agx_abi::event::Threshold;
use agx_abi::init;
use agx_abi::queue::Barrier;
use agx_abi::uat::{Protection, DUMMY_PAGE, TIMESTAMP_BASE};
use agx_abi::Value;

#[derive(Clone, Copy)]
pub struct Habits {
    /// Structures that only the firmware uses.
    pub private: Protection,
    pub region_a: Protection,
    /// Device registers that the firmware only reads.
    pub registers_to_read: Protection,
    /// The GPU's view of the buffer managers' control, and where in its page that is.
    pub buffer_manager: Protection,
    pub buffer_manager_offset: u64,
    /// Commands, which the GPU reads too.
    pub command: Protection,
    pub preemption: Protection,
    pub vertex_statistics: usize,
    pub compute_statistics: usize,
    pub threshold: usize,
    pub barrier: usize,
    pub dummy_page: u64,
    pub timestamp_base: u64,
    /// Each object has pages of its own, ends where they end, and nothing is mapped behind.
    pub guards: bool,
    /// User contexts have the kernel's upper half.
    pub upper_half: bool,
    /// Stamps are elements of two arrays, by event slot; else each queue has two objects.
    pub stamp_arrays: bool,
    /// Submissions are counted in the globals.
    pub counts: bool,
    /// What is put into fields that identify a command or a client.
    pub ids: Option<u32>,
}

/// The driver in the field.
pub const LINUX: Habits = Habits {
    private: Protection::FW_PRIV_RW,
    region_a: Protection::FW_SHARED_RO,
    registers_to_read: Protection::FW_MMIO_RO,
    buffer_manager: Protection::GPU_SHARED_RW,
    buffer_manager_offset: 0,
    command: Protection::GPU_RO_FW_PRIV_RW,
    preemption: Protection::GPU_SHARED_RW,
    vertex_statistics: init::STATS_VERTEX_SIZE,
    compute_statistics: init::STATS_COMPUTE_SIZE,
    threshold: Threshold::SIZE,
    barrier: Barrier::SIZE,
    dummy_page: DUMMY_PAGE,
    timestamp_base: TIMESTAMP_BASE,
    guards: false,
    upper_half: false,
    stamp_arrays: true,
    counts: true,
    ids: None,
};

/// m1n1's driver.
pub const M1N1: Habits = Habits {
    private: Protection::FW_SHARED_RW,
    region_a: Protection::FW_SHARED_RW,
    registers_to_read: Protection::FW_MMIO_RW,
    buffer_manager: Protection::GPU_FW_SHARED_RW,
    buffer_manager_offset: 0x3810,
    command: Protection::GPU_RO_FW_PRIV_RW.uncached(),
    preemption: Protection::GPU_FW_PRIV_RW,
    vertex_statistics: 0x690,
    compute_statistics: 0x1180,
    threshold: 4,
    barrier: 0x20,
    dummy_page: 0x6f_ffff_8000,
    timestamp_base: 0xffff_ffa0_7100_0000,
    guards: true,
    upper_half: true,
    stamp_arrays: false,
    counts: false,
    ids: Some(0x1200_22b8),
};
