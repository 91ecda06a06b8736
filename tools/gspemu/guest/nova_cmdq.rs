// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! nova-core's own command queue and messages, as they are in the kernel source, on the emulated
//! processor: that they work, and what they cost.
//!
//! The build puts a copy of `drivers/gpu/nova-core` beside this file, which takes the place of
//! `nova_core.rs`. `gsp/cmdq.rs`, `gsp/commands.rs` and `gsp/fw.rs` are not changed; in `gsp.rs`
//! the module `fw` becomes visible to the crate. Missing is what needs an auxiliary bus
//! (`driver.rs`), and the start of the processor by signed firmware: here it takes what the
//! emulator wants.

#![allow(dead_code, unused_imports, unused_macros)]

use core::pin::Pin;
use kernel::{
    debugfs,
    device::Core,
    dma::{
        Device as _,
        DmaMask, //
    },
    driver::Registration,
    io::Io,
    pci,
    prelude::*,
    sizes::SZ_16M,
    InPlaceModule, //
};

mod driver {
    //! What other modules use of `driver.rs`.

    pub(crate) type Bar0<'a> = &'a kernel::pci::Bar<'a, { kernel::sizes::SZ_16M }>;
}
mod falcon;
mod fb;
mod figures;
mod firmware;
mod fsp;
mod gpu;
mod gsp;
mod mctp;
#[macro_use]
mod num;
mod regs;
mod sbuffer;
mod vbios;
mod vgpu;

use gsp::{
    commands,
    Gsp, //
};

pub(crate) const MODULE_NAME: &core::ffi::CStr = <LocalModule as kernel::ModuleMetadata>::NAME;

static mut DEBUGFS_ROOT: Option<debugfs::Dir> = None;

struct Root;

impl Drop for Root {
    fn drop(&mut self) {
        // SAFETY: The driver is unregistered before, so that nobody probes.
        unsafe { DEBUGFS_ROOT = None };
    }
}

const MAILBOX0: usize = 0x11_0040;
const MAILBOX1: usize = 0x11_0044;
const CPUCTL: usize = 0x11_0100;
const ENGINE: usize = 0x11_03c0;
/// The emulated processor.
const DEVICE: u32 = 0xa65b;

/// A bound device.
struct Data<'bound> {
    bar: pci::Bar<'bound, { SZ_16M }>,
    // The processor accesses it until it is reset.
    gsp: Pin<KBox<Gsp>>,
}

impl Drop for Data<'_> {
    fn drop(&mut self) {
        self.bar.write32(1, ENGINE);
        let _ = self.bar.read32(ENGINE);
        self.bar.write32(0, ENGINE);
    }
}

impl Data<'_> {
    /// Starts the processor, and sends and receives what nova-core's boot does.
    fn start(&self, pdev: &pci::Device<kernel::device::Bound>) -> Result {
        let table = self.gsp.libos.dma_address();
        self.bar.write32(table as u32, MAILBOX0);
        self.bar.write32((table >> 32) as u32, MAILBOX1);
        self.bar.write32(1 << 1, CPUCTL);
        let cmdq = &self.gsp.cmdq;
        cmdq.send_command_no_wait(
            &self.bar,
            commands::SetSystemInfo::new(pdev, gpu::Chipset::GA102),
        )?;
        cmdq.send_command_no_wait(
            &self.bar,
            commands::SetRegistry::new(vgpu::VgpuState::Disabled)?,
        )?;
        commands::wait_gsp_init_done(cmdq)?;
        let info = self.gsp.get_static_info(&self.bar)?;
        let named = info.gpu_name().is_ok_and(|name| name == "gspemu");
        let ok = match named && info.usable_fb_regions.len() == 1 {
            true => "ok",
            false => "not ok",
        };
        pr_info!("{ok} nova-core's own queue starts the processor, and asks it for its name\n");
        Ok(())
    }
}

struct NovaCmdq;

kernel::pci_device_table!(
    PCI_TABLE,
    <NovaCmdq as pci::Driver>::IdInfo,
    [(pci::DeviceId::from_id(pci::Vendor::APPLE, DEVICE), ())]
);

impl pci::Driver for NovaCmdq {
    type IdInfo = ();
    type Data<'bound> = Data<'bound>;
    const ID_TABLE: pci::IdTable<Self::IdInfo> = &PCI_TABLE;

    fn probe<'bound>(
        pdev: &'bound pci::Device<Core<'_>>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Self::Data<'bound>, Error> + 'bound {
        let bind = || {
            pdev.enable_device_mem()?;
            pdev.set_master();
            // SAFETY: Nothing is mapped for DMA yet.
            unsafe { pdev.dma_set_mask_and_coherent(DmaMask::new::<47>())? };
            let data = Data {
                bar: pdev.iomap_region_sized::<{ SZ_16M }>(0, c"nova_cmdq")?,
                gsp: KBox::pin_init(Gsp::new(pdev), GFP_KERNEL)?,
            };
            data.start(pdev)?;
            figures::print(&data.gsp.cmdq, &data.bar)?;
            Ok(data)
        };
        bind()
    }
}

#[pin_data]
struct Module {
    #[pin]
    _driver: Registration<pci::Adapter<NovaCmdq>>,
    _root: Root,
}

impl InPlaceModule for Module {
    fn init(module: &'static kernel::ThisModule) -> impl PinInit<Self, Error> {
        let dir = debugfs::Dir::new(c"nova_cmdq");
        // SAFETY: Nothing else of this module runs yet.
        unsafe { DEBUGFS_ROOT = Some(dir) };
        try_pin_init!(Self {
            _driver <- Registration::new(MODULE_NAME, module),
            _root: Root,
        })
    }
}

module! {
    type: Module,
    name: "nova_cmdq",
    authors: ["The asahi-async authors"],
    description: "nova-core's command queue on gspemu",
    license: "GPL v2",
}
