// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The size that a tiled vertex buffer should have.
//!
//! The firmware tells how many pages the largest scene has used since it was asked last. The buffer
//! grows well before that is all of it, as the firmware then has to interrupt the vertex stage for
//! a partial render. It shrinks when many renders in a row have used little, but only while there
//! is no render: the firmware has the lists of pages otherwise.
//!
//! Growing ends at the buffer's share of the machine's memory. Only a render that cannot run with
//! that gets more, and the buffer gives it back when there is no render any more. GPUs of several
//! clusters need two blocks for each layer of a frame, however small it is: 513 MiB for 2048.
//!
//! ```text
//!    0          used          2 × used             3 × used               6 × used
//!    ├───────────┼──────────────┼─────────────────────┼──────────────────────┼──────►  blocks
//!      there are fewer: grow to 3 × used              │    more: counts as light
//! ```
//!
//! The factors for growing are those of the driver in the field, which never shrinks. What macOS
//! does is not known but for the largest size [I].

use agx_abi::buffer::{
    BufferInfo,
    BLOCK_PAGES,
    MAX_SIZE, //
};

/// Blocks to begin with.
const INITIAL: u32 = 8;
/// The number of light renders in a row after which the buffer shrinks.
const LIGHT_RENDERS: u32 = 64;
/// The number of blocks by which a buffer grows if the firmware wants it to.
pub(crate) const REQUESTED: u32 = 10;

/// Returns how many blocks `bytes` are, of those that the firmware can do with.
const fn blocks_in(bytes: u64) -> u32 {
    let bytes = if bytes < MAX_SIZE { bytes } else { MAX_SIZE };
    let blocks = (bytes / BufferInfo::BLOCK_SIZE_VALUE as u64) as u32;
    if blocks < INITIAL {
        INITIAL
    } else {
        blocks
    }
}

/// The size of a buffer over time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Growth {
    /// Most blocks that a render gets which needs them.
    limit: u32,
    /// Most blocks otherwise.
    share: u32,
    /// Light renders so far, and the most blocks that would have been enough for them.
    light: u32,
    enough: u32,
}

impl Growth {
    /// Returns the growth of a buffer that may take `share` bytes, and `limit` bytes if a render
    /// needs them. Each is less if the firmware cannot do with as many.
    pub(crate) const fn new(limit: u64, share: u64) -> Self {
        Self {
            limit: blocks_in(if limit < share { share } else { limit }),
            share: blocks_in(share),
            light: 0,
            enough: 0,
        }
    }

    /// Returns the most blocks that there may be.
    pub(crate) const fn limit(&self) -> u32 {
        self.limit
    }

    /// Returns the most blocks that there may be for renders that can do with fewer.
    pub(crate) const fn share(&self) -> u32 {
        self.share
    }

    /// Returns the most blocks that it grows to because of what scenes use: a third, as without
    /// memoryless render targets.
    const fn soft_limit(&self) -> u32 {
        self.share / 3
    }

    /// Returns how many blocks there should be for the next render, at least `least`, where there
    /// are `current`, and the largest scene has used `pages`; 0 if nothing is known of that.
    ///
    /// Never less than `current`. More than [`Growth::limit`] if `least` is more: then the render
    /// cannot be run.
    pub(crate) fn before_render(&mut self, current: u32, pages: u32, least: u32) -> u32 {
        let blocks = |factor: u32| {
            let wanted = pages.saturating_mul(factor).div_ceil(BLOCK_PAGES);
            wanted.min(self.soft_limit())
        };
        let (enough, good) = (blocks(2), blocks(3));
        let least = least.max(INITIAL);
        if pages != 0 {
            self.note(current, good.max(least));
        }
        let grown = if enough > current { good } else { current };
        grown.max(least)
    }

    /// Notes what would have been good for a render.
    fn note(&mut self, current: u32, good: u32) {
        if current > good.saturating_mul(2) {
            self.light = self.light.saturating_add(1);
            self.enough = self.enough.max(good);
        } else {
            self.light = 0;
            self.enough = 0;
        }
    }

    /// Returns how many blocks there should be while there is no render, where there are `current`.
    pub(crate) const fn at_rest(&self, current: u32) -> u32 {
        let kept = if current < self.share {
            current
        } else {
            self.share
        };
        if self.light >= LIGHT_RENDERS && self.enough < kept {
            self.enough
        } else {
            kept
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn limits() {
        // 862322688 bytes are 6579 blocks.
        assert_eq!(Growth::new(u64::MAX, GIB).limit(), 6579);
        assert_eq!(Growth::new(GIB, GIB).soft_limit(), 2193);
        assert_eq!(Growth::new(GIB, 64 << 20).share(), 512);
        assert_eq!(Growth::new(GIB, 64 << 20).soft_limit(), 170);
        // However little memory there is, one can begin.
        assert_eq!(Growth::new(0, 0).limit(), INITIAL);
        assert_eq!(Growth::new(0, 0).share(), INITIAL);
        // A share of more than there may be is all that there may be.
        assert_eq!(Growth::new(0, 64 << 20).limit(), 512);
    }

    /// Two blocks for each of 2048 layers, and seven: more than an eighth of 4 GiB.
    #[test]
    fn lends_what_a_render_needs() {
        let mut g = Growth::new(2 * GIB, GIB / 4);
        assert_eq!(g.share(), 2048);
        assert_eq!(g.before_render(8, 0, 4103), 4103);
        assert!(g.before_render(8, 0, 4103) <= g.limit());
        assert_eq!(g.before_render(4103, 100, 8), 4103);
        assert_eq!(g.at_rest(4103), 2048);
        assert_eq!(g.at_rest(2048), 2048);
        // No use of pages makes it grow beyond its share.
        assert_eq!(g.before_render(8, u32::MAX, 8), 682);
    }

    #[test]
    fn begins_with_what_is_needed() {
        let mut g = Growth::new(GIB, GIB);
        assert_eq!(g.before_render(0, 0, 8), 8);
        assert_eq!(g.before_render(0, 0, 1), 8);
        assert_eq!(g.before_render(0, 0, 2048), 2048);
        assert_eq!(g.before_render(16, 0, 8), 16);
    }

    #[test]
    fn grows_before_it_is_full() {
        let mut g = Growth::new(GIB, GIB);
        // 16 pages are 4 blocks: 8 are twice that.
        assert_eq!(g.before_render(8, 16, 8), 8);
        // 17 pages are 8.5 blocks in twice, 12.75 in three times.
        assert_eq!(g.before_render(8, 17, 8), 13);
        assert_eq!(g.before_render(13, 17, 8), 13);
        // All of it was used, with overflows.
        assert_eq!(g.before_render(13, 52, 8), 39);
    }

    #[test]
    fn grows_to_the_soft_limit_only() {
        let mut g = Growth::new(GIB, GIB);
        assert_eq!(g.before_render(100, 8000, 8), 2193);
        assert_eq!(g.before_render(2193, u32::MAX, 8), 2193);
        // But what is needed for a render to go on at all may be more.
        assert_eq!(g.before_render(2193, u32::MAX, 4103), 4103);
        assert!(g.before_render(0, 0, 7000) > g.limit());
    }

    #[test]
    fn shrinks_after_many_light_renders() {
        let mut g = Growth::new(GIB, GIB);
        for _ in 0..LIGHT_RENDERS - 1 {
            assert_eq!(g.before_render(1000, 40, 8), 1000);
            assert_eq!(g.at_rest(1000), 1000);
        }
        // Of those before this needs most.
        assert_eq!(g.before_render(1000, 80, 8), 1000);
        assert_eq!(g.at_rest(1000), 60);
    }

    #[test]
    fn one_heavy_render_keeps_it() {
        let mut g = Growth::new(GIB, GIB);
        for pages in
            (0..2 * LIGHT_RENDERS - 1).map(|i| if i == LIGHT_RENDERS - 1 { 900 } else { 4 })
        {
            assert_eq!(g.before_render(1000, pages, 8), 1000);
            assert_eq!(g.at_rest(1000), 1000);
        }
        g.before_render(1000, 4, 8);
        assert_eq!(g.at_rest(1000), INITIAL);
    }

    #[test]
    fn renders_that_nothing_is_known_of_do_not_count() {
        let mut g = Growth::new(GIB, GIB);
        for _ in 0..1000 {
            g.before_render(1000, 0, 8);
        }
        assert_eq!(g.at_rest(1000), 1000);
    }

    /// After shrinking there is enough for what came before, without growing again.
    #[test]
    fn does_not_swing() {
        for pages in 1..2000 {
            let mut g = Growth::new(GIB, GIB);
            for _ in 0..LIGHT_RENDERS {
                g.before_render(2000, pages, 8);
            }
            let shrunk = g.at_rest(2000);
            assert_eq!(g.before_render(shrunk, pages, 8), shrunk, "{pages}");
        }
    }
}
