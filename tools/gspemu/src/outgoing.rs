// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the processor sends: replies and events, and what becomes of them on their way.

use crate::machine::{Machine, State, Time, MS};
use crate::queue::COUNT;
use crate::registers as regs;
use crate::rm::status;
use crate::script::{Fate, Random};
use crate::violation::Violation;
use crate::wire::{self, event, function, Damage, Framing, Message, PAGE};

/// How many replies may be held back to come in reverse.
const MOST_HELD: u32 = 64;

/// A message on its way.
pub struct Outgoing {
    message: Message,
    damage: Option<Damage>,
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
        let damage = None;
        self.later.push((now, Outgoing { message, damage }));
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
        let (mut at, mut copies, mut damage) = (now, 1, None);
        for fate in fates {
            match fate {
                Fate::Late(ms) => at = now + ms * MS,
                Fate::Lost => copies = 0,
                Fate::Twice => copies = 2,
                Fate::Astray => message.call ^= 0x8000_0000,
                Fate::Broken(how) => damage = Some(how),
                Fate::Refused => message.result = status::TIMEOUT_RETRY,
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
            let outgoing = Outgoing { message, damage };
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
            let bad_pointer = outgoing.damage == Some(Damage::Pointer);
            if let Some(how) = outgoing.damage {
                how.apply(self.framing, &mut bytes);
            }
            if let Some((random, of)) = &mut self.random {
                if random.below(*of) == 0 {
                    fuzz(self.framing, random, &mut bytes, end);
                    self.counters.fuzzed += 1;
                }
            }
            self.counters.pages += (bytes.len() / PAGE) as u64;
            queues.send(&ram, &mut self.pointers, &bytes, bad_pointer)?;
            debug_assert!(bytes.len() / PAGE < COUNT as usize);
            if let Some(payload) = rest {
                let message = Message {
                    function: function::CONTINUATION_RECORD,
                    payload,
                    ..outgoing.message.clone()
                };
                let damage = None;
                self.outbox.push_front(Outgoing { message, damage });
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
