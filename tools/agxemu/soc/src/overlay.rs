// SPDX-License-Identifier: MIT OR Apache-2.0

//! The device tree of the AGX, as an overlay that the guest applies below the PCI function.
//!
//! Child addresses of the function's node are {BAR, offset}; the bus in between has plain 32-bit
//! addresses, so that the devices on it look as they do on a Mac.

use agxemu_firmware::chip::Chip;

use crate::device::{
    ASC_SIZE, BAR_ASC, BAR_PMGR, BAR_SGX, MAILBOX, MAILBOX_SIZE, PMGR_SIZE, SGX_SIZE,
};
use crate::fdt::Node;
use crate::hardware::Domain;
use crate::options::{Regions, REGIONS};

/// Where the blocks are on the bus.
const ASC_AT: u32 = 0;
const SGX_AT: u32 = 0x100_0000;
const PMGR_AT: u32 = 0x200_0000;

/// Interrupts of the function: the vectors of its MSI capability.
pub const VECTOR_RECEIVE_NOT_EMPTY: u32 = 0;
/// The host's FIFO towards the coprocessor has become empty.
pub const VECTOR_SEND_EMPTY: u32 = 1;
const VECTOR_SEND_NOT_EMPTY: u32 = 2;
const VECTOR_RECEIVE_EMPTY: u32 = 3;

const PHANDLE_MAILBOX: u32 = 1;
const PHANDLE_REGIONS: u32 = 2;
const PHANDLE_DOMAIN: u32 = PHANDLE_REGIONS + REGIONS.len() as u32;

/// Returns the overlay, for firmware interface `abi`, without region `omit` if there is one.
pub fn build(
    regions: &Regions,
    chip: &Chip,
    abi: &[u32],
    omit: Option<usize>,
    domain: Domain,
) -> Vec<u8> {
    let mailbox = Node::new(format!("mbox@{MAILBOX:x}"))
        .strings("compatible", chip.mailbox)
        .cells("reg", &[ASC_AT + MAILBOX as u32, MAILBOX_SIZE as u32])
        .cells(
            "interrupts",
            &[
                VECTOR_SEND_EMPTY,
                VECTOR_SEND_NOT_EMPTY,
                VECTOR_RECEIVE_EMPTY,
                VECTOR_RECEIVE_NOT_EMPTY,
            ],
        )
        .strings(
            "interrupt-names",
            &[
                "send-empty",
                "send-not-empty",
                "recv-empty",
                "recv-not-empty",
            ],
        )
        .cells("#mbox-cells", &[0])
        .cells("phandle", &[PHANDLE_MAILBOX]);

    let named: Vec<usize> = (0..REGIONS.len()).filter(|i| Some(*i) != omit).collect();
    let phandles: Vec<u32> = named.iter().map(|&i| PHANDLE_REGIONS + i as u32).collect();
    let names: Vec<&str> = named.iter().map(|&i| REGIONS[i].1).collect();
    let mut gpu = Node::new(format!("gpu@{ASC_AT:x}"))
        .strings("compatible", chip.compatible)
        .cells("reg", &[ASC_AT, ASC_SIZE as u32, SGX_AT, SGX_SIZE as u32])
        .strings("reg-names", &["asc", "sgx"])
        .cells("mboxes", &[PHANDLE_MAILBOX])
        .cells("memory-region", &phandles)
        .strings("memory-region-names", &names)
        .cells("apple,firmware-abi", abi);
    if domain != Domain::None {
        gpu = gpu.cells("power-domains", &[PHANDLE_DOMAIN]);
    }

    let mut bus = Node::new("agx-bus")
        .strings("compatible", &["simple-bus"])
        .cells("#address-cells", &[1])
        .cells("#size-cells", &[1])
        .cells(
            "ranges",
            &[
                [ASC_AT, BAR_ASC, 0, 0, ASC_SIZE as u32],
                [SGX_AT, BAR_SGX, 0, 0, SGX_SIZE as u32],
                [PMGR_AT, BAR_PMGR, 0, 0, PMGR_SIZE as u32],
            ]
            .concat(),
        )
        .child(mailbox);
    if domain != Domain::None {
        bus = bus.child(power_manager(chip, domain));
    }
    let bus = bus.child(gpu);

    // Found by name among the regions of the boot tree.
    let mut memory = Node::new("memory-regions");
    for (i, region) in regions.0.iter().enumerate() {
        let name = format!("{}@{:x}", REGIONS[i].0, region.start);
        memory = memory.child(Node::new(name).cells("phandle", &[PHANDLE_REGIONS + i as u32]));
    }

    // Which cells are phandles, so that they can be renumbered.
    let each: Vec<u32> = (0..named.len() as u32).map(|i| i * 4).collect();
    let mut fixup = Node::new(format!("gpu@{ASC_AT:x}"))
        .cells("mboxes", &[0])
        .cells("memory-region", &each);
    if domain != Domain::None {
        fixup = fixup.cells("power-domains", &[0]);
    }
    let fixups = Node::new("__local_fixups__").child(
        Node::new("fragment@0")
            .child(Node::new("__overlay__").child(Node::new("agx-bus").child(fixup))),
    );

    let overlay = Node::new("__overlay__").child(bus).child(memory);
    let fragment = Node::new("fragment@0")
        .strings("target-path", &[""])
        .child(overlay);
    Node::new("").child(fragment).child(fixups).flatten()
}

/// Returns the power manager, with the domain of the GPU alone.
fn power_manager(chip: &Chip, domain: Domain) -> Node {
    let [[manager, family], state] = chip.power;
    let mut gfx = Node::new("power-controller@0")
        .strings("compatible", &state)
        .cells("reg", &[0, 4])
        .cells("#power-domain-cells", &[0])
        .cells("#reset-cells", &[0])
        .strings("label", &["gfx"])
        .cells("phandle", &[PHANDLE_DOMAIN]);
    if domain == Domain::AlwaysOn {
        gfx = gfx.flag("apple,always-on");
    }
    Node::new(format!("power-management@{PMGR_AT:x}"))
        .strings("compatible", &[manager, family, "syscon", "simple-mfd"])
        .cells("reg", &[PMGR_AT, PMGR_SIZE as u32])
        .cells("#address-cells", &[1])
        .cells("#size-cells", &[1])
        .child(gfx)
}

#[cfg(test)]
mod tests {
    use super::*;
    use agxemu_firmware::chip::{T6002, T8103};

    #[test]
    fn fits_the_boot_page_and_names_all() {
        let mut regions = Regions::default();
        for (i, (name, _)) in REGIONS.iter().enumerate() {
            regions
                .add(&format!("{name}={:#x},0x4000", 0xbf00_0000 + i * 0x1_0000))
                .unwrap();
        }
        let blob = build(&regions, &T8103, &[13, 5, 0], None, Domain::None);
        assert!(blob.len() < 0x1_0000 && blob.len() % 4 == 0);
        let has = |text: &[u8]| blob.windows(text.len()).any(|w| w == text);
        assert!(has(b"uat-ttbs@bf000000\0") && has(b"globals@bf050000\0"));
        assert!(has(b"apple,agx-g13g\0") && has(b"hw-cal-b\0globals\0"));
        assert!(!has(b"power-domains\0"));

        let blob = build(&regions, &T8103, &[13, 5, 0], None, Domain::Switched);
        let has = |text: &[u8]| blob.windows(text.len()).any(|w| w == text);
        assert!(has(b"power-domains\0") && !has(b"apple,always-on\0"));
        let blob = build(&regions, &T8103, &[13, 5, 0], None, Domain::AlwaysOn);
        let has = |text: &[u8]| blob.windows(text.len()).any(|w| w == text);
        assert!(has(b"power-domains\0") && has(b"apple,always-on\0"));

        let blob = build(&regions, &T8103, &[13, 5, 0], Some(2), Domain::None);
        let has = |text: &[u8]| blob.windows(text.len()).any(|w| w == text);
        assert!(has(b"ttbs\0pagetables\0hw-cal-a\0"));

        let blob = build(&regions, &T6002, &[13, 5, 0], None, Domain::None);
        let has = |text: &[u8]| blob.windows(text.len()).any(|w| w == text);
        assert!(has(b"apple,agx-g13d\0apple,agx-g13s\0"));
        assert!(has(b"apple,t6000-asc-mailbox\0apple,asc-mailbox-v4\0"));
    }
}
