// SPDX-License-Identifier: MIT OR Apache-2.0

//! RTKit, the coprocessor's side: greeting, endpoint map, power states, and the system endpoints.
//!
//! ```text
//!            start()          HELLO_REPLY            last EPMAP_REPLY
//!   asleep ──────────► hello ─────────────► map n ───────────────────► up ◄─► endpoints started
//!      ▲                                                               │
//!      └───────────────── SET_IOP_PWR sleep ◄──────────────────────────┘
//!      └─► SET_IOP_PWR init: hello again
//! ```
//!
//! By itself all sleep states are one. With [`Hardware::sleep`] they are those of the table in
//! [`crate::hardware`].
//!
//! Strict: what the host may not say at that moment is an error, and the coprocessor panics.

use crate::hardware::Hardware;
use crate::mailbox::Message;

/// Protocol versions that it speaks.
const MIN_VERSION: u64 = 11;
const MAX_VERSION: u64 = 12;

/// Endpoints of the system.
pub const MANAGEMENT: u8 = 0;
/// Crash log.
pub const CRASHLOG: u8 = 1;
/// System log.
pub const SYSLOG: u8 = 2;
/// Counters.
pub const IOREPORT: u8 = 4;
/// Operating system log.
pub const OSLOG: u8 = 8;

/// Endpoints that it announces, 32 in each map.
const MAPS: &[u64] = &[
    (1 << MANAGEMENT) | (1 << CRASHLOG) | (1 << SYSLOG) | (1 << IOREPORT) | (1 << OSLOG),
    0b11,
];
/// More of them: debugging (3) and tracing (10), whose messages are not known, and some of no
/// meaning.
const MORE_MAPS: &[u64] = &[MAPS[0] | (1 << 3) | (1 << 10), 0b1011, 1 << 5];

/// Management messages.
mod management {
    pub const HELLO: u64 = 0x01;
    pub const HELLO_REPLY: u64 = 0x02;
    pub const PING: u64 = 0x03;
    pub const PONG: u64 = 0x04;
    pub const START_ENDPOINT: u64 = 0x05;
    pub const SET_IOP_POWER: u64 = 0x06;
    pub const IOP_POWER_ACK: u64 = 0x07;
    pub const ENDPOINT_MAP: u64 = 0x08;
    pub const SET_AP_POWER: u64 = 0x0b;
}

/// Power states.
mod power {
    pub const OFF: u64 = 0x00;
    pub const SLEEP: u64 = 0x01;
    pub const QUIESCED: u64 = 0x10;
    pub const ON: u64 = 0x20;
    pub const IDLE: u64 = 0x201;
    pub const INIT: u64 = 0x220;
}

/// Type of a buffer request, and of a crash notification.
const BUFFER: u64 = 1;
const SYSLOG_LOG: u64 = 5;
const SYSLOG_INIT: u64 = 8;

/// Bytes of the crash log, the syslog and the others.
const CRASHLOG_SIZE: u64 = 0x2_0000;
const SYSLOG_SIZE: u64 = 0x4000;
const OTHER_SIZE: u64 = 0x4000;

/// Entries of the syslog, and bytes of text in each.
pub const SYSLOG_ENTRIES: u64 = 0x40;
/// Bytes of text in an entry of the syslog.
pub const SYSLOG_TEXT: u64 = 0x80;

fn of_type(kind: u64, rest: u64) -> u64 {
    (kind << 52) | rest
}

/// Returns the bits 59:52.
fn kind(message: u64) -> u64 {
    (message >> 52) & 0xff
}

fn bits(message: u64, high: u32, low: u32) -> u64 {
    (message >> low) & ((1 << (high - low + 1)) - 1)
}

/// Extends the sign of a `width` bit address.
fn sign_extend(address: u64, width: u32) -> u64 {
    ((address << (64 - width)) as i64 >> (64 - width)) as u64
}

/// A buffer that the host has given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buffer {
    /// Where it is in the coprocessor's address space.
    pub va: u64,
    /// Bytes.
    pub size: u64,
}

/// What follows from a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A message to the host.
    Send(Message),
    /// A message for the firmware.
    Deliver(Message),
    /// The host put the coprocessor to sleep: the firmware forgets everything.
    Slept,
    /// The host put the coprocessor to sleep: the firmware keeps everything.
    Idled,
    /// A line for the log: the host did what means nothing at that moment.
    Note(&'static str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Asleep,
    /// In a state that nothing but a reset ends.
    Off,
    /// Everything is kept, and no message taken.
    Idle,
    Hello,
    Map(usize),
    Up,
}

/// The coprocessor's side of RTKit.
pub struct Rtkit {
    stage: Stage,
    /// Power state of the host.
    host: u64,
    started: [u64; 4],
    /// Sleep states differ.
    states: bool,
    maps: &'static [u64],
    /// The crash log's buffer, once the host has given it.
    pub crashlog: Option<Buffer>,
    /// The syslog's buffer, once the host has given it.
    pub syslog: Option<Buffer>,
}

impl Default for Rtkit {
    fn default() -> Self {
        Self {
            stage: Stage::Asleep,
            host: 0,
            started: [0; 4],
            states: false,
            maps: MAPS,
            crashlog: None,
            syslog: None,
        }
    }
}

impl Rtkit {
    /// RTKit of such hardware, before it starts.
    pub fn new(hardware: &Hardware) -> Self {
        Self {
            states: hardware.sleep,
            maps: if hardware.endpoints { MORE_MAPS } else { MAPS },
            ..Self::default()
        }
    }

    /// Returns whether it is in a state in which nothing of the chip can be relied on.
    pub fn is_off(&self) -> bool {
        matches!(self.stage, Stage::Off | Stage::Asleep)
    }

    /// The coprocessor starts, or wakes up: its greeting.
    pub fn start(&mut self) -> Message {
        *self = Self {
            stage: Stage::Hello,
            states: self.states,
            maps: self.maps,
            ..Self::default()
        };
        let hello = of_type(management::HELLO, (MAX_VERSION << 16) | MIN_VERSION);
        (hello, MANAGEMENT)
    }

    /// Returns whether it is in the dialogue of a start, or begins one with the next message.
    pub fn is_starting(&self) -> bool {
        matches!(self.stage, Stage::Asleep | Stage::Hello | Stage::Map(_))
    }

    /// Returns whether this message of the host, which was there, says that it is not any more.
    pub fn is_left_by(&self, (message, endpoint): Message) -> bool {
        let power = kind(message) == management::SET_AP_POWER;
        let was_here = self.stage == Stage::Up && self.host == power::ON;
        endpoint == MANAGEMENT && power && was_here && bits(message, 15, 0) != power::ON
    }

    /// Returns whether endpoint `ep` was started.
    pub fn is_started(&self, ep: u8) -> bool {
        (self.started[usize::from(ep) / 64] >> (ep % 64)) & 1 != 0
    }

    /// Takes a message of the host.
    ///
    /// # Errors
    ///
    /// What the host may not have said.
    pub fn message(&mut self, (message, ep): Message) -> Result<Vec<Action>, String> {
        match ep {
            MANAGEMENT => self.management(message),
            _ if self.stage != Stage::Up => Err(format!(
                "message {message:#x} on endpoint {ep:#x} before the end of the map"
            )),
            _ if !self.is_started(ep) => Err(format!(
                "message {message:#x} on endpoint {ep:#x}, which was not started"
            )),
            CRASHLOG => {
                let crashlog = buffer(message)?;
                self.crashlog = Some(crashlog);
                Ok(smaller(crashlog, CRASHLOG_SIZE))
            }
            SYSLOG if kind(message) == SYSLOG_LOG => Ok(vec![]),
            SYSLOG => {
                let syslog = buffer(message)?;
                self.syslog = Some(syslog);
                Ok(smaller(syslog, SYSLOG_SIZE))
            }
            IOREPORT => Ok(smaller(buffer(message)?, OTHER_SIZE)),
            OSLOG => oslog(message),
            _ => Ok(vec![Action::Deliver((message, ep))]),
        }
    }

    fn management(&mut self, message: u64) -> Result<Vec<Action>, String> {
        let send = |kind, rest| Action::Send((of_type(kind, rest), MANAGEMENT));
        let state = bits(message, 15, 0);
        match (kind(message), self.stage) {
            (management::HELLO_REPLY, Stage::Hello) => {
                let (min, max) = (bits(message, 15, 0), bits(message, 31, 16));
                if min != max || !(MIN_VERSION..=MAX_VERSION).contains(&min) {
                    return Err(format!("host wants protocol {min} to {max}"));
                }
                self.stage = Stage::Map(0);
                Ok(vec![self.map(0)])
            }
            (management::ENDPOINT_MAP, Stage::Map(n)) => {
                let last = n + 1 == self.maps.len();
                if bits(message, 34, 32) != n as u64 || ((message >> 51) & 1 != 0) != last {
                    return Err(format!("wrong answer {message:#x} to endpoint map {n}"));
                }
                if !last {
                    self.stage = Stage::Map(n + 1);
                    return Ok(vec![self.map(n + 1)]);
                }
                self.stage = Stage::Up;
                Ok(vec![send(management::IOP_POWER_ACK, power::ON)])
            }
            (management::START_ENDPOINT, Stage::Up) => self.start_endpoint(message),
            (management::SET_AP_POWER, Stage::Up) => {
                self.host = state;
                Ok(vec![send(management::SET_AP_POWER, state)])
            }
            (management::SET_IOP_POWER, Stage::Up)
                if matches!(
                    state,
                    power::OFF | power::SLEEP | power::QUIESCED | power::IDLE
                ) =>
            {
                if self.host == power::ON {
                    return Err(format!("power state {state:#x} while the host is on"));
                }
                let (stage, action) = match state {
                    power::OFF | power::SLEEP if self.states => (Stage::Off, Action::Slept),
                    power::IDLE if self.states => (Stage::Idle, Action::Idled),
                    _ => (Stage::Asleep, Action::Slept),
                };
                self.stage = stage;
                Ok(vec![action, send(management::IOP_POWER_ACK, state)])
            }
            (management::SET_IOP_POWER, Stage::Idle) if state == power::INIT => {
                self.stage = Stage::Up;
                Ok(vec![send(management::IOP_POWER_ACK, power::ON)])
            }
            (_, Stage::Off) => Ok(vec![Action::Note(
                "message to a coprocessor that only a reset brings back",
            )]),
            (management::SET_IOP_POWER, Stage::Asleep) if state == power::INIT => {
                let hello = self.start();
                Ok(vec![Action::Send(hello)])
            }
            // One host that has run on Macs always sends it, right behind the run bit: it wakes up
            // who sleeps, and is nothing to the others. While up is inferred.
            (management::SET_IOP_POWER, Stage::Hello | Stage::Map(_)) if state == power::INIT => {
                Ok(vec![Action::Note(
                    "wake-up message to a coprocessor that starts",
                )])
            }
            (management::SET_IOP_POWER, Stage::Up) if state == power::INIT => {
                Ok(vec![Action::Note(
                    "wake-up message to a coprocessor that is up",
                )])
            }
            (management::PING, Stage::Up) => Ok(vec![send(management::PONG, 0)]),
            (kind, stage) => Err(format!(
                "management message {message:#x} (type {kind:#x}) in stage {stage:?}"
            )),
        }
    }

    fn start_endpoint(&mut self, message: u64) -> Result<Vec<Action>, String> {
        let ep = bits(message, 39, 32) as u8;
        let announced = self
            .maps
            .get(usize::from(ep) / 32)
            .is_some_and(|map| (map >> (ep % 32)) & 1 != 0);
        if !announced || message & 2 == 0 {
            return Err(format!(
                "endpoint {ep:#x} cannot be started by {message:#x}"
            ));
        }
        if ep >= 0x20 && self.host != power::ON {
            return Err(format!(
                "endpoint {ep:#x} started in host power state {:#x}",
                self.host
            ));
        }
        self.started[usize::from(ep) / 64] |= 1 << (ep % 64);
        let request = |size: u64| Action::Send((of_type(BUFFER, (size / 0x1000) << 44), ep));
        Ok(match ep {
            CRASHLOG => vec![request(CRASHLOG_SIZE)],
            SYSLOG => {
                let init = of_type(SYSLOG_INIT, (SYSLOG_TEXT << 24) | SYSLOG_ENTRIES);
                vec![Action::Send((init, ep)), request(SYSLOG_SIZE)]
            }
            IOREPORT => vec![request(OTHER_SIZE)],
            OSLOG => vec![Action::Send(((BUFFER << 56) | (OTHER_SIZE << 36), ep))],
            _ => vec![],
        })
    }

    fn map(&self, n: usize) -> Action {
        let last = u64::from(n + 1 == self.maps.len());
        let rest = (last << 51) | ((n as u64) << 32) | self.maps[n];
        Action::Send((of_type(management::ENDPOINT_MAP, rest), MANAGEMENT))
    }

    /// Returns the message that tells the host of a crash, if the host can understand it.
    pub fn crash(&self) -> Option<Message> {
        let buffer = self.crashlog?;
        let address = buffer.va & ((1 << 44) - 1);
        let message = of_type(BUFFER, ((buffer.size / 0x1000) << 44) | address);
        Some((message, CRASHLOG))
    }

    /// Returns the message that tells the host of entry `index` of the syslog.
    pub fn syslog(index: u64) -> Message {
        (of_type(SYSLOG_LOG, index), SYSLOG)
    }
}

/// Returns what follows from a buffer of the host. One host is said to answer with less than was
/// asked for.
fn smaller(buffer: Buffer, wanted: u64) -> Vec<Action> {
    match buffer.size < wanted {
        true => vec![Action::Note(
            "the host gives a smaller buffer than was asked for",
        )],
        false => vec![],
    }
}

/// Returns whether this message of the host puts the coprocessor to sleep.
pub fn puts_to_sleep((message, endpoint): Message) -> bool {
    let power = kind(message) == management::SET_IOP_POWER;
    endpoint == MANAGEMENT && power && bits(message, 15, 0) != power::INIT
}

/// Returns the host's answer to a buffer request.
fn buffer(message: u64) -> Result<Buffer, String> {
    let buffer = Buffer {
        va: sign_extend(bits(message, 43, 0), 44),
        size: bits(message, 51, 44) * 0x1000,
    };
    if kind(message) != BUFFER || buffer.va == 0 || buffer.size == 0 {
        return Err(format!("{message:#x} does not give a buffer"));
    }
    Ok(buffer)
}

fn oslog(message: u64) -> Result<Vec<Action>, String> {
    let size = bits(message, 55, 36);
    if message >> 56 != BUFFER || size < OTHER_SIZE || bits(message, 35, 0) == 0 {
        return Err(format!("{message:#x} does not give an oslog buffer"));
    }
    Ok(vec![])
}
