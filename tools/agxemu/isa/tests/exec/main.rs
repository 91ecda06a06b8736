// SPDX-License-Identifier: MIT OR Apache-2.0

//! The interpreter, class by class, with results worked out by hand.

mod control;
mod float;
mod integer;
mod memory;
mod refusal;
mod subgroup;
mod support;
mod texture;
