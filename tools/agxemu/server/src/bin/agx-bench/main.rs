// SPDX-License-Identifier: MIT OR Apache-2.0

//! How many lane-instructions per second each engine carries out, per class of instruction.
//!
//! Each class is an endless loop of the same instructions, run with all 32 lanes until its budget
//! is used up; the loop's jump is counted too. Memory is accessed through page tables. The columns
//! are compiled code, the interpreter, and the interpreter as a CPU without AVX2 would run it.
//!
//! usage: agx-bench [PART OF A CLASS'S NAME]

mod classes;

use std::sync::Arc;

use agx_abi::uat::{self, pte, Protection};

use agx_isa::exec::assemble::Builder;
use agx_isa::exec::{prefer_baseline, Cache, Dispatch, Engine, Group, Shared, Stop, LANES};
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

/// Page tables in memory, as a driver builds them, walked for each page that is not in the
/// translation buffer.
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

/// Millions of lane-instructions per second of processor time, the best of five runs.
fn rate(name: &str, code: &[u8], engine: Engine) -> f64 {
    let memory = Tables::new();
    memory.put(CODE, code);
    let mut host = GpuHost::new(&memory, false);
    let mut shared = Shared::default();
    shared.uniforms[0] = DATA as u16;
    shared.uniforms[1] = (DATA >> 16) as u16;
    shared.uniforms[5] = 0x3f80;
    classes::fill_states(&mut shared, DATA);
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
        for register in 16..24 {
            let value = 1.0 + lane as f32 / (register as f32);
            group.register_mut(register)[lane] = value.to_bits();
        }
        for register in 24..32 {
            let value = lane as f32 / (register as f32 + 10.0);
            group.register_mut(register)[lane] = value.to_bits();
        }
    }
    let mut cache = Cache::with_engine(engine);
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
    let columns = ["compiled", "interpreter", "baseline"];
    let row = |name: &str, cells: [String; 3]| {
        let [a, b, c] = cells;
        println!("{name:<22} {a:>12} {b:>12} {c:>12}");
    };
    row("class", columns.map(str::to_owned));
    let mut low = [[f64::INFINITY; 3]; 3];
    let wanted = std::env::args().nth(1).unwrap_or_default();
    for (name, kind, mut code) in classes::all() {
        if !name.contains(&wanted) {
            continue;
        }
        let off = -(code.len() as i32);
        let back = Builder::new(Op::JmpExecAny).field("off", u64::from(off as u32));
        code.extend(back.bytes());
        let compiled = rate(name, &code, Engine::COMPILED);
        let interpreted = rate(name, &code, Engine::Interpreter);
        prefer_baseline(true);
        let base = rate(name, &code, Engine::Interpreter);
        prefer_baseline(false);
        let rates = [compiled, interpreted, base];
        row(name, rates.map(|rate| format!("{rate:.0}")));
        for (low, rate) in low[kind as usize].iter_mut().zip(rates) {
            *low = low.min(rate);
        }
    }
    let kinds = ["arithmetic", "memory", "group"].iter().zip(low);
    for (kind, rates) in kinds.filter(|(_, low)| low[0].is_finite()) {
        row(
            &format!("slowest: {kind}"),
            rates.map(|rate| format!("{rate:.0}")),
        );
    }
}
