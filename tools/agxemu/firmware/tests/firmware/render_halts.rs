// SPDX-License-Identifier: MIT OR Apache-2.0

//! Renders that go wrong: faults, hangs, failed channels, in either half.

use crate::support::abi::{Must, ABI};
use std::sync::Arc;

use agx_abi::channel::{channel_error, device_control, event, PipeKind, RecoverChannel};
use agx_abi::fragment::{JobParameters1, JobParameters2, JobParameters3, RunFragment};
use agx_abi::globals::{Globals, PendingStamp};
use agx_abi::init::FwStatus;
use agx_abi::vertex::{RunVertex, TilingParameters};
use agx_abi::Field;
use agxemu_firmware::machine::Machine;
use agxemu_firmware::panic::Panic;
use agxemu_gpu::cdm::End;
use agxemu_gpu::fault::{AccessError, Fault, Reason, Unit};

use crate::support::driver::{Driver, Event};
use crate::support::gpu::{Answer, StandIn};
use crate::support::job::{Queue, STREAM};
use crate::support::render::{driver, shot, Made, Render, ZLS_CTRL};

const BOTH: u128 = (1 << 4) | (1 << 5);
/// A job of the GPU that goes well.
const GOOD: Answer = Answer::Bins(1000, 10);

fn with_queue(rules: &[&str]) -> (Driver, Arc<StandIn>, Render) {
    let (mut d, gpu) = driver(rules);
    let r = Render::new(&mut d, 7, 2, 1, [4, 5]);
    (d, gpu, r)
}

/// A fault at `va` of `unit`.
fn fault(va: u64, unit: Unit) -> Answer {
    let access = AccessError {
        va,
        reason: Reason::Unmapped,
        level: 2,
        write: false,
    };
    Answer::Ends(End::Fault(Fault { access, unit }))
}

/// Event slots and values of the pending stamps.
fn pending(d: &Driver) -> Vec<(u32, u32)> {
    let stamps = d.mem.get(d.tree.globals, Globals::PENDING_STAMPS);
    let listed = stamps.iter().take_while(|stamp| stamp.slot(ABI).is_some());
    listed
        .map(|stamp| (stamp.slot(ABI).unwrap(), stamp.get(PendingStamp::VALUE)))
        .collect()
}

/// The driver's answer to a halt with `stamps` pending.
fn resume(d: &mut Driver, stamps: usize) -> Result<(), Panic> {
    for i in 0..stamps {
        let place = Globals::PENDING_STAMPS.at(i);
        d.mem.set(d.tree.globals, place, PendingStamp::zeroed());
    }
    d.mem.set(d.tree.status, FwStatus::HALTED, 0);
    d.mem.set(d.tree.status, FwStatus::RESUME, 1);
    d.sleep()
}

fn recover(d: &mut Driver, q: &Queue, value: u32) -> Result<(), Panic> {
    let mut m = RecoverChannel::new(ABI);
    m.set(
        RecoverChannel::KIND,
        device_control::RECOVER_CHANNEL.of(ABI) as u32,
    )
    .set(RecoverChannel::PIPE, q.kind as u32)
    .set(RecoverChannel::QUEUE, q.info)
    .set(RecoverChannel::EVENT_VALUE, value);
    d.control(m.as_bytes())
}

/// The fragment half of `made` fails by itself, since the vertex half has left nothing; the driver
/// recovers its channel.
fn fragment_fails(d: &mut Driver, r: &Render, made: &Made) {
    let events = d.events();
    assert_eq!(events.len(), 1, "{events:x?}");
    assert_eq!(events[0].kind, event::CHANNEL_ERROR);
    let (error, kind) = (channel_error::ABORTED, PipeKind::Fragment as u32);
    assert_eq!(events[0].words[..4], [error, kind, 5, made.fragment.value]);
    assert!(d.machine.logged("its scene has no binned data"));
    assert_eq!(d.host_stamp(5), made.fragment.value - 0x100);
    recover(d, &r.fragment, made.fragment.value).unwrap();
    assert_eq!(d.host_stamp(5), made.fragment.value);
    assert_eq!(d.flags(), [BOTH]);
}

#[test]
fn a_fault_in_a_vertex_half_ends_both() {
    let (mut d, gpu, mut r) = with_queue(&[]);
    gpu.answer(&[fault(0x30_0000_0040, Unit::VdmStream)]);
    let made = r.run(&mut d, &shot()).unwrap();
    let events = d.events();
    assert_eq!(
        events,
        [Event {
            kind: event::FAULT,
            words: vec![0; 13]
        }]
    );
    let info = d.machine.fault_info();
    assert_eq!((info & 1, (info >> 17) & 0x3f), (1, 1));
    assert_eq!((info >> 9) & 0xff, Unit::VdmStream as u64);
    assert_eq!((info >> 30) << 6, 0x30_0000_0040);
    // The fragment half was not begun, so it is not in flight.
    assert_eq!(pending(&d), [(4, made.vertex.value)]);
    resume(&mut d, 1).unwrap();
    assert_eq!(d.host_stamp(4), made.vertex.value);
    fragment_fails(&mut d, &r, &made);
    assert!(gpu.fragment.lock().unwrap().is_empty());
    // And goes on as before.
    r.run(&mut d, &shot()).unwrap();
    assert_eq!(d.flags(), [BOTH]);
    assert!(!d.fw.is_busy());
}

#[test]
fn a_fault_in_a_fragment_half_ends_it() {
    let (mut d, gpu, mut r) = with_queue(&[]);
    gpu.answer(&[GOOD, fault(0x31_0000_0000, Unit::Ul1c)]);
    let made = r.run(&mut d, &shot()).unwrap();
    let events = d.events();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].kind, event::FAULT);
    assert_eq!((d.machine.fault_info() >> 30) << 6, 0x31_0000_0000);
    assert_eq!(pending(&d), [(5, made.fragment.value)]);
    assert_eq!(d.host_stamp(4), made.vertex.value);
    resume(&mut d, 1).unwrap();
    assert_eq!(d.flags(), [BOTH]);
    assert_eq!(d.host_stamp(5), made.fragment.value);
    let busy = d.mem.get(made.fragment.at, RunFragment::BUSY_FLAG);
    assert_eq!(busy, 0);
    // Its scene may be used again.
    r.run(&mut d, &shot()).unwrap();
    assert_eq!(d.flags(), [BOTH]);
}

/// The time that each half may hang, in milliseconds, is in the globals.
#[test]
fn a_hang_in_either_half_times_out() {
    for (half, slot, patience) in [(0, 4, 10), (1, 5, 40)] {
        let (mut d, gpu, mut r) = with_queue(&[]);
        let hang = Answer::Ends(End::Hang("goes in circles".to_owned()));
        let answers = [GOOD, GOOD];
        gpu.answer(&answers[..half]);
        gpu.answer(&[hang]);
        let before = d.machine.ticks();
        let made = r.run(&mut d, &shot()).unwrap();
        assert_eq!(d.events(), [], "half {half}");
        let wake = d.wake.unwrap();
        let ms = 24_000;
        assert!((before + patience * ms..before + (patience + 1) * ms).contains(&wake));
        d.sleep().unwrap();
        let events = d.events();
        assert_eq!(events[0].kind, event::TIMEOUT, "half {half}");
        assert_eq!(events[0].words[..3], [0, 0, slot]);
        assert!(d.machine.logged("GPU hangs: goes in circles"));
        resume(&mut d, 1).unwrap();
        match half {
            0 => fragment_fails(&mut d, &r, &made),
            _ => assert_eq!(d.flags(), [BOTH]),
        }
    }
}

#[test]
fn a_halt_gives_up_all_that_is_in_flight() {
    let (mut d, gpu, mut r) = with_queue(&["hang:3"]);
    // A fragment half that runs, the next vertex half that runs, and compute that hangs.
    gpu.answer(&[GOOD, Answer::Runs, Answer::Runs]);
    let first = r.run(&mut d, &shot()).unwrap();
    let mut c = Queue::new(&mut d, 8, 2, 1, 6);
    let compute = c.run(&mut d, STREAM).unwrap();
    let second = r.run(&mut d, &shot()).unwrap();
    d.sleep().unwrap();
    let events = d.events();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].kind, event::TIMEOUT);
    assert_eq!(events[0].words[2], 6);
    let all = [
        (4, second.vertex.value),
        (5, first.fragment.value),
        (6, compute.value),
    ];
    assert_eq!(pending(&d), all);
    assert_eq!(*gpu.stopped.lock().unwrap(), 2);
    assert_eq!(d.fw.counters().halts, 1);
    resume(&mut d, 3).unwrap();
    assert_eq!(d.host_stamp(4), second.vertex.value);
    assert_eq!(d.host_stamp(5), first.fragment.value);
    assert_eq!(d.host_stamp(6), compute.value);
    let mut kinds: Vec<u32> = d.events().iter().map(|event| event.kind).collect();
    kinds.sort_unstable();
    // Compute, and the failure of the second fragment half. The notifier of the renders waits for
    // that one.
    assert_eq!(kinds, [event::FLAG, event::CHANNEL_ERROR]);
    recover(&mut d, &r.fragment, second.fragment.value).unwrap();
    assert_eq!(d.flags(), [BOTH]);
}

#[test]
fn all_pending_stamps_have_to_be_taken() {
    let (mut d, gpu, mut r) = with_queue(&[]);
    gpu.answer(&[GOOD, Answer::Runs, fault(0x30_0000_0000, Unit::VdmStream)]);
    r.run(&mut d, &shot()).unwrap();
    r.run(&mut d, &shot()).unwrap();
    assert_eq!(pending(&d).len(), 2);
    let panic = resume(&mut d, 1).unwrap_err().0;
    assert!(
        panic.contains("before the pending stamps were taken (0x51)"),
        "{panic}"
    );
}

#[test]
fn scripts_count_both_halves() {
    // The second job is the first fragment half, the third the second vertex half.
    let (mut d, _, mut r) = with_queue(&["mmu-fault:2", "channel-error:3", "delay:6:50"]);
    let first = r.run(&mut d, &shot()).unwrap();
    assert_eq!(d.events()[0].kind, event::FAULT);
    assert_eq!((d.machine.fault_info() >> 30) << 6, 0xdead_0000);
    assert_eq!(pending(&d), [(5, first.fragment.value)]);
    resume(&mut d, 1).unwrap();
    assert_eq!(d.flags(), [BOTH]);

    let second = r.run(&mut d, &shot()).unwrap();
    let events = d.events();
    assert_eq!(events[0].kind, event::CHANNEL_ERROR);
    let error = channel_error::MEMORY_ERROR;
    let kind = PipeKind::Vertex as u32;
    assert_eq!(events[0].words[..4], [error, kind, 4, second.vertex.value]);
    recover(&mut d, &r.vertex, second.vertex.value).unwrap();
    fragment_fails(&mut d, &r, &second);

    // That one was the fourth; the sixth takes its time.
    r.run(&mut d, &shot()).unwrap();
    assert_eq!(d.events(), []);
    assert!(d.wake.is_some());
    d.sleep().unwrap();
    assert_eq!(d.flags(), [BOTH]);
}

/// A change of a fragment command, as a client may want it, and what the log says of it.
type Refusal = (&'static str, fn(&Driver, u64));

/// Sets a field of the parameters 1, and the field of the parameters 3 that goes with it.
fn zls(
    d: &Driver,
    at: u64,
    whole: Field<JobParameters1, u64>,
    part: &[Field<JobParameters3, u64>],
    value: u64,
) {
    d.mem
        .set(at, RunFragment::JOB_PARAMS1.must().then(whole), value);
    for part in part {
        d.mem.set(at, RunFragment::JOB_PARAMS3.then(*part), value);
    }
}

const REFUSALS: &[Refusal] = &[
    ("samples of 12 bytes", |d, at| sample_size(d, at, 12)),
    ("samples of 40 bytes", |d, at| sample_size(d, at, 40)),
    ("isp_bgobjvals is 0x55a", |d, at| {
        let values = JobParameters2::ISP_BGOBJVALS;
        d.mem
            .set(at, RunFragment::JOB_PARAMS2.must().then(values), 0x55a);
        let values = JobParameters3::ISP_BGOBJVALS;
        d.mem.set(at, RunFragment::JOB_PARAMS3.then(values), 0x15a);
    }),
    ("depth format 1", |d, at| {
        let value = ZLS_CTRL | (1 << 25);
        zls(
            d,
            at,
            JobParameters1::ZLS_CTRL,
            &[JobParameters3::ZLS_CTRL],
            value,
        );
    }),
    ("depth to load is at 0", |d, at| {
        zls(d, at, JobParameters1::Z_LOAD, &[JobParameters3::Z_LOAD], 0)
    }),
    ("depth to store is at 0", |d, at| {
        let parts = [JobParameters3::Z_STORE, JobParameters3::Z_PARTIAL];
        zls(d, at, JobParameters1::Z_STORE, &parts, 0);
    }),
    ("stencil to load is at 0", |d, at| {
        zls(d, at, JobParameters1::S_LOAD, &[JobParameters3::S_LOAD], 0)
    }),
    ("stencil to store is at 0", |d, at| {
        let parts = [JobParameters3::S_STORE, JobParameters3::S_PARTIAL];
        zls(d, at, JobParameters1::S_STORE, &parts, 0);
    }),
    ("metadata of depth to load is at 0", |d, at| {
        let value = ZLS_CTRL | (1 << 2);
        zls(
            d,
            at,
            JobParameters1::ZLS_CTRL,
            &[JobParameters3::ZLS_CTRL],
            value,
        );
    }),
    ("metadata of stencil to store is at 0", |d, at| {
        let value = ZLS_CTRL | (1 << 8);
        zls(
            d,
            at,
            JobParameters1::ZLS_CTRL,
            &[JobParameters3::ZLS_CTRL],
            value,
        );
    }),
];

fn sample_size(d: &Driver, at: u64, size: u32) {
    let (p2, p3) = (RunFragment::JOB_PARAMS2.must(), RunFragment::JOB_PARAMS3);
    let blocks = (32 * 32 * size).div_ceil(2048);
    d.mem.set(at, p3.then(JobParameters3::SAMPLE_SIZE), size);
    d.mem.set(at, p3.then(JobParameters3::TIB_BLOCKS), blocks);
    d.mem.set(at, p2.then(JobParameters2::TIB_BLOCKS), blocks);
}

/// What a client gets wrong is its own fault: the GPU halts, the firmware does not die.
#[test]
fn what_a_client_gets_wrong_is_a_fault() {
    for (reason, change) in REFUSALS {
        let (mut d, gpu, mut r) = with_queue(&[]);
        let made = r.make(&mut d, &shot());
        change(&d, made.fragment.at);
        r.push(&d, &made);
        d.pending(1);
        r.submit(&mut d).unwrap_or_else(|e| panic!("{reason}: {e}"));
        assert_eq!(d.events()[0].kind, event::FAULT, "{reason}");
        assert!(d.machine.logged(reason), "{reason}");
        assert_eq!(d.machine.fault_info(), 0);
        assert_eq!(pending(&d), [(5, made.fragment.value)]);
        assert!(gpu.fragment.lock().unwrap().is_empty());
        resume(&mut d, 1).unwrap();
        assert_eq!(d.flags(), [BOTH], "{reason}");
    }
}

/// OpenGL clears the stencil to more bits than it has.
#[test]
fn a_stencil_value_may_have_more_bits_than_the_stencil() {
    let (mut d, gpu, mut r) = with_queue(&[]);
    let made = r.make(&mut d, &shot());
    let (p2, p3) = (RunFragment::JOB_PARAMS2.must(), RunFragment::JOB_PARAMS3);
    for field in [
        p2.then(JobParameters2::ISP_BGOBJVALS),
        p3.then(JobParameters3::ISP_BGOBJVALS),
    ] {
        d.mem.set(made.fragment.at, field, 0xfffe);
    }
    r.push(&d, &made);
    d.pending(1);
    r.submit(&mut d).unwrap();
    assert_eq!(d.flags(), [BOTH]);
    let jobs = gpu.fragment.lock().unwrap();
    assert_eq!(jobs[0].0.background_values, 0xfffe);
}

#[test]
fn a_strange_ppp_control_is_a_fault() {
    let (mut d, gpu, mut r) = with_queue(&[]);
    let made = r.make(&mut d, &shot());
    let control = RunVertex::TILING_PARAMS
        .must()
        .then(TilingParameters::PPP_CTRL);
    d.mem.set(made.vertex.at, control, 0x203);
    r.push(&d, &made);
    d.pending(1);
    r.submit(&mut d).unwrap();
    assert_eq!(d.events()[0].kind, event::FAULT);
    assert!(d.machine.logged("ppp_ctrl is 0x203"));
    assert!(gpu.vertex.lock().unwrap().is_empty());
    resume(&mut d, 1).unwrap();
    fragment_fails(&mut d, &r, &made);
}

/// Scenes whose fragment halves wait are in the host's memory: all of them together have a limit.
#[test]
fn scenes_that_wait_have_a_limit_in_common() {
    for (bytes, refused) in [(2 << 30, false), ((2 << 30) + 1, true)] {
        let (mut d, gpu, mut r) = with_queue(&[]);
        gpu.answer(&[Answer::Bins(bytes, 10), Answer::Runs, GOOD]);
        r.run(&mut d, &shot()).unwrap();
        r.run(&mut d, &shot()).unwrap();
        let begun = gpu.vertex.lock().unwrap().len();
        assert_eq!(begun, if refused { 1 } else { 2 });
        let line = format!("scenes take {bytes} bytes");
        assert_eq!(d.machine.logged(&line), refused);
        let halts = d.events().iter().filter(|e| e.kind == event::FAULT).count();
        assert_eq!(halts, usize::from(refused));
    }
}
