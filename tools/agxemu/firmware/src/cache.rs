// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the firmware has written through cached mappings and is not in memory yet.
//!
//! ```text
//!             written                       FwCtl for its page, flush of the whole cache, sleep
//!   (none) ────────────► dirty: the firmware reads it here, all others the old ─────► (none)
//! ```
//!
//! What the host writes is seen at once, as long as the firmware has written nothing in the same
//! line: the driver in the field writes its commands into rings that the firmware has cached, and
//! has nothing cleaned for that. So only one direction can be late \[I\], and not for the globals,
//! of which that driver reads what the firmware has written. Nothing is written back
//! before it has to be, which is the case that shows most: a host that reads what it must not, or
//! gives the memory to somebody else, meets the old content, or loses its own.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::machine::{Machine, OutsideRam};

/// Bytes of a line. Drivers align what they share to so much.
const LINE: u64 = 0x80;

/// Lines, by physical address.
#[derive(Default)]
pub(crate) struct Cache {
    dirty: BTreeMap<u64, [u8; LINE as usize]>,
}

/// Calls `each` with the address of each line that `pa..pa+len` has part in, that part's place in
/// the line, and its place in the whole.
fn lines(
    pa: u64,
    len: usize,
    mut each: impl FnMut(u64, Range<usize>, Range<usize>) -> Result<(), OutsideRam>,
) -> Result<(), OutsideRam> {
    let mut done = 0;
    while done < len {
        let at = pa + done as u64;
        let start = (at % LINE) as usize;
        let n = (len - done).min(LINE as usize - start);
        each(at - at % LINE, start..start + n, done..done + n)?;
        done += n;
    }
    Ok(())
}

impl Cache {
    /// Reads as the firmware sees it.
    pub(crate) fn read(
        &self,
        machine: &dyn Machine,
        pa: u64,
        buf: &mut [u8],
    ) -> Result<(), OutsideRam> {
        machine.read_phys(pa, buf)?;
        lines(pa, buf.len(), |line, part, place| {
            if let Some(bytes) = self.dirty.get(&line) {
                buf[place].copy_from_slice(&bytes[part]);
            }
            Ok(())
        })
    }

    /// Writes so that nobody else sees it.
    pub(crate) fn write(
        &mut self,
        machine: &dyn Machine,
        pa: u64,
        bytes: &[u8],
    ) -> Result<(), OutsideRam> {
        lines(pa, bytes.len(), |line, part, place| {
            let mut now = [0; LINE as usize];
            match self.dirty.get(&line) {
                Some(before) => now = *before,
                None => machine.read_phys(line, &mut now)?,
            }
            now[part].copy_from_slice(&bytes[place]);
            self.dirty.insert(line, now);
            Ok(())
        })
    }

    /// Has what was written in `range` in memory.
    pub(crate) fn clean(&mut self, machine: &dyn Machine, range: Range<u64>) {
        let lines: Vec<u64> = self.dirty.range(range).map(|(&line, _)| line).collect();
        for line in lines {
            let bytes = self.dirty.remove(&line).expect("listed");
            // It was read before.
            let _ = machine.write_phys(line, &bytes);
        }
    }
}
