// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Calls to a GPU's firmware, many at once: the message queues of a GPU system processor (GSP) on
//! the executor.
//!
//! ```text
//!  callers: any task or thread         one task                         the processor
//!  ───────────────────────────         ────────                         ─────────────
//!  call() ── slot, turn ── commands, doorbell ────────────────────────► works, in any order
//!                                                                          │
//!  await ◄── slot, by number ──┐                                           │
//!  streams ◄── events ─────────┴── messages, copied and checked ◄── irq ───┘
//! ```
//!
//! The driver is for the emulated processor of `tools/gspemu`, which speaks as firmware 570.144
//! does; `Documentation/nova.rst` explains both. Binding runs some clients, and says what became of
//! them; unbinding finds others at work.

use kasync::{
    irq,
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
        atomic::Relaxed,
        Arc, //
    }, //
};

mod channel;
mod channels;
mod clients;
mod events;
mod figures;
mod gsp;
mod handles;
mod load;
mod method;
mod moments;
mod queue;
mod regs;
mod rpc;
mod sequencer;
mod server;
mod subdevice;
#[path = "../vectors.rs"]
mod vectors;
mod wire;

use clients::{
    check,
    Clients, //
};
use gsp::{
    Gsp,
    Line, //
};
use load::Left;
use queue::Memory;
use regs::Registers;
use rpc::Rpc;
use server::Server;
use wire::Framing;

/// The emulated processor. Neither number was assigned to it: it takes the vendor's as agxemu does,
/// and this one as no device of theirs is known to have it.
const DEVICE: u32 = 0xa65b;

/// The driver's side of a bound device.
struct Driver<'bound> {
    /// A channel with jobs that do not end.
    stuck: Option<channels::Client>,
    /// The tasks of the clients.
    clients: Clients,
    /// The task that frees clients whose owners have gone.
    objects: Scope,
    /// The task that serves the processor.
    server: Scope,
    // Waits for all tasks that are left.
    _executor: Executor,
    // After the tasks: the processor unloads with an interrupt. Its stream ends here.
    _line: irq::Registration<'bound, Line>,
    _vectors: KBox<pci::IrqVectorRegistration<'bound>>,
}

impl<'bound> Driver<'bound> {
    fn new(pdev: &'bound pci::Device<device::Core<'_>>) -> Result<Self> {
        pdev.enable_device_mem()?;
        pdev.set_master();
        // SAFETY: Nothing is mapped for DMA yet.
        unsafe { pdev.dma_set_mask_and_coherent(DmaMask::new::<64>())? };
        let bar = pdev.iomap_region_sized::<{ regs::END }>(0, c"nova_gsp")?;
        let registers = Registers(bar.into_devres()?);
        let framing = match module_parameters::framing.value() {
            0 => Framing::V0,
            2 => Framing::V2,
            _ => return Err(EINVAL),
        };
        let memory = Memory::new(pdev.as_ref(), framing)?;
        let executor = Executor::new(c"nova_gsp")?;
        let root = executor.root();
        let gsp = Gsp::new(Rpc::new(registers, memory)?, root.child(c"lives")?)?;
        let vectors = vectors::allocate(pdev, pci::IrqType::Msi, 1, 1)?;
        let vectors = KBox::new(vectors, GFP_KERNEL)?;
        let content = &raw const *vectors;
        // SAFETY: The box does not move, and is dropped after the registration.
        let vector = unsafe { &*content }.index(0)?;
        // SAFETY: The registration is part of the driver's data, which the kernel drops.
        let (line, interrupts) = unsafe {
            irq::request(
                vector.into(),
                c"nova_gsp",
                irq::Kind::Hard,
                Line(gsp.clone()),
            )?
        };
        let scope = root.child(c"clients")?;
        let channels = root.child(c"channels")?;
        let objects = root.child(c"objects")?;
        let server = root.child(c"gsp")?;
        let task = Server::new(gsp.clone(), interrupts)?;
        server.spawn(c"server", task.run())?.detach();
        objects
            .spawn(c"reap", handles::reap(gsp.rpc.clone()))?
            .detach();
        let left = Arc::new(Left::new(), GFP_KERNEL)?;
        Ok(Self {
            stuck: None,
            clients: Clients {
                gsp,
                scope,
                channels,
                left,
            },
            objects,
            server,
            _executor: executor,
            _line: line,
            _vectors: vectors,
        })
    }

    /// Ends the channels and the clients, has the firmware free what they have left, and ends the
    /// processor. It is served until then: so each call ends.
    fn end(&self) -> Result {
        self.clients.scope.cancel();
        self.clients.channels.cancel();
        self.clients.channels.join_blocking()?;
        self.clients.scope.join_blocking()?;
        self.objects.cancel();
        self.objects.join_blocking()?;
        self.server.cancel();
        self.server.join_blocking()
    }
}

impl Drop for Driver<'_> {
    fn drop(&mut self) {
        // Cannot fail: not in a poll. Interrupts still come.
        let _joined = self.end();
    }
}

struct NovaGsp;

kernel::pci_device_table!(
    PCI_TABLE,
    <NovaGsp as pci::Driver>::IdInfo,
    [(pci::DeviceId::from_id(pci::Vendor::APPLE, DEVICE), ())]
);

impl pci::Driver for NovaGsp {
    type IdInfo = ();
    type Data<'bound> = Driver<'bound>;
    const ID_TABLE: pci::IdTable<Self::IdInfo> = &PCI_TABLE;

    fn probe<'bound>(
        pdev: &'bound pci::Device<device::Core<'_>>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Self::Data<'bound>, Error> + 'bound {
        let bind = || {
            let mut driver = Driver::new(pdev)?;
            if module_parameters::scenarios.value() != 0 {
                driver.clients.scenarios()?;
                driver.clients.channel_scenarios(pdev.as_ref())?;
            }
            if module_parameters::figures.value() != 0 {
                driver.clients.run("figures", Clients::figures)?;
            }
            match (
                module_parameters::moment.value(),
                module_parameters::storm.value(),
            ) {
                (0, 0) => {
                    driver.clients.leave_some()?;
                    driver.stuck = Some(driver.clients.leave_stuck(pdev.as_ref())?);
                }
                (0, seconds) => driver.clients.storm(u32::from(seconds))?,
                (which, _) => driver.clients.moment(pdev.as_ref(), which)?,
            }
            Ok(driver)
        };
        bind()
    }

    fn unbind<'bound>(
        _pdev: &'bound pci::Device<device::Core<'_>>,
        this: Pin<&Self::Data<'bound>>,
    ) {
        let filled = match module_parameters::moment.value() {
            moments::STARTING => this.clients.fill(),
            _ => Ok(()),
        };
        let calls = this.clients.gsp.rpc.in_flight();
        let ended = filled.and_then(|()| this.end()).is_ok();
        let left = &this.clients.left;
        let (right, wrong) = (left.right.load(Relaxed), left.wrong.load(Relaxed));
        let refused = left.refused.load(Relaxed);
        pr_info!("unbound with {calls} calls in flight; {right} right, {refused} refused\n");
        // `check` says it.
        let _said = check(
            "unbound at work: no answer was wrong, and no call is left",
            ended
                && (wrong == 0 || module_parameters::honest.value() == 0)
                && this.clients.gsp.rpc.in_flight() == 0,
        );
    }
}

kernel::module_pci_driver! {
    type: NovaGsp,
    name: "nova_gsp",
    authors: ["The asahi-async authors"],
    description: "A GPU's firmware queue on kasync, for gspemu",
    license: "Dual MIT/GPL",
    params: {
        scenarios: u8 {
            default: 1,
            description: "Whether clients try what they can when the driver binds",
        },
        storm: u8 {
            default: 0,
            description: "For how many seconds the driver calls when it binds, whatever happens",
        },
        moment: u8 {
            default: 0,
            description: "Which fault is scripted outside: it is tried alone when the driver binds",
        },
        honest: u8 {
            default: 1,
            description: "Whether answers are as the firmware has made them",
        },
        framing: u8 {
            default: 0,
            description: "How messages are framed: 0, as firmware 570.144 does, or 2, as newer does",
        },
        figures: u8 {
            default: 0,
            description: "Whether the driver prints what calls take when it binds",
        },
    },
}
