// SPDX-License-Identifier: MIT OR Apache-2.0

//! TLB invalidations of the guest, and when it is idle, from a plugin of QEMU: see `tlbi/plugin.c`,
//! which has the format.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Mutex;

use agxemu_soc::ram::Backing;
use agxemu_soc::shadow::{Invalidation, Invalidations};
use pci_function::Mapping;

const MAGIC: u64 = 0x4942_4c54_554d_4541;
const SLOTS: u64 = 16384;
const COUNT: usize = 8;
const IDLE: usize = 16;
const ENTRIES: usize = 24;
const SIZE: usize = ENTRIES + 16 * SLOTS as usize;

/// The ring that the plugin writes.
pub struct Ring {
    memory: Mapping,
    /// Entries that were taken.
    taken: Mutex<u64>,
}

impl Ring {
    /// Makes the file for the plugin.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)?;
        file.set_len(SIZE as u64)?;
        let ring = Self {
            memory: Mapping::new(&file, 0, SIZE)?,
            taken: Mutex::new(0),
        };
        ring.word(0).store(MAGIC, Ordering::Release);
        Ok(ring)
    }

    /// Returns the word at `offset`, which is in the ring and a multiple of 8.
    fn word(&self, offset: usize) -> &AtomicU64 {
        assert!(offset % 8 == 0 && offset + 8 <= self.memory.len());
        // SAFETY: In bounds and aligned, as just checked and since mappings are; the plugin, too,
        // writes it atomically. The mapping lives as long as `self`.
        unsafe { &*self.memory.base().add(offset).cast::<AtomicU64>() }
    }
}

impl Invalidations for Ring {
    fn take(&self, each: &mut dyn FnMut(Invalidation)) {
        let mut taken = self.taken.lock().unwrap_or_else(|e| e.into_inner());
        let count = self.word(COUNT).load(Ordering::Acquire);
        // What is being overwritten, or was, is lost: it may have been anything.
        let room = SLOTS - 1;
        let new = count - *taken;
        if new > room {
            *taken = count;
            each(Invalidation::All);
            return;
        }
        let mut heard = Vec::new();
        for n in *taken..count {
            let at = ENTRIES + 16 * (n % SLOTS) as usize;
            let load = |offset| self.word(offset).load(Ordering::Relaxed);
            heard.extend(Invalidation::decode(load(at), load(at + 8)));
        }
        *taken = count;
        std::sync::atomic::fence(Ordering::Acquire);
        if self.word(COUNT).load(Ordering::Relaxed) - count > room - new {
            heard = vec![Invalidation::All];
        }
        heard.into_iter().for_each(each);
    }

    fn idle(&self) -> u64 {
        self.word(IDLE).load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(ring: &Ring, instruction: u64, operand: u64) {
        let n = ring.word(COUNT).load(Ordering::Relaxed);
        let at = ENTRIES + 16 * (n % SLOTS) as usize;
        ring.word(at).store(instruction, Ordering::Relaxed);
        ring.word(at + 8).store(operand, Ordering::Relaxed);
        ring.word(COUNT).store(n + 1, Ordering::Release);
    }

    fn heard(ring: &Ring) -> Vec<Invalidation> {
        let mut all = Vec::new();
        ring.take(&mut |what| all.push(what));
        all
    }

    #[test]
    fn in_order_and_all_when_some_are_lost() {
        let path = std::env::temp_dir().join(format!("agxemu-tlbi-{}", std::process::id()));
        let ring = Ring::create(&path).expect("file");
        std::fs::remove_file(&path).expect("file");
        assert_eq!(heard(&ring), []);
        assert_eq!(ring.idle(), 0);
        ring.word(IDLE).store(3, Ordering::Release);
        assert_eq!(ring.idle(), 3);
        push(&ring, 0xd508_8140, 3 << 48);
        push(&ring, 0xd508_8100, 0);
        assert_eq!(heard(&ring), [Invalidation::Asid(3), Invalidation::All]);
        assert_eq!(heard(&ring), []);
        for asid in 0..SLOTS {
            push(&ring, 0xd508_8140, (asid % 64) << 48);
        }
        assert_eq!(heard(&ring), [Invalidation::All]);
        push(&ring, 0xd508_8140, 5 << 48);
        assert_eq!(heard(&ring), [Invalidation::Asid(5)]);
    }
}
