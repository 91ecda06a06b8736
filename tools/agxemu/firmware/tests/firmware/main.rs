// SPDX-License-Identifier: MIT OR Apache-2.0

//! The firmware against a small driver, without a virtual machine.

mod behaviour;
mod capture;
mod chips;
mod commands;
mod compute;
mod damage;
mod flush;
mod habits;
mod halts;
mod init;
mod ordering;
mod queues;
mod render;
mod render_fields;
mod render_halts;
mod submissions;
mod support;
