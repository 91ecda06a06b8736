// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The firmware of the GPU's coprocessor: boot, commands and messages.
//!
//! The GPU is run by a coprocessor. The driver never touches the GPU itself: it writes structures
//! into memory that the firmware shares, and rings a doorbell.
//!
//! ```text
//!        queues (jobs)                         memory management
//!   submit │    ▲ Watch::poll                    │ unmap, flush
//!          ▼    │                                ▼
//!   ┌───────────┴──────────── Firmware ─────────────────────┐
//!   │ pipes  Power   Events ◄── EventTask ──► Recovery   Control
//!   │   │      │        ▲            ▲    print_logs         │
//!   └───┼──────┼────────┼────────────┼─────────▲────────────┼┘
//!       ▼      ▼      stamps       event      log          ▼      rings in shared memory
//!      tx    kick               ring       rings        tx
//!       └──────┴─────────────────┬──────────┴──────────────┘
//!                               Link      two RTKit endpoints, one doorbell in each direction
//! ```
//!
//! Life of the firmware:
//!
//! ```text
//!   new(), open(), boot()     crash log, or something that no firmware would do
//!   stopped ───────► running ───────────────────────────────────────────────────► dead
//!      ▲                │ shutdown()
//!      └────────────────┘ (asleep: boot() wakes it)
//! ```
//!
//! Once it is dead it stays dead; all waits end with `ENODEV`.

mod blobs;
mod boot;
mod control;
mod crash;
mod events;
mod initdata;
mod link;
mod log_limit;
mod logs;
mod message;
mod notifier;
mod outcome;
mod power;
mod rate;
mod recovery;
pub(crate) mod ring;
mod rx;
mod rx_task;
pub(crate) mod shared;
mod stamp;
mod tx;
mod tx_wait;
mod window;

pub(crate) use self::{
    boot::without_allocation,
    control::Control,
    crash::Crash,
    events::{
        EventSlot,
        Events,
        Watch, //
    },
    initdata::StatsAddresses,
    message::{
        ContextIds,
        PipeKind,
        PipeMessage, //
    },
    notifier::Notifier,
    outcome::{
        Client,
        Failure,
        Owner, //
    },
    power::PendingSubmission,
    stamp::Stamp,
    tx::{
        Room,
        RoomWait,
        TxChannel, //
    }, //
};

use self::{
    blobs::{
        Blobs,
        Cores,
        Expected, //
    },
    initdata::{
        InitData,
        Parts,
        PIPES, //
    },
    link::{
        Doorbell,
        Link, //
    },
    log_limit::LogLimit,
    logs::{
        LogMemory,
        Logs, //
    },
    power::Power,
    recovery::Recovery,
    rx::RxMemory,
    rx_task::EventTask,
    tx::Geometry, //
};
use crate::{
    alloc::Heaps,
    hw::{
        io::IoMapping,
        Chip, //
    },
    mmu::Uat,
    regs::Regs, //
};
use agx_abi::{
    channel::{
        EventMessage,
        EVENT_ENTRIES,
        PIPE_PRIORITIES, //
    },
    globals::Globals,
    init::RuntimePointers,
    Value, //
};
use kasync::Scope;
use kernel::{
    device::{
        Bound,
        Device, //
    },
    fmt,
    prelude::*,
    sync::{
        aref::ARef,
        Arc, //
    }, //
};

/// The state that the driver sets up before it boots the firmware.
pub(crate) struct Machine<'a> {
    pub(crate) dev: &'a Device<Bound>,
    /// Parent of the firmware's tasks. It must outlive the queues' tasks: those need the firmware
    /// to come to an end.
    pub(crate) scope: &'a Scope,
    pub(crate) chip: &'static Chip,
    pub(crate) regs: &'a Arc<Regs>,
    pub(crate) uat: &'a Arc<Uat>,
    pub(crate) heaps: &'a Heaps,
    /// The bootloader's memory regions: hw-cal-a, hw-cal-b, globals.
    pub(crate) blobs: [&'a [u8]; 3],
    /// Physical address of the page table bases.
    pub(crate) ttb_base: u64,
    /// The entries of the chip's list of registers, each with the address at which the firmware has
    /// it.
    pub(crate) io: &'a [(&'static IoMapping, u64)],
    /// The firmware's address of the GPU's SRAM; 0 if there is none.
    pub(crate) sram: u64,
    /// The buffer manager control page: address on the GPU, and for the firmware.
    pub(crate) buffer_manager: (u64, u64),
    /// The firmware's reaction to a fault of a shader; 0xb except for debugging.
    pub(crate) fault_control: u32,
}

/// The firmware of a GPU, running or dead.
///
/// | call | context |
/// |---|---|
/// | [`Firmware::new`], [`Firmware::open`] | process, may sleep; not in a signalling section |
/// | [`Firmware::boot`], [`Firmware::shutdown`] | the same |
/// | [`Firmware::begin_submission`] | process, also in signalling sections, preemption disabled |
/// | [`Firmware::recheck`], [`Firmware::progress`] | any |
/// | [`Firmware::crash`], [`Firmware::give_up`] | any |
pub(crate) struct Firmware {
    dev: ARef<Device>,
    scope: Scope,
    crash: Crash,
    link: Arc<Link>,
    control: Arc<Control>,
    /// The channels of the pipes, by [`RuntimePointers::pipe`].
    pipes: KVec<Arc<TxChannel>>,
    events: Arc<Events>,
    power: Arc<Power>,
    init_data: InitData,
    cores: Cores,
    max_frequency_khz: Option<u32>,
    uat: Arc<Uat>,
    /// Memory of the rings that the tasks read; kept until the firmware is gone.
    _rings: (RxMemory, LogMemory),
}

impl Firmware {
    /// Creates the firmware's data structures, and the tasks that read its messages. The
    /// coprocessor need not run yet.
    ///
    /// # Errors
    ///
    /// If the bootloader's blobs are not usable the reason is in the log.
    pub(crate) fn new(machine: &Machine<'_>) -> Result<Arc<Self>> {
        let dev = machine.dev;
        let blobs = check_blobs(machine)?;

        let scope = machine.scope.child(c"firmware")?;
        let crash = Crash::new(&scope, machine.uat)?;
        let link = Arc::new(Link::new(dev, machine.uat, crash.clone())?, GFP_KERNEL)?;
        let heaps = machine.heaps;

        // The rings that we write.
        let command = |name, geometry, doorbell| {
            let (state, entries) = (&heaps.shared, &heaps.private);
            TxChannel::new(name, geometry, state, entries, doorbell, &link, &crash)
        };
        let mut pipes = KVec::with_capacity(PIPES, GFP_KERNEL)?;
        for priority in 0..PIPE_PRIORITIES {
            for kind in PipeKind::ALL {
                let doorbell = Doorbell::pipe(kind, priority);
                pipes.push(
                    command(c"pipe", Geometry::pipe(heaps.abi), doorbell)?,
                    GFP_KERNEL,
                )?;
            }
        }
        let device_control = command(
            c"device control",
            Geometry::device_control(heaps.abi),
            Doorbell::DEVICE_CONTROL,
        )?;
        let fwctl = TxChannel::new(
            c"FwCtl",
            Geometry::fwctl(heaps.abi),
            &heaps.shared,
            &heaps.shared,
            Doorbell::FW_CTL,
            &link,
            &crash,
        )?;
        let control = Arc::new(
            Control {
                device_control,
                fwctl,
            },
            GFP_KERNEL,
        )?;

        // The rings that we read.
        let event_ring = RxMemory::new(&heaps.shared, 1, EVENT_ENTRIES, EventMessage::SIZE)?;
        let log_rings = LogMemory::new(&heaps.shared)?;
        let events = Events::new(
            dev,
            &crash,
            &machine.uat.slots,
            &heaps.private,
            &heaps.shared,
        )?;

        let init_data = InitData::new(
            heaps,
            machine.chip,
            &Parts {
                blobs,
                io: machine.io,
                sram: machine.sram,
                buffer_manager: machine.buffer_manager,
                pipes: core::array::from_fn(|i| pipes[i].addresses()),
                device_control: control.device_control.addresses(),
                fwctl: control.fwctl.addresses(),
                event: event_ring.addresses(),
                log: log_rings.log.addresses(),
                log_payloads: log_rings.payloads.va(),
                trace: log_rings.trace.addresses(),
                stats: log_rings.stats.addresses(),
                fault_control: machine.fault_control,
            },
        )?;
        let power = Power::new(init_data.globals.field(Globals::PENDING_SUBMISSIONS)?)?;

        let recovery = Recovery::new(
            dev,
            machine.regs,
            &events,
            &crash,
            &init_data.globals,
            &init_data.status,
        )?;
        let event_task = EventTask {
            dev: dev.into(),
            link: link.clone(),
            crash: crash.clone(),
            ring: event_ring.reader(0)?,
            events: events.clone(),
            recovery,
            control: control.clone(),
            limit: LogLimit::new(dev, "failures of jobs were not logged"),
        };
        let logs = Logs::new(dev, &log_rings)?;

        let this = Arc::new(
            Self {
                dev: dev.into(),
                scope,
                crash,
                link,
                control,
                pipes,
                events,
                power,
                init_data,
                cores: blobs.cores(machine.chip),
                uat: machine.uat.clone(),
                max_frequency_khz: blobs.max_frequency_mhz().map(|mhz| mhz * 1000),
                _rings: (event_ring, log_rings),
            },
            GFP_KERNEL,
        )?;
        this.spawn(event_task, logs).inspect_err(|_| {
            this.shutdown();
        })?;
        Ok(this)
    }

    fn spawn(&self, events: EventTask, logs: Logs) -> Result {
        let print_logs = rx_task::print_logs(logs, self.link.clone(), self.crash.clone());
        self.scope.spawn(c"events", events.run())?.detach();
        self.scope.spawn(c"logs", print_logs)?.detach();
        self.scope
            .spawn(c"crash", self.events.clone().crashed())?
            .detach();
        Ok(())
    }

    /// Returns the pipe of `kind` and `priority`.
    ///
    /// # Errors
    ///
    /// `EINVAL` if there is no such priority.
    pub(crate) fn pipe(&self, kind: PipeKind, priority: usize) -> Result<Arc<TxChannel>> {
        let pipe = self.pipes.get(RuntimePointers::pipe(kind, priority));
        Ok(pipe.ok_or(EINVAL)?.clone())
    }

    /// Counts a submission as begun: while the result lives the firmware keeps the GPU on.
    pub(crate) fn begin_submission(&self) -> PendingSubmission {
        self.power.begin()
    }

    /// Returns the event slots.
    pub(crate) fn events(&self) -> &Arc<Events> {
        &self.events
    }

    /// Returns the channel for commands to the firmware itself.
    pub(crate) fn control(&self) -> &Arc<Control> {
        &self.control
    }

    /// Returns whether and when the firmware is dead.
    pub(crate) fn crash(&self) -> &Crash {
        &self.crash
    }

    /// Declares the firmware dead, and says `why` in the log.
    pub(crate) fn give_up(&self, why: fmt::Arguments<'_>) {
        let _ = self.link.give_up(why);
    }

    /// Wakes the tasks that read the rings, in case an interrupt was lost.
    pub(crate) fn recheck(&self) {
        self.link.wakes.all();
    }

    /// Returns a number that is another one when commands of any queue have completed since.
    pub(crate) fn progress(&self) -> u32 {
        self.events.progress()
    }

    /// Returns the addresses of the statistics blocks.
    pub(crate) fn stats(&self) -> StatsAddresses {
        self.init_data.stats
    }

    /// Returns the highest clock of the GPU, as the bootloader found it.
    pub(crate) fn max_frequency_khz(&self) -> Option<u32> {
        self.max_frequency_khz
    }
}

/// Returns the blobs in their regions, after checking that they fit this machine.
fn check_blobs<'a>(machine: &Machine<'a>) -> Result<Blobs<'a>> {
    let [hw_cal_a, hw_cal_b, globals] = machine.blobs;
    let expected = Expected {
        chip: machine.chip,
        ttb_base: machine.ttb_base,
    };
    Blobs::new(machine.heaps.abi, hw_cal_a, hw_cal_b, globals)
        .and_then(|blobs| blobs.check(&expected).map(|()| blobs))
        .map_err(|e| {
            dev_err!(machine.dev, "{e}\n");
            EINVAL
        })
}
