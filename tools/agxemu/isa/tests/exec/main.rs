// SPDX-License-Identifier: MIT OR Apache-2.0

//! Both engines: class by class with results worked out by hand, and random programs.

mod control;
mod engine;
mod float;
mod fragment;
mod hostile;
mod integer;
mod memory;
mod property;
mod refusal;
mod subgroup;
mod support;
mod texture;
mod vertex;
