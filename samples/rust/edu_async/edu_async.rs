// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A driver for QEMU's `edu` device, to learn from.
//!
//! The device has two engines, which share an interrupt: one computes factorials, the other copies
//! memory by DMA. Each works on one operation at a time, and neither can be stopped.
//!
//! ```text
//!  clients: any task or thread                                          the device
//!  ───────────────────────────                                          ──────────
//!  reserve().await ── room for one operation
//!  start(memory) ──── the memory is the operation's
//!  registers ─────────────────────────────────────────────────────────► works
//!  await ◄── memory, result ── complete() ◄── demultiplexer ◄── irq ─── is done
//! ```
//!
//! What the device accesses belongs to the operation from before it is told of it until it has said
//! that it is done (`kasync::in_flight`). A client that is dropped, cancelled or out of time gives
//! up an answer, and no memory.
//!
//! `Documentation/firstdriver.rst` goes through these files part by part. Binding the driver runs
//! some operations and says what became of them; unbinding it says what became of the rest.

use kasync::{
    block_on,
    cancelled,
    irq,
    join,
    Executor,
    Scope, //
};
use kernel::{
    device,
    dma::{
        Device as _,
        DmaMask, //
    },
    pci,
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Release, //
        },
        Arc, //
    }, //
};

mod clients;
mod edu;
mod engine;
mod memory;

use clients::{
    check,
    LEFT, //
};
use edu::{
    demultiplex,
    regs,
    Edu,
    Line, //
};

/// The driver's side of a bound device.
struct Driver<'bound> {
    // First, so that it goes first: this ends the stream of interrupts, and so the demultiplexer.
    _line: irq::Registration<'bound, Line>,
    _vectors: KBox<pci::IrqVectorRegistration<'bound>>,
    /// The tasks of the clients.
    clients: Scope,
    /// The task that waits for what the device has. Made by the binding, since unbinding must not
    /// fail for want of memory.
    ending: Scope,
    /// True if an engine has not ended what it had.
    stuck: Arc<Atomic<bool>>,
    edu: Arc<Edu>,
    over: Arc<Atomic<u32>>,
    refused: Arc<Atomic<u32>>,
    // Last: waits for all tasks that are left. The demultiplexer is one, and may still be freeing
    // what a client has left: that has to be done before the device is unbound.
    _executor: Executor,
}

impl<'bound> Driver<'bound> {
    fn new(pdev: &'bound pci::Device<device::Core<'_>>) -> Result<Self> {
        // No constant names the vendor, and others have the class as well.
        if pdev.vendor_id().as_raw() != 0x1234 || pdev.device_id() != 0x11e8 {
            return Err(ENODEV);
        }
        pdev.enable_device_mem()?;
        pdev.set_master();
        // The registers are accessed by 32 bits, of whichever width they are. The device does not
        // fail an address of more bits. It leaves them out, and copies elsewhere.
        let bits = module_parameters::dma_bits.value();
        let mask = DmaMask::try_new(bits.into())?;
        // SAFETY: Nothing is mapped for DMA yet.
        unsafe { pdev.dma_set_mask_and_coherent(mask) }.inspect_err(|_| {
            pr_err!("no memory has an address of {bits} bits, see dma_bits\n");
        })?;
        let bar = pdev
            .iomap_region_sized::<{ regs::END }>(0, c"edu_async")?
            .into_devres()?;
        let edu = Arc::new(Edu::new(bar)?, GFP_KERNEL)?;
        // What fails comes first: what is made goes in the order that it has to go in.
        let executor = Executor::new(c"edu_async")?;
        let root = executor.root();
        let clients = root.child(c"clients")?;
        let ending = root.child(c"ending")?;
        let stuck = Arc::new(Atomic::new(false), GFP_KERNEL)?;
        let over = Arc::new(Atomic::new(0), GFP_KERNEL)?;
        let refused = Arc::new(Atomic::new(0), GFP_KERNEL)?;
        // An earlier owner of the device may have left it at work.
        block_on(edu.wait_idle())??;
        let vectors = KBox::new(
            pdev.alloc_irq_vectors(1, 1, pci::IrqTypes::all())?,
            GFP_KERNEL,
        )?;
        let content = &raw const *vectors;
        // SAFETY: The box does not move, and is dropped after the registration.
        let vector = unsafe { &*content }.index(0)?;
        // SAFETY: The registration is part of the driver's data, which the kernel drops.
        let (line, interrupts) = unsafe {
            irq::request(
                vector.into(),
                c"edu_async",
                irq::Kind::Shared,
                Line(edu.clone()),
            )?
        };
        root.spawn(c"interrupts", demultiplex(edu.clone(), interrupts))?
            .detach();
        ending
            .spawn(c"drain", drain(edu.clone(), stuck.clone()))?
            .detach();
        Ok(Self {
            _line: line,
            _vectors: vectors,
            clients,
            ending,
            stuck,
            edu,
            over,
            refused,
            _executor: executor,
        })
    }

    /// Waits for what the device has, refuses the rest, and waits for the clients. Needs no memory.
    ///
    /// # Errors
    ///
    /// `ETIME` if an engine does not end what it has. The other is waited for in any case, and so
    /// are the clients.
    fn end(&self) -> Result {
        self.ending.cancel();
        let drained = self.ending.join_blocking();
        let joined = self.clients.join_blocking();
        if self.stuck.load(Acquire) {
            return Err(ETIME);
        }
        drained.and(joined)
    }
}

/// Waits for what the engines have once the task is cancelled. They refuse the rest.
async fn drain(edu: Arc<Edu>, stuck: Arc<Atomic<bool>>) {
    cancelled().await;
    let (computing, copying) = (&edu.computing, &edu.copying);
    computing.close();
    copying.close();
    let (computed, copied) = join!(computing.drained(), copying.drained());
    if computed.and(copied).is_err() {
        stuck.store(true, Release);
    }
}

impl Drop for Driver<'_> {
    fn drop(&mut self) {
        // Interrupts still come. A device that is dead keeps its memory, which kasync reports.
        let _ended = self.end();
    }
}

struct EduAsync;

kernel::pci_device_table!(
    PCI_TABLE,
    <EduAsync as pci::Driver>::IdInfo,
    [(pci::DeviceId::from_class(0x00ff00, 0xffff00), ())]
);

impl pci::Driver for EduAsync {
    type IdInfo = ();
    type Data<'bound> = Driver<'bound>;
    const ID_TABLE: pci::IdTable<Self::IdInfo> = &PCI_TABLE;

    fn probe<'bound>(
        pdev: &'bound pci::Device<device::Core<'_>>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Self::Data<'bound>, Error> + 'bound {
        let bind = || {
            let driver = Driver::new(pdev)?;
            let device = pdev.as_ref();
            driver.many_tasks(device)?;
            driver.out_of_time(device)?;
            driver.cancelled(device)?;
            driver.leave_some(device)?;
            Ok(driver)
        };
        bind()
    }

    fn unbind<'bound>(
        _pdev: &'bound pci::Device<device::Core<'_>>,
        this: Pin<&Self::Data<'bound>>,
    ) {
        let busy = this.edu.copying.is_busy();
        let ended = this.end().is_ok();
        let (over, refused) = (this.over.load(Acquire), this.refused.load(Acquire));
        pr_info!("unbound, device busy: {busy}; {over} over, {refused} refused\n");
        // `check` says it.
        let _said = check(
            "what the device had was awaited, the rest refused",
            ended && !this.edu.copying.is_busy() && over + refused == LEFT as u32,
        );
    }
}

kernel::module_pci_driver! {
    type: EduAsync,
    name: "edu_async",
    authors: ["The asahi-async authors"],
    description: "A driver on kasync, for QEMU's edu device",
    license: "Dual MIT/GPL",
    params: {
        dma_bits: u8 {
            default: 28,
            description: "Bits of the device's addresses: 28, or as its property dma_mask says",
        },
    },
}
