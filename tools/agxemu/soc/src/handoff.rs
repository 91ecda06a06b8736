// SPDX-License-Identifier: MIT OR Apache-2.0

//! What host and coprocessor share besides messages: the handoff structure with its lock, and the
//! root of the firmware's own memory.

use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use agx_abi::uat::{pte, ttb_table, Handoff, KERNEL_ROOT_INDEX, TTB_VALID};
use agx_abi::{Field, Value};
use agxemu_firmware::machine::{Level, OutsideRam};

use crate::boot;
use crate::soc::Soc;

/// How long the host may hold the handoff lock.
const LOCK_LIMIT: Duration = Duration::from_secs(1);

/// When the firmware does not give the lock back, as scripted: `N` or `N:MS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// The time that it has the lock for.
    pub nth: u64,
    /// How long it keeps it; `None` for ever.
    pub time: Option<Duration>,
}

impl FromStr for Keep {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (nth, time) = match text.split_once(':') {
            Some((nth, ms)) => {
                let ms = ms.parse().map_err(|_| ())?;
                (nth, Some(Duration::from_millis(ms)))
            }
            None => (text, None),
        };
        match nth.parse() {
            Ok(nth) if nth > 0 => Ok(Self { nth, time }),
            _ => Err(()),
        }
    }
}

/// The lock as the firmware has used it since power-on.
#[derive(Debug, Default)]
pub(crate) struct LockState {
    /// How often the firmware has had it.
    count: AtomicU64,
    /// It is not given back any more.
    is_kept: AtomicBool,
    /// How often the host was waiting when the lock was given back late.
    waits: AtomicU64,
}

impl LockState {
    pub(crate) fn reset(&self) {
        self.count.store(0, Ordering::Relaxed);
        self.is_kept.store(false, Ordering::Relaxed);
    }
}

impl Soc {
    /// From now on the firmware keeps the handoff lock as `keep` says.
    pub(crate) fn keep_handoff(&self, keep: Keep) {
        let _ = self.keep.set(keep);
    }

    /// The firmware is about to give the lock back. Returns whether it does, if need be later.
    fn gives_back(&self) -> Result<bool, OutsideRam> {
        let nth = self.lock_state.count.fetch_add(1, Ordering::Relaxed) + 1;
        let Some(keep) = self.keep.get().filter(|keep| keep.nth == nth) else {
            return Ok(true);
        };
        let line = "the firmware keeps the handoff lock, as scripted";
        self.note(Level::Info, line);
        match keep.time {
            Some(time) => self.keep_for(time)?,
            None => self.lock_state.is_kept.store(true, Ordering::Relaxed),
        }
        Ok(keep.time.is_some())
    }

    /// Keeps the lock for `time`.
    ///
    /// A host that waits takes its flag back as long as it is not its turn, so it is not seen. It
    /// is its turn in the second half, as it is for a moment whenever the lock is given back. From
    /// then on its flag stays, and that it waits is counted at the end.
    fn keep_for(&self, time: Duration) -> Result<(), OutsideRam> {
        std::thread::sleep(time / 2);
        self.ram.store_u32(self.handoff_at(Handoff::TURN), 0)?;
        std::thread::sleep(time / 2);
        if self.ram.load_u8(self.handoff_at(Handoff::LOCK_AP))? != 0 {
            self.lock_state.waits.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Returns how often the host was waiting when the lock was given back late, as scripted.
    pub fn handoff_waits(&self) -> u64 {
        self.lock_state.waits.load(Ordering::Relaxed)
    }

    /// Looks whether the firmware's image is where the boot loader has put it, and whether context
    /// 0 leads to it. It has to once it has; `bound` says whether it has.
    ///
    /// # Errors
    ///
    /// What the host has done.
    pub fn firmware_image(&self, bound: bool) -> Result<bool, String> {
        let root = self.regions.pagetables();
        for (index, want) in boot::image_entries(&self.regions).into_iter().enumerate() {
            let got = self.ram.load_u64(root + 8 * index as u64).unwrap_or(0);
            if got != want {
                return Err(format!(
                    "root entry {index} of the upper half is {got:#x}, was {want:#x}"
                ));
            }
        }
        let (_, upper) = self.uat().roots(0);
        let leads = upper & TTB_VALID != 0 && ttb_table(upper) == root;
        if bound && !leads {
            return Err(format!(
                "context 0 has the upper half {upper:#x}, the firmware's is at {root:#x}"
            ));
        }
        Ok(leads)
    }

    /// Returns whether the host's part of the upper half is mapped.
    pub fn is_host_mapped(&self) -> bool {
        let at = self.regions.pagetables() + 8 * KERNEL_ROOT_INDEX as u64;
        self.ram.load_u64(at).unwrap_or(0) & pte::VALID == pte::VALID
    }

    pub(crate) fn handoff_at<T: Value>(&self, field: Field<Handoff, T>) -> u64 {
        self.regions.handoff() + field.offset() as u64
    }

    /// Answers the handoff if the host has said that it is there. Returns whether it has.
    ///
    /// Without the lock: there are hosts that hold it while they wait for the answer, and some that
    /// do not.
    ///
    /// # Errors
    ///
    /// The handoff region is no RAM.
    pub fn answer_handoff(&self) -> Result<bool, String> {
        let outside = |e: OutsideRam| format!("handoff at {:#x} is no RAM", e.0);
        let ap = self.ram.load_u64(self.handoff_at(Handoff::MAGIC_AP));
        if ap.map_err(outside)? != Handoff::MAGIC {
            return Ok(false);
        }
        self.ram
            .store_u64(self.handoff_at(Handoff::MAGIC_FW), Handoff::MAGIC)
            .map_err(outside)?;
        Ok(true)
    }

    /// Runs `f` with the handoff lock held: the mirror image of the host's side.
    pub(crate) fn locked<R>(&self, f: impl FnOnce() -> R) -> Result<R, String> {
        if self.lock_state.is_kept.load(Ordering::Relaxed) {
            return Ok(f());
        }
        let outside = |e: OutsideRam| format!("handoff at {:#x} is no RAM", e.0);
        let ours = self.handoff_at(Handoff::LOCK_FW);
        let theirs = self.handoff_at(Handoff::LOCK_AP);
        let turn = self.handoff_at(Handoff::TURN);
        let deadline = Instant::now() + LOCK_LIMIT;
        let pause = || {
            std::thread::yield_now();
            if Instant::now() > deadline {
                let _ = self.ram.store_u8(ours, 0);
                return Err("the host does not give back the handoff lock".to_owned());
            }
            Ok(())
        };

        self.ram.store_u8(ours, 1).map_err(outside)?;
        while self.ram.load_u8(theirs).map_err(outside)? != 0 {
            if self.ram.load_u32(turn).map_err(outside)? == 0 {
                self.ram.store_u8(ours, 0).map_err(outside)?;
                while self.ram.load_u32(turn).map_err(outside)? == 0
                    && self.ram.load_u8(theirs).map_err(outside)? != 0
                {
                    pause()?;
                }
                self.ram.store_u8(ours, 1).map_err(outside)?;
            }
            pause()?;
        }
        let result = f();
        if self.gives_back().map_err(outside)? {
            self.ram.store_u32(turn, 0).map_err(outside)?;
            self.ram.store_u8(ours, 0).map_err(outside)?;
        }
        Ok(result)
    }
}
