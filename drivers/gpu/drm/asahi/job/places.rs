// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The places of a batch: how many there are, and which have not been used.

/// Most places of a batch, but for a job that needs more.
const MAX: usize = 16;

/// The places of a batch, which are used in order, each once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Places {
    count: usize,
    used: usize,
}

impl Places {
    /// The places of an empty batch.
    pub(crate) const NONE: Self = Self { count: 0, used: 0 };

    /// Returns the places of the next batch: twice as many as this one has, up to [`MAX`], and at
    /// least the `wanted` places of the next job.
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

    /// Takes `wanted` places that follow each other. Returns the first, or `None` if there are not
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
        let mut places = Places::NONE.next(5);
        assert_eq!(places.take(2), Some(0));
        assert_eq!(places.take(4), None);
        assert_eq!((places.take(3), places.left()), (Some(2), 0));
        assert_eq!(places.take(1), None);
        let mut none = Places::NONE;
        assert_eq!(none.take(1), None);
    }

    #[test]
    fn batches_grow() {
        let mut places = Places::NONE;
        let mut counts = Vec::new();
        for _ in 0..7 {
            places = places.next(1);
            counts.push(places.count());
        }
        assert_eq!(counts, [1, 2, 4, 8, 16, 16, 16]);
    }

    #[test]
    fn a_job_has_room_in_its_batch() {
        let mut places = Places::NONE.next(64);
        assert_eq!((places.count(), places.take(64)), (64, Some(0)));
        // It does not make later ones large.
        assert_eq!(places.next(1).count(), MAX);
    }
}
