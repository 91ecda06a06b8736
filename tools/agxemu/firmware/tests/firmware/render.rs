// SPDX-License-Identifier: MIT OR Apache-2.0

//! Renders: both halves, in order, with what they say of themselves.

use crate::support::abi::{Must, ABI};
use agx_abi::buffer::{BufferStats, Scene};
use agx_abi::channel::{device_control, PipeKind};
use agx_abi::channel::{event, GrowTvbAck};
use agx_abi::event::Notifier;
use agx_abi::fragment::RunFragment;
use agx_abi::init::{FragmentStatistics, FwStatus, RuntimePointers, VertexStatistics};
use agx_abi::tiling::Tiling;
use agx_abi::uat::{Protection, TIMESTAMP_BASE};
use agxemu_firmware::gpu::Options;
use agxemu_firmware::panic::Panic;
use agxemu_firmware::tvb::Overflow;
use agxemu_gpu::render::Program;

use crate::submissions::destroy;
use crate::support::driver::Driver;
use crate::support::gpu::{Answer, StandIn};
use crate::support::job::{user_context, Queue, STREAM, USC};
use crate::support::render::{driver, shot, Render, Shot};
use crate::support::render::{DEPTH, DEPTH_BIAS, OCCLUSION, SCISSORS, STENCIL, ZLS_CTRL};

const BOTH: u128 = (1 << 4) | (1 << 5);

/// A driver with one user queue for renders: event slots 4 and 5.
fn with_queue(rules: &[&str]) -> (Driver, std::sync::Arc<StandIn>, Render) {
    let (mut d, gpu) = driver(rules);
    let r = Render::new(&mut d, 7, 2, 1, [4, 5]);
    (d, gpu, r)
}

#[test]
fn a_render_runs_in_two_halves() {
    let (mut d, gpu, mut r) = with_queue(&[]);
    let mut shot = Shot {
        tiling: Tiling::new(1001, 65, 3, [32, 16], 2).unwrap(),
        sample_size: 24,
        process_empty_tiles: true,
        ..shot()
    };
    let made = r.run(&mut d, &shot).unwrap();
    // One notifier counts both halves, and both are told of at once.
    assert_eq!(d.flags(), [BOTH]);
    assert_eq!(d.mem.get(r.vertex.notifier, Notifier::CUR_COUNT), 2);
    for has in [Notifier::HAS_VERTEX, Notifier::HAS_FRAGMENT] {
        assert_eq!(d.mem.get(r.vertex.notifier, has), 1);
    }
    for (slot, half) in [(4, made.vertex), (5, made.fragment)] {
        assert_eq!(d.host_stamp(slot), half.value);
        assert_eq!(d.fw_stamp(slot), half.value);
    }

    let (vertex, settings) = gpu.vertex.lock().unwrap()[0];
    assert_eq!((vertex.stream, vertex.usc_base), (STREAM, USC));
    assert_eq!(settings.vm_slot, 1);
    let frame = vertex.frame;
    assert_eq!((frame.width, frame.height, frame.layers), (1001, 65, 3));
    assert_eq!((frame.samples, frame.utile), (2, [32, 16]));
    assert_eq!((frame.ppp_control, frame.sample_positions), (0x202, 0x88));

    let (job, settings, number) = gpu.fragment.lock().unwrap()[0];
    // The scene is the one that the first vertex half has left.
    assert_eq!((settings.vm_slot, number), (1, 1));
    assert_eq!(job.frame.sample_size, 24);
    let same = agxemu_gpu::render::Frame {
        sample_size: frame.sample_size,
        ..job.frame
    };
    assert_eq!(same, frame);
    assert_eq!((job.usc_base, job.scissors), (USC, SCISSORS));
    assert_eq!((job.depth_bias, job.occlusion), (DEPTH_BIAS, OCCLUSION));
    assert!(!job.depth_bias_is_int && job.process_empty_tiles);
    assert_eq!(job.background_depth, 0x3f80_0000);
    assert_eq!(job.background_values & 0xff, 0x5a);
    assert_eq!(
        (job.zls.control, job.zls.pixels),
        (ZLS_CTRL, (64 << 15) | 1000)
    );
    assert_eq!(job.zls.depth_load, job.zls.depth_store);
    assert_eq!(job.zls.depth_load.base, DEPTH);
    assert_eq!(job.zls.depth_load.stride, 0x4001);
    assert_eq!(job.zls.stencil_store.base, STENCIL);
    assert_eq!(job.zls.stencil_store.stride, 0x8001);
    let program = |counts, usc| Program { usc, counts };
    assert_eq!(job.background, program(0x10, 0x104));
    assert_eq!(job.end_of_tile, program(0x11, 0x240));
    assert_eq!(job.partial_background, program(0x10, 0x204));
    assert_eq!(job.partial_end_of_tile, program(0x12, 0x340));
    assert_eq!(job.partial_after, None);
    assert!(d.machine.logged("job 1: draw of the stand-in"));
    assert!(d
        .machine
        .logged("job 1: vertex, 10 primitives, 1000 bytes, 7 inst"));

    // The next one does not set the buffer up again.
    shot.process_empty_tiles = false;
    let made = r.run(&mut d, &shot).unwrap();
    assert_eq!(made.set_up, None);
    assert_eq!(d.flags(), [BOTH]);
    assert_eq!(gpu.fragment.lock().unwrap()[1].2, 2);
    assert_eq!(d.fw.counters().jobs, 4);
    let stats = d.mem.get(d.tree.pointers, RuntimePointers::STATS_VERTEX);
    assert_eq!(d.mem.get(stats, VertexStatistics::TOTAL_COMMANDS), 2);
    let stats = d.mem.get(d.tree.pointers, RuntimePointers::STATS_FRAGMENT);
    assert_eq!(d.mem.get(stats, FragmentStatistics::TOTAL_COMMANDS), 2);
    assert_eq!(d.mem.get(stats, FragmentStatistics::TVB_OVERFLOWS_1), 0);
    assert!(!d.fw.is_busy());
}

#[test]
fn frames_of_all_shapes_are_accepted() {
    let (mut d, gpu, mut r) = with_queue(&[]);
    r.buffer.list(&mut d, 8);
    r.buffer.count(&d);
    let mut frames = 0;
    for (width, height) in [(1, 1), (32, 33), (128, 129), (1920, 1080), (16384, 1)] {
        for (layers, utile, samples) in [(1, [32, 32], 1), (2, [32, 16], 2), (6, [16, 16], 4)] {
            let shot = Shot {
                tiling: Tiling::new(width, height, layers, utile, samples).unwrap(),
                ..shot()
            };
            r.run(&mut d, &shot).unwrap();
            frames += 1;
        }
    }
    assert_eq!(gpu.fragment.lock().unwrap().len(), frames);
    // A frame without attachments: the sample size may be 0.
    let shot = Shot {
        sample_size: 0,
        ..shot()
    };
    r.run(&mut d, &shot).unwrap();
    assert_eq!(gpu.fragment.lock().unwrap()[frames].0.frame.sample_size, 0);
}

#[test]
fn halves_have_timestamps_of_their_own() {
    let (mut d, _, mut r) = with_queue(&[]);
    d.mem
        .map_fresh(0, TIMESTAMP_BASE, 0x4000, Protection::FW_SHARED_RW);
    let t = TIMESTAMP_BASE;
    let shot = Shot {
        user: [[t, t + 8], [0, t + 24]],
        ..shot()
    };
    let made = r.run(&mut d, &shot).unwrap();
    let at = |i: u64| d.mem.u64(t + 8 * i);
    assert!(0 < at(0) && at(0) < at(1) && at(1) < at(3));
    assert_eq!(at(2), 0);
    let internal = |half: u64, i: u64| d.mem.u64(half + 8 * i);
    for (half, i, user) in [
        (made.vertex, 0, 0),
        (made.vertex, 1, 1),
        (made.fragment, 1, 3),
    ] {
        let ticks = internal(half.timestamps, i);
        assert_eq!(ticks * 125 / 3, at(user));
    }
    let time = d.mem.get(made.fragment.at, RunFragment::COMMAND_TIME);
    assert_eq!(time, internal(made.fragment.timestamps, 1));
}

#[test]
fn the_next_vertex_half_runs_beside_a_fragment_half() {
    let (mut d, gpu, mut r) = with_queue(&[]);
    gpu.answer(&[Answer::Bins(1000, 10), Answer::Runs, Answer::Bins(5, 1)]);
    let first = r.run(&mut d, &shot()).unwrap();
    let second = r.run(&mut d, &shot()).unwrap();
    assert_eq!(d.host_stamp(4), second.vertex.value);
    assert_eq!(d.host_stamp(5), first.fragment.value - 0x100);
    let busy = |at| d.mem.get(at, RunFragment::BUSY_FLAG);
    assert_eq!((busy(first.fragment.at), busy(second.fragment.at)), (1, 0));
    assert!(d.fw.is_busy());
    assert_eq!(gpu.fragment.lock().unwrap().len(), 1);
    // What runs is stopped with the firmware.
    drop(d);
    assert_eq!(*gpu.stopped.lock().unwrap(), 1);
}

/// Barriers between the kinds of work, as a client asks for them.
#[test]
fn compute_and_renders_wait_for_each_other() {
    let (mut d, gpu, mut r) = with_queue(&[]);
    let mut c = Queue::new(&mut d, 8, 2, 1, 6);
    // The render waits for compute that comes later.
    let barrier = r.vertex.barrier(&mut d, 6, c.value + 0x100);
    r.vertex.push(&d, barrier);
    let made = r.run(&mut d, &shot()).unwrap();
    assert!(gpu.vertex.lock().unwrap().is_empty());
    // Compute waits for a fragment half, which is what clients wait for.
    gpu.answer(&[Answer::Bins(1, 1), Answer::Runs]);
    c.run(&mut d, STREAM).unwrap();
    assert_eq!(d.flags(), [1 << 6]);
    assert_eq!(d.host_stamp(4), made.vertex.value);
    let barrier = c.barrier(&mut d, 5, made.fragment.value);
    c.push(&d, barrier);
    c.run(&mut d, STREAM).unwrap();
    assert_eq!(d.host_stamp(6), c.value - 0x100);
    assert_eq!(d.flags(), []);
}

#[test]
fn compute_goes_on_beside_a_render() {
    let (mut d, gpu, mut r) = with_queue(&[]);
    gpu.answer(&[Answer::Runs]);
    r.run(&mut d, &shot()).unwrap();
    let mut c = Queue::new(&mut d, 8, 2, 1, 6);
    for _ in 0..3 {
        c.run(&mut d, STREAM).unwrap();
    }
    assert_eq!(d.flags(), [1 << 6; 3]);
}

#[test]
fn two_clients_take_turns() {
    let (mut d, gpu, mut a) = with_queue(&[]);
    user_context(&mut d, 2);
    let mut b = Render::new(&mut d, 8, 1, 2, [6, 7]);
    a.run(&mut d, &shot()).unwrap();
    b.run(&mut d, &shot()).unwrap();
    let slots: Vec<u8> = gpu
        .vertex
        .lock()
        .unwrap()
        .iter()
        .map(|v| v.1.vm_slot)
        .collect();
    assert_eq!(slots, [1, 2]);
    assert_eq!(d.flags(), [BOTH, (1 << 6) | (1 << 7)]);
}

fn stats(d: &Driver, r: &Render) -> [u32; 3] {
    [
        BufferStats::MAX_PAGES,
        BufferStats::OVERFLOW_COUNT,
        BufferStats::RESET,
    ]
    .map(|field| d.mem.get(r.buffer.stats, field))
}

#[test]
fn pages_are_counted() {
    let (mut d, gpu, mut r) = with_queue(&[]);
    let page = 0x8000;
    gpu.answer(&[Answer::Bins(3 * page + 1, 9), Answer::Bins(0, 0)]);
    let made = r.run(&mut d, &shot()).unwrap();
    assert_eq!(stats(&d, &r), [4, 0, 0]);
    assert_eq!(d.mem.get(made.scene, Scene::PASS_PAGE_COUNT), 4);
    assert_eq!(d.mem.get(made.scene, Scene::TOTAL_PAGE_COUNT), 4);
    // Less does not lower the maximum, until the host wants a new one. Even an empty scene takes a
    // page.
    gpu.answer(&[Answer::Bins(0, 0), Answer::Bins(0, 0)]);
    r.run(&mut d, &shot()).unwrap();
    assert_eq!(stats(&d, &r), [4, 0, 0]);
    d.mem.set(r.buffer.stats, BufferStats::RESET, 1);
    r.run(&mut d, &shot()).unwrap();
    assert_eq!(stats(&d, &r), [1, 0, 0]);
}

#[test]
fn a_full_buffer_leads_to_a_partial_render() {
    let (mut d, gpu, mut r) = with_queue(&[]);
    // 32 pages; 100 primitives of a page each.
    gpu.answer(&[Answer::Bins(100 * 0x8000, 100)]);
    let made = r.run(&mut d, &shot()).unwrap();
    assert_eq!(gpu.fragment.lock().unwrap()[0].0.partial_after, Some(25));
    assert_eq!(stats(&d, &r), [100, 3, 0]);
    let count = d.mem.get(made.fragment.at, RunFragment::TVB_OVERFLOW_COUNT);
    assert_eq!(count, 3);
    let all = d.mem.get(d.tree.pointers, RuntimePointers::STATS_FRAGMENT);
    assert_eq!(d.mem.get(all, FragmentStatistics::TVB_OVERFLOWS_1), 3);
    assert_eq!(d.mem.get(made.scene, Scene::PASS_PAGE_COUNT), 32);
    assert_eq!(d.mem.get(made.scene, Scene::TOTAL_PAGE_COUNT), 100);
    assert_eq!(d.fw.counters().overflows, 1);
    // The host gives it more, and sets it up anew.
    r.buffer.list(&mut d, 20);
    r.buffer.count(&d);
    r.rebind = true;
    gpu.answer(&[Answer::Bins(100 * 0x8000, 100)]);
    r.run(&mut d, &shot()).unwrap();
    assert_eq!(gpu.fragment.lock().unwrap()[1].0.partial_after, None);
    assert_eq!(stats(&d, &r), [100, 3, 0]);
}

#[test]
fn a_buffer_can_be_made_smaller_than_it_is() {
    let mut d = Driver::new(&[]);
    let gpu = std::sync::Arc::new(StandIn::default());
    d.fw.set_renderer(gpu.clone());
    d.fw.set_gpu(Options {
        tvb_pages: Some(2),
        ..Options::default()
    });
    d.boot().unwrap();
    user_context(&mut d, 1);
    let mut r = Render::new(&mut d, 7, 2, 1, [4, 5]);
    gpu.answer(&[Answer::Bins(3 * 0x8000, 7)]);
    r.run(&mut d, &shot()).unwrap();
    assert_eq!(gpu.fragment.lock().unwrap()[0].0.partial_after, Some(4));
    assert_eq!(stats(&d, &r), [3, 1, 0]);
}

#[test]
fn a_full_buffer_needs_the_fragment_command() {
    let (mut d, gpu, mut r) = with_queue(&[]);
    gpu.answer(&[Answer::Bins(400 * 0x8000, 4)]);
    let made = r.make(&mut d, &shot());
    r.push(&d, &made);
    d.pending(1);
    let panic = r.vertex.submit(&mut d).unwrap_err().0;
    assert!(panic.contains("does not fit its buffer"), "{panic}");
}

#[test]
fn a_buffer_that_has_grown_is_set_up_anew() {
    let (mut d, _, mut r) = with_queue(&[]);
    r.run(&mut d, &shot()).unwrap();
    r.buffer.list(&mut d, 2);
    // Lists may grow at any time, counts only with a new set-up.
    r.run(&mut d, &shot()).unwrap();
    r.buffer.count(&d);
    let panic = r.run(&mut d, &shot()).unwrap_err().0;
    assert!(
        panic.contains("counts 0xa blocks, set up with 0x8"),
        "{panic}"
    );
    let (mut d, _, mut r) = with_queue(&[]);
    r.run(&mut d, &shot()).unwrap();
    r.buffer.list(&mut d, 2);
    r.buffer.count(&d);
    r.rebind = true;
    r.run(&mut d, &shot()).unwrap();
}

#[test]
fn a_new_queue_sets_its_buffer_up() {
    let (mut d, _, mut r) = with_queue(&[]);
    r.run(&mut d, &shot()).unwrap();
    destroy(&mut d, r.vertex.context).unwrap();
    let mut other = Render::new(&mut d, 7, 2, 1, [8, 9]);
    other.buffer = r.buffer;
    other.rebind = false;
    let panic = other.run(&mut d, &shot()).unwrap_err().0;
    assert!(panic.contains("buffer slot 7 was never set up"), "{panic}");
}

/// A driver whose firmware asks for blocks, with a render that has asked.
fn asking() -> (Driver, std::sync::Arc<StandIn>, Render, u32) {
    let mut d = Driver::new(&[]);
    let gpu = std::sync::Arc::new(StandIn::default());
    d.fw.set_renderer(gpu.clone());
    d.fw.set_gpu(Options {
        overflow: Overflow::Grow,
        ..Options::default()
    });
    d.boot().unwrap();
    user_context(&mut d, 1);
    let mut r = Render::new(&mut d, 7, 2, 1, [4, 5]);
    gpu.answer(&[Answer::Bins(40 * 0x8000, 40)]);
    r.run(&mut d, &shot()).unwrap();
    let events = d.events();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].kind, event::GROW_TVB);
    assert_eq!(events[0].words[..2], [1, 7]);
    assert!(gpu.fragment.lock().unwrap().is_empty());
    let counter = events[0].words[2];
    (d, gpu, r, counter)
}

fn answer(d: &mut Driver, slot: u32, vm_slot: u32, counter: u32) -> Result<(), Panic> {
    let mut m = GrowTvbAck::new(ABI);
    m.set(
        GrowTvbAck::KIND,
        device_control::GROW_TVB_ACK.of(ABI) as u32,
    )
    .set(GrowTvbAck::UNK_4, 1)
    .set(GrowTvbAck::BUFFER_SLOT, slot)
    .set(GrowTvbAck::VM_SLOT, vm_slot)
    .set(GrowTvbAck::COUNTER, counter);
    d.control(m.as_bytes())
}

#[test]
fn a_buffer_grows_while_its_vertex_half_waits() {
    let (mut d, gpu, mut r, counter) = asking();
    r.buffer.list(&mut d, 2);
    answer(&mut d, 7, 1, counter).unwrap();
    assert_eq!(d.flags(), [BOTH]);
    assert_eq!(gpu.fragment.lock().unwrap()[0].0.partial_after, None);
    assert_eq!(stats(&d, &r), [40, 0, 0]);

    // Nothing given: a partial render.
    let (mut d, gpu, r, counter) = asking();
    answer(&mut d, 7, 1, counter).unwrap();
    assert_eq!(d.flags(), [BOTH]);
    assert_eq!(gpu.fragment.lock().unwrap()[0].0.partial_after, Some(20));
    assert_eq!(stats(&d, &r), [40, 1, 0]);
}

#[test]
fn a_wrong_answer_to_a_full_buffer_is_a_panic() {
    type Case = (&'static str, fn(&mut Driver, u32) -> Result<(), Panic>);
    let cases: [Case; 4] = [
        ("buffer slot 8, which did not ask", |d, n| {
            answer(d, 8, 1, n)
        }),
        ("of vm slot 2, it is in 1", |d, n| answer(d, 7, 2, n)),
        ("with counter 0x2, asked with 0x1", |d, n| {
            answer(d, 7, 1, n + 1)
        }),
        ("did not ask to grow", |d, n| {
            answer(d, 7, 1, n)?;
            answer(d, 7, 1, n)
        }),
    ];
    for (reason, case) in cases {
        let (mut d, _, _, counter) = asking();
        let panic = case(&mut d, counter).unwrap_err().0;
        assert!(panic.contains(reason), "{panic:?} does not say {reason:?}");
    }
}

#[test]
fn halts_that_an_answer_does_not_know_are_noted() {
    let (mut d, _, _, counter) = asking();
    d.mem.set(d.tree.status, FwStatus::HALT_COUNT, 7);
    answer(&mut d, 7, 1, counter).unwrap();
    assert!(d.machine.logged("halts of GrowTVBAck"));
}

#[test]
fn bits_that_only_the_client_decides_reach_the_gpu() {
    use agx_abi::fragment::{AuxFbInfo, JobParameters1, JobParameters3};
    let (mut d, gpu, mut r) = with_queue(&[]);
    let made = r.make(&mut d, &shot());
    let at = made.fragment.at;
    let control = AuxFbInfo::ISP_CTL_VALUE | AuxFbInfo::ISP_CTL_DBIAS_IS_INT;
    let whole = RunFragment::JOB_PARAMS1
        .must()
        .then(JobParameters1::AUX_FB_INFO);
    let part = RunFragment::JOB_PARAMS3.then(JobParameters3::AUX_FB_INFO);
    for info in [whole, part] {
        d.mem.set(at, info.then(AuxFbInfo::ISP_CTL), control);
    }
    r.push(&d, &made);
    d.pending(1);
    r.submit(&mut d).unwrap();
    let job = gpu.fragment.lock().unwrap()[0].0;
    assert!(job.depth_bias_is_int);
    assert_eq!(job.background_values, 0x75a);
    assert_eq!(r.vertex.kind, PipeKind::Vertex);
}

/// A driver whose firmware is up, with the emulated GPU and a vertex stream that ends at once.
fn with_gpu() -> (Driver, Render) {
    let mut d = Driver::up(&[]);
    user_context(&mut d, 1);
    d.mem.write_in(1, STREAM, &(6u32 << 29).to_le_bytes());
    let r = Render::new(&mut d, 7, 2, 1, [4, 5]);
    (d, r)
}

#[test]
fn the_emulated_gpu_renders_an_empty_scene() {
    let (mut d, mut r) = with_gpu();
    for _ in 0..2 {
        r.run(&mut d, &shot()).unwrap();
        assert_eq!(d.flags(), [BOTH]);
    }
    assert!(d.machine.logged("job 1: vertex, 0 primitives, 0 bytes"));
    assert_eq!(stats(&d, &r), [1, 0, 0]);
}

#[test]
fn faults_of_the_emulated_gpu_have_its_units() {
    let (mut d, mut r) = with_gpu();
    let made = r.make(&mut d, &shot());
    let stream = agx_abi::vertex::JobParameters1::VDM_CTRL_STREAM_BASE;
    let stream = agx_abi::vertex::RunVertex::JOB_PARAMS1.must().then(stream);
    d.mem.set(made.vertex.at, stream, 0x30_0000_0040);
    r.push(&d, &made);
    d.pending(1);
    r.submit(&mut d).unwrap();
    assert_eq!(d.events()[0].kind, event::FAULT);
    let info = d.machine.fault_info();
    assert_eq!((info & 1, (info >> 17) & 0x3f), (1, 1));
    let unit = agxemu_gpu::fault::Unit::VdmStream as u64;
    assert_eq!(
        ((info >> 9) & 0xff, (info >> 30) << 6),
        (unit, 0x30_0000_0040)
    );
}
