// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! How urgent queues are.

use kernel::prelude::*;

/// How urgent the jobs of a queue are, beside those of others. It is for the ring to tell the
/// firmware, and for the driver to run the queue's task by an executor of its own if it has to come
/// before others as well:
///
/// | | firmware | `executor()` | `DRM_ASAHI_PRIORITY_*` | `DRM_SCHED_PRIORITY_*` |
/// |---|---|---|---|---|
/// | `Low` | last | `Normal` | 0 | 3 |
/// | `Medium` | | `Normal` | 1 | 2 |
/// | `High` | | `High` | 2 | 1 |
/// | `Realtime` | first | `High` | 3 | 0: the kernel's own |
///
/// # Examples
///
/// ```ignore
/// let priority = Priority::from_level(args.priority)?;
/// let executor = Executor::with_priority(c"gpu", priority.executor())?;
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Priority {
    /// What can wait.
    Low,
    /// What is said of most.
    #[default]
    Medium,
    /// What somebody waits for who sees it.
    High,
    /// Before everything else.
    Realtime,
}

impl Priority {
    /// From the lowest, 0, to the highest, 3.
    ///
    /// # Errors
    ///
    /// `EINVAL` if there is no such level.
    pub fn from_level(level: u32) -> Result<Self> {
        match level {
            0 => Ok(Self::Low),
            1 => Ok(Self::Medium),
            2 => Ok(Self::High),
            3 => Ok(Self::Realtime),
            _ => Err(EINVAL),
        }
    }

    /// From the lowest, 0, to the highest, 3.
    pub const fn level(self) -> u32 {
        self as u32
    }

    /// As firmware and DRM's scheduler count: from the highest, 0, to the lowest, 3.
    pub const fn rank(self) -> u32 {
        3 - self.level()
    }

    /// What its executor should be made with.
    pub const fn executor(self) -> kasync::Priority {
        match self {
            Self::Low | Self::Medium => kasync::Priority::Normal,
            Self::High | Self::Realtime => kasync::Priority::High,
        }
    }
}
