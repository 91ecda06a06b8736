// SPDX-License-Identifier: MIT OR Apache-2.0

//! The mailbox between host and coprocessor: a FIFO in each direction.

use std::collections::VecDeque;

/// A message: payload, endpoint.
pub type Message = (u64, u8);

/// Room towards the coprocessor.
const DEPTH: usize = 16;

/// The interrupt lines: which became active, or which are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    /// "Receive not empty".
    pub receive: bool,
    /// "Send empty", while somebody may be waiting for it.
    pub send_empty: bool,
}

/// Both FIFOs.
#[derive(Default)]
pub struct Mailbox {
    to_firmware: VecDeque<Message>,
    to_host: VecDeque<Message>,
    /// The host found no room since "send empty" was last active.
    was_full: bool,
    /// "Send empty" became active after that, and the host has not looked since.
    emptied: bool,
    /// The host has not found its FIFO empty since the line was last raised: its handler may be at
    /// work.
    reading: bool,
    /// Whether messages wait for the worst moment, and those that do.
    late: Option<VecDeque<Message>>,
    /// First half of the message that the host is sending.
    payload: u64,
    /// Messages that the host sent although there was no room.
    overruns: u64,
}

impl Mailbox {
    /// Returns a mailbox in which a message that would come while the host reads comes right after
    /// the host has found the FIFO empty, while its handler still runs.
    pub fn late() -> Self {
        Self {
            late: Some(VecDeque::new()),
            ..Self::default()
        }
    }

    /// The lines that are active now.
    pub fn lines(&self) -> Lines {
        Lines {
            receive: !self.to_host.is_empty(),
            send_empty: self.emptied,
        }
    }

    /// The host writes the first half of a message.
    pub fn host_payload(&mut self, payload: u64) {
        self.payload = payload;
    }

    /// The host writes the second half, which sends. False if there was no room: the message is
    /// lost.
    pub fn host_send(&mut self, endpoint: u64) -> bool {
        if self.is_full() {
            self.overruns += 1;
            return false;
        }
        self.emptied = false;
        self.to_firmware.push_back((self.payload, endpoint as u8));
        true
    }

    /// Returns whether there is no room towards the coprocessor. Remembers that it was asked.
    pub fn host_sees_full(&mut self) -> bool {
        let full = self.is_full();
        self.was_full |= full;
        self.emptied = false;
        full
    }

    fn is_full(&self) -> bool {
        self.to_firmware.len() >= DEPTH
    }

    /// Returns whether nothing is on its way to the coprocessor.
    pub fn is_send_empty(&self) -> bool {
        self.to_firmware.is_empty()
    }

    /// Returns whether nothing is there for the host.
    pub fn is_receive_empty(&self) -> bool {
        self.to_host.is_empty()
    }

    /// The host asks whether nothing is there for it; and what comes at that very moment.
    pub fn host_sees_receive_empty(&mut self) -> (bool, Lines) {
        if !self.to_host.is_empty() {
            return (false, Lines::default());
        }
        self.reading = false;
        let late = self.late.as_mut().map(std::mem::take).unwrap_or_default();
        let lines = late.into_iter().fold(Lines::default(), |lines, message| {
            let new = self.put(message);
            Lines {
                receive: lines.receive | new.receive,
                ..lines
            }
        });
        (true, lines)
    }

    /// Returns the message that the host would read next; zeros if there is none.
    pub fn host_peek(&self) -> Message {
        self.to_host.front().copied().unwrap_or_default()
    }

    /// The host has read it.
    pub fn host_pop(&mut self) {
        self.to_host.pop_front();
    }

    /// The coprocessor sends.
    pub fn firmware_send(&mut self, message: Message) -> Lines {
        match &mut self.late {
            Some(late) if self.reading => {
                late.push_back(message);
                Lines::default()
            }
            _ => self.put(message),
        }
    }

    fn put(&mut self, message: Message) -> Lines {
        let receive = self.to_host.is_empty();
        self.to_host.push_back(message);
        self.reading = true;
        Lines {
            receive,
            send_empty: false,
        }
    }

    /// The coprocessor takes the next message.
    pub fn firmware_receive(&mut self) -> (Option<Message>, Lines) {
        let message = self.to_firmware.pop_front();
        let send_empty = message.is_some() && self.to_firmware.is_empty() && self.was_full;
        if send_empty {
            self.was_full = false;
            self.emptied = true;
        }
        let lines = Lines {
            receive: false,
            send_empty,
        };
        (message, lines)
    }

    /// Messages that were lost because the host did not look whether there is room.
    pub fn overruns(&self) -> u64 {
        self.overruns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_only_at_transitions() {
        let mut m = Mailbox::default();
        assert!(m.firmware_send((1, 0)).receive);
        assert!(!m.firmware_send((2, 0)).receive);
        assert_eq!(m.host_peek(), (1, 0));
        m.host_pop();
        assert!(!m.is_receive_empty());
        m.host_pop();
        assert!(m.is_receive_empty());
        assert!(m.firmware_send((3, 0)).receive);
    }

    #[test]
    fn send_empty_only_for_who_found_it_full() {
        let mut m = Mailbox::default();
        let mut send = |n: u64| {
            m.host_payload(n);
            assert!(m.host_send(0x20));
            m.host_sees_full()
        };
        assert!(
            (0..DEPTH as u64)
                .map(&mut send)
                .take_while(|full| !full)
                .count()
                == DEPTH - 1
        );
        m.host_payload(99);
        assert!(!m.host_send(0x20));
        assert_eq!(m.overruns(), 1);
        for n in 0..DEPTH as u64 {
            let (message, edges) = m.firmware_receive();
            assert_eq!(message, Some((n, 0x20)));
            assert_eq!(edges.send_empty, n == DEPTH as u64 - 1);
        }
        // Active until the host looks.
        assert!(m.lines().send_empty);
        assert!(!m.host_sees_full());
        assert!(!m.lines().send_empty);
        m.host_payload(5);
        assert!(m.host_send(0x21));
        assert_eq!(m.firmware_receive(), (Some((5, 0x21)), Lines::default()));
        assert_eq!(m.firmware_receive().0, None);
    }

    #[test]
    fn a_late_message_comes_when_the_host_has_found_nothing() {
        let mut m = Mailbox::late();
        assert!(m.firmware_send((1, 0)).receive);
        m.host_pop();
        // The host's handler has yet to find out that there is no more.
        assert!(!m.firmware_send((2, 0)).receive);
        assert!(!m.firmware_send((3, 0)).receive);
        assert!(m.is_receive_empty());
        let (empty, lines) = m.host_sees_receive_empty();
        assert!(empty && lines.receive);
        assert_eq!(m.host_peek(), (2, 0));
        assert_eq!(m.host_sees_receive_empty(), (false, Lines::default()));
        m.host_pop();
        m.host_pop();
        assert_eq!(m.host_sees_receive_empty(), (true, Lines::default()));
        // It waits for nothing any more.
        assert!(m.firmware_send((4, 0)).receive);
    }
}
