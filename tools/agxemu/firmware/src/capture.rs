// SPDX-License-Identifier: MIT OR Apache-2.0

//! Captures of memory, for debuggers and for parsers written by others.
//!
//! Format, below the directory given:
//!
//! ```text
//! <seq>/meta.json                 what the capture is of
//! <seq>/0/<va>.bin                pages of the firmware's context, both halves
//! <seq>/0/pages.txt               its page table: a line "<va> <entry>" for each page
//! <seq>/<slot>/…                  the same of the context of a submission, 1 to 63
//! ```
//!
//! `<seq>` counts from 000000, leaving out what exists; `<va>` is the GPU address of the page, 16
//! hexadecimal digits, sign extended; `<entry>` is the last-level entry, with address, attributes
//! and permissions. A `.bin` file is one page of 16384 bytes. A page that is the same as in the
//! capture before is a hard link to its file there. Pages mapped to something that is not RAM,
//! which are devices, have no file and are listed in `meta.json`:
//!
//! ```text
//! {
//!   "gpu": "G13G", "firmware": "13.5",
//!   "init_data": "0xffffffa000000000",
//!   "ring": "pipe compute 2", "message": "0x008300000000000a",
//!   "contexts": [0, 1],
//!   "roots": [ { "context": 0, "ttb0": "0x…", "ttb1": "0x…" }, … ],
//!   "changed": [ { "context": 0, "va": "0x…" }, … ],
//!   "mmio": [ { "context": 0, "va": "0x…", "phys": "0x…", "pages": 7 }, … ],
//!   "io_mappings": [ { "index": 0, "va": "0x…", "phys": "0x…", "size": 114688 }, … ]
//! }
//! ```
//!
//! Taken when a message arrives and before it is handled, a capture shows memory as the host left
//! it. `ring` is `init`, `device control`, `fwctl`, `kick`, `unknown` or `pipe TYPE PRIORITY`.
//!
//! The guest runs on meanwhile. So memory is read twice: what is the same both times was all there
//! at the moment between, and has files. Pages that the guest has changed have none; `changed`
//! names them. Files are written by a thread of their own, so that the firmware goes on.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{sync_channel, SyncSender};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use agx_abi::uat::{ttb_table, FIRMWARE_START};

use crate::chip::Part;
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

/// Captures that wait for the disk at most; the firmware waits for it then.
const WAITING: usize = 256;
/// How often memory is read again while the guest changes some of it.
const ATTEMPTS: usize = 3;

/// A page of a context.
type Key = (u8, u64);
type Contents = Arc<[u8]>;

/// A directory of captures.
pub struct Capture {
    part: Part,
    /// The last contents of each page, and their hash.
    last: HashMap<Key, (u64, Contents)>,
    writer: Option<Writer>,
}

/// A capture that is to be written.
struct Taken {
    pages: Vec<(Key, Contents)>,
    tables: Vec<(u8, String)>,
    meta: String,
}

/// The thread that writes files.
struct Writer {
    taken: SyncSender<Taken>,
    thread: JoinHandle<io::Result<()>>,
    error: Arc<Mutex<Option<String>>>,
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
    ///
    /// # Errors
    ///
    /// There is no thread to write files.
    pub fn new(directory: PathBuf, part: Part) -> io::Result<Self> {
        Ok(Self {
            part,
            last: HashMap::new(),
            writer: Some(Writer::new(directory)?),
        })
    }

    /// Takes one capture, whose files are written later.
    ///
    /// # Errors
    ///
    /// What the file system has said of an earlier one.
    pub fn take(&mut self, machine: &dyn Machine, event: &Event<'_>) -> io::Result<()> {
        let mut contexts = vec![0];
        contexts.extend(event.slots.iter().filter(|slot| **slot != 0));
        let mut devices = Vec::new();
        let mut tables = Vec::new();
        let mut places: Vec<(Key, u64)> = Vec::new();
        for &slot in &contexts {
            let mut table = String::new();
            for mapping in mappings(machine, slot) {
                // Writing to a string cannot fail.
                let _ = writeln!(table, "{:016x} {:016x}", mapping.va, mapping.page.pte);
                match machine.read_phys(mapping.page.pa, &mut [0; 8]) {
                    Ok(()) => places.push(((slot, mapping.va), mapping.page.pa)),
                    Err(_) => device(&mut devices, slot, &mapping),
                }
            }
            tables.push((slot, table));
        }
        let changed = self.read(machine, &places);
        let pages = places
            .iter()
            .filter(|(key, _)| !changed.contains(key))
            .filter_map(|(key, _)| Some((*key, self.last.get(key)?.1.clone())))
            .collect();
        let roots = contexts.iter().map(|&slot| (slot, machine.ttbs(slot)));
        let meta = self.meta(event, &roots.collect::<Vec<_>>(), &changed, &devices);
        let taken = Taken {
            pages,
            tables,
            meta,
        };
        match &self.writer {
            Some(writer) => writer.write(taken),
            None => Ok(()),
        }
    }

    /// Reads all pages until they are the same twice; returns those that the guest changes.
    fn read(&mut self, machine: &dyn Machine, places: &[(Key, u64)]) -> BTreeSet<Key> {
        let mut changed = self.refresh(machine, places);
        for _ in 0..ATTEMPTS {
            changed = self.refresh(machine, places);
            if changed.is_empty() {
                break;
            }
        }
        changed
    }

    /// Reads all pages once; returns those that differ from what was read before.
    fn refresh(&mut self, machine: &dyn Machine, places: &[(Key, u64)]) -> BTreeSet<Key> {
        let mut changed = BTreeSet::new();
        let mut bytes = vec![0; PAGE as usize];
        for &(key, pa) in places {
            if machine.read_phys(pa, &mut bytes).is_err() {
                changed.insert(key);
                continue;
            }
            // Of the last contents only the hash is looked at: they are not in the processor's
            // cache.
            let hash = hash(&bytes);
            if self.last.get(&key).is_none_or(|(last, _)| *last != hash) {
                self.last.insert(key, (hash, bytes.as_slice().into()));
                changed.insert(key);
            }
        }
        changed
    }

    /// Waits until everything is written.
    ///
    /// # Errors
    ///
    /// Whatever the file system says.
    pub fn finish(&mut self) -> io::Result<()> {
        match self.writer.take() {
            Some(writer) => writer.finish(),
            None => Ok(()),
        }
    }

    fn meta(
        &self,
        event: &Event<'_>,
        roots: &[(u8, (u64, u64))],
        changed: &BTreeSet<Key>,
        devices: &[Device],
    ) -> String {
        let mut out = String::new();
        let contexts: Vec<String> = roots.iter().map(|(slot, _)| slot.to_string()).collect();
        let roots: Vec<String> = roots
            .iter()
            .map(|(slot, (lower, upper))| {
                format!(r#"{{"context": {slot}, "ttb0": "{lower:#x}", "ttb1": "{upper:#x}"}}"#)
            })
            .collect();
        let changed: Vec<String> = changed
            .iter()
            .map(|(slot, va)| format!(r#"{{"context": {slot}, "va": "{va:#x}"}}"#))
            .collect();
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
             \"roots\": [{}],\n  \"changed\": [{}],\n  \"mmio\": [{}],\n  \
             \"io_mappings\": [{}]\n}}\n",
            self.part.chip.gpu,
            self.part.firmware.name,
            event.init_data,
            event.ring,
            event.message,
            contexts.join(", "),
            roots.join(", "),
            changed.join(", "),
            devices.join(", "),
            io.join(", ")
        );
        out
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        // A caller that wants to know of errors has called it.
        let _ = self.finish();
    }
}

/// Returns a hash of a page. It tells by accident of one change in 2^64 that it is none.
fn hash(bytes: &[u8]) -> u64 {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    // Four lanes, so that the multiplications do not wait for each other.
    let mut lanes = [1u64, 2, 3, 4];
    for chunk in bytes.chunks_exact(32) {
        for (lane, word) in lanes.iter_mut().zip(chunk.chunks_exact(8)) {
            let word = u64::from_le_bytes(word.try_into().unwrap_or_default());
            *lane = (lane.rotate_left(29) ^ word).wrapping_mul(MULTIPLIER);
        }
    }
    lanes.into_iter().fold(0, |hash: u64, lane| {
        (hash.rotate_left(31) ^ lane ^ (lane >> 32)).wrapping_mul(MULTIPLIER)
    })
}

/// Returns everything mapped in a context, but for the kernel's half in that of a user.
fn mappings(machine: &dyn Machine, slot: u8) -> Vec<Mapping> {
    let kernel = ttb_table(machine.ttbs(0).1);
    let shares = slot != 0 && ttb_table(machine.ttbs(slot).1) == kernel;
    let mut all = machine.mappings(slot);
    all.retain(|m| !(shares && m.va >= FIRMWARE_START));
    all
}

impl Writer {
    fn new(directory: PathBuf) -> io::Result<Self> {
        let (taken, next) = sync_channel::<Taken>(WAITING);
        let error = Arc::new(Mutex::new(None));
        let said = error.clone();
        let thread = std::thread::Builder::new()
            .name("capture".to_owned())
            .spawn(move || {
                let mut files = Files {
                    directory,
                    next: 0,
                    last: HashMap::new(),
                };
                let result = next.into_iter().try_for_each(|taken| files.write(taken));
                if let Err(e) = &result {
                    *said.lock().unwrap_or_else(|e| e.into_inner()) = Some(e.to_string());
                }
                result
            })?;
        Ok(Self {
            taken,
            thread,
            error,
        })
    }

    fn write(&self, taken: Taken) -> io::Result<()> {
        // The other end is gone only after an error.
        if self.taken.send(taken).is_ok() {
            return Ok(());
        }
        let mut error = self.error.lock().unwrap_or_else(|e| e.into_inner());
        let text = error.take().unwrap_or_else(|| "no writer".to_owned());
        Err(io::Error::other(text))
    }

    fn finish(self) -> io::Result<()> {
        drop(self.taken);
        match self.thread.join() {
            Ok(result) => result,
            Err(_) => Err(io::Error::other("the writer panicked")),
        }
    }
}

/// The files of all captures.
struct Files {
    directory: PathBuf,
    next: u64,
    /// File of the last contents of each page.
    last: HashMap<Key, (Contents, PathBuf)>,
}

impl Files {
    fn write(&mut self, taken: Taken) -> io::Result<()> {
        let directory = self.fresh();
        for (slot, table) in taken.tables {
            let out = directory.join(slot.to_string());
            fs::create_dir_all(&out)?;
            fs::write(out.join("pages.txt"), table)?;
        }
        for (key, contents) in taken.pages {
            let (slot, va) = key;
            let file = directory.join(format!("{slot}/{va:016x}.bin"));
            self.page(key, contents, file)?;
        }
        fs::write(directory.join("meta.json"), taken.meta)
    }

    /// Returns the next directory. Captures of an earlier run stay as they are, which matters the
    /// more as their files may be shared.
    fn fresh(&mut self) -> PathBuf {
        loop {
            let directory = self.directory.join(format!("{:06}", self.next));
            self.next += 1;
            if !directory.exists() {
                return directory;
            }
        }
    }

    fn page(&mut self, key: Key, contents: Contents, file: PathBuf) -> io::Result<()> {
        let links = |(old, path): &(Contents, PathBuf)| {
            (Arc::ptr_eq(old, &contents) || *old == contents) && fs::hard_link(path, &file).is_ok()
        };
        if !self.last.get(&key).is_some_and(links) {
            fs::write(&file, &*contents)?;
        }
        self.last.insert(key, (contents, file));
        Ok(())
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
