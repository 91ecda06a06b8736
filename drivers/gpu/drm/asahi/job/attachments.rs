// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Attachments of commands, as a client writes them.

use super::payload::{
    Invalid,
    Payload, //
};
use agx_abi::{
    microsequence::MAX_ATTACHMENTS,
    uat::USER_END, //
};

/// Bytes of `drm_asahi_attachment`.
const ATTACHMENT_SIZE: usize = 24;

/// Memory that a command is going to write: a hint for the firmware.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attachment {
    /// The address of the attachment.
    pub(crate) address: u64,
    /// The size of the attachment in bytes.
    pub(crate) size: u64,
}

/// Attachments that are set for the commands that follow: records in the command buffer that have
/// been checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attachments<'a>(&'a [u8]);

impl<'a> Attachments<'a> {
    /// Returns those of `drm_asahi_attachment` in `payload`.
    pub(super) fn parse(payload: &'a [u8]) -> Result<Self, Invalid> {
        let count = payload.len() / ATTACHMENT_SIZE;
        if payload.len() % ATTACHMENT_SIZE != 0 || count > MAX_ATTACHMENTS {
            return Err(Invalid::Attachments);
        }
        for record in records(payload) {
            if record.u32(16) != 0 || record.u32(20) != 0 {
                return Err(Invalid::NotZero("attachment"));
            }
            let address = record.address(0, "attachment.pointer")?;
            if record.u64(8) > USER_END - address {
                return Err(Invalid::Range("attachment.size"));
            }
        }
        Ok(Self(payload))
    }

    /// Returns the attachments: at most [`MAX_ATTACHMENTS`].
    pub(crate) fn iter(&self) -> impl Iterator<Item = Attachment> + 'a {
        records(self.0).map(|record| Attachment {
            address: record.u64(0),
            size: record.u64(8),
        })
    }

    /// Returns whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Returns the whole records of `drm_asahi_attachment` in `payload`.
fn records(payload: &[u8]) -> impl Iterator<Item = Payload<ATTACHMENT_SIZE>> + '_ {
    let whole = payload.chunks_exact(ATTACHMENT_SIZE);
    // PANIC: They have that size.
    whole.map(|record| Payload::of(record.first_chunk().expect("records are whole")))
}
