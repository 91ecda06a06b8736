// SPDX-License-Identifier: MIT OR Apache-2.0

//! What shaders see of memory: soft and hard faults, lanes side by side, atomics.

use agx_isa::exec::host::AtomicOp;
use agx_isa::exec::Host;

use crate::fault::Reason;
use crate::host::*;
use crate::paged::Paged;

fn memory() -> Paged {
    let memory = Paged::default();
    memory.map(0x10_0000, 1, true);
    memory.map(0x20_0000, 1, false);
    memory
}

#[test]
fn soft_faults_read_zero_and_lose_writes() {
    let memory = memory();
    let mut host = GpuHost::new(&memory, true);
    host.store(0x10_3ffc, &[1, 2, 3, 4, 5, 6, 7, 8]).unwrap();
    let mut out = [9; 8];
    host.load(0x10_3ffc, &mut out).unwrap();
    assert_eq!(out, [1, 2, 3, 4, 0, 0, 0, 0]);
    assert_eq!(host.atomic(0x30_0000, 4, AtomicOp::Add, 1, 0), Ok(0));
    // Code is not read softly, and a read-only page is not a hole.
    assert!(host.fetch(0x30_0000, &mut out).is_err());
    let fault = host.store(0x20_0010, &[1; 4]).unwrap_err();
    let error = unpack(fault);
    assert_eq!((error.va, error.reason), (0x20_0010, Reason::ReadOnly));
    assert_eq!((error.level, error.write), (3, true));
}

#[test]
fn hard_faults_write_nothing() {
    let memory = memory();
    let mut host = GpuHost::new(&memory, false);
    let fault = host.store(0x10_3ffc, &[1; 8]).unwrap_err();
    assert_eq!(unpack(fault).va, 0x10_4000);
    assert_eq!(memory.get(0x10_3ffc, 4), [0; 4]);
    let fault = host.load(0x10_3ffc, &mut [0; 8]).unwrap_err();
    assert_eq!(unpack(fault).reason, Reason::Unmapped);
    assert!(host.atomic(0x30_0000, 4, AtomicOp::Add, 1, 0).is_err());
}

#[test]
fn lanes_with_and_without_a_gap() {
    let memory = memory();
    let mut host = GpuHost::new(&memory, false);
    for (stride, mask) in [(4, u32::MAX), (4, 0xff0), (12, u32::MAX), (4, 0x8000_0001)] {
        let va = std::array::from_fn(|lane| 0x10_0100 + stride * lane as u64);
        let mut data = [0; 512];
        for (i, byte) in data.iter_mut().enumerate() {
            *byte = i as u8 ^ stride as u8;
        }
        host.store_lanes(&va, mask, 4, &data).unwrap();
        let mut back = [0; 512];
        host.load_lanes(&va, mask, 4, &mut back).unwrap();
        for lane in agx_isa::exec::host::bits(mask) {
            let bytes = lane * 4..lane * 4 + 4;
            assert_eq!(
                back[bytes.clone()],
                data[bytes],
                "{stride} {mask:#x} {lane}"
            );
        }
    }
    let va = std::array::from_fn(|lane| 0x10_3f90 + 4 * lane as u64);
    let fault = host
        .load_lanes(&va, u32::MAX, 4, &mut [0; 512])
        .unwrap_err();
    assert_eq!((fault.lane, fault.fault.va), (28, 0x10_4000));
}

#[test]
fn code_may_end_with_its_page() {
    let memory = memory();
    let mut host = GpuHost::new(&memory, true);
    assert_eq!(host.fetch(0x20_3ffa, &mut [0; 12]), Ok(6));
    assert_eq!(host.fetch(0x20_3ff0, &mut [0; 12]), Ok(12));
}

#[test]
fn double_word_atomics() {
    let memory = memory();
    let mut host = GpuHost::new(&memory, false);
    memory.put(0x10_0008, &(-5i64).to_le_bytes());
    let old = host.atomic(0x10_0008, 8, AtomicOp::SignedMax, 7, 0);
    assert_eq!(old, Ok(-5i64 as u64));
    assert_eq!(memory.get(0x10_0008, 8), 7u64.to_le_bytes());
    let old = host.atomic(0x10_0008, 8, AtomicOp::CompareExchange, 1 << 40, 7);
    assert_eq!(old, Ok(7));
    assert_eq!(memory.get(0x10_0008, 8), (1u64 << 40).to_le_bytes());
}
