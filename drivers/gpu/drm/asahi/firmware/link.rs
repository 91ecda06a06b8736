// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The two RTKit endpoints: messages to the firmware, and the one that comes back.
//!
//! All content is in memory. A message to the firmware is the address of the init data, or a
//! doorbell: "look at that ring". The firmware has one doorbell too, for all the rings that it
//! writes. It arrives in the hard interrupt of the mailbox, and wakes two tasks there.

use super::crash::Crash;
use crate::{
    alloc::RtkitBuffer,
    mmu::Uat, //
};
use agx_abi::{
    channel::{
        PipeKind,
        PIPE_PRIORITIES, //
    },
    init::RuntimePointers,
    message::{
        self,
        ENDPOINT_DOORBELL,
        ENDPOINT_FIRMWARE, //
    }, //
};
use kasync::sync::Notify;
use kernel::{
    device::{
        Bound,
        Device, //
    },
    fmt,
    new_mutex,
    prelude::*,
    sync::{
        aref::ARef,
        Arc,
        Completion,
        Mutex,
        SetOnce, //
    },
    time::{
        Delta,
        Instant,
        Monotonic, //
    }, //
};
use rtkit::{
    BootError,
    Message,
    Rtkit, //
};

/// The time that the firmware may take for RTKit's dialogue. It has much to do when it starts, and
/// a machine that emulates it may have other things to do.
const BOOT_LIMIT: Delta = Delta::from_millis(10_000);

/// The only message of the firmware.
const RX_DOORBELL: u64 = message::message(message::TYPE_RX_DOORBELL, 0);

/// A doorbell: the ring that the firmware is to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Doorbell(
    /// A bit for each of [`DOORBELLS`].
    u64,
);

impl Doorbell {
    /// No ring: it only wakes the firmware. It is sent before those of the pipes.
    pub(super) const KICK: Self = Self(1 << 0);
    /// The device control ring.
    pub(super) const DEVICE_CONTROL: Self = Self(1 << 1);
    /// The FwCtl ring.
    pub(super) const FW_CTL: Self = Self(1 << 2);
    /// Index of the first pipe's.
    const PIPES: usize = 3;

    /// Returns the doorbell for the ring of a pipe, by kind and priority.
    pub(super) const fn pipe(kind: PipeKind, priority: usize) -> Self {
        Self(1 << (Self::PIPES + RuntimePointers::pipe(kind, priority)))
    }

    /// Returns both in one.
    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The messages of the doorbells.
const DOORBELLS: [Message; Doorbell::PIPES + PIPE_PRIORITIES * PipeKind::ALL.len()] = {
    const fn ring(channel: u16) -> Message {
        let message = message::message(message::TYPE_TX_DOORBELL, channel as u64);
        Message::new(ENDPOINT_DOORBELL, message)
    }
    let fw_ctl = message::message(message::TYPE_FW_CTL_DOORBELL, 0);

    let mut all = [const { ring(message::DOORBELL_KICK) };
        Doorbell::PIPES + PIPE_PRIORITIES * PipeKind::ALL.len()];
    all[1] = ring(message::DOORBELL_DEVICE_CONTROL);
    all[2] = Message::new(ENDPOINT_DOORBELL, fw_ctl);
    let mut priority = 0;
    while priority < PIPE_PRIORITIES {
        let mut i = 0;
        while i < PipeKind::ALL.len() {
            let kind = PipeKind::ALL[i];
            all[Doorbell::PIPES + RuntimePointers::pipe(kind, priority)] =
                ring(message::pipe_doorbell(kind as u32, priority as u32));
            i += 1;
        }
        priority += 1;
    }
    all
};

/// The tasks that a doorbell from the firmware wakes.
pub(super) struct Wakes {
    /// The task that reads the event ring.
    pub(super) events: Notify,
    /// The task that reads the other rings.
    pub(super) logs: Notify,
    /// The tasks that wait for a read index to move.
    pub(super) progress: Notify,
}

impl Wakes {
    pub(super) fn new() -> Self {
        Self {
            events: Notify::new(),
            logs: Notify::new(),
            progress: Notify::new(),
        }
    }

    /// Wakes all of them.
    ///
    /// # Context
    ///
    /// Any.
    pub(super) fn all(&self) {
        self.events.notify_one();
        self.logs.notify_one();
        self.progress.notify_waiters();
    }
}

/// Holds back the memory that RTKit asks for until the handshake of the translation unit.
///
/// The mailbox is opened before the coprocessor runs, so that nothing that may fail comes later. So
/// its dialogue may begin beside the handshake, and its buffers come after that. Both orders work:
/// the driver in the field does the handshake first, and m1n1 when it maps the first buffer. That
/// the two may run side by side is inferred [I].
///
/// ```text
///   SHUT ──(1) open(): `is_open`, `decided`──► OPEN ──(2) close(): not `is_open`──► CLOSED
///   SHUT ──(3) close(): `decided`──► CLOSED
/// ```
///
/// `pass()` waits while the gate is shut, gives memory while it is open, and returns `ENODEV` when
/// it is closed. The gate is opened once at most: a link boots once.
#[pin_data]
struct Gate {
    /// True if memory may be given. Locked while some is.
    #[pin]
    is_open: Mutex<bool>,
    /// Completed when the gate is open, or will not open any more.
    #[pin]
    decided: Completion,
}

impl Gate {
    fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                is_open <- new_mutex!(false),
                decided <- Completion::new(),
            }),
            GFP_KERNEL,
        )
    }

    /// Ends all waits, with memory for each: (1).
    fn open(&self) {
        *self.is_open.lock() = true;
        self.decided.complete_all();
    }

    /// Ends all waits, after that for memory which is just being given. No more is given: (2), (3).
    fn close(&self) {
        *self.is_open.lock() = false;
        self.decided.complete_all();
    }

    /// Gives memory by `give` when the gate is open. Returns `ENODEV` if it will not be opened, or
    /// is closed again.
    fn pass<R>(&self, give: impl FnOnce() -> Result<R>) -> Result<R> {
        self.decided.wait_for_completion();
        let is_open = self.is_open.lock();
        if *is_open {
            give()
        } else {
            Err(ENODEV)
        }
    }
}

/// The callbacks for RTKit.
pub(super) struct Callbacks {
    dev: ARef<Device>,
    uat: Arc<Uat>,
    gate: Arc<Gate>,
    crash: Crash,
    wakes: Arc<Wakes>,
}

impl rtkit::Operations for Callbacks {
    type Buffer = RtkitBuffer;

    const DOORBELLS: &'static [Message] = &DOORBELLS;

    fn recv_message_early(&self, endpoint: u8, message: u64) -> bool {
        let known = endpoint == ENDPOINT_FIRMWARE && message == RX_DOORBELL;
        if known {
            self.wakes.all();
        }
        known
    }

    fn recv_message(&self, endpoint: u8, message: u64) {
        dev_dbg!(
            self.dev,
            "unknown message {message:#018x} from firmware endpoint {endpoint:#x}\n"
        );
    }

    fn send_failed(&self, error: Error) {
        declare_dead(
            &self.dev,
            &self.crash,
            &self.wakes,
            fmt!("firmware takes no messages ({error:?})"),
        );
    }

    fn shmem_setup(&self, size: usize) -> Result<RtkitBuffer> {
        self.gate.pass(|| RtkitBuffer::new(&self.uat, size))
    }

    fn crashed(&self, log: Option<&[u8]>) {
        // RTKit has printed the log.
        dev_err!(
            self.dev,
            "firmware crashed ({} bytes of crash log): the GPU is unusable until the next reboot\n",
            log.map_or(0, <[u8]>::len)
        );
        self.crash.set();
        self.wakes.all();
    }
}

/// Declares the firmware dead, and wakes all tasks that wait for it.
fn declare_dead(dev: &Device, crash: &Crash, wakes: &Wakes, why: fmt::Arguments<'_>) {
    if !crash.is_set() {
        dev_err!(dev, "{why}: the GPU is unusable until the next reboot\n");
    }
    crash.set();
    wakes.all();
}

/// The connection to the firmware.
///
/// | call | context |
/// |---|---|
/// | [`Link::ring`], [`Link::give_up`] | any |
/// | [`Link::open`], [`Link::boot`], [`Link::close`] | process, sleep |
pub(super) struct Link {
    dev: ARef<Device>,
    rtkit: SetOnce<Rtkit<Callbacks>>,
    crash: Crash,
    uat: Arc<Uat>,
    gate: Arc<Gate>,
    pub(super) wakes: Arc<Wakes>,
}

impl Link {
    pub(super) fn new(dev: &Device, uat: &Arc<Uat>, crash: Crash) -> Result<Self> {
        Ok(Self {
            dev: dev.into(),
            uat: uat.clone(),
            rtkit: SetOnce::new(),
            crash,
            gate: Gate::new()?,
            wakes: Arc::new(Wakes::new(), GFP_KERNEL)?,
        })
    }

    /// Opens the mailbox. The firmware may send messages from then on.
    pub(super) fn open(&self, dev: &Device<Bound>) -> Result {
        let callbacks = Arc::new(
            Callbacks {
                dev: self.dev.clone(),
                uat: self.uat.clone(),
                crash: self.crash.clone(),
                gate: self.gate.clone(),
                wakes: self.wakes.clone(),
            },
            GFP_KERNEL,
        )?;
        if self.rtkit.populate(Rtkit::new(dev, 0, callbacks)?) {
            Ok(())
        } else {
            Err(EBUSY)
        }
    }

    /// Boots RTKit, after the handshake of the translation unit. The firmware then knows no memory
    /// of the driver but RTKit's shared buffers.
    ///
    /// `was_running`: the coprocessor's CPU was running before the probe. Either the bootloader has
    /// started it, and it sends its hello. Or it sleeps since an earlier [`Link::sleep`], and has
    /// to be woken.
    pub(super) fn boot(&self, was_running: bool) -> Result {
        let rtkit = self.rtkit()?;
        self.gate.open();

        let start = Instant::<Monotonic>::now();
        let mut booted = rtkit.boot(false);
        if was_running && booted == Err(BootError::NoAnswer) {
            booted = rtkit.boot(true);
        }
        // RTKit waits for a second with each step. It goes on where it was.
        while booted == Err(BootError::NoAnswer) && start.elapsed() < BOOT_LIMIT {
            booted = rtkit.boot(false);
        }
        booted.map_err(|e| self.boot_failed(was_running, e))?;
        for endpoint in [ENDPOINT_FIRMWARE, ENDPOINT_DOORBELL] {
            rtkit.start_endpoint(endpoint).inspect_err(|_| {
                dev_err!(
                    self.dev,
                    "firmware has no endpoint {endpoint:#x}: not AGX firmware?\n"
                );
            })?;
        }
        Ok(())
    }

    /// Sends the address of the init data to the firmware.
    pub(super) fn hand_over(&self, address: u64) -> Result {
        self.uat.set_lent(true);
        self.rtkit()?
            .send_message(ENDPOINT_FIRMWARE, message::init(address))
    }

    fn boot_failed(&self, was_running: bool, error: BootError) -> Error {
        let (why, error) = match error {
            BootError::NoAnswer if was_running => (
                "firmware was started before and does not wake up: reboot to use the GPU",
                ETIMEDOUT,
            ),
            BootError::NoAnswer => ("firmware does not answer on its mailbox", ETIMEDOUT),
            BootError::Crashed => ("firmware crashed while booting", ENODEV),
            BootError::Refused(e) => ("RTKit does not come up", e),
        };
        dev_err!(self.dev, "{why} ({error:?})\n");
        error
    }

    /// Rings a doorbell. The entry that it announces must be in memory before. Does nothing if the
    /// firmware is dead.
    ///
    /// # Context
    ///
    /// Any; does not sleep. A worker sends the message.
    pub(super) fn ring(&self, doorbell: Doorbell) {
        if let Some(rtkit) = self.rtkit.as_ref() {
            rtkit.ring(doorbell.0);
        }
    }

    /// Declares the firmware dead after it has broken the protocol.
    pub(super) fn give_up(&self, why: fmt::Arguments<'_>) -> Error {
        declare_dead(&self.dev, &self.crash, &self.wakes, why);
        ENODEV
    }

    /// Puts the coprocessor to sleep. It then accesses no memory, and can be woken again.
    ///
    /// # Errors
    ///
    /// `ENODEV` if it does not run. A firmware that comes up after all gets no memory any more, so
    /// what it has been given by now is all that it has.
    pub(super) fn sleep(&self) -> Result {
        self.rtkit()?.shutdown().inspect_err(|_| self.gate.close())
    }

    /// Closes the mailbox. No callback runs any more when it returns.
    pub(super) fn close(&self) {
        self.gate.close();
        if let Some(rtkit) = self.rtkit.as_ref() {
            rtkit.close();
        }
    }

    fn rtkit(&self) -> Result<&Rtkit<Callbacks>> {
        self.rtkit.as_ref().ok_or(ENODEV)
    }
}

impl Drop for Link {
    /// Closes the mailbox, with the gate, for which a callback may wait.
    fn drop(&mut self) {
        self.close();
    }
}
