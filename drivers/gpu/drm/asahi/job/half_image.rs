// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Helpers for the tests of both halves of a render.
//!
//! A test writes a half to memory and compares its fields one by one.

use super::{
    command::{
        Parser,
        Work, //
    },
    fragment::{
        self,
        FragmentTurn, //
    },
    image::Image,
    scene::{
        Layout,
        Machine,
        ScenePlace, //
    },
    sequence::Common,
    vertex::{
        self,
        Half,
        VertexTurn, //
    }, //
};
use agx_abi::{
    compute::{
        EncoderParams,
        JobMeta,
        TimestampPointers, //
    },
    fragment::RunFragment,
    vertex::RunVertex,
    Field,
    Opt,
    Value, //
};

pub(crate) use super::image::{
    check_registers,
    ABI,
    COMMON,
    TURN, //
};

/// The machine that the images are built for.
pub(crate) const MACHINE: Machine = Machine {
    abi: ABI,
    clusters: 1,
    clustering: None,
    preempt: [0x540, 0x280, 0x20],
    tiling_control: 0xa040,
    core_mask: [0x77, 0x11],
};

/// The addresses of the scene that the images name.
pub(crate) const SCENE: ScenePlace = ScenePlace {
    scene: 0xffff_ffa8_0000_1000,
    buffer: 0xffff_ffa0_0000_5000,
    kernel_buffer: 0xffff_ffa8_0000_2000,
    block: 0x60_0000_0000,
    tpc: 0x60_1000_0000,
};

/// The address of the command.
pub(crate) const COMMAND: u64 = 0xffff_ffa6_0000_0000;
/// The address of its microsequence.
pub(crate) const SEQUENCE: u64 = 0xffff_ffa0_0001_0000;
/// The address of the firmware's timestamps.
pub(crate) const TIMESTAMPS: u64 = 0xffff_ffa8_0000_0200;

/// A structure whose fields are taken out one by one.
pub(crate) struct Fields(pub(crate) Vec<u8>);

impl Fields {
    fn range<S, T: Value>(field: Field<S, T>) -> core::ops::Range<usize> {
        let start = field.place_in(ABI);
        start..start + T::size_in(ABI)
    }

    /// Checks that a field has the value, and zeroes it.
    #[track_caller]
    pub(crate) fn take<S, T: Value + PartialEq + core::fmt::Debug>(
        &mut self,
        field: Field<S, T>,
        value: T,
    ) {
        let range = Self::range(field);
        assert_eq!(T::read_in(ABI, &self.0[range.clone()]), value);
        self.0[range].fill(0);
    }

    /// Does the same as [`Fields::take`] for a field that some versions lack.
    #[track_caller]
    pub(crate) fn take_opt<S, T: Value + PartialEq + core::fmt::Debug>(
        &mut self,
        field: Field<S, Opt<T>>,
        value: T,
    ) {
        self.take(field.present(ABI).unwrap(), value);
    }

    /// Checks that all that was not taken is zero.
    #[track_caller]
    pub(crate) fn rest_is_zero(&self) {
        let found = self.0.iter().position(|&b| b != 0);
        assert_eq!(found.map(|at| format!("{at:#x}")), None);
    }

    /// Takes out a field that is a structure.
    pub(crate) fn part<S, T: Value>(&mut self, field: Field<S, T>) -> Self {
        let range = Self::range(field);
        let part = self.0[range.clone()].to_vec();
        self.0[range].fill(0);
        Self(part)
    }

    /// Does the same as [`Fields::part`] for a field that some versions lack.
    pub(crate) fn part_opt<S, T: Value>(&mut self, field: Field<S, Opt<T>>) -> Self {
        self.part(field.present(ABI).unwrap())
    }
}

/// Returns a submit with one render, with another value in each field, and attachments for both
/// halves.
fn buffer(flags: u32, layers: u16) -> Vec<u8> {
    let mut bytes = vec![2, 0, 48, 0, 0xff, 0xff, 0xff, 0xff];
    for word in [0x1000, 1, 0, 0x2000, 129, 0u64] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend([3, 0, 24, 0, 0xff, 0xff, 0xff, 0xff]);
    for word in [0x3000, 0x4000, 0u64] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend([0, 0, 240, 0, 0xff, 0xff, 0xff, 0xff]);
    let mut render = vec![0; 240];
    let mut put = |at: usize, value: &[u8]| render[at..at + value.len()].copy_from_slice(value);
    put(0, &flags.to_le_bytes());
    put(4, &0x8765_4321u32.to_le_bytes());
    put(8, &0x50_0000u64.to_le_bytes());
    for (i, at) in (16..48).step_by(16).enumerate() {
        let i = i as u32;
        put(at, &(0x1000 + i).to_le_bytes());
        put(at + 4, &(0x2000 + i).to_le_bytes());
        put(at + 8, &(0xdead_0000_0000u64 + u64::from(i)).to_le_bytes());
    }
    for (i, at) in [48, 56, 64, 72, 80, 96, 104].into_iter().enumerate() {
        put(at, &(0x70_0000_0000u64 + i as u64 * 0x1000).to_le_bytes());
    }
    for (i, at) in [88, 92, 112, 116].into_iter().enumerate() {
        put(at, &(0x3000u32 + i as u32).to_le_bytes());
    }
    put(120, &0xc01_8000u64.to_le_bytes());
    put(128, &0x1234_5678_9abcu64.to_le_bytes());
    put(136, &0x71_0000_0000u64.to_le_bytes());
    put(144, &0x202u32.to_le_bytes());
    put(148, &800u16.to_le_bytes());
    put(150, &600u16.to_le_bytes());
    put(152, &layers.to_le_bytes());
    put(154, &6u16.to_le_bytes());
    put(156, &[32, 16, 4, 8]);
    for (i, at) in (160..208).step_by(4).enumerate() {
        put(at, &(0x4000u32 + i as u32).to_le_bytes());
    }
    bytes.extend(render);
    bytes
}

/// One half of a render, as it is written.
pub(crate) struct Built {
    pub(crate) command: Fields,
    pub(crate) sequence: Vec<u8>,
    pub(crate) layout: Layout,
}

/// Returns what is written for the vertex half, or else for the fragment half.
pub(crate) fn build(
    vertex: bool,
    flags: u32,
    layers: u16,
    machine: &Machine,
    user: (u64, u64),
) -> Built {
    let bytes = buffer(flags, layers);
    let commands: Vec<_> = Parser::new(&bytes).collect::<Result<_, _>>().unwrap();
    let Work::Render(render) = commands[0].work else {
        panic!("{commands:?}");
    };
    let tiling = machine.tiling(&render).unwrap();
    let layout = Layout::new(&tiling, machine);
    let half = Half {
        render: &render,
        common: &Common {
            abi: machine.abi,
            ..COMMON
        },
        machine,
        tiling: &tiling,
        layout: &layout,
        scene: &SCENE,
        command: COMMAND,
        sequence: SEQUENCE,
        timestamps: TIMESTAMPS,
        user_start: user.0,
        user_end: user.1,
    };
    let mut image = Image {
        command: vec![
            0;
            if vertex {
                RunVertex::size_in(machine.abi)
            } else {
                RunFragment::size_in(machine.abi)
            }
        ],
        sequence: vec![0; fragment::sequence(machine.abi, true).size()],
    };
    let size = if vertex {
        let Ok(sequence) = vertex::describe(&half, &mut image);
        let turn = VertexTurn {
            turn: TURN,
            buffer_slot: 5,
            fragment_slot: 78,
            fragment_value: 0x4e00_0500,
        };
        let Ok(()) = vertex::write_turn(&turn, sequence, &mut image);
        sequence.size()
    } else {
        let Ok(sequence) = fragment::describe(&half, &mut image);
        let turn = FragmentTurn {
            turn: TURN,
            buffer_slot: 5,
        };
        let Ok(()) = fragment::write_turn(&turn, sequence, &mut image);
        sequence.size()
    };
    let unused = image.sequence.split_off(size);
    assert!(unused.iter().all(|&b| b == 0));
    Built {
        command: Fields(image.command),
        sequence: image.sequence,
        layout,
    }
}

/// Checks the fields of a [`JobMeta`], and that there are no others.
#[track_caller]
pub(crate) fn take_meta(mut meta: Fields) {
    meta.take(JobMeta::STAMP, TURN.host_stamp);
    meta.take(JobMeta::FW_STAMP, TURN.firmware_stamp);
    meta.take(JobMeta::STAMP_VALUE, TURN.value);
    meta.take(JobMeta::STAMP_SLOT, TURN.slot);
    meta.take(JobMeta::FLUSH_STAMPS, 0);
    meta.take(JobMeta::EVENT_SEQ, 2);
    meta.rest_is_zero();
}

/// Checks the fields of an [`EncoderParams`], and that there are no others.
#[track_caller]
pub(crate) fn take_encoder(mut encoder: Fields) {
    encoder.take(EncoderParams::MASK, u32::MAX);
    encoder.take(EncoderParams::SAMPLER_HEAP, 0x71_0000_0000);
    encoder.take(EncoderParams::SAMPLER_COUNT, 6);
    encoder.take(EncoderParams::SAMPLER_COUNT_PLUS_1, 7);
    encoder.rest_is_zero();
}

/// Checks the fields of a [`TimestampPointers`], and that there are no others.
#[track_caller]
pub(crate) fn take_pointers(mut pair: Fields, start: u64, end: u64) {
    pair.take(TimestampPointers::START, start);
    pair.take(TimestampPointers::END, end);
}

/// Checks what both halves have in common, in each version of the interface.
///
/// `$base` is the address, of those in the command's first parameters, that the version has there
/// or else in its list of registers, and `$value` what it has to be.
macro_rules! check_versions {
    (
        $is_vertex:literal, $kind:expr, $run:ident, $start:ident($header:literal), $finalize:ident,
        $base:expr => $value:expr
    ) => {
        for abi in Abi::ALL {
            let machine = Machine { abi, ..MACHINE };
            let Built {
                command, sequence, ..
            } = build($is_vertex, 0, 1, &machine, (0, 0));
            let command = <$run as Value>::read_in(abi, &command.0);
            assert_eq!(command.get($run::VM_SLOT), 9, "{abi:?}");
            assert_eq!(command.get($run::SCENE), SCENE.scene, "{abi:?}");
            let counter = $run::COUNTER.present(abi).map(|_| TURN.counter);
            assert_eq!(command.find($run::COUNTER), counter, "{abi:?}");
            let meta = command.get($run::META.then(JobMeta::STAMP_VALUE));
            assert_eq!(meta, TURN.value, "{abi:?}");
            let parameters = $run::JOB_PARAMS1;
            let list = $run::REGISTERS.offset_in(abi);
            match command.find(parameters.then($base)) {
                Some(base) => assert_eq!((base, list), ($value, None), "{abi:?}"),
                None => assert!(list.is_some(), "{abi:?}"),
            }

            let start = <$start as Value>::read_in(abi, &sequence);
            assert_eq!(start.get($start::HEADER), $header, "{abi:?}");
            assert_eq!(start.get($start::QUEUE), COMMON.queue_info, "{abi:?}");
            let address =
                |offset: Option<usize>| offset.map_or(0, |offset| COMMAND + offset as u64);
            let in_command = address(parameters.offset_in(abi));
            assert_eq!(start.get($start::JOB_PARAMS1), in_command, "{abi:?}");
            let registers = start.find($start::REGISTERS).unwrap_or(0);
            assert_eq!(registers, address(list), "{abi:?}");
            let at = $start::size_in(abi);
            let wait = WaitForIdle::HEADER.read(&sequence[at..]);
            assert_eq!(wait, WaitForIdle::header(abi, $kind), "{abi:?}");
            let at = at + WaitForIdle::SIZE;
            let end = <$finalize as Value>::read_in(abi, &sequence[at..]);
            let stamp = end.get($finalize::FW_STAMP);
            assert_eq!(stamp, TURN.firmware_stamp, "{abi:?}");
            let value = end.get($finalize::STAMP_VALUE);
            assert_eq!(value, TURN.value, "{abi:?}");
            let branch = end.get($finalize::RESTART_BRANCH_OFFSET);
            assert_eq!(branch, -(at as i32), "{abi:?}");
            let at = at + $finalize::size_in(abi);
            let retire = RetireStamp::HEADER.read(&sequence[at..]);
            assert_eq!(retire, 0x4000_0018, "{abi:?}");
        }
    };
}
pub(crate) use check_versions;
