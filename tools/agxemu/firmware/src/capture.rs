// SPDX-License-Identifier: MIT OR Apache-2.0

//! Captures of memory, for debuggers and for parsers written by others.
//!
//! Format, below the directory given:
//!
//! ```text
//! <seq>/meta.json                 what the capture is of
//! <seq>/0/<va>.bin                pages of the firmware's context, both halves
//! <seq>/<slot>/<va>.bin           pages of the context of a submission, 1 to 63
//! ```
//!
//! `<seq>` counts from 000000, leaving out what exists; `<va>` is the GPU address of the page, 16 hexadecimal digits, sign
//! extended; a `.bin` file is one page of 16384 bytes. A page that is the same as in the capture
//! before is a hard link to its file there. Pages mapped to something that is not RAM, which are
//! devices, have no file and are listed in `meta.json`:
//!
//! ```text
//! {
//!   "gpu": "G13G", "firmware": "13.5",
//!   "init_data": "0xffffffa000000000",
//!   "ring": "pipe compute 2", "message": "0x008300000000000a",
//!   "contexts": [0, 1],
//!   "mmio": [ { "context": 0, "va": "0x…", "phys": "0x…", "pages": 7 }, … ],
//!   "io_mappings": [ { "index": 0, "va": "0x…", "phys": "0x…", "size": 114688 }, … ]
//! }
//! ```
//!
//! Taken when a message arrives and before it is handled, a capture shows memory as the host left it.
//! `ring` is `init`, `device control`, `fwctl`, `kick`, `unknown` or `pipe TYPE PRIORITY`.

use std::collections::hash_map::{DefaultHasher, Entry};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::hash::{Hash, Hasher};
use std::io;
use std::path::PathBuf;

use crate::chip::Chip;
use crate::iomap::IoMapping;
use crate::machine::{Machine, Mapping};
use crate::memory::PAGE;

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

/// A directory of captures.
pub struct Capture {
    directory: PathBuf,
    chip: &'static Chip,
    next: u64,
    /// Hash and file of the last contents of each page, by context and address.
    last: HashMap<(u8, u64), (u64, PathBuf)>,
}

/// Pages in a row that are no RAM.
struct Device {
    slot: u8,
    va: u64,
    pa: u64,
    pages: u64,
}

impl Capture {
    /// Captures into `directory`.
    pub fn new(directory: PathBuf, chip: &'static Chip) -> Self {
        Self {
            directory,
            chip,
            next: 0,
            last: HashMap::new(),
        }
    }

    /// Writes one capture.
    ///
    /// # Errors
    ///
    /// Whatever the file system says.
    pub fn take(&mut self, machine: &dyn Machine, event: &Event<'_>) -> io::Result<()> {
        let directory = self.fresh();
        let mut devices = Vec::new();
        let mut contexts = vec![0];
        contexts.extend(event.slots.iter().filter(|slot| **slot != 0));
        for &slot in &contexts {
            let out = directory.join(slot.to_string());
            fs::create_dir_all(&out)?;
            for mapping in machine.mappings(slot) {
                let mut bytes = vec![0; PAGE as usize];
                if machine.read_phys(mapping.page.pa, &mut bytes).is_err() {
                    device(&mut devices, slot, &mapping);
                    continue;
                }
                let file = out.join(format!("{:016x}.bin", mapping.va));
                self.page((slot, mapping.va), &bytes, file)?;
            }
        }
        fs::write(
            directory.join("meta.json"),
            self.meta(event, &contexts, &devices),
        )
    }

    /// The next directory. Captures of an earlier run stay as they are, which matters the more as
    /// their files may be shared.
    fn fresh(&mut self) -> PathBuf {
        loop {
            let directory = self.directory.join(format!("{:06}", self.next));
            self.next += 1;
            if !directory.exists() {
                return directory;
            }
        }
    }

    fn page(&mut self, key: (u8, u64), bytes: &[u8], file: PathBuf) -> io::Result<()> {
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        let hash = hasher.finish();
        match self.last.entry(key) {
            Entry::Occupied(mut old) => {
                let same = old.get().0 == hash && fs::hard_link(&old.get().1, &file).is_ok();
                if !same {
                    fs::write(&file, bytes)?;
                }
                old.insert((hash, file));
            }
            Entry::Vacant(new) => {
                fs::write(&file, bytes)?;
                new.insert((hash, file));
            }
        }
        Ok(())
    }

    fn meta(&self, event: &Event<'_>, contexts: &[u8], devices: &[Device]) -> String {
        let mut out = String::new();
        let contexts: Vec<String> = contexts.iter().map(u8::to_string).collect();
        let devices: Vec<String> = devices
            .iter()
            .map(|d| {
                let (va, pa) = (d.va, d.pa);
                let (slot, pages) = (d.slot, d.pages);
                format!(
                    r#"{{"context": {slot}, "va": "{va:#x}", "phys": "{pa:#x}", "pages": {pages}}}"#
                )
            })
            .collect();
        let io: Vec<String> = event
            .io
            .iter()
            .map(|m| {
                let (i, va, pa, size) = (m.index, m.va, m.phys, m.size);
                format!(r#"{{"index": {i}, "va": "{va:#x}", "phys": "{pa:#x}", "size": {size}}}"#)
            })
            .collect();
        // Writing to a string cannot fail; no text here needs escaping.
        let _ = write!(
            out,
            "{{\n  \"gpu\": \"{}\",\n  \"firmware\": \"{}\",\n  \"init_data\": \"{:#x}\",\n  \
             \"ring\": \"{}\",\n  \"message\": \"{:#018x}\",\n  \"contexts\": [{}],\n  \
             \"mmio\": [{}],\n  \"io_mappings\": [{}]\n}}\n",
            self.chip.gpu,
            self.chip.firmware,
            event.init_data,
            event.ring,
            event.message,
            contexts.join(", "),
            devices.join(", "),
            io.join(", ")
        );
        out
    }
}

fn device(devices: &mut Vec<Device>, slot: u8, mapping: &Mapping) {
    let (va, pa) = (mapping.va, mapping.page.pa);
    if let Some(last) = devices.last_mut() {
        let len = last.pages * PAGE;
        if last.slot == slot && last.va + len == va && last.pa + len == pa {
            last.pages += 1;
            return;
        }
    }
    devices.push(Device {
        slot,
        va,
        pa,
        pages: 1,
    });
}
