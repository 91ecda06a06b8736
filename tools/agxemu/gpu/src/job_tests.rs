// SPDX-License-Identifier: MIT OR Apache-2.0

use super::*;
use crate::fault::{Reason, Unit};
use crate::paged::Paged;
use agx_isa::exec::assemble::{
    dalu, dalu64, imm, index_word, mem, mul, uniform_base, word, Builder,
};
use agx_isa::table::Op;

const STREAM: u64 = 0x10_0000;
const USC: u64 = 0x11_0000_0000;
const CODE: u64 = USC + 0x1000;
const DATA: u64 = 0x12_0000_0000;

const STOP: [u8; 2] = [0x88, 0x00];
const I32: u64 = 2;

fn code(instructions: &[Builder]) -> Vec<u8> {
    let mut bytes: Vec<u8> = instructions.iter().flat_map(|i| i.bytes()).collect();
    bytes.extend(STOP);
    bytes
}

fn special(register: u64, number: u64) -> Builder {
    Builder::new(Op::GetSr)
        .operands(&[dalu(register * 2, true)])
        .field("sr", number)
}

/// Returns word `register` to word `index` of the data.
fn store(register: u64, index: u64) -> Builder {
    Builder::new(Op::DeviceStore)
        .operands(&[
            mem(register * 2, true, 1),
            uniform_base(0),
            index_word(index, false),
        ])
        .field("fmt", I32)
}

fn words(memory: &Paged, count: usize) -> Vec<u32> {
    let bytes = memory.get(DATA + 0x4000, count * 4);
    let words = bytes.chunks_exact(4);
    words
        .map(|w| u32::from_le_bytes([w[0], w[1], w[2], w[3]]))
        .collect()
}

/// Context with a stream of `launches`, all of the shader `code` with u0..u3 from the start of the
/// data.
fn context(launches: &[[u32; 6]], code: &[u8]) -> Paged {
    let memory = Paged::default();
    memory.map(STREAM, 1, false);
    memory.map(USC, 2, false);
    memory.map(DATA, 4, true);
    let uniforms = 0x1d_u64 | (4 << 20) | ((DATA >> 2) << 26);
    let words = [
        &uniforms.to_le_bytes()[..],
        // 256 bytes of threadgroup memory.
        &(0x4d_u32 | (1 << 8) | (0x24 << 10) | (1 << 24)).to_le_bytes(),
        &[0x0d, 0x0c, 0x00, 0x10, 0x00, 0x00, 0x88, 0x00],
    ]
    .concat();
    memory.put(USC + 0x40, &words);
    memory.put(CODE, code);
    let mut stream: Vec<u32> = Vec::new();
    for launch in launches {
        stream.extend([1 << 1, 0x40]);
        stream.extend(launch);
        stream.push((3 << 29) | 0xf_ffff);
    }
    stream.extend([2 << 29, 0]);
    let bytes: Vec<u8> = stream.iter().flat_map(|w| w.to_le_bytes()).collect();
    memory.put(STREAM, &bytes);
    memory.put(DATA, &(DATA + 0x4000).to_le_bytes());
    memory
}

fn job(threads: usize) -> Job {
    let settings = Settings {
        threads,
        soft_faults: false,
        vm_slot: 3,
        sampler_heap: (0, 0),
        engine: crate::execute::Engine::Compiled { threshold: 0 },
    };
    let stream = Stream {
        base: STREAM,
        usc_base: USC,
        long_launches: false,
    };
    let limits = Limits {
        group: 1 << 16,
        job: 1 << 20,
    };
    Job::new(stream, settings, limits)
}

#[test]
fn launches_without_threads_are_charged() {
    let memory = context(&[[0, 1, 1, 1, 1, 1]; 200], &STOP);
    assert_eq!(run(&memory, 1).end, End::Terminated);
    let mut limited = job(1);
    limited.meter.job_limit = 1 << 16;
    limited.run(&memory, None, &mut |_| {});
    let end = limited.outcome().expect("over").end;
    assert!(
        matches!(&end, End::Hang(text) if text.starts_with("endless job: ")),
        "{end:?}"
    );
}

fn run(memory: &Paged, threads: usize) -> Outcome {
    let job = job(threads);
    assert_eq!(job.outcome(), None);
    job.run(memory, None, &mut |_| {});
    job.outcome().expect("it is over")
}

#[test]
fn an_empty_shader_runs_for_all_threads() {
    let memory = context(&[[70, 3, 1, 32, 1, 1], [0, 1, 1, 32, 1, 1]], &STOP);
    let outcome = run(&memory, 3);
    assert_eq!(outcome.end, End::Terminated);
    assert_eq!((outcome.launches, outcome.threads), (2, 210));
    // Three SIMD groups in each of three rows.
    assert_eq!(outcome.instructions, 9);
}

#[test]
fn an_unknown_instruction_is_named() {
    let memory = context(&[[1, 1, 1, 1, 1, 1]], &[0xff, 0xff]);
    let end = run(&memory, 1).end;
    let End::Illegal(text) = end else {
        panic!("{end:?}");
    };
    assert!(
        text.contains("unknown instruction at 0x1100001000: ffff"),
        "{text}"
    );
}

#[test]
fn endless_shaders_and_jobs_hang() {
    // jmp_exec_any to itself.
    let endless = [0x00, 0xc0, 0x00, 0x00, 0x00, 0x00];
    let memory = context(&[[1, 1, 1, 1, 1, 1]], &endless);
    let end = run(&memory, 2).end;
    let End::Hang(text) = end else {
        panic!("{end:?}");
    };
    assert!(
        text.starts_with("endless shader: 65536 instructions"),
        "{text}"
    );
    let memory = context(&[[1 << 30, 1, 1, 1, 1, 1]], &STOP);
    let end = run(&memory, 2).end;
    assert!(
        matches!(&end, End::Hang(text) if text.starts_with("endless job: ")),
        "{end:?}"
    );
    let memory = context(&[[u32::MAX, u32::MAX, u32::MAX, 1, 1, 1]], &STOP);
    let end = run(&memory, 2).end;
    assert!(
        matches!(&end, End::Hang(text) if text.starts_with("endless launch: ")),
        "{end:?}"
    );
}

#[test]
fn a_stopped_job_ends() {
    let memory = context(&[[1, 1, 1, 1, 1, 1]], &STOP);
    let job = job(1);
    job.stop();
    job.run(&memory, None, &mut |_| panic!("nothing is launched"));
    assert_eq!(job.outcome().expect("over").end, End::Stopped);
}

#[test]
fn code_that_is_not_there_is_a_fault() {
    let memory = context(&[[1, 1, 1, 1, 1, 1]], &STOP);
    // The shader starts on the last mapped bytes.
    memory.put(USC + 0x40 + 12, &[0x0d, 0x0c, 0xfe, 0x7f, 0x00, 0x00]);
    memory.put(USC + 0x7ffe, &[0x0c, 0x00]);
    let end = run(&memory, 1).end;
    assert!(matches!(&end, End::Illegal(_)), "{end:?}");
    memory.unmap(USC + 0x4000);
    let end = run(&memory, 1).end;
    let End::Fault(fault) = end else {
        panic!("{end:?}");
    };
    assert_eq!((fault.access.va, fault.unit), (USC + 0x7ffe, Unit::Ul1c));
    assert_eq!(fault.access.reason, Reason::Unmapped);
}

#[test]
fn register_files_have_ends() {
    let memory = context(&[[1, 1, 1, 1, 1, 1]], &STOP);
    // Two high halves from the last one on.
    let uniforms = 0x3d_u64 | (255 << 8) | (2 << 20) | ((DATA >> 2) << 26);
    memory.put(USC + 0x40, &uniforms.to_le_bytes());
    let end = run(&memory, 1).end;
    assert_eq!(
        end,
        End::Illegal("2 uniform registers from 511 of 512".to_owned())
    );
}

#[test]
fn groups_meet_at_barriers() {
    // Each thread leaves its number in threadgroup memory and takes that of its mirror image.
    let reg = |number: u64| mul(number * 2, 9, false);
    let value = |value: u64| mul(value, 0, false);
    let local = |op, register: u64, base: u64| {
        Builder::new(op)
            .operands(&[mem(register * 2, true, 1), base * 2, 1 << 16])
            .field("fmt", I32)
    };
    let program = code(&[
        special(2, 51),
        Builder::new(Op::Imad).operands(&[dalu64(8, 1), reg(2), value(4), value(0)]),
        local(Op::LocalStore, 2, 4),
        Builder::new(Op::ThreadgroupBarrier),
        Builder::new(Op::Iadd)
            .operands(&[dalu64(10, 1), value(252), reg(4)])
            .field("neg", 1),
        local(Op::LocalLoad, 6, 5),
        special(8, 80),
        store(6, 8),
    ]);
    for threads in [1, 3] {
        let memory = context(&[[64 * 20, 1, 1, 64, 1, 1]], &program);
        assert_eq!(run(&memory, threads).end, End::Terminated);
        let want: Vec<u32> = (0..64 * 20).map(|i| 63 - i % 64).collect();
        assert_eq!(words(&memory, 64 * 20), want);
    }
}

#[test]
fn partial_threadgroups_have_only_their_threads() {
    // Index: y * 10 + x; value: size of the threadgroup in x.
    let reg = |number: u64| mul(number * 2, 9, false);
    let program = code(&[
        special(2, 80),
        special(3, 81),
        special(4, 4),
        Builder::new(Op::Imad).operands(&[dalu64(10, 1), reg(3), mul(10, 0, false), reg(2)]),
        store(4, 5),
    ]);
    let memory = context(&[[10, 3, 1, 4, 2, 1]], &program);
    let outcome = run(&memory, 2);
    assert_eq!((&outcome.end, outcome.threads), (&End::Terminated, 30));
    let row = [4, 4, 4, 4, 4, 4, 4, 4, 2, 2];
    assert_eq!(words(&memory, 30), [row, row, row].concat());
    assert_eq!(words(&memory, 33)[30..], [0; 3]);
}

#[test]
fn shaders_fault_where_they_may_not_write() {
    let program = code(&[special(2, 80), store(2, 2)]);
    let memory = context(&[[0x1000 + 1, 1, 1, 32, 1, 1]], &program);
    // Four pages of data, the first of them before the base.
    memory.unmap(DATA + 0x8000);
    let end = run(&memory, 1).end;
    let End::Fault(fault) = end else {
        panic!("{end:?}");
    };
    assert_eq!((fault.access.va, fault.unit), (DATA + 0x8000, Unit::Ul1c));
    assert!(fault.access.write);
    // What was written before stays.
    assert_eq!(words(&memory, 0x1000)[0xfff], 0xfff);
}

#[test]
fn indivisible_sums_of_all_threads() {
    let program = code(&[
        special(2, 51),
        Builder::new(Op::Bitop)
            .operands(&[dalu(4, true), word(2), imm(7)])
            .field("tt", 8),
        Builder::new(Op::MovImm32)
            .operands(&[dalu(6, true)])
            .field("imm", 1),
        Builder::new(Op::Atomic)
            .operands(&[uniform_base(0), index_word(2, false)])
            .field("src", 6),
    ]);
    let memory = context(&[[256 * 64, 1, 1, 64, 1, 1]], &program);
    assert_eq!(run(&memory, 4).end, End::Terminated);
    assert_eq!(words(&memory, 9), [[2048; 8].as_slice(), &[0]].concat());
}

#[test]
fn a_trace_names_instructions_and_accesses() {
    let memory = context(
        &[[2, 1, 1, 32, 1, 1]],
        &code(&[special(2, 80), store(2, 2)]),
    );
    let lines = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let job = job(4);
    let into = lines.clone();
    let sink = move |line: &str| into.lock().expect("no panic").push(line.to_owned());
    job.run(&memory, Some(&sink), &mut |_| {});
    let lines = lines.lock().expect("no panic");
    let has = |text: &str| lines.iter().any(|line| line.contains(text));
    assert!(has("0x1100001000 00000003 72091004"), "{lines:?}");
    assert!(
        has("mov      r2, thread_in_grid_x") && has("store    r2,") && has(" stop"),
        "{lines:?}"
    );
    assert!(has("  write 0x1200004000: 0000000001000000"), "{lines:?}");
}

/// Stops a job that does not end by itself, once it has begun.
fn stop_while_it_runs(job: &mut Job, memory: &Paged) {
    job.meter.group_limit = u64::MAX;
    job.meter.job_limit = u64::MAX;
    std::thread::scope(|scope| {
        scope.spawn(|| job.run(memory, None, &mut |_| {}));
        while job.meter.instructions.load(Ordering::Relaxed) == 0 {
            std::thread::yield_now();
        }
        job.stop();
        job.wait();
        assert_eq!(job.outcome().expect("over").end, End::Stopped);
    });
}

#[test]
fn an_endless_job_can_be_stopped_while_it_runs() {
    let endless = [0x00, 0xc0, 0x00, 0x00, 0x00, 0x00];
    let memory = context(&[[64, 1, 1, 32, 1, 1]], &endless);
    let mut job = job(2);
    stop_while_it_runs(&mut job, &memory);
}

#[test]
fn an_endless_preshader_can_be_stopped_while_it_runs() {
    let endless = [0x00, 0xc0, 0x00, 0x00, 0x00, 0x00];
    let memory = context(&[[64, 1, 1, 32, 1, 1]], &STOP);
    memory.put(USC + 0x2000, &endless);
    // The shader, then the preshader.
    memory.put(USC + 0x40, &[0x0d, 0x0c, 0x00, 0x10, 0x00, 0x00]);
    memory.put(USC + 0x46, &(0xc0_8000_u32 << 8 | 0x38).to_le_bytes());
    memory.put(USC + 0x4a, &0x2000_u32.to_le_bytes());
    let mut job = job(1);
    stop_while_it_runs(&mut job, &memory);
    job.meter.stop.store(false, Ordering::Relaxed);
    job.meter.group_limit = 1 << 16;
    job.run(&memory, None, &mut |_| {});
    let end = job.outcome().expect("over").end;
    assert!(
        matches!(&end, End::Hang(text) if text.contains("endless")),
        "{end:?}"
    );
}
