// SPDX-License-Identifier: MIT OR Apache-2.0

//! The files of captures, and the thread that writes them.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{channel, Sender};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use super::pages::Contents;

/// A capture that is to be written.
pub(super) struct Taken {
    /// Pages of tables, by physical address.
    pub(super) tables: Vec<(u64, Contents)>,
    pub(super) contexts: Vec<Picture>,
    pub(super) meta: String,
}

/// A context of it.
pub(super) struct Picture {
    pub(super) slot: u8,
    /// What `pages.txt` says.
    pub(super) text: Arc<str>,
    /// Address, physical address and contents of pages.
    pub(super) pages: Vec<(u64, u64, Contents)>,
}

/// The thread that writes files.
pub(super) struct Writer {
    taken: Sender<Taken>,
    thread: JoinHandle<io::Result<()>>,
    error: Arc<Mutex<Option<String>>>,
    /// Captures that are not written yet, and how many there may be.
    waiting: Arc<AtomicUsize>,
    most: usize,
}

impl Writer {
    /// Has `write` called for each capture, by a thread.
    pub(super) fn new(
        most: usize,
        mut write: impl FnMut(Taken) -> io::Result<()> + Send + 'static,
    ) -> io::Result<Self> {
        let (taken, next) = channel::<Taken>();
        let error = Arc::new(Mutex::new(None));
        let waiting = Arc::new(AtomicUsize::new(0));
        let (said, done) = (error.clone(), waiting.clone());
        let thread = std::thread::Builder::new()
            .name("capture".to_owned())
            .spawn(move || {
                let result = next.into_iter().try_for_each(|taken| {
                    let result = write(taken);
                    done.fetch_sub(1, Ordering::Release);
                    result
                });
                if let Err(e) = &result {
                    *said.lock().unwrap_or_else(|e| e.into_inner()) = Some(e.to_string());
                }
                result
            })?;
        Ok(Self {
            taken,
            thread,
            error,
            waiting,
            most,
        })
    }

    /// Returns whether so many captures wait that there must not be more.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.load(Ordering::Acquire) >= self.most
    }

    /// Has a capture written.
    pub(super) fn write(&self, taken: Taken) -> io::Result<()> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        // The other end is gone only after an error.
        if self.taken.send(taken).is_ok() {
            return Ok(());
        }
        let mut error = self.error.lock().unwrap_or_else(|e| e.into_inner());
        let text = error.take().unwrap_or_else(|| "no writer".to_owned());
        Err(io::Error::other(text))
    }

    /// Waits until all are written.
    pub(super) fn finish(self) -> io::Result<()> {
        drop(self.taken);
        match self.thread.join() {
            Ok(result) => result,
            Err(_) => Err(io::Error::other("the writer panicked")),
        }
    }
}

/// The files of all captures.
pub(super) struct Files {
    directory: PathBuf,
    next: u64,
    /// File of the last contents of each page, by physical address.
    last: HashMap<u64, (Contents, PathBuf)>,
    /// The last list of mappings of each context, and its file.
    lists: HashMap<u8, (Arc<str>, PathBuf)>,
}

impl Files {
    /// Captures in `directory`.
    ///
    /// # Errors
    ///
    /// It cannot be made, or not written to.
    pub(super) fn new(directory: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&directory)?;
        let mut files = Self {
            directory,
            next: 0,
            last: HashMap::new(),
            lists: HashMap::new(),
        };
        // Asked for now, and not when the first capture is long taken.
        let (probe, _) = files.fresh()?;
        fs::remove_dir(probe)?;
        files.next = 0;
        Ok(files)
    }

    /// Writes one capture whole, or leaves nothing of it.
    pub(super) fn write(&mut self, taken: Taken) -> io::Result<()> {
        let (directory, next) = self.fresh()?;
        self.next = next;
        let result = self.fill(&directory, taken);
        if result.is_err() {
            // What is said is why it could not be written.
            let _ = fs::remove_dir_all(&directory);
        }
        result
    }

    fn fill(&mut self, directory: &Path, taken: Taken) -> io::Result<()> {
        let tables = directory.join("tables");
        fs::create_dir(&tables)?;
        for (pa, contents) in taken.tables {
            self.page(pa, contents, tables.join(format!("{pa:016x}.bin")))?;
        }
        for context in taken.contexts {
            let out = directory.join(context.slot.to_string());
            fs::create_dir(&out)?;
            self.list(context.slot, context.text, out.join("pages.txt"))?;
            for (va, pa, contents) in context.pages {
                self.page(pa, contents, out.join(format!("{va:016x}.bin")))?;
            }
        }
        // The last: a capture that has it is whole.
        fs::write(directory.join("meta.json"), taken.meta)
    }

    /// Makes the next directory. Captures of an earlier run stay as they are, which matters the
    /// more as their files may be shared.
    fn fresh(&mut self) -> io::Result<(PathBuf, u64)> {
        let mut next = self.next;
        loop {
            let directory = self.directory.join(format!("{next:06}"));
            next += 1;
            match fs::create_dir(&directory) {
                Ok(()) => return Ok((directory, next)),
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(e),
            }
        }
    }

    /// Writes a page, or links it to its last file if it is the same. File systems may have no
    /// links, or no more of this file.
    fn page(&mut self, pa: u64, contents: Contents, file: PathBuf) -> io::Result<()> {
        let links = |(old, path): &(Contents, PathBuf)| {
            (Arc::ptr_eq(old, &contents) || *old == contents) && fs::hard_link(path, &file).is_ok()
        };
        if !self.last.get(&pa).is_some_and(links) {
            fs::write(&file, &*contents)?;
        }
        self.last.insert(pa, (contents, file));
        Ok(())
    }

    fn list(&mut self, slot: u8, text: Arc<str>, file: PathBuf) -> io::Result<()> {
        let links = |(old, path): &(Arc<str>, PathBuf)| {
            Arc::ptr_eq(old, &text) && fs::hard_link(path, &file).is_ok()
        };
        if !self.lists.get(&slot).is_some_and(links) {
            fs::write(&file, text.as_bytes())?;
        }
        self.lists.insert(slot, (text, file));
        Ok(())
    }
}
