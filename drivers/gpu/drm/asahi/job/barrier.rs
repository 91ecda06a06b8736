// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Barriers: what a command has to wait for within its queue.
//!
//! A queue has two subqueues, one for renders and one for compute commands, each of which runs its
//! commands in order. Between the two there is no order but what barriers ask for.

/// A subqueue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SubQueue {
    Render = 0,
    Compute = 1,
}

/// The commands of one subqueue that a barrier waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// No command.
    Nothing,
    /// The commands that were submitted before this submit.
    Before,
    /// The command with this index among those of the subqueue in this submit, and all commands
    /// before it.
    Command(usize),
}

/// The barriers of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Barriers {
    pub(crate) render: Wait,
    pub(crate) compute: Wait,
}

/// The value of `DRM_ASAHI_BARRIER_NONE`.
const NONE: u16 = 0xffff;

impl Wait {
    /// Returns what `index` of a header means, with `count` commands of the subqueue before it in
    /// this submit; `None` if it refers to what is not there.
    fn parse(index: u16, count: usize) -> Option<Self> {
        match usize::from(index) {
            _ if index == NONE => Some(Self::Nothing),
            0 => Some(Self::Before),
            n if n <= count => Some(Self::Command(n - 1)),
            _ => None,
        }
    }
}

impl Barriers {
    /// The header's encoding of no barriers.
    pub(crate) const NONE_IN_HEADER: [u16; 2] = [NONE; 2];

    /// Returns the barriers in a header, for the render and for the compute subqueue; `None` if one
    /// of them refers to what is not there. `counts`: the commands before it in this submit.
    pub(crate) fn parse(header: [u16; 2], counts: [usize; 2]) -> Option<Self> {
        Some(Self {
            render: Wait::parse(header[0], counts[0])?,
            compute: Wait::parse(header[1], counts[1])?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices() {
        let parse = |header, counts| Barriers::parse(header, counts).map(|b| (b.render, b.compute));
        assert_eq!(
            parse([NONE, NONE], [3, 3]),
            Some((Wait::Nothing, Wait::Nothing))
        );
        assert_eq!(
            parse([0, NONE], [0, 0]),
            Some((Wait::Before, Wait::Nothing))
        );
        assert_eq!(
            parse([0, 2], [0, 2]),
            Some((Wait::Before, Wait::Command(1)))
        );
        // One subqueue's commands do not count on the other.
        assert_eq!(parse([NONE, 1], [1, 0]), None);
        assert_eq!(parse([1, NONE], [0, 1]), None);
        assert_eq!(parse([NONE, 3], [0, 2]), None);
        assert_eq!(parse([NONE, 0xfffe], [0, 64]), None);
    }
}
