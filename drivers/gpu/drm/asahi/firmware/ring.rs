// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Index arithmetic of the message rings.
//!
//! A ring of `size` entries is empty when both indices are equal, and full when the write index is
//! one behind the read index: one entry always stays unused. An index that comes out of shared
//! memory is checked before it is used.

/// The driver's side of a ring that the driver writes and the firmware reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Producer {
    size: u32,
    write: u32,
    /// Number of entries written so far.
    written: u64,
}

/// The driver's side of a ring that the firmware writes and the driver reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Consumer {
    size: u32,
    read: u32,
}

/// The firmware's index lies outside the ring: nothing it says about the ring can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadIndex(pub(crate) u32);

impl Producer {
    /// Returns an empty ring.
    pub(crate) const fn new(size: u32) -> Self {
        Self {
            size,
            write: 0,
            written: 0,
        }
    }

    /// Returns the number of entries written so far.
    pub(crate) const fn written(&self) -> u64 {
        self.written
    }

    /// Returns where the next entry goes, which is also what the read index will be once the
    /// firmware has dealt with all entries so far.
    pub(crate) const fn index(&self) -> u32 {
        self.write
    }

    /// Returns the entries that fit, given the firmware's read index.
    pub(crate) const fn room(&self, read: u32) -> Result<u32, BadIndex> {
        if read >= self.size {
            return Err(BadIndex(read));
        }
        Ok((read + self.size - self.write - 1) % self.size)
    }

    /// Returns the number of entries that the firmware has dealt with so far, given its read index.
    pub(crate) const fn done(&self, read: u32) -> Result<u64, BadIndex> {
        if read >= self.size {
            return Err(BadIndex(read));
        }
        // It is never more than a round behind.
        let left = (self.write + self.size - read) % self.size;
        Ok(self.written.saturating_sub(left as u64))
    }

    /// Counts one entry as written. The caller has made sure that there was room.
    pub(crate) fn advance(&mut self) -> u32 {
        self.write = (self.write + 1) % self.size;
        self.written += 1;
        self.write
    }
}

impl Consumer {
    /// Returns the reading end of an empty ring.
    pub(crate) const fn new(size: u32) -> Self {
        Self { size, read: 0 }
    }

    /// Returns the next entry to read, if there is one, given the firmware's write index.
    pub(crate) const fn next(&self, write: u32) -> Result<Option<u32>, BadIndex> {
        if write >= self.size {
            return Err(BadIndex(write));
        }
        if write == self.read {
            Ok(None)
        } else {
            Ok(Some(self.read))
        }
    }

    /// Counts one entry as read; returns the new read index.
    pub(crate) fn advance(&mut self) -> u32 {
        self.read = (self.read + 1) % self.size;
        self.read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_entry_stays_unused() {
        let mut tx = Producer::new(4);
        assert_eq!(tx.room(0), Ok(3));
        for left in [2, 1, 0] {
            tx.advance();
            assert_eq!(tx.room(0), Ok(left));
        }
        assert_eq!(tx.index(), 3);
        assert_eq!(tx.room(3), Ok(3));
        assert_eq!(tx.room(1), Ok(1));
        tx.advance();
        assert_eq!((tx.index(), tx.room(1)), (0, Ok(0)));
    }

    #[test]
    fn done_for_every_position_and_round() {
        // Also when it is asked late, rounds after an entry was dealt with.
        let mut tx = Producer::new(8);
        let mut done = 0;
        for round in 0..40_u64 {
            for _ in 0..round % 8 {
                assert_ne!(tx.room((done % 8) as u32), Ok(0));
                tx.advance();
            }
            assert_eq!(tx.done((done % 8) as u32), Ok(done));
            while done < tx.written() {
                done += 1;
                assert_eq!(tx.done((done % 8) as u32), Ok(done));
            }
        }
        assert_eq!(done, tx.written());
    }

    #[test]
    fn indices_out_of_shared_memory_are_checked() {
        let tx = Producer::new(256);
        assert_eq!(tx.room(256), Err(BadIndex(256)));
        assert_eq!(tx.done(!0), Err(BadIndex(!0)));
        assert_eq!(Consumer::new(256).next(300), Err(BadIndex(300)));
    }

    #[test]
    fn consumer_follows() {
        let mut rx = Consumer::new(3);
        assert_eq!(rx.next(0), Ok(None));
        for round in 0..7 {
            assert_eq!(rx.next((round + 1) % 3), Ok(Some(round % 3)));
            assert_eq!(rx.advance(), (round + 1) % 3);
        }
        assert_eq!(rx.next(1), Ok(None));
        assert_eq!(rx.next(0), Ok(Some(1)));
    }
}
