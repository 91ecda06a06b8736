// SPDX-License-Identifier: MIT OR Apache-2.0

//! Captures of memory, for debuggers and for parsers written by others.
//!
//! Documentation/captures.rst has the format. Taken when a message arrives and before it is
//! handled, a capture shows memory as the host left it.
//!
//! The guest runs on meanwhile. So page tables and memory are read until they are the same twice:
//! what is the same was all there at the moment between, and has files. Pages that the guest, or a
//! job, has changed have none, and are named.
//!
//! Nothing here waits for the disk: files are written by a thread of their own. If that falls
//! behind, captures are left out, and the next one says how many.

mod files;
mod meta;
mod pages;
mod tables;

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::chip::Part;
use crate::iomap::IoMapping;
use crate::machine::Machine;

use files::{Files, Picture, Taken, Writer};
use pages::Pages;
use tables::Context;

/// What made a capture happen.
pub struct Event<'a> {
    /// Name of the ring.
    pub ring: &'a str,
    /// The message.
    pub message: u64,
    /// Address of the init data.
    pub init_data: u64,
    /// User contexts to write out.
    pub slots: &'a [u8],
    /// Io mappings.
    pub io: &'a [IoMapping],
}

/// What became of the captures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Captures that were taken.
    pub taken: u64,
    /// Captures that were left out, as the disk was behind.
    pub left_out: u64,
    /// How long the firmware stood still for all of them.
    pub held: Duration,
    /// The longest of these times.
    pub longest: Duration,
}

/// Captures that wait for the disk at most.
const WAITING: usize = 256;
/// How often memory is read again while some of it changes.
const ATTEMPTS: usize = 3;

/// A directory of captures.
pub struct Capture {
    part: Part,
    pages: Pages,
    /// Contexts as they were walked last.
    contexts: BTreeMap<u8, Context>,
    writer: Option<Writer>,
    /// Why there is no more of it.
    error: Option<String>,
    /// Messages so far, and how many of the last had no capture.
    messages: u64,
    behind: u64,
    figures: Figures,
}

/// What differs between the last two looks, by physical address.
#[derive(Default)]
struct Changed {
    tables: HashSet<u64>,
    pages: HashSet<u64>,
    /// Addresses of contexts that are mapped otherwise.
    mappings: HashSet<(u8, u64)>,
}

impl Changed {
    fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.pages.is_empty() && self.mappings.is_empty()
    }
}

impl Capture {
    /// Captures into `directory`, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// The directory cannot be made or written to, or there is no thread to write files.
    pub fn new(directory: PathBuf, part: Part) -> io::Result<Self> {
        let mut files = Files::new(directory)?;
        let writer = Writer::new(WAITING, move |taken| files.write(taken))?;
        Ok(Self::with(writer, part))
    }

    fn with(writer: Writer, part: Part) -> Self {
        Self {
            part,
            pages: Pages::default(),
            contexts: BTreeMap::new(),
            writer: Some(writer),
            error: None,
            messages: 0,
            behind: 0,
            figures: Figures::default(),
        }
    }

    /// Returns what became of the captures so far.
    pub fn figures(&self) -> Figures {
        self.figures
    }

    /// Takes one capture, whose files are written later, or leaves it out.
    ///
    /// # Errors
    ///
    /// What the file system has said of an earlier one, once. There are no more captures then.
    pub fn take(&mut self, machine: &dyn Machine, event: &Event<'_>) -> io::Result<()> {
        let begun = Instant::now();
        self.messages += 1;
        let Some(writer) = &self.writer else {
            return Ok(());
        };
        if writer.is_full() {
            self.behind += 1;
            self.figures.left_out += 1;
            return Ok(());
        }
        let mut slots = vec![0];
        slots.extend(event.slots.iter().filter(|slot| **slot != 0));
        self.contexts.retain(|slot, _| slots.contains(slot));
        let changed = self.read(machine, &slots);
        let taken = self.picture(machine, event, &changed);
        if let Err(error) = self.write(taken) {
            self.writer = None;
            self.error = Some(error.to_string());
            return Err(error);
        }
        self.behind = 0;
        self.figures.taken += 1;
        let held = begun.elapsed();
        self.figures.held += held;
        self.figures.longest = self.figures.longest.max(held);
        Ok(())
    }

    fn write(&self, taken: Taken) -> io::Result<()> {
        match &self.writer {
            Some(writer) => writer.write(taken),
            None => Ok(()),
        }
    }

    /// Reads all until it is the same twice; returns what still changes.
    fn read(&mut self, machine: &dyn Machine, slots: &[u8]) -> Changed {
        let mut changed = self.update(machine, slots);
        for _ in 0..ATTEMPTS {
            changed = self.update(machine, slots);
            if changed.is_empty() {
                break;
            }
        }
        changed
    }

    /// Reads all once; returns what differs from what was read before.
    fn update(&mut self, machine: &dyn Machine, slots: &[u8]) -> Changed {
        let mut changed = Changed::default();
        self.pages.begin();
        for &slot in slots {
            let old = self.contexts.remove(&slot);
            let context = tables::update(machine, slot, old, &mut self.pages, &mut changed);
            self.contexts.insert(slot, context);
        }
        for context in self.contexts.values() {
            for &(_, pa) in &context.files {
                if self.pages.update(machine, pa) {
                    changed.pages.insert(pa);
                }
            }
        }
        changed
    }

    fn picture(&self, machine: &dyn Machine, event: &Event<'_>, changed: &Changed) -> Taken {
        let mut tables: Vec<u64> = self
            .contexts
            .values()
            .flat_map(|context| context.tables.iter().copied())
            .collect();
        tables.sort_unstable();
        tables.dedup();
        let meta = meta::write(self, machine, event, changed);
        tables.retain(|pa| !changed.tables.contains(pa));
        let contents = |pa: u64| Some((pa, self.pages.get(pa)?));
        Taken {
            tables: tables.into_iter().filter_map(contents).collect(),
            contexts: self
                .contexts
                .iter()
                .map(|(&slot, context)| Picture {
                    slot,
                    text: context.text.clone(),
                    pages: context
                        .files
                        .iter()
                        .filter(|(va, pa)| !changed.has(slot, *va, *pa))
                        .filter_map(|&(va, pa)| Some((va, pa, self.pages.get(pa)?)))
                        .collect(),
                })
                .collect(),
            meta,
        }
    }

    /// Waits until everything is written.
    ///
    /// # Errors
    ///
    /// What the file system says, or has said of an earlier capture.
    pub fn finish(&mut self) -> io::Result<()> {
        match (self.writer.take(), self.error.take()) {
            (_, Some(error)) => Err(io::Error::other(error)),
            (Some(writer), None) => writer.finish(),
            (None, None) => Ok(()),
        }
    }
}

impl Changed {
    /// Whether a page of a context is not what it was.
    fn has(&self, slot: u8, va: u64, pa: u64) -> bool {
        self.pages.contains(&pa) || self.mappings.contains(&(slot, va))
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        // A caller that wants to know of errors has called it.
        let _ = self.finish();
    }
}

#[cfg(test)]
mod tests;
