// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The entries of a batch: how many there are, and which have not been used.

/// Most entries of a batch, but for a job that needs more.
const MAX: usize = 16;

/// The entries of a batch, which are used in order, each once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchEntries {
    count: usize,
    used: usize,
}

impl BatchEntries {
    /// The entries of an empty batch.
    pub(crate) const NONE: Self = Self { count: 0, used: 0 };

    /// Returns the entries of the next batch: twice as many as this one has, up to [`MAX`], and at
    /// least the `wanted` entries of the next job.
    pub(crate) fn next(&self, wanted: usize) -> Self {
        Self {
            count: (2 * self.count).clamp(1, MAX).max(wanted),
            used: 0,
        }
    }

    /// Returns how many there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Returns how many have not been used.
    pub(crate) fn left(&self) -> usize {
        self.count - self.used
    }

    /// Takes `wanted` entries that follow each other. Returns the first, or `None` if there are not
    /// as many.
    pub(crate) fn take(&mut self, wanted: usize) -> Option<usize> {
        if wanted > self.left() {
            return None;
        }
        let first = self.used;
        self.used += wanted;
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_used_once() {
        let mut entries = BatchEntries::NONE.next(5);
        assert_eq!(entries.take(2), Some(0));
        assert_eq!(entries.take(4), None);
        assert_eq!((entries.take(3), entries.left()), (Some(2), 0));
        assert_eq!(entries.take(1), None);
        let mut none = BatchEntries::NONE;
        assert_eq!(none.take(1), None);
    }

    #[test]
    fn batches_grow() {
        let mut entries = BatchEntries::NONE;
        let mut counts = Vec::new();
        for _ in 0..7 {
            entries = entries.next(1);
            counts.push(entries.count());
        }
        assert_eq!(counts, [1, 2, 4, 8, 16, 16, 16]);
    }

    #[test]
    fn a_job_has_room_in_its_batch() {
        let mut entries = BatchEntries::NONE.next(64);
        assert_eq!((entries.count(), entries.take(64)), (64, Some(0)));
        // It does not make later ones large.
        assert_eq!(entries.next(1).count(), MAX);
    }
}
