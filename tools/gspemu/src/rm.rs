// SPDX-License-Identifier: MIT OR Apache-2.0

//! The resource manager: what calls do once the processor runs.
//!
//! Objects form a tree below clients. Numbers of classes and of controls are those of the vendor's
//! interface; the controls from [`control::ECHO`] on are the emulator's own, for tests, in a range
//! that the vendor's interface leaves free as far as is known.

use std::collections::BTreeMap;

use crate::channel::{Channels, ENGINE_COPY};
use crate::script::Fate;
use crate::wire::{function, put, word, Damage};

/// Classes of objects.
pub mod class {
    pub const CLIENT: u32 = 0;
    pub const DEVICE: u32 = 0x80;
    pub const SUBDEVICE: u32 = 0x2080;
    pub const CHANNEL: u32 = 0xc46f;
    pub const COPY: u32 = 0xc5b5;
}

/// Controls of a channel.
pub mod channel_control {
    /// {whether it runs}
    pub const SCHEDULE: u32 = 0xa06f_0103;
    /// {engine}
    pub const BIND: u32 = 0xa06f_0104;
}

/// Controls of a subdevice that only this processor knows.
pub mod control {
    /// Gives all bytes back inverted.
    pub const ECHO: u32 = 0x2080_ff01;
    /// {number, size}: sends events, and then the reply.
    pub const EVENTS: u32 = 0x2080_ff02;
    /// {milliseconds}: the reply comes late.
    pub const LATE: u32 = 0x2080_ff03;
    /// Halts.
    pub const CRASH: u32 = 0x2080_ff04;
    /// {which}: the reply is broken.
    pub const BREAK: u32 = 0x2080_ff05;
    /// There is no reply.
    pub const LOSE: u32 = 0x2080_ff06;
    /// The reply comes twice.
    pub const TWICE: u32 = 0x2080_ff07;
    /// {number}: this reply and the next ones, so many in all, come in reverse.
    pub const REVERSE: u32 = 0x2080_ff08;
    /// The reply goes to nobody.
    pub const ASTRAY: u32 = 0x2080_ff09;
    /// {number}: says how many clients there are, that from the beginning not counted.
    pub const CLIENTS: u32 = 0x2080_ff0a;
}

/// Results. All but OK are inferred: nothing in the kernel source names them, and its driver asks
/// only whether a result is OK. The sample asks for some, that of an object which is not there
/// among them.
pub mod status {
    pub const OK: u32 = 0;
    pub const DUPLICATE_NAME: u32 = 0x19;
    pub const INVALID_ARGUMENT: u32 = 0x1f;
    pub const INVALID_CLASS: u32 = 0x22;
    pub const INVALID_OBJECT: u32 = 0x33;
    pub const INVALID_PARENT: u32 = 0x36;
    pub const INVALID_STRUCTURE: u32 = 0x3b;
    pub const NO_MEMORY: u32 = 0x51;
    pub const NOT_SUPPORTED: u32 = 0x56;
    pub const TIMEOUT_RETRY: u32 = 0x66;
}

/// The header of an allocation, before its parameters.
pub const ALLOC: usize = 32;
/// The header of a control, before its parameters.
pub const CONTROL: usize = 24;
const FREE: usize = 16;
const MOST_OBJECTS: usize = 4096;
/// Bytes of a call, of the events that one asks for, and milliseconds that an answer is late.
const MOST_BYTES: usize = 1 << 20;
const MOST_EVENTS: u64 = 8 << 20;
const MOST_LATE: u32 = 600_000;
/// The header of an event, before its data.
const EVENT: usize = 32;
const STATIC_INFO: usize = 0x678;
const STATIC_REGIONS: usize = 0x158;
const STATIC_NAME: usize = 0x4ec;
const STATIC_INTERNAL: usize = 0x640;
/// The client that is there from the beginning, its device and its subdevice: static information
/// has their handles.
pub const INTERNAL: [u32; 3] = [0xc1e0_0001, 0xc1e0_0002, 0xc1e0_0003];
const NAME: &[u8] = b"gspemu";

/// What a call has led to.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// The payload of the reply.
    pub payload: Vec<u8>,
    /// What becomes of it.
    pub fate: Option<Fate>,
    /// Events that are sent before it: their payloads.
    pub events: Vec<Vec<u8>>,
}

impl From<Vec<u8>> for Answer {
    fn from(payload: Vec<u8>) -> Self {
        Self {
            payload,
            fate: None,
            events: Vec::new(),
        }
    }
}

#[derive(Debug)]
struct Object {
    /// `None` of a client.
    parent: Option<u32>,
    class: u32,
    /// Of a channel, its number.
    channel: Option<u32>,
}

/// The objects of all clients, by the client's handle and their own.
#[derive(Debug)]
pub struct Rm {
    objects: BTreeMap<(u32, u32), Object>,
    event: u32,
    /// The channels that are objects.
    pub channels: Channels,
}

impl Default for Rm {
    fn default() -> Self {
        let [client, device, subdevice] = INTERNAL;
        let object = |parent, class| Object {
            parent,
            class,
            channel: None,
        };
        let objects = BTreeMap::from([
            ((client, client), object(None, class::CLIENT)),
            ((client, device), object(Some(client), class::DEVICE)),
            ((client, subdevice), object(Some(device), class::SUBDEVICE)),
        ]);
        Self {
            objects,
            event: 0,
            channels: Channels::default(),
        }
    }
}

/// How many bytes of payload a call says that it has, by its first bytes. `None` if it does not.
///
/// # Errors
///
/// It is too short to say, or says that it is longer than any.
pub fn claimed(function: u32, payload: &[u8]) -> Result<Option<usize>, String> {
    let (header, at) = match function {
        function::GSP_RM_CONTROL => (CONTROL, 16),
        function::GSP_RM_ALLOC => (ALLOC, 20),
        function::SET_REGISTRY => (0, 0),
        _ => return Ok(None),
    };
    if payload.len() < header.max(8) {
        return Err(format!("{} bytes of call {function}", payload.len()));
    }
    let claimed = word(payload, at) as usize;
    if claimed > MOST_BYTES {
        return Err(format!(
            "call {function} says {claimed:#x}, of {MOST_BYTES:#x} bytes at most"
        ));
    }
    Ok(Some(header + claimed))
}

impl Rm {
    /// Whether it is a call of the resource manager, or of a running processor in general.
    pub fn knows(function: u32) -> bool {
        matches!(
            function,
            function::NOP
                | function::FREE
                | function::GET_GSP_STATIC_INFO
                | function::GSP_RM_CONTROL
                | function::GSP_RM_ALLOC
        )
    }

    /// Does a call.
    ///
    /// # Errors
    ///
    /// The call is not one that a driver may send.
    pub fn call(&mut self, function: u32, mut payload: Vec<u8>) -> Result<Answer, String> {
        match function {
            function::NOP => Ok(payload.into()),
            function::GET_GSP_STATIC_INFO => {
                if payload.len() != STATIC_INFO {
                    let length = payload.len();
                    return Err(format!("static information of {length:#x} bytes"));
                }
                static_info(&mut payload);
                Ok(payload.into())
            }
            function::GSP_RM_ALLOC => {
                let status = self.allocate(&payload);
                put(&mut payload, 16, status);
                Ok(payload.into())
            }
            function::GSP_RM_CONTROL => Ok(self.control(payload)),
            function::FREE => {
                if payload.len() != FREE {
                    return Err(format!("free: {} bytes", payload.len()));
                }
                let status = self.free(word(&payload, 0), word(&payload, 8));
                put(&mut payload, 12, status);
                Ok(payload.into())
            }
            _ => Err(format!("no call {function}")),
        }
    }

    fn allocate(&mut self, payload: &[u8]) -> u32 {
        let field = |at| word(payload, at);
        let (client, parent, handle, class) = (field(0), field(4), field(8), field(12));
        if self.objects.contains_key(&(client, handle)) {
            return status::DUPLICATE_NAME;
        }
        if self.objects.len() == MOST_OBJECTS {
            return status::NO_MEMORY;
        }
        let above = match class {
            class::CLIENT if client == handle => None,
            class::CLIENT => return status::INVALID_OBJECT,
            class::DEVICE => Some(class::CLIENT),
            class::SUBDEVICE | class::CHANNEL => Some(class::DEVICE),
            class::COPY => Some(class::CHANNEL),
            _ => return status::INVALID_CLASS,
        };
        let is = self.objects.get(&(client, parent)).map(|o| o.class);
        if above.is_some() && is != above {
            return status::INVALID_PARENT;
        }
        let parameters = payload.get(ALLOC..).unwrap_or_default();
        let channel = match class {
            class::CHANNEL => match self.channels.allocate(parameters) {
                None => return status::INVALID_ARGUMENT,
                channel => channel,
            },
            class::COPY => match parameters.get(..8) {
                // {version, engine}
                Some(p) if word(p, 0) == 1 && word(p, 4) == ENGINE_COPY => None,
                _ => return status::INVALID_ARGUMENT,
            },
            _ => None,
        };
        let object = Object {
            parent: above.map(|_| parent),
            class,
            channel,
        };
        self.objects.insert((client, handle), object);
        status::OK
    }

    /// How many clients there are beside that from the beginning.
    pub fn clients(&self) -> u32 {
        let clients = self.objects.values().filter(|o| o.class == class::CLIENT);
        clients.count().saturating_sub(1) as u32
    }

    /// Removes an object, and returns whether it was there.
    fn remove(&mut self, client: u32, handle: u32) -> bool {
        let object = self.objects.remove(&(client, handle));
        if let Some(id) = object.as_ref().and_then(|object| object.channel) {
            self.channels.free(id);
        }
        object.is_some()
    }

    fn free(&mut self, client: u32, handle: u32) -> u32 {
        if !self.remove(client, handle) {
            return status::INVALID_OBJECT;
        }
        // What was below goes with it.
        let mut gone = vec![handle];
        while let Some(parent) = gone.pop() {
            let below: Vec<_> = self
                .objects
                .iter()
                .filter(|((c, _), o)| *c == client && o.parent == Some(parent))
                .map(|((_, h), _)| *h)
                .collect();
            for handle in below {
                self.remove(client, handle);
                gone.push(handle);
            }
        }
        status::OK
    }

    fn control(&mut self, mut payload: Vec<u8>) -> Answer {
        let object = self.objects.get(&(word(&payload, 0), word(&payload, 4)));
        let class = object.map(|o| o.class);
        let channel = object.and_then(|o| o.channel);
        let command = word(&payload, 8);
        let parameter = |n: usize| {
            let at = CONTROL + 4 * n;
            (payload.len() >= at + 4).then(|| word(&payload, at))
        };
        let mut events = Vec::new();
        let mut fate = None;
        let status = match (class, command, parameter(0), parameter(1)) {
            (None, ..) => status::INVALID_OBJECT,
            (Some(class::SUBDEVICE), control::ECHO, ..) => {
                payload[CONTROL..]
                    .iter_mut()
                    .for_each(|byte| *byte = !*byte);
                status::OK
            }
            (Some(class::SUBDEVICE), control::EVENTS, Some(count), Some(size)) => {
                let bytes = u64::from(count) * (EVENT as u64 + u64::from(size));
                if bytes > MOST_EVENTS || size > 0x1000 {
                    status::INVALID_STRUCTURE
                } else {
                    events.extend((0..count).map(|_| self.event(size as usize)));
                    status::OK
                }
            }
            (Some(class::SUBDEVICE), control::LATE, Some(ms), _) if ms > MOST_LATE => {
                status::INVALID_STRUCTURE
            }
            (Some(class::SUBDEVICE), control::LATE, Some(ms), _) => {
                fate = Some(Fate::Late(u64::from(ms)));
                status::OK
            }
            (Some(class::SUBDEVICE), control::CRASH, ..) => {
                fate = Some(Fate::Crash);
                status::OK
            }
            (Some(class::SUBDEVICE), control::BREAK, Some(which), _) => {
                fate = match which {
                    0 => Some(Fate::Broken(Damage::Checksum)),
                    1 => Some(Fate::Broken(Damage::Length)),
                    2 => Some(Fate::Broken(Damage::Short)),
                    3 => Some(Fate::Broken(Damage::Signature)),
                    4 => Some(Fate::Broken(Damage::Pages)),
                    5 => Some(Fate::Broken(Damage::Pointer)),
                    _ => None,
                };
                match fate {
                    Some(_) => status::OK,
                    None => status::INVALID_STRUCTURE,
                }
            }
            (Some(class::SUBDEVICE), control::LOSE, ..) => {
                fate = Some(Fate::Lost);
                status::OK
            }
            (Some(class::SUBDEVICE), control::TWICE, ..) => {
                fate = Some(Fate::Twice);
                status::OK
            }
            (Some(class::SUBDEVICE), control::REVERSE, Some(count), _) => {
                fate = Some(Fate::Reverse(count));
                status::OK
            }
            (Some(class::SUBDEVICE), control::ASTRAY, ..) => {
                fate = Some(Fate::Astray);
                status::OK
            }
            (Some(class::SUBDEVICE), control::CLIENTS, Some(_), _) => {
                put(&mut payload, CONTROL, self.clients());
                status::OK
            }
            (Some(class::CHANNEL), channel_control::BIND, Some(engine), _) => match engine {
                ENGINE_COPY => status::OK,
                _ => status::INVALID_ARGUMENT,
            },
            (Some(class::CHANNEL), channel_control::SCHEDULE, ..) => {
                // Booleans of a byte: whether it runs, and one more.
                let on = payload.get(CONTROL).is_some_and(|byte| *byte != 0);
                match channel.is_some_and(|id| self.channels.schedule(id, on)) {
                    true => status::OK,
                    false => status::INVALID_ARGUMENT,
                }
            }
            _ => status::NOT_SUPPORTED,
        };
        put(&mut payload, 12, status);
        Answer {
            payload,
            fate,
            events,
        }
    }

    /// The payload of an event: client, handle, index, data, information, status, size and whether
    /// it is for all, and its data. The data counts the events.
    pub fn event(&mut self, size: usize) -> Vec<u8> {
        let mut payload = vec![0; EVENT + size];
        put(&mut payload, 12, self.event);
        put(&mut payload, 24, size as u32);
        for (i, byte) in payload[EVENT..].iter_mut().enumerate() {
            *byte = (self.event as usize + i) as u8;
        }
        self.event = self.event.wrapping_add(1);
        payload
    }
}

/// One region of 256 MiB, and a name.
fn static_info(info: &mut [u8]) {
    info.fill(0);
    put(info, STATIC_REGIONS, 1);
    let region = &mut info[STATIC_REGIONS + 8..];
    put(region, 8, 0x0fff_ffff);
    put(region, 24, 100);
    // Compressed, isochronous; not protected.
    region[28] = 1;
    region[29] = 1;
    info[STATIC_NAME..STATIC_NAME + NAME.len()].copy_from_slice(NAME);
    for (i, handle) in INTERNAL.into_iter().enumerate() {
        put(info, STATIC_INTERNAL + 4 * i, handle);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alloc(rm: &mut Rm, client: u32, parent: u32, handle: u32, class: u32) -> u32 {
        let mut payload = vec![0; ALLOC];
        for (i, value) in [client, parent, handle, class].into_iter().enumerate() {
            put(&mut payload, 4 * i, value);
        }
        let answer = rm.call(function::GSP_RM_ALLOC, payload).expect("a call");
        word(&answer.payload, 16)
    }

    #[test]
    fn objects() {
        let mut rm = Rm::default();
        assert_eq!(
            alloc(&mut rm, 1, 0, 2, class::CLIENT),
            status::INVALID_OBJECT
        );
        assert_eq!(alloc(&mut rm, 1, 0, 1, class::CLIENT), status::OK);
        assert_eq!(
            alloc(&mut rm, 1, 0, 1, class::CLIENT),
            status::DUPLICATE_NAME
        );
        assert_eq!(
            alloc(&mut rm, 1, 1, 3, class::SUBDEVICE),
            status::INVALID_PARENT
        );
        assert_eq!(alloc(&mut rm, 1, 1, 2, class::DEVICE), status::OK);
        assert_eq!(alloc(&mut rm, 1, 2, 3, class::SUBDEVICE), status::OK);
        assert_eq!(alloc(&mut rm, 1, 2, 4, 0x1234), status::INVALID_CLASS);
        assert_eq!(rm.clients(), 1);
        assert_eq!(rm.free(1, 1), status::OK);
        assert_eq!(rm.clients(), 0);
        assert_eq!(rm.objects.len(), INTERNAL.len());
        assert_eq!(rm.free(1, 3), status::INVALID_OBJECT);
        assert_eq!(
            alloc(&mut rm, INTERNAL[0], INTERNAL[1], 9, class::SUBDEVICE),
            status::OK
        );
    }

    #[test]
    fn a_client_is_below_no_object() {
        let mut rm = Rm::default();
        // Nothing looks at the parent that the call names.
        assert_eq!(alloc(&mut rm, 1, 3, 1, class::CLIENT), status::OK);
        assert_eq!(alloc(&mut rm, 1, 1, 2, class::DEVICE), status::OK);
        assert_eq!(alloc(&mut rm, 1, 2, 3, class::SUBDEVICE), status::OK);
        assert_eq!(rm.free(1, 3), status::OK);
        assert_eq!(rm.clients(), 1);
        assert_eq!(alloc(&mut rm, 1, 2, 3, class::SUBDEVICE), status::OK);
    }

    #[test]
    fn a_copy_engine_without_parameters() {
        let mut rm = Rm::default();
        let mut channel = vec![0; ALLOC];
        channel.extend(crate::channel::tests::parameters(0));
        let [client, device, _] = INTERNAL;
        for (i, value) in [client, device, 5, class::CHANNEL].into_iter().enumerate() {
            put(&mut channel, 4 * i, value);
        }
        let answer = rm.call(function::GSP_RM_ALLOC, channel).expect("a call");
        assert_eq!(word(&answer.payload, 16), status::OK);
        let copy = alloc(&mut rm, client, 5, 6, class::COPY);
        assert_eq!(copy, status::INVALID_ARGUMENT);
    }

    #[test]
    fn what_calls_claim() {
        assert_eq!(claimed(function::NOP, &[]), Ok(None));
        assert!(claimed(function::GSP_RM_CONTROL, &[0; 23]).is_err());
        let mut control = [0; CONTROL];
        put(&mut control, 16, 100);
        assert_eq!(claimed(function::GSP_RM_CONTROL, &control), Ok(Some(124)));
    }
}
