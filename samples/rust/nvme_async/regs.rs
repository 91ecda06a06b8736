// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Registers of an NVMe controller, of which the specification is NVMe 1.4, section 3.1.

use kernel::{
    bindings,
    io::{
        register,
        Io, //
    },
    pci,
    prelude::*,
    sync::aref::ARef,
    time::Delta, //
};

/// The smallest BAR: the registers, and the doorbells of the admin queue.
pub(crate) const END: usize = 0x1008;
/// The offset of the doorbells.
const DOORBELLS: usize = 0x1000;

register! {
    /// Controller Capabilities, the lower half.
    pub(crate) CAP(u32) @ 0x0 {
        /// The time that CSTS.RDY may take to change, in units of 500 ms.
        31:24 to;
        /// The largest number of entries of a queue for I/O, less one.
        15:0 mqes;
    }

    /// Controller Capabilities, the upper half.
    pub(crate) CAP_HIGH(u32) @ 0x4 {
        /// The smallest page of memory is 2 to this plus 12.
        19:16 mpsmin;
        /// Bit 0: the NVM command set.
        12:5 css;
        /// Doorbells are 2 to this plus 2 bytes apart.
        3:0 dstrd;
    }

    /// Controller Configuration.
    pub(crate) CC(u32) @ 0x14 {
        /// 2 to this is the size of an entry of a completion queue.
        23:20 iocqes;
        /// 2 to this is the size of an entry of a submission queue.
        19:16 iosqes;
        /// Shutdown notification.
        15:14 shn;
        13:11 ams;
        10:7 mps;
        6:4 css;
        0:0 en;
    }

    /// Controller Status.
    pub(crate) CSTS(u32) @ 0x1c {
        /// Shutdown status.
        3:2 shst;
        /// The controller has failed, and only a reset helps.
        1:1 cfs;
        0:0 rdy;
    }

    /// Admin Queue Attributes: numbers of entries, less one.
    pub(crate) AQA(u32) @ 0x24 {
        27:16 acqs;
        11:0 asqs;
    }

    /// Admin Submission Queue Base Address.
    pub(crate) ASQ(u32) @ 0x28 {}
    pub(crate) ASQ_HIGH(u32) @ 0x2c {}

    /// Admin Completion Queue Base Address.
    pub(crate) ACQ(u32) @ 0x30 {}
    pub(crate) ACQ_HIGH(u32) @ 0x34 {}
}

/// The registers of a device.
pub(crate) struct Registers {
    device: ARef<pci::Device>,
    bar: pci::DevresBar<END>,
    size: usize,
    cap: CAP,
    cap_high: CAP_HIGH,
}

/// The place of a doorbell, which is there.
#[derive(Clone, Copy)]
pub(crate) struct Doorbell(usize);

impl Registers {
    /// Takes the registers.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the device does not answer, or is none that this driver knows.
    pub(crate) fn new(device: ARef<pci::Device>, bar: pci::Bar<'_, END>) -> Result<Self> {
        let size = (&bar).size();
        let (cap, cap_high) = ((&bar).read(CAP), (&bar).read(CAP_HIGH));
        // What is read from a device that is not there.
        let absent = cap.into_raw() == u32::MAX;
        // A queue of one entry has room for no command.
        if absent
            || cap.mqes().get() == 0
            || cap_high.css().get() & 1 == 0
            || cap_high.mpsmin().get() != 0
        {
            return Err(ENODEV);
        }
        Ok(Self {
            device,
            bar: bar.into_devres()?,
            size,
            cap,
            cap_high,
        })
    }

    /// Calls `f` with the registers.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the device is not bound any more.
    #[inline]
    pub(crate) fn with<T>(&self, f: impl FnOnce(&pci::Bar<'_, END>) -> T) -> Result<T> {
        self.bar.try_access_with(|bar| f(bar)).ok_or(ENODEV)
    }

    /// Has the device access no memory from now on, whatever it is at. Only the next binding undoes
    /// it, once the device has stopped.
    pub(crate) fn cut_off(&self) {
        // A device is a `pci_dev`, transparently.
        let device = core::ptr::from_ref(&*self.device).cast_mut();
        // SAFETY: The device is valid, as there is a reference. Drivers may clear this bit of the
        // device that they are bound to, which this one is while its queues are there.
        // The write is over when the device has taken it; what it wrote before comes before that.
        unsafe { bindings::pci_clear_master(device.cast()) };
    }

    /// Returns the time that CSTS.RDY may take to change.
    pub(crate) fn ready_limit(&self) -> Delta {
        Delta::from_millis(500 * (i64::from(self.cap.to().get()) + 1))
    }

    /// Returns the largest number of entries that a queue for I/O may have.
    pub(crate) fn max_entries(&self) -> usize {
        self.cap.mqes().get() as usize + 1
    }

    /// Tells the device where its admin queues are.
    pub(crate) fn set_admin(&self, (asq, acq): (u64, u64)) -> Result {
        // CAST: The upper halves have registers of their own.
        self.with(|bar| {
            bar.write_reg(ASQ::from(asq as u32));
            bar.write_reg(ASQ_HIGH::from((asq >> 32) as u32));
            bar.write_reg(ACQ::from(acq as u32));
            bar.write_reg(ACQ_HIGH::from((acq >> 32) as u32));
        })
    }

    /// Reads CSTS.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the device is not bound any more, or has gone.
    pub(crate) fn status(&self) -> Result<CSTS> {
        let status = self.with(|bar| bar.read(CSTS))?;
        if status.into_raw() == u32::MAX {
            return Err(ENODEV);
        }
        Ok(status)
    }

    /// Returns the doorbells of a pair of queues: of the submissions' tail, and of the completions'
    /// head.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the BAR has none.
    pub(crate) fn doorbells(&self, queue: u16) -> Result<(Doorbell, Doorbell)> {
        let stride = 4 << self.cap_high.dstrd().get();
        let tail = DOORBELLS + 2 * usize::from(queue) * stride;
        if tail + stride + 4 > self.size {
            return Err(ENODEV);
        }
        Ok((Doorbell(tail), Doorbell(tail + stride)))
    }

    /// Writes to a doorbell, after all that was written to memory before.
    #[inline]
    pub(crate) fn ring(&self, doorbell: Doorbell, value: u32) -> Result {
        self.with(|bar| bar.try_write32(value, doorbell.0))?
    }
}
