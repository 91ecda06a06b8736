// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Register accesses that the firmware asks for while it starts.
//!
//! Which registers those may be is for the driver to say. Here they are the mailboxes.

use crate::{
    regs::Registers,
    wire::{
        word,
        Poison, //
    }, //
};
use kasync::time::{
    sleep,
    Instant, //
};
use kernel::{
    prelude::*,
    time::Delta, //
};

const WRITE: u32 = 0;
const MODIFY: u32 = 1;
const POLL: u32 = 2;
const DELAY: u32 = 3;
/// The offset of the commands, behind the size of the buffer, the number of its words in use, and
/// eight saved registers.
const COMMANDS: usize = 40;
/// The time limit of a sequence.
const LIMIT: Delta = Delta::from_secs(4);

/// Runs the sequence in `payload`.
///
/// # Errors
///
/// [`Poison::Sequencer`] if it is malformed, accesses another register or takes too long.
pub(crate) async fn run(registers: &Registers, payload: &[u8]) -> Result<(), Poison> {
    let commands = payload.get(COMMANDS..).ok_or(Poison::Sequencer)?;
    let count = word(payload, 4) as usize;
    if count > commands.len() / 4 {
        return Err(Poison::Sequencer);
    }
    let begin = Instant::now();
    let mut at = 0;
    while at < count {
        let left = count - at;
        let argument = |n: usize| word(commands, 4 * (at + n));
        let size = match argument(0) {
            WRITE => 3,
            MODIFY => 4,
            POLL => 6,
            DELAY => 2,
            _ => return Err(Poison::Sequencer),
        };
        if size > left || begin.elapsed() > LIMIT {
            return Err(Poison::Sequencer);
        }
        let register = argument(1) as usize;
        let read = || registers.mailbox(register).map_err(|_| Poison::Sequencer);
        let write = |value| {
            registers
                .set_mailbox(register, value)
                .map_err(|_| Poison::Sequencer)
        };
        match argument(0) {
            WRITE => write(argument(2))?,
            MODIFY => write((read()? & !argument(2)) | argument(3))?,
            POLL => {
                let limit = Delta::from_micros(i64::from(argument(4))).min(LIMIT);
                let from = Instant::now();
                while read()? & argument(2) != argument(3) {
                    if from.elapsed() > limit {
                        return Err(Poison::Sequencer);
                    }
                    // Nothing says when a register changes.
                    sleep(Delta::from_micros(10)).await;
                }
            }
            _ => sleep(Delta::from_micros(i64::from(argument(1))).min(LIMIT)).await,
        }
        at += size;
    }
    Ok(())
}
