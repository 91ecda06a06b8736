// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The platform driver.

use crate::{
    device::{
        self,
        AsahiDrmDriver, //
    },
    devices::OF_TABLE,
    ffi,
    gpu::Gpu,
    hw::Chip,
    shutdown::ShutdownHook, //
};
use agx_abi::globals::Globals;
use kernel::{
    device::{
        Bound,
        Core,
        Device, //
    },
    dma::{
        Device as _,
        DmaMask, //
    },
    drm,
    of,
    platform,
    prelude::*,
    sync::Arc, //
};

/// The platform driver.
pub(crate) struct AsahiDriver;

/// Driver data of a bound platform device.
pub(crate) struct AsahiData<'bound> {
    // Fields are dropped in order: waits in ioctls are ended, then the device is unregistered, and
    // then the GPU is stopped.
    _queues: OpenQueues,
    _registration: drm::Registration<'bound, AsahiDrmDriver>,
    _shutdown: ShutdownHook,
    _gpu: Running,
}

impl platform::Driver for AsahiDriver {
    type IdInfo = &'static Chip;
    type Data<'bound> = AsahiData<'bound>;
    const OF_ID_TABLE: Option<of::IdTable<Self::IdInfo>> = Some(&OF_TABLE);

    fn probe<'bound>(
        pdev: &'bound platform::Device<Core<'_>>,
        chip: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Self::Data<'bound>, Error> + 'bound {
        let chip: &'static Chip = chip.ok_or(ENODEV)?;
        // SAFETY: The device is being probed, so no DMA mapping for it is made concurrently.
        unsafe { pdev.dma_set_mask_and_coherent(DmaMask::try_new(chip.oas)?)? };
        // The page tables take segments of any length; the default is 64 KiB.
        // SAFETY: The device is being probed, so no DMA mapping for it is made concurrently.
        unsafe { pdev.dma_set_max_seg_size(u32::MAX) };
        check_dma(pdev.as_ref())?;
        let gpu = Gpu::start(pdev, chip, Globals::FAULT_CONTROL_SOFT)?;
        let running = Running(gpu.clone());
        let queues = OpenQueues(gpu.clone());
        // SAFETY: The device is being probed; it goes into the data of the bound device.
        let shutdown = unsafe { ShutdownHook::new(pdev.as_ref(), &gpu)? };
        // SAFETY: It goes into the data of the bound device, which are dropped when that is
        // unbound.
        let registration = unsafe { device::register(pdev, gpu)? };
        Ok(AsahiData {
            _queues: queues,
            _registration: registration,
            _shutdown: shutdown,
            _gpu: running,
        })
    }
}

/// Checks that DMA is to memory itself, which the GPU shares with clients, and not to copies of it.
///
/// # Errors
///
/// `EOPNOTSUPP`; the reason is in the log.
fn check_dma(dev: &Device<Bound>) -> Result {
    // `Device` is a transparent wrapper of `struct device`.
    let raw: *const Device<Bound> = dev;
    // SAFETY: The device is bound.
    if unsafe { ffi::asahi_dma_is_bounced(raw.cast_mut().cast()) } {
        dev_err!(
            dev,
            "memory would be copied for each access by the GPU (swiotlb), which shares it\n"
        );
        return Err(EOPNOTSUPP);
    }
    Ok(())
}

/// The queues of a GPU, which are closed on drop.
///
/// A submit may wait for room in a queue, which depends on jobs and fences that may take any time.
/// Closing the queues ends such waits, and refuses the jobs of submits that have been prepared and
/// not committed.
struct OpenQueues(Arc<Gpu>);

impl Drop for OpenQueues {
    fn drop(&mut self) {
        self.0.close_queues();
    }
}

/// A running GPU, which is stopped on drop.
struct Running(Arc<Gpu>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.stop();
    }
}
