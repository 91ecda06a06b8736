// SPDX-License-Identifier: MIT OR Apache-2.0

//! The channels: which rings there are, where the host put them, and their doorbells.

use crate::abi::{fw_status, runtime_pointers as rp};
use crate::memory::{Kind, Memory, Record};
use crate::panic::{ensure, Fw};
use crate::ring::{FirmwareRing, Geometry, HostRing, Place};

/// Rings of the log, one for each level.
pub const LOGS: usize = 6;
/// Submission rings: three types of work at four priorities.
pub const PIPES: usize = 12;

const PIPE: Geometry = Geometry {
    count: 0x100,
    entry: 0x30,
    wptr: 0x20,
    state: 0x30,
};
const DEVICE_CONTROL: Geometry = PIPE;
const FW_CTL: Geometry = Geometry {
    count: 0x100,
    entry: 0x14,
    wptr: 0x10,
    state: 0x20,
};
const EVENT: Geometry = Geometry {
    count: 0x100,
    entry: 0x38,
    wptr: 0x20,
    state: 0x30,
};
const LOG: Geometry = EVENT;
const KTRACE: Geometry = Geometry {
    count: 0x200,
    entry: 0x38,
    wptr: 0x20,
    state: 0x30,
};
const STATS: Geometry = Geometry {
    count: 0x100,
    entry: 0x40,
    wptr: 0x20,
    state: 0x30,
};

/// What a doorbell message rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doorbell {
    /// A submission ring, by index.
    Pipe(usize),
    /// Device control.
    DeviceControl,
    /// FwCtl.
    FwCtl,
    /// Nothing but a wake-up.
    Kick,
    /// No channel that is known.
    Unknown,
}

impl Doorbell {
    /// Decodes a message of the doorbell endpoint.
    ///
    /// ```
    /// use agxemu_firmware::channels::Doorbell;
    ///
    /// assert_eq!(Doorbell::decode(0x0083_0000_0000_000a), Doorbell::Pipe(8));
    /// assert_eq!(Doorbell::decode(0x0083_0000_0000_0011), Doorbell::DeviceControl);
    /// assert_eq!(Doorbell::decode(0x0083_0000_0000_0003), Doorbell::Unknown);
    /// ```
    pub fn decode(message: u64) -> Self {
        let channel = (message & 0xffff) as usize;
        match (message >> 48, channel) {
            (0x83, 0x10) => Self::Kick,
            (0x83, 0x11) => Self::DeviceControl,
            (0x83, 0..0x10) if channel & 3 != 3 => Self::Pipe((channel >> 2) * 3 + (channel & 3)),
            (0x84, _) => Self::FwCtl,
            _ => Self::Unknown,
        }
    }

    /// The ring's name, for logs and captures.
    pub fn name(&self) -> String {
        match self {
            Self::Pipe(index) => pipe_name(*index),
            Self::DeviceControl => "device control".into(),
            Self::FwCtl => "fwctl".into(),
            Self::Kick => "kick".into(),
            Self::Unknown => "unknown".into(),
        }
    }
}

/// Name of submission ring `index`.
pub fn pipe_name(index: usize) -> String {
    format!(
        "pipe {} {}",
        ["vertex", "fragment", "compute"][index % 3],
        index / 3
    )
}

/// Where the host put the rings.
#[derive(Clone, Debug)]
pub struct Places {
    pipes: [Place; PIPES],
    device_control: Place,
    fw_ctl: Place,
    event: Place,
    logs: [Place; LOGS],
    ktrace: Place,
    stats: Place,
}

fn place(r: &Record, offset: usize) -> Place {
    Place {
        state: r.u64(offset),
        ring: r.u64(offset + 8),
    }
}

impl Places {
    /// Reads all of them and checks that each is mapped as it must be.
    pub fn collect(mem: &Memory, p: &Record, status: u64) -> Fw<Self> {
        let log = place(p, rp::FWLOG);
        let logs = std::array::from_fn(|i| Place {
            state: log.state + i as u64 * LOG.state,
            ring: log.ring + (i * LOG.entry) as u64 * u64::from(LOG.count),
        });
        let places = Self {
            pipes: std::array::from_fn(|i| place(p, rp::PIPES + 16 * i)),
            device_control: place(p, rp::DEVICE_CONTROL),
            fw_ctl: place(
                &mem.record("firmware status", status, 0x80)?,
                fw_status::FW_CTL,
            ),
            event: place(p, rp::EVENT),
            logs,
            ktrace: place(p, rp::KTRACE),
            stats: place(p, rp::STATS),
        };
        places.check(mem)?;
        Ok(places)
    }

    fn check(&self, mem: &Memory) -> Fw<()> {
        for (i, pipe) in self.pipes.iter().enumerate() {
            pipe.check(mem, &pipe_name(i), &PIPE, Kind::FwPrivRw)?;
        }
        self.device_control
            .check(mem, "device control", &DEVICE_CONTROL, Kind::FwPrivRw)?;
        self.fw_ctl.check(mem, "fwctl", &FW_CTL, Kind::FwSharedRw)?;
        self.event.check(mem, "event", &EVENT, Kind::FwSharedRw)?;
        for (i, log) in self.logs.iter().enumerate() {
            log.check(mem, &format!("log {i}"), &LOG, Kind::FwSharedRw)?;
        }
        self.ktrace
            .check(mem, "ktrace", &KTRACE, Kind::FwSharedRw)?;
        self.stats.check(mem, "stats", &STATS, Kind::FwSharedRw)?;
        self.distinct()
    }

    fn distinct(&self) -> Fw<()> {
        let mut all: Vec<u64> = self
            .pipes
            .iter()
            .chain(&self.logs)
            .map(|p| p.state)
            .collect();
        all.extend(
            [
                &self.device_control,
                &self.fw_ctl,
                &self.event,
                &self.ktrace,
                &self.stats,
            ]
            .map(|p| p.state),
        );
        all.sort_unstable();
        for pair in all.windows(2) {
            ensure!(
                pair[0] != pair[1],
                "two channels share the state block at {:#x}",
                pair[0]
            );
        }
        Ok(())
    }
}

/// All channels.
pub struct Channels {
    /// Submission, indexed by type + 3 · priority.
    pub pipes: Vec<HostRing>,
    /// Device control.
    pub device_control: HostRing,
    /// FwCtl.
    pub fw_ctl: HostRing,
    /// Events.
    pub event: FirmwareRing,
    /// Log lines, by level.
    pub logs: Vec<FirmwareRing>,
    /// Trace.
    pub ktrace: FirmwareRing,
    /// Statistics.
    pub stats: FirmwareRing,
}

impl Channels {
    /// Takes the rings at `places` into use.
    pub fn new(mem: &Memory, p: &Places) -> Fw<Self> {
        let pipe = |(i, place): (usize, &Place)| HostRing::new(mem, pipe_name(i), PIPE, *place);
        let log = |(i, p): (usize, &Place)| FirmwareRing::new(mem, format!("log {i}"), LOG, *p);
        Ok(Self {
            pipes: p.pipes.iter().enumerate().map(pipe).collect::<Fw<_>>()?,
            device_control: HostRing::new(
                mem,
                "device control".into(),
                DEVICE_CONTROL,
                p.device_control,
            )?,
            fw_ctl: HostRing::new(mem, "fwctl".into(), FW_CTL, p.fw_ctl)?,
            event: FirmwareRing::new(mem, "event".into(), EVENT, p.event)?,
            logs: p.logs.iter().enumerate().map(log).collect::<Fw<_>>()?,
            ktrace: FirmwareRing::new(mem, "ktrace".into(), KTRACE, p.ktrace)?,
            stats: FirmwareRing::new(mem, "stats".into(), STATS, p.stats)?,
        })
    }
}
