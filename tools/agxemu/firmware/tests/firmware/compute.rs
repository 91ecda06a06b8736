// SPDX-License-Identifier: MIT OR Apache-2.0

//! Compute jobs from submission to completion.

use crate::support::driver::Driver;
use crate::support::job::{user_context, Queue, STREAM};
use agx_abi::channel::{ChannelState, PipeKind};
use agx_abi::event::{initial_stamp, Notifier};
use agx_abi::init::RuntimePointers;
use agx_abi::queue::{GpuContextData, QueueInfo, RingState};
use agx_abi::uat::{Protection, TIMESTAMP_BASE};

fn driver() -> Driver {
    let mut d = Driver::up(&[]);
    user_context(&mut d, 1);
    d
}

#[test]
fn a_job_completes_with_stamps_event_and_doorbell() {
    let mut d = driver();
    let mut q = Queue::new(&mut d, 7, 2, 1, 5);
    d.messages();
    let job = q.run(&mut d, STREAM).unwrap();

    assert_eq!(job.value, initial_stamp(5) + 0x100);
    assert_eq!(d.host_stamp(5), job.value);
    assert_eq!(d.fw_stamp(5), job.value);
    assert_eq!(d.mem.get(q.state, RingState::GPU_DONE_PTR), 1);
    assert_eq!(d.mem.get(q.state, RingState::GPU_READ_PTR), 1);
    assert_eq!(d.mem.get(q.info, QueueInfo::EVENT_SLOT), 5);
    assert_eq!(d.mem.get(q.info, QueueInfo::BUSY), 0);
    assert_eq!(d.mem.get(q.info, QueueInfo::IN_FLIGHT), 0);
    assert_eq!(d.mem.get(q.notifier, Notifier::CUR_COUNT), 1);
    assert_eq!(d.flags(), [1 << 5]);
    assert!(d.messages().contains(&(0x20, 0x42 << 48)));
    // The message was taken in, and the context got its indices.
    let index = RuntimePointers::pipe(PipeKind::Compute, 2);
    let (state, _) = d.place(RuntimePointers::PIPES.at(index));
    assert_eq!(d.mem.get(state, ChannelState::READ_PTR), 1);
    assert_eq!(d.mem.get(q.context, GpuContextData::QUEUE_TABLE_INDEX), 0);
    assert_eq!(*d.machine.selected.lock().unwrap(), [1]);
    let counters = d.fw.counters();
    assert_eq!(
        (counters.jobs, counters.completed, counters.launches),
        (1, 1, 1)
    );
    assert!(d
        .machine
        .logged("job 1: launch 64x1x1 threads in groups of 32x1x1"));
    assert!(d
        .machine
        .logged("job 1: 1 launches, 64 threads, 2 instructions of SIMD groups"));
}

#[test]
fn timestamps_rise_and_are_nanoseconds_for_the_user() {
    let mut d = driver();
    d.mem
        .map_fresh(0, TIMESTAMP_BASE, 0x4000, Protection::FW_SHARED_RW);
    let mut q = Queue::new(&mut d, 1, 2, 1, 0);
    let mut last = 0;
    for i in 0..4 {
        let user = [TIMESTAMP_BASE + 16 * i, TIMESTAMP_BASE + 16 * i + 8];
        let job = q.job(&mut d, STREAM, user);
        q.push(&d, job.at);
        q.raise(&d, 1);
        d.pending(1);
        q.submit(&mut d).unwrap();
        d.pending(-1);
        let ticks = [d.mem.u64(job.timestamps), d.mem.u64(job.timestamps + 8)];
        let ns = user.map(|va| d.mem.u64(va));
        assert!(last < ns[0] && ns[0] < ns[1], "{last} {ns:?}");
        assert_eq!(ns, ticks.map(|t| t * 125 / 3));
        last = ns[1];
        d.machine.advance(24);
    }
}

#[test]
fn only_wanted_user_timestamps_are_written() {
    let mut d = driver();
    d.mem
        .map_fresh(0, TIMESTAMP_BASE, 0x4000, Protection::FW_SHARED_RW);
    let mut q = Queue::new(&mut d, 1, 2, 1, 0);
    let job = q.job(&mut d, STREAM, [0, TIMESTAMP_BASE + 0x100]);
    q.push(&d, job.at);
    q.raise(&d, 1);
    d.pending(1);
    q.submit(&mut d).unwrap();
    assert_ne!(d.mem.u64(TIMESTAMP_BASE + 0x100), 0);
    assert_eq!(d.mem.u64(TIMESTAMP_BASE), 0);
    assert_ne!(d.mem.u64(job.timestamps), 0);
}

#[test]
fn one_flag_stands_for_all_jobs_up_to_the_threshold() {
    let mut d = driver();
    let mut q = Queue::new(&mut d, 1, 2, 1, 9);
    for _ in 0..5 {
        let job = q.job(&mut d, STREAM, [0, 0]);
        q.push(&d, job.at);
    }
    q.raise(&d, 5);
    d.pending(1);
    q.submit(&mut d).unwrap();
    assert_eq!(d.host_stamp(9), initial_stamp(9) + 0x500);
    assert_eq!(d.flags(), [1 << 9]);
    // A threshold above the count holds the event back until it is reached.
    q.raise(&d, 1);
    q.run(&mut d, STREAM).unwrap();
    assert_eq!(d.flags(), []);
    assert_eq!(d.host_stamp(9), initial_stamp(9) + 0x600);
    let job = q.job(&mut d, STREAM, [0, 0]);
    q.push(&d, job.at);
    q.submit(&mut d).unwrap();
    assert_eq!(d.flags(), [1 << 9]);
}

#[test]
fn the_command_ring_wraps() {
    let mut d = driver();
    let mut q = Queue::new(&mut d, 1, 2, 1, 0);
    d.pending(1);
    let mut submitted = 0;
    while submitted < 0x500 + 100 {
        for _ in 0..100 {
            let job = q.job(&mut d, STREAM, [0, 0]);
            q.push(&d, job.at);
            submitted += 1;
        }
        q.raise(&d, 100);
        q.submit(&mut d).unwrap();
        assert_eq!(d.flags(), [1]);
        assert_eq!(d.host_stamp(0), submitted * 0x100);
        assert_eq!(
            d.mem.get(q.state, RingState::GPU_DONE_PTR),
            submitted % 0x500
        );
        d.log_lines();
    }
    assert_eq!(d.fw.counters().completed, u64::from(submitted));
}

#[test]
fn a_slot_changes_its_owner_and_goes_on_from_its_stamp() {
    let mut d = driver();
    let mut a = Queue::new(&mut d, 1, 2, 1, 3);
    a.run(&mut d, STREAM).unwrap();
    a.run(&mut d, STREAM).unwrap();
    let mut b = Queue::new(&mut d, 2, 2, 1, 3);
    assert_eq!(b.value, initial_stamp(3) + 0x200);
    b.run(&mut d, STREAM).unwrap();
    assert_eq!(d.host_stamp(3), initial_stamp(3) + 0x300);
    // The first queue moves to another slot, and starts from the stamp that it finds there.
    a.move_to(&d, 4);
    a.run(&mut d, STREAM).unwrap();
    assert_eq!(d.host_stamp(4), initial_stamp(4) + 0x100);
    assert_eq!(d.flags(), [1 << 3, 1 << 3, 1 << 3, 1 << 4]);
}

#[test]
fn the_log_tells_of_it() {
    let mut d = driver();
    let mut q = Queue::new(&mut d, 7, 2, 1, 5);
    q.run(&mut d, STREAM).unwrap();
    let lines = d.log_lines();
    let has = |level: usize, text: &str| lines.iter().any(|(l, t)| *l == level && t.contains(text));
    assert!(has(1, "agxemu firmware 13.5 for G13G started"), "{lines:?}");
    assert!(has(1, "GPU initialised"));
    assert!(has(1, "Compute queue 7"));
    assert!(has(0, "job 1: queue 7, context 1, event 5:0x5000100"));
}
