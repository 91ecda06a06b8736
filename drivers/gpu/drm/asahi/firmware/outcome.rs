// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Outcomes of commands that fail, and attribution of a failure to a command.

use crate::hw::fault::FaultInfo;

/// The reason why a command failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It made no progress, and the firmware stopped it.
    Timeout,
    /// It accessed memory that it may not.
    Fault,
    /// Another command failed, and all that were running were stopped with it.
    Killed,
    /// The firmware stopped it without a reason that we understand.
    Unknown,
    /// The firmware could not run its queue.
    ChannelError,
    /// The firmware is dead.
    NoDevice,
}

/// A work queue, as far as recovery has to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    /// Address of its QueueInfo.
    pub(crate) queue_info: u64,
    /// Its pipe: 0 vertex, 1 fragment, 2 compute.
    pub(crate) pipe: u32,
    /// Slot of its VM.
    pub(crate) vm_slot: u32,
}

/// Why the firmware stopped, as its event says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The GPU faulted.
    Fault,
    /// The command in this slot made no progress.
    Timeout(Option<u32>),
}

impl Cause {
    /// Returns how a command of `owner` failed that was in flight in `slot`, given what the GPU has
    /// recorded.
    ///
    /// The event names a slot and the GPU's record names a context. The command that they name is
    /// guilty. If neither names one, the guilty command cannot be told from the others.
    pub(crate) fn blame(self, fault: Option<FaultInfo>, slot: u32, owner: &Owner) -> Failure {
        match (self, fault) {
            (Cause::Timeout(Some(culprit)), _) if culprit != slot => Failure::Killed,
            (_, Some(fault)) if u32::from(fault.vm_slot) != owner.vm_slot => Failure::Killed,
            (_, Some(_)) => Failure::Fault,
            (Cause::Timeout(Some(_)), None) => Failure::Timeout,
            (Cause::Timeout(None) | Cause::Fault, None) => Failure::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hw::Generation;

    #[test]
    fn who_is_to_blame() {
        let owner = Owner {
            queue_info: 0,
            pipe: 2,
            vm_slot: 5,
        };
        let fault = |slot: u64| FaultInfo::decode(Generation::G13, slot << 17 | 1, 0);
        for (cause, fault, expected) in [
            (Cause::Fault, fault(5), Failure::Fault),
            (Cause::Fault, fault(6), Failure::Killed),
            (Cause::Fault, None, Failure::Unknown),
            (Cause::Timeout(Some(3)), None, Failure::Timeout),
            (Cause::Timeout(Some(4)), None, Failure::Killed),
            (Cause::Timeout(None), None, Failure::Unknown),
            (Cause::Timeout(Some(3)), fault(5), Failure::Fault),
            (Cause::Timeout(Some(4)), fault(5), Failure::Killed),
            (Cause::Timeout(Some(3)), fault(6), Failure::Killed),
        ] {
            assert_eq!(
                cause.blame(fault, 3, &owner),
                expected,
                "{cause:?} {fault:?}"
            );
        }
    }
}
