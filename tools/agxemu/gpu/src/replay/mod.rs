// SPDX-License-Identifier: MIT OR Apache-2.0

//! Recordings of render commands, and their replay without a machine.
//!
//! A recording has a half's job and each page that it has looked up, as it was then. So a replay
//! reads what the half has read and leaves the same memory, whatever engine runs its shaders.
//!
//! ```text
//!  Pages ──► Recorder ──► the half runs ──► Recording ──► file ──► Recording ──► Memory, job
//! ```
//!
//! A file has the words (little-endian, of 64 bits): magic, kind, number of words of job and
//! settings, these, number of pages; of each page address, rights (1: read, 2: write), bytes.

mod memory;
mod record;
mod words;

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::sync::Arc;

pub use memory::Memory;
pub use record::Recorder;

use crate::backing::PAGE;
use crate::execute::Settings;
use crate::render::{Half, Scene};
use words::Words;

const MAGIC: u64 = u64::from_le_bytes(*b"agxhalf1");
const VERTEX: u64 = 0;
const FRAGMENT: u64 = 1;

/// More pages than this are refused: 4 GiB.
const MAX_PAGES: u64 = 1 << 18;
const MAX_WORDS: u64 = 1 << 10;

/// A page as it was when the half first looked it up.
struct Page {
    read: bool,
    write: bool,
    bytes: Vec<u8>,
}

/// A half that has run.
pub struct Recording {
    kind: u64,
    words: Vec<u64>,
    pages: BTreeMap<u64, Page>,
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn word(from: &mut dyn Read) -> io::Result<u64> {
    let mut bytes = [0; 8];
    from.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

impl Recording {
    fn new(half: &Half, settings: &Settings, pages: BTreeMap<u64, Page>) -> Self {
        let mut words = Vec::new();
        let kind = match half {
            Half::Vertex(job) => {
                job.put(&mut words);
                VERTEX
            }
            Half::Fragment(job, _) => {
                job.put(&mut words);
                FRAGMENT
            }
        };
        words::put_settings(settings, &mut words);
        Self { kind, words, pages }
    }

    /// Returns the number of pages.
    pub fn pages(&self) -> usize {
        self.pages.len()
    }

    /// Returns memory as the half has found it.
    pub fn memory(&self) -> Memory {
        Memory::new(&self.pages)
    }

    /// Returns the half and its settings, which are those of `host` where shaders cannot tell. A
    /// fragment half needs a `scene`, a vertex half makes one.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidData`] if the recording has no such job, or lacks its scene.
    pub fn half(&self, scene: Option<Arc<Scene>>, host: Settings) -> io::Result<(Half, Settings)> {
        let mut words = self.words.iter().copied();
        let bad = || invalid("the words are no job");
        let half = match (self.kind, scene) {
            (VERTEX, _) => Half::Vertex(Words::take(&mut words).ok_or_else(bad)?),
            (FRAGMENT, Some(scene)) => {
                Half::Fragment(Words::take(&mut words).ok_or_else(bad)?, scene)
            }
            (FRAGMENT, None) => return Err(invalid("a fragment half without a scene")),
            _ => return Err(invalid("a half of no known kind")),
        };
        let settings = words::take_settings(&mut words, host).ok_or_else(bad)?;
        match words.next() {
            None => Ok((half, settings)),
            Some(_) => Err(invalid("more words than a job has")),
        }
    }

    /// Writes a file.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        let count = self.words.len() as u64;
        let head = [MAGIC, self.kind, count].into_iter();
        let head = head.chain(self.words.iter().copied());
        for word in head.chain([self.pages.len() as u64]) {
            to.write_all(&word.to_le_bytes())?;
        }
        for (va, page) in &self.pages {
            let rights = u64::from(page.read) | u64::from(page.write) << 1;
            to.write_all(&va.to_le_bytes())?;
            to.write_all(&rights.to_le_bytes())?;
            to.write_all(&page.bytes)?;
        }
        Ok(())
    }

    /// Reads a file.
    ///
    /// # Errors
    ///
    /// Those of the reader, and [`io::ErrorKind::InvalidData`] for what is no recording.
    pub fn read(from: &mut dyn Read) -> io::Result<Self> {
        if word(from)? != MAGIC {
            return Err(invalid("no recording"));
        }
        let kind = word(from)?;
        let count = word(from)?;
        if count > MAX_WORDS {
            return Err(invalid("more words than a job has"));
        }
        let words: io::Result<_> = (0..count).map(|_| word(from)).collect();
        let words = words?;
        let count = word(from)?;
        if count > MAX_PAGES {
            return Err(invalid("more pages than a recording has"));
        }
        let mut pages = BTreeMap::new();
        for _ in 0..count {
            let (va, rights) = (word(from)?, word(from)?);
            if va % PAGE != 0 || rights > 3 {
                return Err(invalid("no page is like this"));
            }
            let mut bytes = vec![0; PAGE as usize];
            from.read_exact(&mut bytes)?;
            let page = Page {
                read: rights & 1 != 0,
                write: rights & 2 != 0,
                bytes,
            };
            pages.insert(va, page);
        }
        Ok(Self { kind, words, pages })
    }
}

#[cfg(test)]
mod tests;
