// SPDX-License-Identifier: MIT OR Apache-2.0

//! Faults, timeouts, failed channels and crashes: real ones and scripted ones.

use crate::support::abi::ABI;
use agx_abi::channel::{device_control, PipeKind};
use agx_abi::channel::{event, RecoverChannel};
use agx_abi::event::initial_stamp;
use agx_abi::globals::{Globals, GlobalsFaultInfo, PendingStamp};
use agx_abi::init::{FaultInfo, FwStatus, RuntimePointers};
use agx_abi::uat::Protection;
use agxemu_firmware::panic::Panic;

use crate::support::driver::{Driver, Event};
use crate::support::job::{user_context, Queue, STREAM};

fn driver(rules: &[&str]) -> Driver {
    let mut d = Driver::up(rules);
    user_context(&mut d, 1);
    d
}

fn pending_stamp(d: &Driver) -> PendingStamp {
    d.mem.get(d.tree.globals, Globals::PENDING_STAMPS.at(0))
}

/// The driver's answer to a halt.
fn resume(d: &mut Driver) -> Result<(), Panic> {
    d.mem.set(
        d.tree.globals,
        Globals::PENDING_STAMPS.at(0),
        PendingStamp::zeroed(),
    );
    d.mem.set(d.tree.status, FwStatus::HALTED, 0);
    d.mem.set(d.tree.status, FwStatus::RESUME, 1);
    d.sleep()
}

/// Checks what a halt leaves behind for a job of queue 7, slot 5.
fn check_halted(d: &Driver, halts: u32) {
    assert_eq!(d.mem.get(d.tree.status, FwStatus::HALTED), 1);
    assert_eq!(
        d.mem.get(d.tree.status, FwStatus::HALT_COUNT),
        u64::from(halts)
    );
    let info = d.mem.get(d.tree.pointers, RuntimePointers::FAULT_INFO);
    assert_eq!(d.mem.get(info, FaultInfo::TOTAL_HALTS), halts);
    let stamp = pending_stamp(d);
    assert_eq!(stamp.slot(ABI), Some(5));
    assert_eq!(
        stamp.get(PendingStamp::VALUE),
        initial_stamp(5) + 0x100 * halts
    );
    let queue = Globals::FAULT_INFO.then(GlobalsFaultInfo::QUEUE_UUID);
    assert_eq!(d.mem.get(d.tree.globals, queue), 7);
    // Nothing completes before the host resumes.
    assert_eq!(d.host_stamp(5), initial_stamp(5) + 0x100 * (halts - 1));
}

#[test]
fn a_gpu_fault_halts_and_completes_after_resume() {
    let mut d = driver(&[]);
    let mut q = Queue::new(&mut d, 7, 2, 1, 5);
    // No control stream there.
    q.run(&mut d, 0x30_0000_0040).unwrap();
    check_halted(&d, 1);
    assert_eq!(
        d.events(),
        [Event {
            kind: event::FAULT,
            words: vec![0; 13]
        }]
    );
    let info = d.machine.fault_info();
    assert_eq!(info & 1, 1);
    assert_eq!((info >> 1) & 7, 0);
    assert_eq!((info >> 9) & 0xff, 0xa2);
    assert_eq!((info >> 17) & 0x3f, 1);
    assert_eq!((info >> 30) << 6, 0x30_0000_0040);
    // It waits for the host, whatever time it takes.
    for _ in 0..5 {
        d.sleep().unwrap();
        check_halted(&d, 1);
    }
    resume(&mut d).unwrap();
    assert_eq!(d.machine.fault_info(), 0);
    assert_eq!(d.mem.get(d.tree.status, FwStatus::RESUME), 0);
    assert_eq!(d.host_stamp(5), initial_stamp(5) + 0x100);
    assert_eq!(d.fw_stamp(5), initial_stamp(5) + 0x100);
    assert_eq!(d.flags(), [1 << 5]);
    // And goes on as before.
    q.run(&mut d, STREAM).unwrap();
    assert_eq!(d.flags(), [1 << 5]);
    assert_eq!(d.fw.counters().halts, 1);
}

#[test]
fn faults_say_why() {
    // What is mapped where the control stream is, and the reason code.
    let cases = [
        (Protection::GPU_SHARED_WO, 2),
        (Protection::FW_SHARED_RW, 4),
        (Protection::FW_PRIV_RW, 4),
    ];
    for (protection, reason) in cases {
        let mut d = driver(&[]);
        d.mem.map_fresh(1, 0x40_0000_0000, 0x4000, protection);
        let mut q = Queue::new(&mut d, 7, 2, 1, 5);
        q.run(&mut d, 0x40_0000_0000).unwrap();
        check_halted(&d, 1);
        assert_eq!((d.machine.fault_info() >> 1) & 7, reason, "{protection:?}");
        resume(&mut d).unwrap();
    }
}

#[test]
fn an_endless_stream_times_out() {
    let mut d = driver(&[]);
    let at = STREAM + 0x100;
    let link = [(1 << 29) | (at >> 32) as u32, at as u32];
    d.mem.write_in(1, at, &link.map(u32::to_le_bytes).concat());
    let mut q = Queue::new(&mut d, 7, 2, 1, 5);
    q.run(&mut d, at).unwrap();
    // Not before its time is over, which the globals say.
    assert_eq!(d.mem.get(d.tree.status, FwStatus::HALTED), 0);
    assert_eq!(d.events(), []);
    d.sleep().unwrap();
    check_halted(&d, 1);
    let events = d.events();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].kind, event::TIMEOUT);
    // Halts before this one, a word that nobody knows, and the event slot.
    assert_eq!(events[0].words[..3], [0, 0, 5]);
    assert_eq!(d.machine.fault_info(), 0);
    assert!(d
        .machine
        .logged("GPU hangs: endless stream: comes back to 0x1200000100"));
    resume(&mut d).unwrap();
    assert_eq!(d.flags(), [1 << 5]);
}

#[test]
fn scripted_hangs_and_faults_hit_their_job() {
    let mut d = driver(&["hang:2", "mmu-fault:3"]);
    let mut q = Queue::new(&mut d, 7, 2, 1, 5);
    q.run(&mut d, STREAM).unwrap();
    assert_eq!(d.flags(), [1 << 5]);
    q.run(&mut d, STREAM).unwrap();
    d.sleep().unwrap();
    assert_eq!(d.events()[0].kind, event::TIMEOUT);
    resume(&mut d).unwrap();
    assert_eq!(d.flags(), [1 << 5]);
    q.run(&mut d, STREAM).unwrap();
    let events = d.events();
    assert_eq!(events[0].kind, event::FAULT);
    assert_ne!(d.machine.fault_info(), 0);
    assert_eq!(d.mem.get(d.tree.status, FwStatus::HALT_COUNT), 2);
    resume(&mut d).unwrap();
    assert_eq!(d.flags(), [1 << 5]);
    assert_eq!(d.host_stamp(5), initial_stamp(5) + 0x300);
}

#[test]
fn submissions_during_a_halt_wait_for_it() {
    let mut d = driver(&["mmu-fault:1"]);
    let mut a = Queue::new(&mut d, 7, 2, 1, 5);
    let mut b = Queue::new(&mut d, 8, 2, 1, 6);
    a.run(&mut d, STREAM).unwrap();
    d.events();
    b.run(&mut d, STREAM).unwrap();
    assert_eq!(d.host_stamp(6), initial_stamp(6));
    resume(&mut d).unwrap();
    assert_eq!(d.flags(), [1 << 5, 1 << 6]);
}

#[test]
fn a_wrong_answer_to_a_halt_is_a_panic() {
    type Answer = fn(&mut Driver);
    let cases: [(Answer, &str); 3] = [
        (
            |d| d.mem.set(d.tree.status, FwStatus::RESUME, 1),
            "resume set while halted is still 1",
        ),
        (
            |d| {
                d.mem.set(d.tree.status, FwStatus::HALTED, 0);
                d.mem.set(d.tree.status, FwStatus::RESUME, 1);
            },
            "resume set before the pending stamps were taken (0x51)",
        ),
        (
            |d| d.mem.set(d.tree.status, FwStatus::RESUME, 2),
            "resume is 0x2",
        ),
    ];
    for (answer, reason) in cases {
        let mut d = driver(&["mmu-fault:1"]);
        let mut q = Queue::new(&mut d, 7, 2, 1, 5);
        q.run(&mut d, STREAM).unwrap();
        answer(&mut d);
        assert_eq!(d.sleep().unwrap_err().0, reason);
    }
}

fn recover(d: &mut Driver, info: u64, kind: PipeKind, value: u32) -> Result<(), Panic> {
    let mut m = RecoverChannel::new(ABI);
    m.set(
        RecoverChannel::KIND,
        device_control::RECOVER_CHANNEL.of(ABI) as u32,
    )
    .set(RecoverChannel::PIPE, kind as u32)
    .set(RecoverChannel::QUEUE, info)
    .set(RecoverChannel::EVENT_VALUE, value);
    d.control(m.as_bytes())
}

#[test]
fn a_failed_channel_is_recovered_and_others_go_on() {
    let mut d = driver(&["channel-error:1"]);
    let mut a = Queue::new(&mut d, 7, 2, 1, 5);
    let mut b = Queue::new(&mut d, 8, 2, 1, 6);
    d.pending(1);
    // Three jobs: the first fails, the second is given up with it, the third runs.
    for _ in 0..3 {
        let job = a.job(&mut d, STREAM, [0, 0]);
        a.push(&d, job.at);
    }
    a.raise(&d, 3);
    a.submit(&mut d).unwrap();
    let events = d.events();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].kind, event::CHANNEL_ERROR);
    let first = initial_stamp(5) + 0x100;
    assert_eq!(events[0].words[..4], [0, 2, 5, first]);
    assert_eq!(d.mem.get(d.tree.status, FwStatus::HALTED), 0);
    b.run(&mut d, STREAM).unwrap();
    assert_eq!(d.flags(), [1 << 6]);
    assert_eq!(d.host_stamp(5), initial_stamp(5));
    recover(&mut d, a.info, PipeKind::Compute, first + 0x100).unwrap();
    assert_eq!(d.host_stamp(5), first + 0x200);
    assert_eq!(d.flags(), [1 << 5]);
    // One that failed, B's, and the third of A; the second was never started.
    assert_eq!(d.fw.counters().jobs, 3);
}

#[test]
fn a_recovered_queue_runs_on_another_slot() {
    let mut d = driver(&["channel-error:1"]);
    let mut q = Queue::new(&mut d, 7, 2, 1, 5);
    q.run(&mut d, STREAM).unwrap();
    recover(&mut d, q.info, PipeKind::Compute, q.value).unwrap();
    // The stamps of this slot are below the one up to which the queue was given up.
    q.move_to(&d, 2);
    q.run(&mut d, STREAM).unwrap();
    assert_eq!(d.host_stamp(2), initial_stamp(2) + 0x100);
    assert_eq!(d.fw.counters().jobs, 2);
}

#[test]
fn a_wrong_recovery_is_a_panic() {
    type Recovery = fn(&mut Driver, &Queue) -> Result<(), Panic>;
    let cases: [(Recovery, &str); 3] = [
        (
            |d, _| recover(d, 0x1234, PipeKind::Compute, 0),
            "RecoverChannel for 0x1234",
        ),
        (
            |d, q| recover(d, q.info, PipeKind::Vertex, q.value),
            "type 0 for a compute queue",
        ),
        (
            |d, q| recover(d, q.info, PipeKind::Compute, q.value - 0x100),
            "up to 0x5000000, but 0x5000100 failed",
        ),
    ];
    for (recovery, reason) in cases {
        let mut d = driver(&["channel-error:1"]);
        let mut q = Queue::new(&mut d, 7, 2, 1, 5);
        q.run(&mut d, STREAM).unwrap();
        let panic = recovery(&mut d, &q).unwrap_err().0;
        assert!(panic.contains(reason), "{panic:?} does not say {reason:?}");
    }
}

#[test]
fn a_job_can_be_made_to_take_its_time() {
    let mut d = driver(&["delay:2:50"]);
    let mut q = Queue::new(&mut d, 1, 2, 1, 0);
    q.run(&mut d, STREAM).unwrap();
    assert_eq!(d.flags(), [1]);
    let before = agxemu_firmware::machine::Machine::ticks(&*d.machine);
    q.run(&mut d, STREAM).unwrap();
    assert_eq!(d.flags(), []);
    d.sleep().unwrap();
    assert_eq!(d.flags(), [1]);
    let after = agxemu_firmware::machine::Machine::ticks(&*d.machine);
    assert!(after - before >= 50 * 24_000, "{}", after - before);
}

#[test]
fn a_flag_can_be_lost() {
    let mut d = driver(&["drop-flag:1"]);
    let mut q = Queue::new(&mut d, 1, 2, 1, 0);
    q.run(&mut d, STREAM).unwrap();
    assert_eq!(d.flags(), []);
    // The stamp is there all the same, and the next event stands for both.
    assert_eq!(d.host_stamp(0), 0x100);
    q.run(&mut d, STREAM).unwrap();
    assert_eq!(d.flags(), [1]);
    assert_eq!(d.fw.counters().flags, 2);
}

#[test]
fn the_firmware_can_be_made_to_crash() {
    let mut d = driver(&["crash-done:2"]);
    let mut q = Queue::new(&mut d, 1, 2, 1, 0);
    q.run(&mut d, STREAM).unwrap();
    let panic = q.run(&mut d, STREAM).unwrap_err().0;
    assert_eq!(panic, "scripted crash when job 2 was done");
    // The stamp was written, the event is missing.
    assert_eq!(d.host_stamp(0), 0x200);
    assert_eq!(d.flags(), [1]);
    assert!(d.fw.has_crashed());
    // A crashed firmware does nothing any more.
    d.ring(10).unwrap();
    assert_eq!(d.wake, None);

    let mut d = driver(&["crash-job:2"]);
    let mut q = Queue::new(&mut d, 1, 2, 1, 0);
    q.run(&mut d, STREAM).unwrap();
    let panic = q.run(&mut d, STREAM).unwrap_err().0;
    assert_eq!(panic, "scripted crash before job 2");
    assert_eq!(d.host_stamp(0), 0x100);
}
