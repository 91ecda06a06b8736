// SPDX-License-Identifier: MIT OR Apache-2.0

//! The interrupt lines of the mailbox. They are level; what goes to the host is an event for each
//! time that one becomes active, and again while it stays so.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use agxemu_firmware::machine::Level;

use crate::mailbox;
use crate::overlay::{VECTOR_RECEIVE_NOT_EMPTY, VECTOR_SEND_EMPTY};
use crate::soc::{lock, Soc};

/// A line that was raised.
#[derive(Clone, Copy)]
pub(crate) struct Raised {
    /// The last time.
    at: Instant,
    /// When it is raised again, if it is still active.
    patience: Duration,
}

/// How long a line may be active before its vector is sent again: it is level, and a vector can get
/// lost.
const RAISE_AGAIN: Duration = Duration::from_millis(10);
/// The same where nobody has looked for long.
const RAISE_AGAIN_MAX: Duration = Duration::from_secs(1);

impl Soc {
    /// Signals the lines that became active.
    pub fn raise(&self, lines: mailbox::Lines) {
        if lines.receive {
            self.interrupt(VECTOR_RECEIVE_NOT_EMPTY);
        }
        if lines.send_empty {
            self.interrupt(VECTOR_SEND_EMPTY);
        }
    }

    /// Signals the lines that are still active again; returns when to call this again.
    ///
    /// On a Mac the lines are level: what the host has not taken is signalled until it has. A
    /// vector is an event, and can get lost on its way.
    pub fn raise_again(&self) -> Option<Duration> {
        if self.hardware.once {
            return None;
        }
        let active = self.mailbox(|m| m.lines());
        let now = Instant::now();
        let mut next: Option<Duration> = None;
        let lines = [
            (VECTOR_RECEIVE_NOT_EMPTY, active.receive),
            (VECTOR_SEND_EMPTY, active.send_empty),
        ];
        let mut raised = lock(&self.raised);
        for (vector, _) in lines.into_iter().filter(|(_, active)| *active) {
            let Some(Some(line)) = raised.get_mut(vector as usize) else {
                continue;
            };
            let since = now.duration_since(line.at);
            let mut left = line.patience.saturating_sub(since);
            if left.is_zero() {
                let n = self.again.fetch_add(1, Ordering::Relaxed) + 1;
                let text = format!("line {vector} is active for {since:?}: signalled again ({n})");
                self.note(Level::Debug, &text);
                self.lines.pulse(vector);
                line.at = now;
                line.patience = (line.patience * 2).min(RAISE_AGAIN_MAX);
                left = line.patience;
            }
            next = Some(next.map_or(left, |next| next.min(left)));
        }
        next
    }

    /// Returns how often a line was signalled that had been before.
    pub fn raised_again(&self) -> u64 {
        self.again.load(Ordering::Relaxed)
    }

    fn interrupt(&self, vector: u32) {
        if let Some(line) = lock(&self.raised).get_mut(vector as usize) {
            *line = Some(Raised {
                at: Instant::now(),
                patience: RAISE_AGAIN,
            });
        }
        let n = self.interrupts.fetch_add(1, Ordering::Relaxed) + 1;
        if self.lost_interrupt == Some(n) {
            self.note(Level::Info, &format!("interrupt {n} is lost, as scripted"));
        } else {
            self.lines.pulse(vector);
        }
    }
}
