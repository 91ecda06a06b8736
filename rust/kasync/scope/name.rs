// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Copies of the names of scopes and tasks, for messages.

use super::ScopeInner;
use core::ffi::CStr;

/// A copy of the first 23 bytes of a name. A scope may outlive the module that has named it.
#[derive(Clone, Copy)]
pub(crate) struct Name {
    bytes: [u8; 23],
    len: u8,
}

impl Name {
    pub(crate) fn new(name: &CStr) -> Self {
        let mut this = Self {
            bytes: [0; 23],
            len: 0,
        };
        for (to, from) in this.bytes.iter_mut().zip(name.to_bytes()) {
            *to = if from.is_ascii_graphic() { *from } else { b'?' };
            this.len += 1;
        }
        this
    }

    /// Returns the text, which is ASCII.
    pub(crate) fn as_str(&self) -> &str {
        // Only ASCII is stored.
        core::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or("?")
    }
}

/// The names of a scope and of those above it, the executor's first, terminated by a zero. Only the
/// end of a long path is kept.
#[derive(Clone, Copy)]
pub(crate) struct Path {
    bytes: [u8; Self::SIZE],
    start: u8,
}

impl Path {
    const SIZE: usize = 72;

    pub(super) fn new(scope: &ScopeInner) -> Self {
        let mut this = Self {
            bytes: [0; Self::SIZE],
            start: Self::SIZE as u8 - 1,
        };
        let mut cur = scope;
        loop {
            this.prepend(cur.name.as_str().as_bytes());
            match &cur.parent {
                Some(parent) => cur = &parent.0,
                None => return this,
            }
            this.prepend(b"/");
        }
    }

    fn prepend(&mut self, bytes: &[u8]) {
        let start = usize::from(self.start);
        let len = bytes.len().min(start);
        self.bytes[start - len..start].copy_from_slice(&bytes[bytes.len() - len..]);
        self.start -= len as u8;
    }

    /// Returns the text, which is ASCII.
    pub(crate) fn as_str(&self) -> &str {
        // Only ASCII is stored.
        core::str::from_utf8(&self.bytes[usize::from(self.start)..Self::SIZE - 1]).unwrap_or("?")
    }
}

impl AsRef<CStr> for Path {
    fn as_ref(&self) -> &CStr {
        // Only ASCII is stored, and a zero after it.
        CStr::from_bytes_until_nul(&self.bytes[usize::from(self.start)..]).unwrap_or(c"?")
    }
}
