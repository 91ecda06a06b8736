// SPDX-License-Identifier: MIT OR Apache-2.0

//! Every chip with every firmware of it: what is accepted, and what only others than the usual one
//! can refuse.

use std::sync::Arc;

use agx_abi::buffer::Scene;
use agx_abi::compute::{JobParameters2, RunCompute};
use agx_abi::event::initial_stamp;
use agx_abi::fragment::{self, RunFragment};
use agx_abi::hwdata::{HwDataB, IoMapping};
use agx_abi::init::InitData;
use agx_abi::microsequence::StartVertex;
use agx_abi::registers::{self, Register, RegisterArray, RegisterEntry};
use agx_abi::uat::PAGE_SIZE;
use agx_abi::vertex::{JobParameters1, RunVertex};
use agx_abi::{Everywhere, Field, Opt, Value};
use agxemu_firmware::chip::{Chip, Part, ALL, T6002, T6021, T6022, T8103, T8112};
use agxemu_firmware::panic::Panic;

use crate::support::abi::{abi, drive, Must};
use crate::support::driver::Driver;
use crate::support::gpu::StandIn;
use crate::support::job::{Job, Queue, STREAM};
use crate::support::machine::TTBS;
use crate::support::memory::KERNEL;
use crate::support::render::{driver, shot, Made, Render};

/// All machines, with all cores that work in them.
fn machines() -> Vec<Part> {
    let of = |chip: &'static Chip| {
        let names = chip.firmwares.iter().map(|version| version.name);
        names.map(move |name| Part::new(chip).with_firmware(name).unwrap())
    };
    ALL.into_iter().flat_map(of).collect()
}

/// A driver with the commands of a compute job and of a render, which are not submitted.
struct Bench {
    d: Driver,
    gpu: Arc<StandIn>,
    compute: Queue,
    job: Job,
    render: Render,
    made: Made,
}

impl Bench {
    fn new(part: Part) -> Self {
        drive(part);
        let (mut d, gpu) = driver(&[]);
        let mut compute = Queue::new(&mut d, 8, 2, 1, 6);
        let job = compute.job(&mut d, STREAM, [0, 0]);
        let mut render = Render::new(&mut d, 7, 2, 1, [4, 5]);
        let made = render.make(&mut d, &shot());
        Self {
            d,
            gpu,
            compute,
            job,
            render,
            made,
        }
    }

    fn run_job(&mut self) -> Result<(), Panic> {
        self.compute.push(&self.d, self.job.at);
        self.compute.raise(&self.d, 1);
        self.d.pending(1);
        self.compute.submit(&mut self.d)
    }

    fn run_render(&mut self) -> Result<(), Panic> {
        self.render.push(&self.d, &self.made);
        self.d.pending(1);
        self.render.submit(&mut self.d)
    }

    fn vertex<U: Value>(&mut self, field: Field<JobParameters1, U>, value: U) {
        let field = RunVertex::JOB_PARAMS1.must().then(field);
        self.d.mem.set(self.made.vertex.at, field, value);
    }

    /// Changes the address of something that clusters need.
    fn meta(&mut self, field: Field<JobParameters1, Opt<u64>>, change: fn(u64) -> u64) {
        let (at, field) = (self.made.vertex.at, field.must());
        let field = RunVertex::JOB_PARAMS1.must().then(field);
        self.d.mem.set(at, field, change(self.d.mem.get(at, field)));
    }

    /// Changes what `register` holds in the list of the command at `at`.
    fn register<S: Everywhere>(
        &mut self,
        at: u64,
        list: Field<S, Opt<RegisterArray>>,
        register: Register,
        value: u64,
    ) {
        let number = register.numbers().next().unwrap();
        let entry = (0..)
            .map(|i| list.must().at(i))
            .find(|entry| self.d.mem.get(at, entry.then(RegisterEntry::NUMBER)) == number)
            .unwrap();
        self.d.mem.set(at, entry.then(RegisterEntry::VALUE), value);
    }

    fn vertex_register(&mut self, register: Register, value: u64) {
        self.register(self.made.vertex.at, RunVertex::REGISTERS, register, value);
    }
}

#[test]
fn each_boots_and_runs_a_job_and_a_render() {
    let machines = machines();
    assert_eq!(machines.len(), 13);
    for part in machines {
        let mut b = Bench::new(part);
        let what = |panic: Panic| panic!("{part}: {panic}");
        b.run_job().unwrap_or_else(what);
        assert_eq!(b.d.flags(), [1 << 6], "{part}");
        assert_eq!(b.d.host_stamp(6), initial_stamp(6) + 0x100, "{part}");
        assert_eq!(b.d.fw.counters().launches, 1, "{part}");
        b.run_render().unwrap_or_else(what);
        assert_eq!(b.d.flags(), [(1 << 4) | (1 << 5)], "{part}");
        assert_eq!(b.gpu.vertex.lock().unwrap().len(), 1, "{part}");
        let fragment = b.gpu.fragment.lock().unwrap();
        let frame = fragment[0].0.frame;
        assert_eq!((frame.width, frame.height), (800, 600), "{part}");
    }
}

/// A render is refused for what `change` does to it.
type Change = fn(&mut Bench);

fn refuses(cases: &[(&'static Chip, Change, &str)]) {
    for (chip, change, reason) in cases {
        let mut b = Bench::new(Part::new(chip));
        change(&mut b);
        let panic = b.run_job().and_then(|()| b.run_render()).unwrap_err().0;
        assert!(panic.contains(reason), "{}: {panic}", chip.name);
    }
}

#[test]
fn what_is_wrong_of_clusters_is_a_panic_with_its_reason() {
    type P = JobParameters1;
    refuses(&[
        (
            &T6002,
            |b| {
                b.meta(P::TVB_CLUSTER_META1, |word| {
                    word ^ (1 << P::META1_STRIDE_SHIFT)
                })
            },
            "stride of cluster metadata 1 is",
        ),
        (
            &T6002,
            |b| b.meta(P::TVB_CLUSTER_META4, |word| word & !(1 << 60)),
            "without its tag",
        ),
        (
            &T6002,
            |b| b.meta(P::TVB_CLUSTER_META2, |word| word + 4),
            "which is not aligned",
        ),
        (
            &T6002,
            |b| b.meta(P::TVB_CLUSTER_TILEMAPS, |_| 0),
            "cluster tile maps: null pointer",
        ),
        (
            &T6002,
            |b| b.vertex(P::CORE_MASK.must(), [u32::MAX, 0]),
            "core mask is [ffffffff, 0]",
        ),
        (
            &T6002,
            |b| b.vertex(P::UNK_F0.must(), 0x1c),
            "parameter 0xf0 is 0x1c",
        ),
        (
            &T6002,
            |b| b.vertex(P::TILING_CONTROL.must(), 0xa541),
            "parameter 0xf0 is 0x",
        ),
        (
            &T6002,
            |b| {
                let at = b.made.vertex.microsequence;
                b.d.mem.set(at, StartVertex::NO_CLUSTERING.must(), 1);
            },
            "no clustering is 0x1, expected 0x0",
        ),
        (
            &T6021,
            |b| b.vertex_register(registers::vertex::TILING_CONTROL, 0xa540),
            "tiling control is 0xa540, expected 0x180340",
        ),
        (
            &T6021,
            |b| b.vertex_register(registers::vertex::TVB_CLUSTER_META1, 0x80 << 50),
            "cluster metadata 1",
        ),
        // Without clusters there is nothing that they may need.
        (
            &T8103,
            |b| b.vertex(P::TVB_CLUSTER_META2.must(), 0x80),
            "cluster metadata 2 is 0x80, expected 0x0",
        ),
    ]);
}

#[test]
fn what_is_wrong_for_one_generation_is_a_panic_with_its_reason() {
    type P2 = fragment::JobParameters2;
    refuses(&[
        (
            &T8112,
            |b| {
                let field = RunFragment::JOB_PARAMS1.must();
                let field = field.then(fragment::JobParameters1::UNK_58.must());
                b.d.mem.set(b.made.fragment.at, field, 0);
            },
            "word of the generation is 0x0, expected 0x4040404",
        ),
        (
            &T8112,
            |b| {
                let field = RunFragment::JOB_PARAMS2.must().then(P2::ISP_BGOBJVALS);
                b.d.mem.set(b.made.fragment.at, field, 0x75a);
            },
            "background values are 0x75a, partial ones 0x35a",
        ),
        (
            &T6021,
            |b| {
                let list = RunFragment::REGISTERS;
                let register = registers::fragment::UNK_15349;
                b.register(b.made.fragment.at, list, register, 0);
            },
            "0x15349",
        ),
        (
            &T6021,
            |b| {
                let list = RunCompute::REGISTERS;
                let register = registers::compute::UNK_1A440;
                b.register(b.job.at, list, register, 0);
            },
            "0x1a440",
        ),
        (
            &T6021,
            |b| {
                let field = RunCompute::JOB_PARAMS2.then(JobParameters2::UNK_54);
                b.d.mem.set(b.job.at, field, 0);
            },
            "parameter 0x58 is 0x0, expected 0x24201",
        ),
        // The kernel's half of a client's context, and the word that the GPU writes there.
        (
            &T6021,
            |b| b.d.machine.set_u64(TTBS + 16 + 8, 0),
            "has an upper half (0x0) that is not the kernel's",
        ),
        (
            &T6021,
            |b| b.d.mem.set(b.made.scene, Scene::CONTROL_WORD.must(), 0),
            "second control word",
        ),
        (
            &T6021,
            |b| {
                let [first, second] = [Scene::CONTROL_WORD, Scene::CONTROL_WORD_2];
                b.d.mem.set(b.made.scene, first.must(), 0);
                b.d.mem.set(b.made.scene, second.must(), 0);
            },
            "control word: null pointer",
        ),
    ]);
}

/// The mapping that is in the table of devices at `index`: its address, and what it should be.
fn device(d: &Driver, index: usize) -> u64 {
    let field = HwDataB::io_mapping(abi(), index).then(IoMapping::VIRT);
    d.mem.get(d.tree.hw_data_b, field)
}

#[test]
fn init_data_of_others_is_refused_with_its_reason() {
    type Case = (Part, fn(&mut Driver), &'static str);
    let old = |chip, name| Part::new(chip).with_firmware(name).unwrap();
    let cases: [Case; 7] = [
        // The caches' second element, and those of the second die.
        (
            Part::new(&T6002),
            |d| {
                let at = device(d, 11) + 0xd_8000;
                let at = at & !(PAGE_SIZE - 1);
                d.mem.map(
                    KERNEL,
                    at,
                    0x2_0000_0000,
                    agx_abi::uat::Protection::FW_MMIO_RW,
                );
            },
            "io mapping 11: page",
        ),
        (
            Part::new(&T6022),
            |d| d.mem.unmap(KERNEL, device(d, 21) + 0x4000),
            "io mapping 21",
        ),
        (
            Part::new(&T6021),
            |d| {
                let field = HwDataB::SGX_SRAM_PTR.must();
                d.mem.set(d.tree.hw_data_b, field, 0);
            },
            "SRAM: null pointer",
        ),
        (
            Part::new(&T6021),
            |d| {
                let field = HwDataB::SGX_SRAM_PTR.must();
                let at = d.mem.get(d.tree.hw_data_b, field) + 0x4000;
                d.mem.map(
                    KERNEL,
                    at,
                    0x4_04d6_0000,
                    agx_abi::uat::Protection::FW_SHARED_RW,
                );
            },
            "is mapped to",
        ),
        (
            Part::new(&T8103),
            |d| {
                let field = HwDataB::SGX_SRAM_PTR.must();
                d.mem.set(d.tree.hw_data_b, field, 0xffff_ffaf_0000_0000);
            },
            "SRAM is 0xffffffaf00000000, expected 0x0",
        ),
        // These have no words for a version: nothing may stand in their place.
        (
            old(&T8112, "12.4"),
            |d| d.mem.set_u32(d.tree.init_data + 8, 0x6ba0),
            "must be zero",
        ),
        (
            Part::new(&T6021),
            |d| {
                d.mem.set(
                    d.tree.init_data,
                    InitData::VER_INFO.must(),
                    [0x6ba0, 0x1f28, 0x601, 0xb0],
                )
            },
            "ver_info[0] is 0x6ba0, expected 0xb390",
        ),
    ];
    for (part, change, reason) in cases {
        drive(part);
        let mut d = Driver::new(&[]);
        change(&mut d);
        let panic = d.boot().unwrap_err().0;
        assert!(panic.contains(reason), "{part}: {panic}");
    }
}
