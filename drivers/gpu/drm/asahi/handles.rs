// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Handles: the numbers by which a client refers to its objects.

use crate::quota::Share;
use kernel::prelude::*;

/// A table of objects by handle. Handles begin at 1, and free ones are reused.
pub(crate) struct Handles<T> {
    things: KVVec<Option<T>>,
    max: usize,
}

impl<T> Handles<T> {
    /// Returns room for `max` things at a time.
    pub(crate) const fn new(max: usize) -> Self {
        Self {
            things: KVVec::new(),
            max,
        }
    }

    /// Returns `ENOSPC` if there is no room for another thing. So nothing is made that would get no
    /// number.
    pub(crate) fn check_room(&self) -> Result {
        let full = self.things.len() == self.max && self.things.iter().all(Option::is_some);
        if full {
            return Err(ENOSPC);
        }
        Ok(())
    }

    /// Returns whose memory the next thing is. The driver's reserve is for `small` things.
    pub(crate) fn next_share(&self, small: usize) -> Share {
        // No more than so many are counted.
        Share::of(self.things.iter().flatten().take(small).count(), small)
    }

    /// Inserts `thing` and returns its handle, or `ENOSPC` if the client has too many.
    pub(crate) fn insert(&mut self, thing: T) -> Result<u32> {
        let free = self.things.iter().position(Option::is_none);
        let index = match free {
            Some(index) => index,
            None if self.things.len() == self.max => return Err(ENOSPC),
            None => {
                self.things.push(None, GFP_KERNEL_ACCOUNT)?;
                self.things.len() - 1
            }
        };
        self.things[index] = Some(thing);
        Ok(index as u32 + 1)
    }

    /// Removes any one object and returns it.
    pub(crate) fn pop(&mut self) -> Option<T> {
        while let Some(thing) = self.things.pop() {
            if thing.is_some() {
                return thing;
            }
        }
        None
    }

    fn index(handle: u32) -> Result<usize> {
        Ok(handle.checked_sub(1).ok_or(ENOENT)? as usize)
    }

    /// Returns the thing with number `handle`. `ENOENT` if there is none.
    pub(crate) fn get(&self, handle: u32) -> Result<&T> {
        let thing = self.things.get(Self::index(handle)?);
        thing.and_then(Option::as_ref).ok_or(ENOENT)
    }

    /// Returns the first thing whose number is above `last`, and its number.
    pub(crate) fn after(&self, last: u32) -> Option<(u32, &T)> {
        let mut rest = self.things.iter().enumerate().skip(last as usize);
        rest.find_map(|(index, thing)| Some((index as u32 + 1, thing.as_ref()?)))
    }

    /// Removes the object with number `handle` and returns it, or `ENOENT` if there is none.
    pub(crate) fn remove(&mut self, handle: u32) -> Result<T> {
        let thing = self.things.get_mut(Self::index(handle)?);
        thing.and_then(Option::take).ok_or(ENOENT)
    }
}
