// SPDX-License-Identifier: MIT OR Apache-2.0

//! The firmware against a small driver, without a virtual machine.

mod compute;
mod init;
mod queues;
mod support;
