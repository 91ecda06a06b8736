// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the processor sends: replies and events, and what becomes of them on their way.

use crate::channel::ENGINE_COPY;
use crate::machine::{Machine, State, Time, MS};
use crate::queue::COUNT;
use crate::registers as regs;
use crate::script::{Fate, Random};
use crate::violation::Violation;
use crate::wire::{self, event, function, Damage, Framing, Message, PAGE};

/// How many replies may be held back to come in reverse.
const MOST_HELD: u32 = 64;

/// What a message takes beside its payload, at least.
const OVERHEAD: usize = 128;

/// A message on its way.
pub struct Outgoing {
    message: Message,
    /// How much of the payload was sent before.
    sent: usize,
    damage: Option<Damage>,
    stutters: bool,
}

impl Outgoing {
    fn new(message: Message, damage: Option<Damage>) -> Self {
        Self {
            message,
            sent: 0,
            damage,
            stutters: false,
        }
    }

    /// How many bytes it has. Does not change as it is sent.
    pub(crate) fn bytes(&self) -> usize {
        OVERHEAD + self.message.payload.len()
    }
}

impl Machine {
    pub(crate) fn event(&mut self, function: u32, payload: Vec<u8>, now: Time) {
        self.counters.events += 1;
        let message = Message {
            sequence: 0,
            function,
            call: 0,
            result: 0,
            payload,
        };
        self.send_at(now, Outgoing::new(message, None));
    }

    pub(crate) fn reply(
        &mut self,
        call: &Message,
        payload: Vec<u8>,
        fate: Option<Fate>,
        now: Time,
    ) {
        self.counters.replies += 1;
        let fates: Vec<_> = self
            .script
            .fates(self.counters.replies)
            .chain(fate)
            .collect();
        let mut message = Message {
            sequence: 0,
            function: call.function,
            call: call.call,
            result: 0,
            payload,
        };
        let (mut at, mut copies, mut damage, mut stutters) = (now, 1, None, false);
        for fate in fates {
            match fate {
                Fate::Late(ms) => at = now + ms * MS,
                Fate::Lost => copies = 0,
                Fate::Twice => copies = 2,
                Fate::Astray => message.call ^= 0x8000_0000,
                Fate::Broken(how) => damage = Some(how),
                Fate::Refused(result) => message.result = result,
                Fate::Stutter => stutters = true,
                Fate::CutFault(bytes) => {
                    let mut payload = fault(0, 0);
                    payload.truncate(bytes as usize);
                    self.event(event::RC_TRIGGERED, payload, now);
                }
                Fate::Crash => {
                    self.note("crash, as it is told");
                    return self.halt();
                }
                Fate::Flood(count) => {
                    for _ in 0..count {
                        let payload = self.rm.event(16);
                        self.event(event::POST_EVENT, payload, now);
                    }
                }
                Fate::Reverse(count) if self.held.is_none() && count > 0 => {
                    self.held = Some((count.min(MOST_HELD), Vec::new()));
                }
                Fate::Reverse(_) => {}
            }
        }
        for _ in 0..copies {
            let message = message.clone();
            let outgoing = Outgoing {
                stutters,
                ..Outgoing::new(message, damage)
            };
            match &mut self.held {
                Some((_, held)) => held.push(outgoing),
                None => self.send_at(at, outgoing),
            }
        }
        if let Some((count, held)) = self.held.take() {
            if held.len() < count as usize {
                self.held = Some((count, held));
            } else {
                for outgoing in held.into_iter().rev() {
                    self.send_at(now, outgoing);
                }
            }
        }
    }

    /// Sends what there is room for.
    pub(crate) fn flush(&mut self) -> Result<(), Violation> {
        let ram = self.ram.clone();
        while let Some(mut outgoing) = self.outbox.pop_front() {
            let Some(queues) = &mut self.queues else {
                break;
            };
            // What does not fit into one message goes on in the next.
            let largest = self.framing.payload();
            let left = &outgoing.message.payload[outgoing.sent..];
            let (piece, goes_on) = (&left[..left.len().min(largest)], left.len() > largest);
            let end = self.framing.headers() + piece.len();
            if queues.room(&ram, &self.pointers)? < end.div_ceil(PAGE) as u32 {
                self.outbox.push_front(outgoing);
                self.counters.full += 1;
                break;
            }
            let message = Message {
                sequence: queues.number(),
                payload: piece.to_vec(),
                ..outgoing.message
            };
            let mut bytes = message.encode(self.framing);
            let mut pointer = match (outgoing.damage, self.framing) {
                (Some(Damage::Pointer), Framing::V0) => Some(COUNT + 1),
                (Some(Damage::Pointer), Framing::V2) => Some(2 * COUNT),
                _ => None,
            };
            if let Some(how) = outgoing.damage {
                how.apply(self.framing, &mut bytes);
            }
            if let Some((random, of)) = &mut self.random {
                if random.below(*of) == 0 {
                    match random.below(4) {
                        // A small number or a large one.
                        0 => {
                            let number = random.number() as u32 >> random.below(32);
                            pointer = Some(match self.framing {
                                Framing::V0 => number,
                                // Messages have no number: nothing tells one that may be right.
                                Framing::V2 => number.saturating_add(COUNT + 1),
                            });
                        }
                        _ => fuzz(self.framing, random, &mut bytes, end),
                    }
                    self.counters.fuzzed += 1;
                }
            }
            self.counters.pages += (bytes.len() / PAGE) as u64;
            queues.send(&ram, &mut self.pointers, &bytes, pointer)?;
            debug_assert!(bytes.len() / PAGE < COUNT as usize);
            if goes_on {
                outgoing.sent += largest;
                outgoing.message.function = function::CONTINUATION_RECORD;
                outgoing.damage = None;
                let again = std::mem::take(&mut outgoing.stutters);
                if again {
                    let all = outgoing.message.payload.len();
                    outgoing.sent = all.min(outgoing.sent + largest);
                }
                self.outbox.push_front(outgoing);
                if again {
                    let again = Outgoing::new(message.clone(), None);
                    self.waiting += again.bytes();
                    self.outbox.push_front(again);
                }
            } else {
                self.waiting -= outgoing.bytes();
            }
            match message.function {
                event::GSP_INIT_DONE => self.state = State::Running,
                function::UNLOADING_GUEST_DRIVER => {
                    self.state = State::Suspended;
                    self.mailboxes[0] |= regs::SUSPENDED;
                }
                _ => {}
            }
            self.raise(regs::IRQ_SWGEN0);
        }
        Ok(())
    }
}

/// The event that channel `id` has faulted: {engine, channel, kind, scope, partition}.
pub(crate) fn fault(id: u32, kind: u32) -> Vec<u8> {
    let mut payload = vec![0; 20];
    for (i, value) in [ENGINE_COPY, id, kind].into_iter().enumerate() {
        wire::put(&mut payload, 4 * i, value);
    }
    payload
}

/// Changes a message at random; sometimes so that its checksum is right.
fn fuzz(framing: Framing, random: &mut Random, bytes: &mut [u8], end: usize) {
    for _ in 0..=random.below(4) {
        // Mostly the headers, as they lead further.
        let below = match random.below(4) {
            0 => end,
            _ => end.min(framing.headers()),
        };
        let at = random.below(below as u64) as usize;
        bytes[at] = match random.below(3) {
            0 => 0,
            1 => 0xff,
            _ => random.number() as u8,
        };
    }
    if random.below(2) == 0 {
        wire::seal(framing, bytes, end);
    }
}
