// SPDX-License-Identifier: MIT OR Apache-2.0

//! What RTKit writes to the buffers that the host has given it: the crash log and the syslog.

use agxemu_firmware::machine::{Level, Machine, Role};

use super::Life;
use crate::crashlog;
use crate::rtkit::{self, Rtkit};

/// Page size.
const PAGE: u64 = 0x4000;

impl Life<'_> {
    /// Ends the firmware, and writes the crash log, if the host has given memory for it.
    pub(super) fn crash(&mut self, reason: &str) {
        if self.dead {
            return;
        }
        self.dead = true;
        if self.commands > 0 {
            self.left = Some(self.soc.is_host_mapped());
        }
        self.soc
            .note(Level::Warn, &format!("coprocessor crashed: {reason}"));
        let Some(notification) = self.rtkit.crash() else {
            self.soc
                .note(Level::Warn, "the host has given no crash log buffer");
            return;
        };
        let mut log = crashlog::build(self.soc.part.firmware.name, reason, self.soc.ticks());
        let (va, size) = self.rtkit.crashlog.map_or((0, 0), |b| (b.va, b.size));
        log.truncate(size as usize);
        if let Err(e) = self.write(va, &log) {
            self.soc.note(Level::Warn, &format!("crash log: {e}"));
        }
        self.send(notification);
    }

    /// Writes an entry of the syslog: a header of 8 bytes, the task's name, the text.
    pub(super) fn syslog(&mut self, text: &str) {
        let Some(buffer) = self.rtkit.syslog else {
            return;
        };
        let stride = 0x20 + rtkit::SYSLOG_TEXT;
        let entries = rtkit::SYSLOG_ENTRIES.min(buffer.size / stride);
        let Some(index) = self.syslog_index.checked_rem(entries) else {
            return;
        };
        let mut entry = vec![0; stride as usize];
        let name = b"rtk_ep_work";
        entry[8..8 + name.len()].copy_from_slice(name);
        let text = &text.as_bytes()[..text.len().min(rtkit::SYSLOG_TEXT as usize - 1)];
        entry[0x20..0x20 + text.len()].copy_from_slice(text);
        match self.write(buffer.va + index * stride, &entry) {
            Ok(()) => self.send(Rtkit::syslog(index)),
            Err(e) => self.soc.note(Level::Warn, &format!("syslog: {e}")),
        }
        self.syslog_index += 1;
    }

    /// Writes to the coprocessor's address space.
    fn write(&self, va: u64, mut bytes: &[u8]) -> Result<(), String> {
        let mut at = va;
        while !bytes.is_empty() {
            let room = (PAGE - at % PAGE) as usize;
            let (now, rest) = bytes.split_at(room.min(bytes.len()));
            let page = self
                .soc
                .translate(0, at, Role::Firmware, true)
                .map_err(|e| format!("{at:#x}: {:?}", e.reason))?;
            self.soc
                .write_phys(page.pa + at % PAGE, now)
                .map_err(|e| format!("{:#x} is no RAM", e.0))?;
            at += now.len() as u64;
            bytes = rest;
        }
        Ok(())
    }
}
