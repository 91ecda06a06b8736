// SPDX-License-Identifier: MIT OR Apache-2.0

//! Barriers and buffer set-ups: the commands that only prepare for others.

use agx_abi::buffer::BufferInfo;
use agx_abi::channel::PipeKind;
use agx_abi::event::initial_stamp;
use agx_abi::queue::{Barrier, InitBuffer};
use agx_abi::uat::pte;
use agxemu_firmware::machine::Machine;

use crate::support::buffer::Buffer;
use crate::support::driver::Driver;
use crate::support::job::{user_context, Queue, STREAM};

fn driver() -> Driver {
    let mut d = Driver::up(&[]);
    user_context(&mut d, 1);
    d
}

type BarrierCase = (&'static str, fn(&Driver, u64));

/// What is changed in a barrier that would be good, and the reason for the panic.
const BARRIER: &[BarrierCase] = &[
    ("slot 128", |d, at| d.mem.set(at, Barrier::WAIT_SLOT, 128)),
    ("stamp of a barrier: null pointer", |d, at| {
        d.mem.set(at, Barrier::WAIT_STAMP, 0)
    }),
    ("external is 0x1", |d, at| {
        d.mem.set(at, Barrier::EXTERNAL, 1)
    }),
    ("unaligned stamp", |d, at| {
        let stamp = d.mem.get(at, Barrier::WAIT_STAMP);
        d.mem.set(at, Barrier::WAIT_STAMP, stamp + 2);
    }),
    ("waits for 0x1, which is not a whole event", |d, at| {
        d.mem.set(at, Barrier::WAIT_VALUE, 1)
    }),
    ("its barrier says 0x700", |d, at| {
        d.mem.set(at, Barrier::STAMP_SELF, 0x700)
    }),
];

#[test]
fn a_bad_barrier_is_a_panic_with_its_reason() {
    for (reason, change) in BARRIER {
        let mut d = driver();
        let mut q = Queue::new(&mut d, 1, 2, 1, 0);
        q.run(&mut d, STREAM).unwrap();
        let barrier = q.barrier(&mut d, 0, 0x100);
        change(&d, barrier);
        q.push(&d, barrier);
        let panic = q.run(&mut d, STREAM).unwrap_err().0;
        assert!(panic.contains(reason), "{panic:?} does not say {reason:?}");
    }
}

#[test]
fn a_barrier_that_becomes_a_command_is_a_panic() {
    let mut d = driver();
    let mut q = Queue::new(&mut d, 1, 2, 1, 0);
    let job = q.job(&mut d, STREAM, [0, 0]);
    let barrier = q.barrier(&mut d, 1, initial_stamp(1) + 0x100);
    q.push(&d, barrier);
    q.submit(&mut d).unwrap();
    // It was not counted as one that does work.
    d.mem.write(q.ring, &job.at.to_le_bytes());
    let panic = d.sleep().unwrap_err().0;
    assert!(
        panic.contains("did no work when it was submitted"),
        "{panic}"
    );
}

#[test]
fn barriers_before_one_command_must_agree() {
    let mut d = driver();
    let mut q = Queue::new(&mut d, 1, 2, 1, 0);
    for own in [0x100, 0x200] {
        let barrier = q.barrier(&mut d, 0, 0);
        d.mem.set(barrier, Barrier::STAMP_SELF, own);
        q.push(&d, barrier);
    }
    let panic = q.run(&mut d, STREAM).unwrap_err().0;
    assert!(
        panic.contains("announces stamp 0x200, the one before"),
        "{panic}"
    );
}

/// A buffer of two blocks; its set-up command and information.
fn buffer(d: &mut Driver) -> (u64, u64) {
    let buffer = Buffer::new(d, 1, 0, 2);
    (buffer.set_up(d, 0x100), buffer.info)
}

type BufferCase = (&'static str, fn(&mut Driver, u64, u64));

/// What is changed in a buffer that would be good, and the reason for the panic.
const BUFFER: &[BufferCase] = &[
    ("buffer slot 127", |d, at, _| {
        d.mem.set(at, InitBuffer::BUFFER_SLOT, 127)
    }),
    ("vm slot 2 is not bound", |d, at, _| {
        d.mem.set(at, InitBuffer::VM_SLOT, 2)
    }),
    ("word 0xc is 0x1", |d, at, _| {
        d.mem.set(at, InitBuffer::UNK_C, 1)
    }),
    ("buffer information: null", |d, at, _| {
        d.mem.set(at, InitBuffer::BUFFER, 0)
    }),
    ("0x2 blocks, set up with 0x3", |d, at, _| {
        d.mem.set(at, InitBuffer::BLOCK_COUNT, 3)
    }),
    ("block count is 0x2, set up with 0x1", |d, at, _| {
        d.mem.set(at, InitBuffer::BLOCK_COUNT, 1)
    }),
    ("2 blocks", |d, _, info| {
        d.mem.set(info, BufferInfo::MAX_BLOCKS, 1)
    }),
    ("page count is 0x7, expected 0x8", |d, _, info| {
        d.mem.set(info, BufferInfo::PAGE_COUNT, 7)
    }),
    ("last page is 0x8", |d, _, info| {
        d.mem.set(info, BufferInfo::LAST_PAGE, 8)
    }),
    ("block size is 0x8000", |d, _, info| {
        d.mem.set(info, BufferInfo::BLOCK_SIZE, 0x8000)
    }),
    ("block control: null", |d, _, info| {
        d.mem.set(info, BufferInfo::BLOCK_CTL, 0)
    }),
    ("counter: null", |d, _, info| {
        d.mem.set(info, BufferInfo::COUNTER, 0)
    }),
    ("page list of 0x10 bytes for 8 pages", |d, _, info| {
        d.mem.set(info, BufferInfo::PAGE_LIST_SIZE, 0x10);
    }),
    ("block list: null", |d, _, info| {
        d.mem.set(info, BufferInfo::BLOCK_LIST, 0)
    }),
    ("page list: null", |d, _, info| {
        d.mem.set(info, BufferInfo::PAGE_LIST, 0)
    }),
    ("block 1 second word is 0x1", |d, _, info| {
        let list = d.mem.get(info, BufferInfo::BLOCK_LIST);
        d.mem.write_in(1, list + 12, &[1]);
    }),
    ("page 5 is", |d, _, info| {
        let list = d.mem.get(info, BufferInfo::PAGE_LIST);
        d.mem.write_in(1, list + 20, &[0; 4]);
    }),
    ("block: 0x6000020000 is not mapped", |d, _, _| {
        d.mem.unmap(1, 0x60_0002_0000)
    }),
];

#[test]
fn buffers_are_set_up_before_vertex_work() {
    let mut d = driver();
    let mut q = Queue::of_kind(&mut d, PipeKind::Vertex, 1, 2, 1, 0);
    let (command, _) = buffer(&mut d);
    q.push(&d, command);
    q.submit(&mut d).unwrap();
    assert_eq!(d.mem.u32(q.state), 1);
}

#[test]
fn a_bad_buffer_is_a_panic_with_its_reason() {
    for (reason, change) in BUFFER {
        let mut d = driver();
        let mut q = Queue::of_kind(&mut d, PipeKind::Vertex, 1, 2, 1, 0);
        let (command, info) = buffer(&mut d);
        change(&mut d, command, info);
        q.push(&d, command);
        let panic = q.submit(&mut d).unwrap_err().0;
        assert!(panic.contains(reason), "{panic:?} does not say {reason:?}");
    }
}

#[test]
fn a_buffer_has_no_place_in_a_compute_queue() {
    let mut d = driver();
    let mut q = Queue::new(&mut d, 1, 2, 1, 0);
    let (command, _) = buffer(&mut d);
    q.push(&d, command);
    let panic = q.submit(&mut d).unwrap_err().0;
    assert!(panic.contains("command with tag 0x6"), "{panic}");
}

#[test]
fn memory_outside_ram_is_a_data_abort() {
    let mut d = driver();
    let mut q = Queue::new(&mut d, 1, 2, 1, 0);
    let barrier = q.barrier(&mut d, 0, 0);
    let at = d.mem.entry(0, barrier);
    let bits = d.machine.get_u64(at) & !pte::ADDRESS_MASK;
    d.machine.set_u64(at, bits | 0x1000_0000);
    assert!(d.machine.read_phys(0x1000_0000, &mut [0]).is_err());
    q.push(&d, barrier);
    let panic = q.submit(&mut d).unwrap_err().0;
    assert!(
        panic.contains("data abort") || panic.contains("without a flush"),
        "{panic}"
    );
}
