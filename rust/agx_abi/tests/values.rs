// SPDX-License-Identifier: MIT

//! Tests of the values that the declarations compute.

use agx_abi::channel::{device_control, PipeKind};
use agx_abi::event::{initial_stamp, stamp_distance};
use agx_abi::globals::PendingStamp;
use agx_abi::init::{self, InitData, RuntimePointers, UatLevelInfo};
use agx_abi::microsequence::{Timestamp, WaitForIdle, OPCODE_MASK};
use agx_abi::queue::Priority;
use agx_abi::tiling::{Tiling, MAX_LAYERS, MAX_SIZE};
use agx_abi::uat::{pte, ttb, ttb_asid, ttb_table, Protection, TTB_VALID};
use agx_abi::{buffer, compute, fragment, message, uat, vertex, Abi, Numbers, Value};

#[test]
fn messages() {
    // The example of a macOS trace: type, and an address whose sign the firmware extends.
    let at = 0xffff_ffa0_0c38_8000;
    let init = message::init(at);
    assert_eq!(init, 0x0081_0fa0_0c38_8000);
    assert_eq!(message::kind(init), message::TYPE_INIT);
    assert_eq!(message::init_address(init), at);
    assert_eq!(message::pipe_doorbell(PipeKind::Compute as u32, 3), 14);
    assert_eq!(
        message::message(message::TYPE_RX_DOORBELL, 0),
        0x0042_0000_0000_0000
    );
}

#[test]
fn stamps() {
    assert_eq!(initial_stamp(127), 0x7f00_0000);
    assert_eq!(stamp_distance(0x300, 0x100), 2);
    assert_eq!(stamp_distance(0x100, 0x300), -2);
    // Across the end of the number range, and for the slots whose values look negative.
    assert_eq!(stamp_distance(0x100, 0xffff_ff00), 2);
    assert_eq!(stamp_distance(0x8000_0000, 0x7fff_ff00), 1);
}

#[test]
fn pending_stamps() {
    assert_eq!(PendingStamp::zeroed().slot(Abi::G13V12_3), None);
    let entry = PendingStamp::new(Abi::G13V12_3, 127, 0x500);
    assert_eq!(entry.slot(Abi::G13V12_3), Some(127));
    assert_ne!(entry.slot(Abi::G13V13_5), Some(127));
    assert_eq!(entry.get(PendingStamp::VALUE), 0x500);
}

#[test]
fn page_levels() {
    let levels = UatLevelInfo::levels(40);
    let masks = levels.map(|level| level.get(UatLevelInfo::INDEX_MASK));
    // The three indices and the offset in a page make up the 39 bits of an address.
    assert_eq!(
        masks.iter().fold(0x3fff, |all, mask| all ^ mask),
        (1 << 39) - 1
    );
    assert_eq!(levels[0].get(UatLevelInfo::PHYS_MASK), 0xff_ffff_c000);
}

#[test]
fn pipes_are_in_order_of_priority() {
    assert_eq!(RuntimePointers::pipe(PipeKind::Vertex, 0), 0);
    assert_eq!(RuntimePointers::pipe(PipeKind::Compute, 0), 2);
    assert_eq!(RuntimePointers::pipe(PipeKind::Fragment, 3), 10);
}

#[test]
fn priorities() {
    let highest = Priority::new(0);
    assert_eq!(highest.get(Priority::P2), 0xffff_ffff_ffff_0000);
    assert_eq!(
        (highest.get(Priority::P3), highest.get(Priority::P5)),
        (1, 1)
    );
    let compute = Priority::new_compute(2);
    assert_eq!(
        (compute.get(Priority::P0), compute.get(Priority::P1)),
        (0, 2)
    );
    assert_eq!(compute.get(Priority::P5), 1);
}

#[test]
fn opcodes() {
    let header = |abi| WaitForIdle::header(abi, PipeKind::Compute);
    assert_eq!(header(Abi::G13V12_3), 0x0080_0001);
    assert_eq!(header(Abi::G14V13_5), 0x0080_0001);
    assert_eq!(header(Abi::G14XV13_5), 2);
    assert_eq!(Timestamp::HEADER_START & OPCODE_MASK, Timestamp::OPCODE);
}

#[test]
fn roots() {
    let root = ttb(0x8_0001_4000, 63);
    assert_eq!(ttb_asid(root), 63);
    assert_eq!(ttb_table(root), 0x8_0001_4000);
    assert_ne!(root & TTB_VALID, 0);
}

/// Each named protection, with what the firmware and the GPU may do by it, and whether the firmware
/// caches it.
#[test]
fn protections() {
    let letters = |access: agx_abi::uat::Access| match (access.read, access.write) {
        (false, false) => "-",
        (true, false) => "r",
        (false, true) => "w",
        (true, true) => "rw",
    };
    for (protection, firmware, gpu, cached) in [
        (Protection::FW_MMIO_RW, "rw", "-", false),
        (Protection::FW_MMIO_RO, "r", "-", false),
        (Protection::FW_SHARED_RW, "rw", "-", false),
        (Protection::FW_SHARED_RO, "r", "-", false),
        (Protection::FW_PRIV_RW, "rw", "-", true),
        (Protection::GPU_FW_SHARED_RW, "rw", "rw", false),
        (Protection::GPU_FW_PRIV_RW, "rw", "rw", true),
        (Protection::GPU_RO_FW_PRIV_RW, "rw", "r", true),
        (Protection::GPU_SHARED_RW, "-", "rw", false),
        (Protection::GPU_SHARED_RO, "-", "r", false),
        (Protection::GPU_SHARED_WO, "-", "w", false),
    ] {
        assert_eq!(letters(protection.firmware()), firmware, "{protection:x?}");
        assert_eq!(letters(protection.gpu()), gpu, "{protection:x?}");
        assert_eq!(protection.is_cached(), cached, "{protection:x?}");
        assert!(!protection.uncached().is_cached());
        assert_eq!(letters(protection.uncached().firmware()), firmware);

        let entry = protection.bits() | pte::VALID | 0x8_0000_4000 | pte::NG;
        assert_eq!(Protection::from_entry(entry), protection);
        // Without the host's mark it is the firmware's own page, which the GPU cannot reach.
        assert_eq!(
            letters(Protection::from_entry(entry & !pte::HOST).gpu()),
            "-"
        );
    }
}

#[test]
fn values_are_little_endian_and_need_no_alignment() {
    let mut bytes = [0; 9];
    0x1122_3344_u32.write(&mut bytes[1..]);
    assert_eq!(bytes[1..5], [0x44, 0x33, 0x22, 0x11]);
    [1_u16, 2].write(&mut bytes[5..]);
    assert_eq!(bytes[5..], [1, 0, 2, 0]);
    assert_eq!(<[u16; 2]>::read(&bytes[5..]), [1, 2]);
    assert_eq!(f32::SIZE, 4);
}

/// Numbers that were worked out by hand.
#[test]
fn tilings() {
    // One tile, four utiles: a macrotile is never smaller than four by four tiles.
    let small = Tiling::new(1, 32, 1, [16, 16], 4).unwrap();
    assert_eq!((small.tiles(), small.tiles_per_mtile()), (1, 16));
    assert_eq!(
        (small.te_screen(), small.te_mtile1()),
        (0, 12 | 8 << 9 | 4 << 18)
    );
    assert_eq!(small.utile_config(), 0x5002);
    // 5 bytes for each of 64 utiles are 80 words.
    assert_eq!((small.rgn_size(), small.tilemap_size()), (80, 80 * 4 * 16));
    assert_eq!((small.tpc_stride(), small.tpc_size()), (128, 128 * 4 * 16));
    assert_eq!(small.mtile_stride(), 320 << 24);
    assert_eq!(small.utiles_per_mtile_x(), 8);
    // 16 · 16 pixels of 4 samples of 64 bytes.
    assert_eq!(
        (
            small.tib_blocks(64),
            small.tib_blocks(1),
            small.tib_blocks(0)
        ),
        (32, 1, 0)
    );
    assert_eq!(
        (small.layermeta_size(), small.render_target_max()),
        (0, 0x8000)
    );

    // 25 · 19 tiles: macrotiles of 8 · 8.
    let tiling = Tiling::new(800, 600, 3, [32, 16], 2).unwrap();
    assert_eq!((tiling.tiles(), tiling.tiles_per_mtile()), (475, 64));
    assert_eq!(
        (tiling.utiles_per_mtile_x(), tiling.utiles_per_mtile_y()),
        (8, 16)
    );
    assert_eq!(
        (tiling.te_mtile1(), tiling.te_mtile2()),
        (0x20_2018, 0x20_2018)
    );
    assert_eq!(
        (tiling.rgn_size(), tiling.tilemap_size()),
        (160, 160 * 4 * 16 * 3)
    );
    assert_eq!(tiling.tpc_size(), 256 * 4 * 16 * 3);
    assert_eq!(tiling.utile_config(), 0x6001);
    assert_eq!(tiling.render_target_max(), 0xe002);
    assert_eq!(
        (tiling.layermeta_size(), tiling.min_tvb_blocks()),
        (0x100, 8)
    );
    assert_eq!(
        (
            tiling.meta1_layer_stride(),
            tiling.meta1_blocks(Abi::G13V13_5)
        ),
        (0, 0)
    );

    // 26 · 20 · 2 utiles are one block; each cluster has a tile pointer cache.
    let clustered = tiling.with_clusters(4);
    assert_eq!(
        (
            clustered.meta1_layer_stride(),
            clustered.meta1_blocks(Abi::G13V13_5)
        ),
        (1, 3)
    );
    assert_eq!(clustered.tpc_size(), 4 * tiling.tpc_size());
    assert_eq!(clustered.min_tvb_blocks(), 13);
    assert_eq!(
        vertex::JobParameters1::unk_f0(clustered.meta1_blocks(Abi::G13V13_5)),
        0x20
    );

    // The largest frame: everything still fits its type.
    let largest = Tiling::new(MAX_SIZE, MAX_SIZE, MAX_LAYERS, [16, 16], 4).unwrap();
    assert_eq!(
        (largest.tiles(), largest.min_tvb_blocks()),
        (512 * 512, 2048)
    );
    assert_eq!(largest.tilemap_size(), 5 * 128 * 128 * 4 * 16 * 2048);
    assert_eq!(largest.te_mtile1(), 384 | 256 << 9 | 128 << 18);
}

#[test]
fn frames_that_there_are_not() {
    let good = |w, h, layers, utile, samples| Tiling::new(w, h, layers, utile, samples).is_some();
    assert!(good(1, 1, 1, [32, 32], 1));
    assert!(!good(0, 1, 1, [32, 32], 1) && !good(1, 0, 1, [32, 32], 1));
    assert!(!good(MAX_SIZE + 1, 1, 1, [32, 32], 1) && !good(1, MAX_SIZE + 1, 1, [32, 32], 1));
    assert!(!good(1, 1, 0, [32, 32], 1) && !good(1, 1, MAX_LAYERS + 1, [32, 32], 1));
    assert!(!good(1, 1, 1, [16, 32], 1) && !good(1, 1, 1, [64, 64], 1));
    assert!(!good(1, 1, 1, [32, 32], 0) && !good(1, 1, 1, [32, 32], 3));
}

#[test]
fn buffers() {
    assert_eq!(buffer::PAGE_SIZE * u64::from(buffer::BLOCK_PAGES), 0x2_0000);
    assert_eq!(buffer::BufferInfo::BLOCK_SIZE_VALUE, 0x2_0000);
    assert_eq!(buffer::BufferInfo::page_number(0x60_0001_8000), 0xc0_0003);
    assert_eq!(f32::from_bits(vertex::JobParameters1::UNK_8_VALUE), 1e-20);
    assert_eq!(fragment::JobParameters1::tile_config(1, false), 0x280);
    assert_eq!(fragment::JobParameters1::tile_config(2, true), 0x1_0281);
}

/// A constant of that name, and what it is in each version, in the order of [`Abi::ALL`].
type OfVersions = (&'static str, Numbers, [usize; Abi::COUNT]);

/// No table of structures has these: they are as the driver in the field writes them.
#[test]
fn values_of_versions() {
    const WORD: usize = 0x0404_0404;
    const LIST: [OfVersions; 16] = [
        (
            "word of the generation",
            fragment::GENERATION_WORD,
            [0, WORD, 0, WORD, WORD],
        ),
        (
            "fragment unk_buf_10",
            fragment::RunFragment::UNK_BUF_10_VALUE,
            [1, 1, 1, 1, 0],
        ),
        (
            "background bit",
            fragment::JobParameters2::ISP_BGOBJVALS_LOAD,
            [0x400, 0, 0x400, 0, 0],
        ),
        (
            "compute parameter",
            compute::JobParameters2::UNK_54_VALUE,
            [0, 0, 0, 0, 0x2_4201],
        ),
        (
            "used of RunVertex",
            vertex::RunVertex::USED,
            [0x5e0, 0x5e0, 0x608, 0x608, 0x8f4],
        ),
        (
            "used of RunFragment",
            fragment::RunFragment::USED,
            [0x930, 0x930, 0x96c, 0x96c, 0xc44],
        ),
        (
            "GrowTvbAck",
            device_control::GROW_TVB_ACK,
            [0xd, 0xd, 0xe, 0xe, 0xe],
        ),
        (
            "RecoverChannel",
            device_control::RECOVER_CHANNEL,
            [0xe, 0xe, 0xf, 0xf, 0xf],
        ),
        (
            "IdlePowerOff",
            device_control::IDLE_POWER_OFF,
            [0xf, 0xf, 0x10, 0x10, 0x10],
        ),
        (
            "DestroyContext",
            device_control::DESTROY_CONTEXT,
            [0x17, 0x17, 0x18, 0x18, 0x18],
        ),
        (
            "Write32",
            device_control::WRITE32,
            [0x18, 0x18, 0x19, 0x19, 0x19],
        ),
        (
            "Initialize",
            device_control::INITIALIZE,
            [0x19, 0x19, 0x1a, 0x1a, 0x1a],
        ),
        (
            "small fragment statistics",
            init::STATS_FRAGMENT_SMALL,
            [0x748, 0x748, 0x748, 0x748, 0x1058],
        ),
        (
            "large fragment statistics",
            init::STATS_FRAGMENT_LARGE,
            [0x1124, 0x1124, 0x1124, 0x1124, 0x1a34],
        ),
        (
            "first -1 of them",
            init::STATS_FRAGMENT_MINUS_ONE[0],
            [0x108, 0x108, 0x108, 0x108, 0xa18],
        ),
        (
            "second -1 of them",
            init::STATS_FRAGMENT_MINUS_ONE[1],
            [0x120, 0x120, 0x120, 0x120, 0xa30],
        ),
    ];

    for (name, numbers, want) in LIST {
        assert_eq!(Abi::ALL.map(|abi| numbers.of(abi)), want, "{name}");
    }
}

/// Values that functions return differ between versions only as listed.
#[test]
fn what_differs_between_versions() {
    // That version 12 has no version words is its lack of the field.
    let g13 = [0x6ba0, 0x1f28, 0x0601, 0x00b0];
    for abi in Abi::ALL {
        let want = match abi {
            Abi::G14XV13_5 => [0xb390, 0x70f8, 0x0601, 0x00b0],
            _ => g13,
        };
        assert_eq!(InitData::ver_info(abi), want, "{abi:?}");
    }
    let has_words = Abi::ALL.map(|abi| InitData::VER_INFO.present(abi).is_some());
    assert_eq!(has_words, [false, false, true, true, true]);

    // Slot 5, and the bit of a valid entry.
    let infos = Abi::ALL.map(|abi| PendingStamp::new(abi, 5, 0).get(PendingStamp::INFO));
    assert_eq!(infos, [0x29, 0x29, 0x51, 0x51, 0x51]);

    let halves = Abi::ALL.map(uat::clients_have_kernel_half);
    assert_eq!(halves, [false, false, false, false, true]);

    let waits = Abi::ALL.map(|abi| WaitForIdle::header(abi, PipeKind::Fragment));
    let wait = 0x0001_0001;
    assert_eq!(waits, [wait, wait, wait, wait, 2]);
}
