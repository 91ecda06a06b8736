// SPDX-License-Identifier: MIT OR Apache-2.0

//! Device control, and submissions that cannot be accepted, each with the reason given.

use crate::support::abi::ABI;
use agx_abi::channel::{device_control, ChannelState, DestroyContext, DeviceControlMessage};
use agx_abi::channel::{PipeKind, PipeMessage};
use agx_abi::event::NotifierList;
use agx_abi::globals::Globals;
use agx_abi::init::RuntimePointers;
use agx_abi::queue::{GpuContextData, Priority, QueueInfo, RingState};
use agxemu_firmware::panic::Panic;

use crate::support::driver::Driver;
use crate::support::job::{user_context, Queue, STREAM};

fn driver() -> Driver {
    let mut d = Driver::up(&[]);
    user_context(&mut d, 1);
    d
}

pub fn destroy(d: &mut Driver, context: u64) -> Result<(), Panic> {
    let mut m = DestroyContext::new(ABI);
    m.set(
        DestroyContext::KIND,
        device_control::DESTROY_CONTEXT.of(ABI) as u32,
    )
    .set(DestroyContext::QUEUE_TABLE_INDEX, 0xff)
    .set(DestroyContext::PID_TABLE_INDEX, 0xff);
    if context != 0 {
        m.set(
            DestroyContext::UNK_23,
            d.mem.get(context, GpuContextData::UNK_23),
        )
        .set(
            DestroyContext::QUEUE_TABLE_INDEX,
            d.mem.get(context, GpuContextData::QUEUE_TABLE_INDEX),
        )
        .set(
            DestroyContext::PID_TABLE_INDEX,
            d.mem.get(context, GpuContextData::PID_TABLE_INDEX),
        )
        .set(
            DestroyContext::UNK_CONTEXT_4,
            d.mem.get(context, GpuContextData::UNK_4),
        )
        .set(DestroyContext::CONTEXT, context);
    }
    d.control(m.as_bytes())
}

#[test]
fn a_context_is_destroyed_and_its_memory_used_again() {
    let mut d = driver();
    let mut q = Queue::new(&mut d, 1, 2, 1, 0);
    q.run(&mut d, STREAM).unwrap();
    destroy(&mut d, q.context).unwrap();
    assert_eq!(d.fw.counters().flushes, 1);
    // The same structures again, as they were at first.
    d.mem.set(q.info, QueueInfo::EVENT_SLOT, -1);
    d.mem.set(q.info, QueueInfo::GPU_RPTR1, 0);
    d.mem.set(q.info, QueueInfo::GPU_RPTR2, 0);
    d.mem.set(q.info, QueueInfo::GPU_RPTR3, 0);
    q.is_new = true;
    q.sequence = 0;
    q.run(&mut d, STREAM).unwrap();
    assert_eq!(d.host_stamp(0), 0x200);
}

#[test]
fn a_flush_alone_destroys_nothing() {
    let mut d = driver();
    let mut q = Queue::new(&mut d, 1, 2, 1, 0);
    q.run(&mut d, STREAM).unwrap();
    destroy(&mut d, 0).unwrap();
    q.run(&mut d, STREAM).unwrap();
    assert_eq!(d.host_stamp(0), 0x200);
}

type Case = (&'static str, fn(&mut Driver) -> Result<(), Panic>);

/// A pipe message for `q`, changed and sent.
fn send(d: &mut Driver, q: &mut Queue, change: fn(&mut PipeMessage)) -> Result<(), Panic> {
    let job = q.job(d, STREAM, [0, 0]);
    q.push(d, job.at);
    q.raise(d, 1);
    d.pending(1);
    let mut m = q.message();
    change(&mut m);
    d.put_pipe(q.kind, q.priority, &m);
    d.ring(q.doorbell())
}

/// A queue that is changed before it is used the first time.
fn first(d: &mut Driver, change: fn(&mut Driver, &mut Queue)) -> Result<(), Panic> {
    let mut q = Queue::new(d, 1, 2, 1, 0);
    change(d, &mut q);
    q.run(d, STREAM).map(drop)
}

/// A control message of one type with one more word.
fn control(d: &mut Driver, kind: u32, word: u32) -> Result<(), Panic> {
    let mut m = DeviceControlMessage::new(ABI);
    m.set(DeviceControlMessage::KIND, kind);
    let mut bytes = m.as_bytes().to_vec();
    bytes[4..8].copy_from_slice(&word.to_le_bytes());
    d.control(&bytes)
}

const CASES: &[Case] = &[
    ("pipe compute 2 message 0 at", |d| {
        let mut q = Queue::new(d, 1, 2, 1, 0);
        send(d, &mut q, |m| {
            m.set(PipeMessage::KIND, 1);
        })
    }),
    ("event slot 128", |d| {
        let mut q = Queue::new(d, 1, 2, 1, 0);
        send(d, &mut q, |m| {
            m.set(PipeMessage::EVENT_SLOT, 128);
        })
    }),
    ("is_new is 0x2", |d| {
        let mut q = Queue::new(d, 1, 2, 1, 0);
        send(d, &mut q, |m| {
            m.set(PipeMessage::IS_NEW, 2);
        })
    }),
    ("byte 0x18 is 0x1, must be zero", |d| {
        let mut q = Queue::new(d, 1, 2, 1, 0);
        send(d, &mut q, |m| {
            m.set(PipeMessage::TIMESTAMP, 1);
        })
    }),
    ("which is no queue (is_new was never set)", |d| {
        let mut q = Queue::new(d, 1, 2, 1, 0);
        q.is_new = false;
        send(d, &mut q, |_| ())
    }),
    ("submitted up to 0x500, the ring has 0x500 entries", |d| {
        let mut q = Queue::new(d, 1, 2, 1, 0);
        send(d, &mut q, |m| {
            m.set(PipeMessage::WRITE_PTR, 0x500);
        })
    }),
    (
        "submitted up to 0x2, the write pointer is only at 0x1",
        |d| {
            let mut q = Queue::new(d, 1, 2, 1, 0);
            send(d, &mut q, |m| {
                m.set(PipeMessage::WRITE_PTR, 2);
            })
        },
    ),
    ("queue: null pointer", |d| {
        let mut q = Queue::new(d, 1, 2, 1, 0);
        send(d, &mut q, |m| {
            m.set(PipeMessage::QUEUE, 0);
        })
    }),
    ("ring entry 0x0 is null", |d| {
        let mut q = Queue::new(d, 1, 2, 1, 0);
        q.push(d, 0);
        q.submit(d)
    }),
    ("of priority 2 used with Compute pipe 1", |d| {
        let mut q = Queue::new(d, 1, 2, 1, 0);
        q.run(d, STREAM)?;
        q.priority = 1;
        send(d, &mut q, |_| ())
    }),
    ("announced as new with commands pending", |d| {
        let mut q = Queue::new(d, 1, 2, 1, 0);
        let barrier = q.barrier(d, 5, 0x100);
        q.push(d, barrier);
        q.submit(d)?;
        q.is_new = true;
        q.submit(d)
    }),
    ("in memory of an older one that was not flushed", |d| {
        let mut q = Queue::new(d, 1, 2, 1, 0);
        q.run(d, STREAM)?;
        q.is_new = true;
        q.submit(d)
    }),
    ("event slot 0 given to", |d| {
        let mut q = Queue::new(d, 1, 2, 1, 0);
        let barrier = q.barrier(d, 5, 0x100);
        q.push(d, barrier);
        q.submit(d)?;
        Queue::new(d, 2, 2, 1, 0).run(d, STREAM).map(drop)
    }),
    (
        "moved from event slot Some(0) to 1 with commands pending",
        |d| {
            let mut q = Queue::new(d, 1, 2, 1, 0);
            let barrier = q.barrier(d, 5, 0x100);
            q.push(d, barrier);
            q.submit(d)?;
            q.move_to(d, 1);
            q.run(d, STREAM).map(drop)
        },
    ),
    ("128 events open, at most 127 can be", |d| {
        let mut q = Queue::new(d, 1, 2, 1, 0);
        d.pending(1);
        for _ in 0..128 {
            let job = q.job(d, STREAM, [0, 0]);
            q.push(d, job.at);
        }
        q.submit(d)
    }),
    ("new commands overrun", |d| {
        let mut q = Queue::new(d, 1, 2, 1, 0);
        let barrier = q.barrier(d, 5, 0x100);
        for _ in 0..0x4ff {
            q.push(d, barrier);
        }
        q.submit(d)?;
        q.push(d, barrier);
        q.submit(d)
    }),
    (
        "pipe compute 2: write pointer 0x100 outside the ring",
        |d| {
            let index = RuntimePointers::pipe(PipeKind::Compute, 2);
            let (state, _) = d.place(RuntimePointers::PIPES.at(index));
            d.mem.set(state, ChannelState::WRITE_PTR, 0x100);
            d.ring(10)
        },
    ),
    (
        "pipe compute 2: the host changed the read pointer from 0x0 to 0x1",
        |d| {
            let index = RuntimePointers::pipe(PipeKind::Compute, 2);
            let (state, _) = d.place(RuntimePointers::PIPES.at(index));
            d.mem.set(state, ChannelState::READ_PTR, 1);
            d.ring(10)
        },
    ),
    ("event: read pointer 0x100 outside the ring", |d| {
        let (state, _) = d.place(RuntimePointers::EVENT);
        d.mem.set(state, ChannelState::READ_PTR, 0x100);
        first(d, |_, _| ())
    }),
    ("has an event slot already", |d| {
        first(d, |d, q| d.mem.set(q.info, QueueInfo::EVENT_SLOT, 0))
    }),
    ("word 0x4c is not -1", |d| {
        first(d, |d, q| d.mem.set(q.info, QueueInfo::UNK_4C, 0))
    }),
    ("word 0x54 is not -1", |d| {
        first(d, |d, q| d.mem.set(q.info, QueueInfo::UNK_54, 0))
    }),
    ("byte 0x60 is 0x1, must be zero", |d| {
        first(d, |d, q| d.mem.set(q.info, QueueInfo::BUSY, 1))
    }),
    ("priority words", |d| {
        first(d, |d, q| {
            d.mem
                .set(q.info, QueueInfo::PRIORITY, Priority::new_compute(1))
        })
    }),
    ("ring state: null pointer", |d| {
        first(d, |d, q| d.mem.set(q.info, QueueInfo::STATE, 0))
    }),
    ("FW_PRIV_RW, host and firmware share it, cached", |d| {
        first(d, |d, q| {
            d.mem.set(q.info, QueueInfo::NOTIFIER_LIST, q.notifier)
        })
    }),
    ("notifier list at", |d| {
        first(d, |d, q| d.mem.set(q.list, NotifierList::LAST, 0))
    }),
    ("context at", |d| {
        first(d, |d, q| d.mem.set(q.context, GpuContextData::UNK_5, 0))
    }),
    ("process table index is 0x0, expected 0xff", |d| {
        first(d, |d, q| {
            d.mem.set(q.context, GpuContextData::PID_TABLE_INDEX, 0)
        })
    }),
    ("ring size is 0x400, expected 0x500", |d| {
        first(d, |d, q| d.mem.set(q.state, RingState::SIZE, 0x400))
    }),
    ("done pointer is 0x0, expected 0x3", |d| {
        first(d, |d, q| d.mem.set(q.state, RingState::GPU_READ_PTR, 3))
    }),
    ("second Initialize", |d| {
        control(d, device_control::INITIALIZE.of(ABI) as u32, 0)
    }),
    ("unknown type 0x77", |d| control(d, 0x77, 0)),
    ("which did not ask to grow", |d| {
        control(d, device_control::GROW_TVB_ACK.of(ABI) as u32, 1)
    }),
    ("word 4 is 0x0, expected 0x1", |d| {
        control(d, device_control::GROW_TVB_ACK.of(ABI) as u32, 0)
    }),
    ("RecoverChannel for 0x0, which has not failed", |d| {
        control(d, device_control::RECOVER_CHANNEL.of(ABI) as u32, 2)
    }),
    ("queue table index without a context is 0x0", |d| {
        control(d, device_control::DESTROY_CONTEXT.of(ABI) as u32, 0)
    }),
    ("has commands pending", |d| {
        let mut q = Queue::new(d, 1, 2, 1, 0);
        let barrier = q.barrier(d, 5, 0x100);
        q.push(d, barrier);
        q.submit(d)?;
        destroy(d, q.context)
    }),
    ("queue table index is 0x7, expected 0x0", |d| {
        let mut q = Queue::new(d, 1, 2, 1, 0);
        q.run(d, STREAM)?;
        let mut m = DestroyContext::new(ABI);
        m.set(
            DestroyContext::KIND,
            device_control::DESTROY_CONTEXT.of(ABI) as u32,
        )
        .set(DestroyContext::UNK_23, 2)
        .set(DestroyContext::QUEUE_TABLE_INDEX, 7)
        .set(DestroyContext::CONTEXT, q.context);
        d.control(m.as_bytes())
    }),
    (
        "pending_submissions is 0xffffffff: lowered too often",
        |d| {
            d.mem
                .set(d.tree.globals, Globals::PENDING_SUBMISSIONS, u32::MAX);
            d.ring(0x10)
        },
    ),
];

#[test]
fn anything_wrong_is_a_panic_with_its_reason() {
    for (reason, run) in CASES {
        let mut d = driver();
        let panic = match run(&mut d) {
            Err(panic) => panic.0,
            Ok(()) => panic!("{reason}: accepted"),
        };
        assert!(panic.contains(reason), "{panic:?} does not say {reason:?}");
        // The host's log says it too.
        assert!(d
            .log_lines()
            .iter()
            .any(|(level, line)| { *level == 5 && panic.starts_with(line.as_str()) }));
    }
}

#[test]
fn the_first_message_is_initialize() {
    let mut d = Driver::new(&[]);
    d.init().unwrap();
    let panic = control(&mut d, device_control::IDLE_POWER_OFF.of(ABI) as u32, 0)
        .unwrap_err()
        .0;
    assert!(
        panic.contains("the first message must be Initialize"),
        "{panic}"
    );
    let mut d = Driver::new(&[]);
    d.init().unwrap();
    let panic = d.ring(10).unwrap_err().0;
    assert_eq!(panic, "doorbell of pipe compute 2 before Initialize");
    let mut d = Driver::new(&[]);
    d.init().unwrap();
    let panic = control(&mut d, device_control::INITIALIZE.of(ABI) as u32, 1)
        .unwrap_err()
        .0;
    assert!(panic.contains("byte 0x4 is 0x1, must be zero"), "{panic}");
}

#[test]
fn messages_without_effect_are_consumed() {
    let mut d = driver();
    for kind in [
        device_control::IDLE_POWER_OFF.of(ABI) as u32,
        device_control::WRITE32.of(ABI) as u32,
        0x23,
    ] {
        control(&mut d, kind, 0).unwrap();
    }
    let (state, _) = d.place(RuntimePointers::DEVICE_CONTROL);
    assert_eq!(d.mem.get(state, ChannelState::READ_PTR), 4);
    assert!(d
        .machine
        .logged("device control message 0x23 has no effect here"));
}
