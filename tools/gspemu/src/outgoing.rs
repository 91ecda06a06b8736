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

/// A message on its way.
pub struct Outgoing {
    message: Message,
    damage: Option<Damage>,
    stutters: bool,
}

impl Outgoing {
    fn new(message: Message, damage: Option<Damage>) -> Self {
        let stutters = false;
        Self {
            message,
            damage,
            stutters,
        }
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
        self.later.push((now, Outgoing::new(message, None)));
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
                message,
                damage,
                stutters,
            };
            match &mut self.held {
                Some((_, held)) => held.push(outgoing),
                None => self.later.push((at, outgoing)),
            }
        }
        if let Some((count, mut held)) = self.held.take() {
            if held.len() < count as usize {
                self.held = Some((count, held));
            } else {
                held.reverse();
                self.later.extend(held.into_iter().map(|o| (now, o)));
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
            let rest = match outgoing.message.payload.len() > largest {
                true => Some(outgoing.message.payload.split_off(largest)),
                false => None,
            };
            let end = self.framing.headers() + outgoing.message.payload.len();
            if queues.room(&ram, &self.pointers)? < end.div_ceil(PAGE) as u32 {
                if let Some(rest) = rest {
                    outgoing.message.payload.extend(rest);
                }
                self.outbox.push_front(outgoing);
                self.counters.full += 1;
                break;
            }
            outgoing.message.sequence = queues.number();
            let mut bytes = outgoing.message.encode(self.framing);
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
            if let Some(mut payload) = rest {
                if outgoing.stutters {
                    payload.drain(..largest.min(payload.len()));
                }
                let message = Message {
                    function: function::CONTINUATION_RECORD,
                    payload,
                    ..outgoing.message.clone()
                };
                self.outbox.push_front(Outgoing::new(message, None));
                if outgoing.stutters {
                    let again = Outgoing::new(outgoing.message.clone(), None);
                    self.outbox.push_front(again);
                }
            }
            match outgoing.message.function {
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
