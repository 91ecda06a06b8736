// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Outcomes of commands that fail, and attribution of a failure to a command.

use crate::hw::fault::FaultInfo;
use kernel::fmt;

/// The reason why a command failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The command made no progress, and the firmware stopped it.
    Timeout,
    /// The command accessed memory that it may not.
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

/// The process that has created a queue, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    pub(crate) pid: i32,
    /// The name of the process, which it chooses itself; filled up with zeros.
    pub(crate) name: [u8; 16],
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;

        let name = self.name.iter().take_while(|&&byte| byte != 0);
        for &byte in name {
            let shown = match byte {
                b' '..=b'~' => char::from(byte),
                _ => '?',
            };
            f.write_char(shown)?;
        }
        write!(f, "[{}]", self.pid)
    }
}

/// A client in a line of the log, after the words before it; nothing if it is not known.
pub(crate) struct Of(pub(crate) Option<Client>);

impl fmt::Display for Of {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(client) => {
                f.write_str(" of ")?;
                fmt::Display::fmt(client, f)
            }
            None => Ok(()),
        }
    }
}

/// A work queue, as far as recovery has to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    /// Address of its QueueInfo.
    pub(crate) queue_info: u64,
    /// The pipe of the command: 0 vertex, 1 fragment, 2 compute.
    pub(crate) pipe: u32,
    /// Slot of its VM.
    pub(crate) vm_slot: u32,
    /// The client that it belongs to.
    pub(crate) client: Client,
}

/// The reason why the firmware stopped, as its event says.
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

    const CLIENT: Client = Client {
        pid: 77,
        name: *b"glx gears\0\0\0\0\0\0\0",
    };

    #[test]
    fn a_line_names_the_client() {
        assert_eq!(Of(Some(CLIENT)).to_string(), " of glx gears[77]");
        assert_eq!(Of(None).to_string(), "");
        // A client cannot begin a line of its own, nor control a terminal.
        let name = *b"\n\x1b[2J\xff\x7f\t89012345";
        let hostile = Client { pid: 1, name };
        assert_eq!(hostile.to_string(), "??[2J???89012345[1]");
    }

    #[test]
    fn who_is_to_blame() {
        let owner = Owner {
            queue_info: 0,
            pipe: 2,
            vm_slot: 5,
            client: CLIENT,
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
