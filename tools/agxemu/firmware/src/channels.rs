// SPDX-License-Identifier: MIT OR Apache-2.0

//! The channels: which rings there are, where the host put them, and their doorbells.

use agx_abi::channel::{self, ChannelInfo, ChannelState, DeviceControlMessage};
use agx_abi::channel::{FwCtlState, PipeMessage};
use agx_abi::init::{FwStatus, RuntimePointers};
use agx_abi::message::{self, DOORBELL_DEVICE_CONTROL, DOORBELL_KICK};
use agx_abi::stats::StatsMessage;
use agx_abi::uat::Protection;
use agx_abi::{Abi, Everywhere, Field, Value};

use crate::memory::{Memory, Record};
use crate::panic::{ensure, Fw};
use crate::ring::{FirmwareRing, Geometry, HostRing, Place};

/// Rings of the log, one for each level.
pub const LOGS: usize = channel::FW_LOG_LEVELS;
/// Submission rings: three types of work at four priorities.
pub const PIPES: usize = 12;

const fn geometry(count: u32, entry: usize) -> Geometry {
    Geometry {
        count,
        entry,
        wptr: ChannelState::WRITE_PTR.offset() as u64,
        state: ChannelState::SIZE as u64,
    }
}

fn pipe_geometry(abi: Abi) -> Geometry {
    geometry(channel::PIPE_ENTRIES, PipeMessage::size_in(abi))
}

fn device_control_geometry(abi: Abi) -> Geometry {
    let entry = DeviceControlMessage::size_in(abi);
    geometry(channel::DEVICE_CONTROL_ENTRIES, entry)
}

fn stats_geometry(abi: Abi) -> Geometry {
    geometry(channel::STATS_ENTRIES, StatsMessage::size_in(abi))
}

const FW_CTL: Geometry = Geometry {
    count: channel::FW_CTL_ENTRIES,
    entry: channel::FwCtlMessage::SIZE,
    wptr: FwCtlState::WRITE_PTR.offset() as u64,
    state: FwCtlState::SIZE as u64,
};
const EVENT: Geometry = geometry(channel::EVENT_ENTRIES, channel::EventMessage::SIZE);
const LOG: Geometry = geometry(channel::FW_LOG_ENTRIES, channel::FwLogMessage::SIZE);
const KTRACE: Geometry = geometry(channel::KTRACE_ENTRIES, channel::KTraceMessage::SIZE);

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
        let channel = message as u16;
        match (message::kind(message), channel) {
            (message::TYPE_TX_DOORBELL, DOORBELL_KICK) => Self::Kick,
            (message::TYPE_TX_DOORBELL, DOORBELL_DEVICE_CONTROL) => Self::DeviceControl,
            (message::TYPE_TX_DOORBELL, 0..DOORBELL_KICK) if channel & 3 != 3 => {
                Self::Pipe(usize::from(channel >> 2) * 3 + usize::from(channel & 3))
            }
            (message::TYPE_FW_CTL_DOORBELL, _) => Self::FwCtl,
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

/// Returns the name of submission ring `index`.
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

fn place<S: Everywhere>(r: &Record, field: Field<S, ChannelInfo>) -> Place {
    Place {
        state: r.get(field.then(ChannelInfo::STATE)),
        ring: r.get(field.then(ChannelInfo::RING)),
    }
}

impl Places {
    /// Reads all of them and checks that each is mapped as it must be.
    pub fn collect(mem: &Memory, p: &Record, status: u64) -> Fw<Self> {
        let log = place(p, RuntimePointers::FW_LOG);
        let logs = std::array::from_fn(|i| Place {
            state: log.state.wrapping_add(i as u64 * LOG.state),
            ring: log
                .ring
                .wrapping_add((i * LOG.entry) as u64 * u64::from(LOG.count)),
        });
        let places = Self {
            pipes: std::array::from_fn(|i| place(p, RuntimePointers::PIPES.at(i))),
            device_control: place(p, RuntimePointers::DEVICE_CONTROL),
            fw_ctl: place(
                &mem.record("firmware status", status, FwStatus::SIZE)?,
                FwStatus::FW_CTL,
            ),
            event: place(p, RuntimePointers::EVENT),
            logs,
            ktrace: place(p, RuntimePointers::KTRACE),
            stats: place(p, RuntimePointers::STATS),
        };
        places.check(mem)?;
        Ok(places)
    }

    fn check(&self, mem: &Memory) -> Fw<()> {
        for (i, pipe) in self.pipes.iter().enumerate() {
            pipe.check(
                mem,
                &pipe_name(i),
                &pipe_geometry(mem.abi),
                Protection::FW_PRIV_RW,
            )?;
        }
        self.device_control.check(
            mem,
            "device control",
            &device_control_geometry(mem.abi),
            Protection::FW_PRIV_RW,
        )?;
        self.fw_ctl
            .check(mem, "fwctl", &FW_CTL, Protection::FW_SHARED_RW)?;
        self.event
            .check(mem, "event", &EVENT, Protection::FW_SHARED_RW)?;
        for (i, log) in self.logs.iter().enumerate() {
            log.check(mem, &format!("log {i}"), &LOG, Protection::FW_SHARED_RW)?;
        }
        self.ktrace
            .check(mem, "ktrace", &KTRACE, Protection::FW_SHARED_RW)?;
        self.stats.check(
            mem,
            "stats",
            &stats_geometry(mem.abi),
            Protection::FW_SHARED_RW,
        )?;
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
        let pipe = |(i, place): (usize, &Place)| {
            HostRing::new(mem, pipe_name(i), pipe_geometry(mem.abi), *place)
        };
        let log = |(i, p): (usize, &Place)| FirmwareRing::new(mem, format!("log {i}"), LOG, *p);
        Ok(Self {
            pipes: p.pipes.iter().enumerate().map(pipe).collect::<Fw<_>>()?,
            device_control: HostRing::new(
                mem,
                "device control".into(),
                device_control_geometry(mem.abi),
                p.device_control,
            )?,
            fw_ctl: HostRing::new(mem, "fwctl".into(), FW_CTL, p.fw_ctl)?,
            event: FirmwareRing::new(mem, "event".into(), EVENT, p.event)?,
            logs: p.logs.iter().enumerate().map(log).collect::<Fw<_>>()?,
            ktrace: FirmwareRing::new(mem, "ktrace".into(), KTRACE, p.ktrace)?,
            stats: FirmwareRing::new(mem, "stats".into(), stats_geometry(mem.abi), p.stats)?,
        })
    }
}
