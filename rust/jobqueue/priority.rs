// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Priorities of queues.

use kernel::prelude::*;

/// The priority of a queue's jobs relative to those of other queues.
///
/// The ring passes it to the firmware. A driver may also run the tasks of queues on executors with
/// different priorities:
///
/// | | firmware | `executor()` | `DRM_ASAHI_PRIORITY_*` | `DRM_SCHED_PRIORITY_*` |
/// |---|---|---|---|---|
/// | `Low` | last | `Normal` | 0 | 3 |
/// | `Medium` | | `Normal` | 1 | 2 |
/// | `High` | | `High` | 2 | 1 |
/// | `Realtime` | first | `High` | 3 | 0: the kernel's own |
///
/// # Context
///
/// Any.
///
/// # Examples
///
/// ```
/// # use jobqueue::Priority;
/// # use kasync::Executor;
/// # use kernel::prelude::*;
/// # pub fn executor_for(level: u32) -> Result<Executor> {
/// let priority = Priority::from_level(level)?;
/// Executor::with_priority(c"gpu", priority.executor())
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Priority {
    /// The lowest priority.
    Low,
    /// The default.
    #[default]
    Medium,
    /// The priority for jobs whose latency is visible to users.
    High,
    /// The highest priority.
    Realtime,
}

impl Priority {
    /// Returns the priority of a level, from 0, the lowest, to 3, the highest.
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

    /// Returns the level, from 0, the lowest, to 3, the highest.
    pub const fn level(self) -> u32 {
        self as u32
    }

    /// Returns the rank, from 0, the highest, to 3, as firmware and DRM's scheduler count.
    pub const fn rank(self) -> u32 {
        3 - self.level()
    }

    /// Returns the priority of an executor for queues of this priority.
    pub const fn executor(self) -> kasync::Priority {
        match self {
            Self::Low | Self::Medium => kasync::Priority::Normal,
            Self::High | Self::Realtime => kasync::Priority::High,
        }
    }
}
