// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Index arithmetic of the message rings.
//!
//! A ring of `size` entries is empty when both indices are equal, and full when the write index is
//! one behind the read index: one entry always stays unused. An index that comes out of shared
//! memory is checked before it is used.

/// Our side of a ring that we write and the firmware reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Producer {
    size: u32,
    write: u32,
}

/// Our side of a ring that the firmware writes and we read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Consumer {
    size: u32,
    read: u32,
}

/// The firmware's index lies outside the ring: nothing it says about the ring can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadIndex(pub(crate) u32);

impl Producer {
    /// An empty ring.
    pub(crate) const fn new(size: u32) -> Self {
        Self { size, write: 0 }
    }

    /// Where the next entry goes, and also what the read index will be once the firmware has dealt
    /// with all entries so far.
    pub(crate) const fn index(&self) -> u32 {
        self.write
    }

    /// Entries that fit, given the firmware's read index.
    pub(crate) const fn room(&self, read: u32) -> Result<u32, BadIndex> {
        if read >= self.size {
            return Err(BadIndex(read));
        }
        Ok((read + self.size - self.write - 1) % self.size)
    }

    /// Whether the firmware has dealt with everything before index `target`.
    ///
    /// `target` is an earlier value of [`Producer::index`], at most a round old.
    pub(crate) const fn passed(&self, read: u32, target: u32) -> Result<bool, BadIndex> {
        if read >= self.size {
            return Err(BadIndex(read));
        }
        // Entries not yet dealt with, and entries written since `target`.
        let left = (self.write + self.size - read) % self.size;
        let since = (self.write + self.size - target) % self.size;
        Ok(left <= since)
    }

    /// Counts one entry as written. The caller has made sure that there was room.
    pub(crate) fn advance(&mut self) -> u32 {
        self.write = (self.write + 1) % self.size;
        self.write
    }
}

impl Consumer {
    /// An empty ring.
    pub(crate) const fn new(size: u32) -> Self {
        Self { size, read: 0 }
    }

    /// The next entry to read, if there is one, given the firmware's write index.
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
    fn passed_for_every_position() {
        for start in 0..8 {
            for written in 0..8 {
                let mut tx = Producer::new(8);
                for _ in 0..start {
                    tx.advance();
                }
                // Index after each of the entries, with the ring empty before them.
                let targets: Vec<_> = (0..written).map(|_| tx.advance()).collect();
                for done in 0..=written {
                    let read = (start + done) % 8;
                    for (i, &target) in targets.iter().enumerate() {
                        assert_eq!(tx.passed(read, target), Ok((i as u32) < done));
                    }
                }
            }
        }
    }

    #[test]
    fn indices_out_of_shared_memory_are_checked() {
        let tx = Producer::new(256);
        assert_eq!(tx.room(256), Err(BadIndex(256)));
        assert_eq!(tx.passed(!0, 0), Err(BadIndex(!0)));
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
