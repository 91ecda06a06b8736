// SPDX-License-Identifier: MIT OR Apache-2.0

//! What host and coprocessor share besides messages: the handoff structure with its lock, and the
//! root of the firmware's own memory.

use std::time::{Duration, Instant};

use agx_abi::uat::{pte, ttb_table, Handoff, KERNEL_ROOT_INDEX, TTB_VALID};
use agx_abi::{Field, Value};
use agxemu_firmware::machine::OutsideRam;

use crate::boot;
use crate::soc::Soc;

/// How long the host may hold the handoff lock.
const LOCK_LIMIT: Duration = Duration::from_secs(1);

impl Soc {
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
        self.ram.store_u32(turn, 0).map_err(outside)?;
        self.ram.store_u8(ours, 0).map_err(outside)?;
        Ok(result)
    }
}
