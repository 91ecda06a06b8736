// SPDX-License-Identifier: MIT OR Apache-2.0

//! Queues against each other: barriers, priorities, slots, and submissions that make no sense.

use agx_abi::channel::PipeKind;
use agx_abi::event::initial_stamp;
use agx_abi::queue::{RingState, TAG_RUN_BLIT, TAG_RUN_FRAGMENT, TAG_RUN_VERTEX};
use agx_abi::uat::Protection;

use crate::support::driver::Driver;
use crate::support::job::{user_context, Queue, STREAM};

fn driver() -> Driver {
    let mut d = Driver::up(&[]);
    user_context(&mut d, 1);
    d
}

/// Order in which the queues' jobs were started, by user queue.
fn started(d: &Driver) -> Vec<u32> {
    let lines = d.machine.lines.lock().unwrap();
    let queue = |line: &String| {
        let rest = line.strip_prefix("job ")?.split_once(": queue ")?.1;
        rest.split(',').next()?.parse().ok()
    };
    lines.iter().filter_map(queue).collect()
}

#[test]
fn a_barrier_waits_for_another_queue() {
    let mut d = driver();
    let mut a = Queue::new(&mut d, 1, 2, 1, 0);
    let mut b = Queue::new(&mut d, 2, 2, 1, 1);
    d.pending(2);
    // B first: it has to wait for the job of A that comes later.
    let barrier = b.barrier(&mut d, 0, 0x100);
    let job = b.job(&mut d, STREAM, [0, 0]);
    b.push(&d, barrier);
    b.push(&d, job.at);
    b.raise(&d, 1);
    b.submit(&mut d).unwrap();
    assert_eq!(d.host_stamp(1), initial_stamp(1));
    assert_eq!(d.mem.get(b.state, RingState::GPU_READ_PTR), 0);
    a.run(&mut d, STREAM).unwrap();
    assert_eq!(d.host_stamp(1), initial_stamp(1) + 0x100);
    assert_eq!(d.mem.get(b.state, RingState::GPU_DONE_PTR), 2);
    assert_eq!(d.flags(), [1 << 0, 1 << 1]);
    assert_eq!(started(&d), [1, 2]);
}

#[test]
fn a_blocked_queue_holds_up_no_other() {
    let mut d = driver();
    let mut a = Queue::new(&mut d, 1, 0, 1, 0);
    let mut b = Queue::new(&mut d, 2, 3, 1, 1);
    d.pending(2);
    let barrier = a.barrier(&mut d, 9, 0x100 + initial_stamp(9));
    let job = a.job(&mut d, STREAM, [0, 0]);
    a.push(&d, barrier);
    a.push(&d, job.at);
    a.raise(&d, 1);
    a.submit(&mut d).unwrap();
    b.run(&mut d, STREAM).unwrap();
    assert_eq!(d.flags(), [1 << 1]);
    // What it waits for is told after a while.
    for _ in 0..4 {
        d.sleep().unwrap();
    }
    assert!(d.machine.logged("Compute queue 1 at"));
    assert!(d
        .machine
        .logged("waits for slot 9 to reach 0x9000100, it is at 0x0"));
}

#[test]
fn higher_priority_goes_first_and_equals_take_turns() {
    let mut d = driver();
    let mut queues: Vec<Queue> = [(1, 3), (2, 2), (3, 0), (4, 2)]
        .into_iter()
        .enumerate()
        .map(|(i, (uuid, priority))| Queue::new(&mut d, uuid, priority, 1, i as u8))
        .collect();
    d.pending(4);
    for q in &mut queues {
        for _ in 0..2 {
            let job = q.job(&mut d, STREAM, [0, 0]);
            q.push(&d, job.at);
        }
        q.raise(&d, 2);
        q.post(&d);
    }
    // All doorbells before anything runs.
    for q in &queues {
        let m = agx_abi::message::message(0x83, q.doorbell().into());
        d.fw.message(0x21, m).unwrap();
    }
    d.run().unwrap();
    assert_eq!(started(&d), [3, 3, 2, 4, 2, 4, 1, 1]);
    assert_eq!(d.flags().len(), 4);
}

#[test]
fn a_command_in_a_queue_of_another_kind_is_a_panic() {
    let cases = [
        (PipeKind::Vertex, TAG_RUN_FRAGMENT),
        (PipeKind::Fragment, TAG_RUN_VERTEX),
        (PipeKind::Compute, TAG_RUN_VERTEX),
        (PipeKind::Vertex, TAG_RUN_BLIT),
    ];
    for (kind, tag) in cases {
        let mut d = driver();
        let mut q = Queue::of_kind(&mut d, kind, 1, 2, 1, 0);
        let command = d.mem.alloc(Protection::GPU_RO_FW_PRIV_RW, 0x700);
        d.mem.set_u32(command, tag);
        q.push(&d, command);
        let panic = q.submit(&mut d).unwrap_err().0;
        let reason = format!("command with tag {tag:#x}");
        assert!(panic.contains(&reason), "{panic}");
    }
}
