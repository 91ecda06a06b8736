// SPDX-License-Identifier: MIT OR Apache-2.0

//! How many lane-instructions per second the interpreter carries out, per class of instruction.
//!
//! Each class is an endless loop of the same instructions, run with all 32 lanes until its budget is
//! used up; the loop's jump is counted too. Memory is accessed through page tables. The second column is
//! what a CPU without AVX2 would do.

use std::sync::Arc;

use agx_abi::uat::{self, pte, Protection};

use agx_isa::exec::assemble as asm;
use agx_isa::exec::assemble::Builder;
use agx_isa::exec::{prefer_baseline, Cache, Dispatch, Group, Shared, Stop, LANES};
use agx_isa::table::Op;
use agxemu_firmware::machine::Role;
use agxemu_gpu::backing::{Anonymous, PAGE};
use agxemu_gpu::fault::AccessError;
use agxemu_gpu::host::GpuHost;
use agxemu_gpu::tlb::{Leaf, Pages, Translation};
use agxemu_soc::ram::Ram;
use agxemu_soc::uat::Uat;

const CODE: u64 = 0x1_0000;
const DATA: u64 = 0x2_0000;

/// Physical memory of the machine, and where the roots of the page tables are in it.
const RAM: u64 = 0x8_0000_0000;
/// Pages from address zero on that are mapped.
const PAGES: u64 = 16;

/// Page tables in memory, as a driver builds them, walked for each page that is not in the translation buffer.
struct Tables {
    ram: Ram,
}

impl Tables {
    fn new() -> Self {
        let ram = Ram::default();
        ram.map(RAM, Arc::new(Anonymous::new(4 + PAGES as usize)));
        let page = |n: u64| RAM + n * PAGE;
        let store = |at, value| ram.store_u64(at, value).expect("RAM");
        store(RAM, uat::ttb(page(1), 0));
        store(page(1), page(2) | pte::VALID);
        store(page(2), page(3) | pte::VALID);
        let rights = Protection::GPU_SHARED_RW.bits();
        for n in 0..PAGES {
            store(page(3) + 8 * n, page(4 + n) | rights | pte::VALID);
        }
        Self { ram }
    }

    fn put(&self, va: u64, bytes: &[u8]) {
        let put = self.ram.write(RAM + 4 * PAGE + va, bytes);
        put.expect("RAM");
    }
}

impl Pages for Tables {
    fn page(&self, va: u64, write: bool) -> Result<Translation, AccessError> {
        let walker = Uat {
            ram: &self.ram,
            ttbs: RAM,
        };
        let found = walker.translate(0, va, Role::Gpu, write)?;
        let page = |pa: u64| self.ram.page(pa & !(PAGE - 1)).expect("RAM");
        Ok(Translation {
            leaf: Leaf {
                table: page(found.pte_at),
                offset: (found.pte_at % PAGE) as usize,
                value: found.pte,
            },
            page: page(found.pa),
            read: true,
            write: true,
        })
    }

    fn epoch(&self) -> u64 {
        0
    }
}

/// Seconds that this thread has had a processor for: what others do on the machine does not count.
fn processor_time() -> f64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: The pointer is to a valid object, and the clock exists on all Linux.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    assert_eq!(result, 0, "a clock for threads");
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// 32-bit register as float source.
fn f(number: u64) -> u64 {
    asm::float(number * 2, 9, false, false)
}

fn h(number: u64) -> u64 {
    asm::half_float(number, 1, false, false)
}

/// The same instruction with different registers.
fn varied(build: impl Fn(u64, u64, u64) -> Builder) -> Vec<u8> {
    (0..24)
        .flat_map(|n| build(8 + n % 8, 16 + n % 7, 24 + n % 5).bytes())
        .collect()
}

fn classes() -> Vec<(&'static str, bool, Vec<u8>)> {
    let b = Builder::new;
    let d = |n: u64| asm::dalu(n * 2, true);
    let m = |n: u64| asm::mul(n * 2, 9, false);
    let c = |n: u64| asm::cmpsel(n * 2, 1, true);
    let buffer = asm::uniform_base(0);
    let lane = |signed| asm::index_word(4, signed);
    let access = |op, mask, shift| {
        varied(move |n, _, _| {
            b(op)
                .operands(&[asm::mem(n * 8, true, mask), buffer, lane(false)])
                .field("fmt", 2)
                .field("shift", shift)
        })
    };
    vec![
        (
            "iadd",
            true,
            varied(|x, y, z| b(Op::Iadd).operands(&[asm::dalu64(x * 2, 1), m(y), m(z)])),
        ),
        (
            "imad",
            true,
            varied(|x, y, z| b(Op::Imad).operands(&[asm::dalu64(x * 2, 1), m(y), m(z), m(x)])),
        ),
        (
            "iadd 64",
            true,
            varied(|x, y, z| {
                b(Op::Iadd).operands(&[asm::dalu64(x * 2, 2), asm::mul(y * 2, 13, false), m(z)])
            }),
        ),
        (
            "bitop",
            true,
            varied(|x, y, z| {
                b(Op::Bitop)
                    .operands(&[d(x), asm::word(y), asm::word(z)])
                    .field("tt", 6)
            }),
        ),
        (
            "shift",
            true,
            varied(|x, y, z| b(Op::Bfi).operands(&[d(x), asm::imm(0), asm::word(y), asm::word(z)])),
        ),
        (
            "icmpsel",
            true,
            varied(|x, y, z| {
                b(Op::Icmpsel)
                    .operands(&[d(x), asm::word(y), asm::word(z), c(y), c(z)])
                    .field("icond", 1)
            }),
        ),
        (
            "fadd",
            true,
            varied(|x, y, z| b(Op::Fadd).operands(&[d(x), f(y), f(z)])),
        ),
        (
            "ffma",
            true,
            varied(|x, y, z| b(Op::Ffma).operands(&[d(x), f(y), f(z), f(x)])),
        ),
        (
            "ffma, uniform",
            true,
            varied(|x, y, _| {
                b(Op::Ffma).operands(&[d(x), f(y), asm::float(4, 6, false, false), f(x)])
            }),
        ),
        (
            "hfma",
            true,
            varied(|x, y, z| b(Op::Hfma).operands(&[asm::dalu(x, false), h(y), h(z), h(x)])),
        ),
        (
            "convert",
            true,
            varied(|x, y, _| {
                b(Op::Convert)
                    .operands(&[d(x), asm::word(y)])
                    .field("mode", 10)
                    .field("round", 1)
            }),
        ),
        (
            "rcp",
            true,
            varied(|x, y, _| b(Op::Funop).operands(&[d(x), f(y)]).field("op", 8)),
        ),
        (
            "log2",
            true,
            varied(|x, y, _| b(Op::Funop).operands(&[d(x), f(y)]).field("op", 12)),
        ),
        (
            "exp2",
            true,
            varied(|x, y, _| b(Op::Funop).operands(&[d(x), f(y)]).field("op", 13)),
        ),
        (
            "if/pop",
            true,
            (0..12)
                .flat_map(|_| {
                    let mut code = b(Op::IfIcmp)
                        .operands(&[asm::word(9), asm::word(10)])
                        .field("n", 1)
                        .field("icond", 1)
                        .bytes();
                    code.extend(b(Op::PopExec).field("n", 1).bytes());
                    code
                })
                .collect(),
        ),
        ("load 32", false, access(Op::DeviceLoad, 1, 0)),
        ("load 4x32", false, access(Op::DeviceLoad, 15, 2)),
        ("store 32", false, access(Op::DeviceStore, 1, 0)),
        ("store 4x32", false, access(Op::DeviceStore, 15, 2)),
        ("load 32, scattered", false, access(Op::DeviceLoad, 1, 1)),
        ("store 32, scattered", false, access(Op::DeviceStore, 1, 1)),
        (
            "local load",
            false,
            varied(|x, _, _| {
                b(Op::LocalLoad)
                    .operands(&[asm::mem(x * 2, true, 1), 10, 1 << 16])
                    .field("fmt", 2)
            }),
        ),
    ]
}

/// Millions of lane-instructions per second of processor time, the best of five runs.
fn rate(name: &str, code: &[u8]) -> f64 {
    let memory = Tables::new();
    memory.put(CODE, code);
    let mut host = GpuHost::new(&memory, false);
    let mut shared = Shared::default();
    shared.uniforms[0] = DATA as u16;
    shared.uniforms[1] = (DATA >> 16) as u16;
    shared.uniforms[5] = 0x3f80;
    let size = [LANES as u32, 1, 1];
    let dispatch = Dispatch {
        nominal: size,
        size,
        ..Dispatch::default()
    };
    let mut group = Group::new(CODE, &dispatch, 0);
    for lane in 0..LANES {
        group.register_mut(4)[lane] = lane as u32;
        group.register_mut(5)[lane] = lane as u32 * 4;
        for register in 16..32 {
            let value = 1.0 + lane as f32 / (register as f32);
            group.register_mut(register)[lane] = value.to_bits();
        }
    }
    let mut cache = Cache::new();
    let mut local = vec![0; 4096];
    let mut best = 0.0f64;
    for _ in 0..5 {
        let count = 400_000;
        let mut budget = count;
        let start = processor_time();
        let stop = group.run(
            &mut host,
            &shared,
            &dispatch,
            &mut local,
            &mut cache,
            &mut budget,
        );
        assert_eq!(stop, Stop::Budget, "{name}");
        let rate = (count * LANES as u64) as f64 / (processor_time() - start);
        best = best.max(rate / 1e6);
    }
    best
}

fn main() {
    println!("M lane-instructions/s");
    println!("{:<22} {:>10} {:>10}", "class", "this CPU", "baseline");
    let mut low = [f64::INFINITY; 2];
    for (name, arithmetic, mut code) in classes() {
        let off = -(code.len() as i32);
        let back = Builder::new(Op::JmpExecAny).field("off", u64::from(off as u32));
        code.extend(back.bytes());
        let best = rate(name, &code);
        prefer_baseline(true);
        let base = rate(name, &code);
        prefer_baseline(false);
        println!("{name:<22} {best:>10.0} {base:>10.0}");
        let kind = usize::from(!arithmetic);
        low[kind] = low[kind].min(best);
    }
    let [arithmetic, memory] = low;
    println!("slowest arithmetic {arithmetic:.0}, slowest memory {memory:.0}");
}
