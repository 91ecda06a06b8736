// SPDX-License-Identifier: MIT OR Apache-2.0

//! A GPU system processor, as far as a driver talks to it through its message queues.
//!
//! What a driver sends is checked as strictly as it can be: a message that the firmware would not
//! understand is reported with a reason, and the processor halts. What can go wrong with what it
//! answers is scripted, see [`script`].
//!
//! The queues are those of firmware 570.144. How the processor is started is a short form of what
//! hardware wants: the address of the table of memory regions goes to its mailboxes, and the bit
//! "start" to its control register. Boot loaders, signatures and protected memory are left out.

#![forbid(unsafe_code)]

mod boot;
pub mod channel;
pub mod counters;
mod lines;
pub mod machine;
mod outgoing;
pub mod queue;
pub mod registers;
pub mod rm;
pub mod script;
pub mod violation;
pub mod wire;
