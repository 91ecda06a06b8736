// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Sync objects of a submit, in and out, as a client writes them.

/// The rule that a record breaks. The errno is `EINVAL`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadSync(pub(crate) &'static str);

/// The fence of a sync object that a record refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// The one fence of a binary object.
    Binary,
    /// A point of a timeline; never 0.
    Timeline(u64),
}

/// `drm_asahi_sync`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sync {
    pub(crate) handle: u32,
    /// The fence; `None` for point 0 of a timeline, which has always signalled.
    pub(crate) point: Option<Point>,
}

const SYNCOBJ: u32 = 0;
const TIMELINE_SYNCOBJ: u32 = 1;

impl Sync {
    /// Bytes of a record.
    pub(crate) const SIZE: usize = 16;

    /// Reads a record.
    pub(crate) fn parse(bytes: &[u8; Self::SIZE]) -> Result<Self, BadSync> {
        let [t0, t1, t2, t3, h0, h1, h2, h3, value @ ..] = *bytes;
        let value = u64::from_le_bytes(value);
        let point = match u32::from_le_bytes([t0, t1, t2, t3]) {
            SYNCOBJ if value != 0 => return Err(BadSync("a binary object has no points")),
            SYNCOBJ => Some(Point::Binary),
            TIMELINE_SYNCOBJ if value == 0 => None,
            TIMELINE_SYNCOBJ => Some(Point::Timeline(value)),
            _ => return Err(BadSync("no such type")),
        };
        Ok(Self {
            handle: u32::from_le_bytes([h0, h1, h2, h3]),
            point,
        })
    }

    /// Returns the point to be signalled, which is not one that has been reached from the start.
    pub(crate) fn out(&self) -> Result<Point, BadSync> {
        self.point
            .ok_or(BadSync("point 0 of a timeline cannot be signalled"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(kind: u32, handle: u32, value: u64) -> Result<Sync, BadSync> {
        let mut bytes = [0; Sync::SIZE];
        bytes[..4].copy_from_slice(&kind.to_le_bytes());
        bytes[4..8].copy_from_slice(&handle.to_le_bytes());
        bytes[8..].copy_from_slice(&value.to_le_bytes());
        Sync::parse(&bytes)
    }

    #[test]
    fn records() {
        let binary = parse(0, 7, 0).unwrap();
        assert_eq!((binary.handle, binary.out()), (7, Ok(Point::Binary)));
        let timeline = parse(1, 8, u64::MAX).unwrap();
        assert_eq!(timeline.point, Some(Point::Timeline(u64::MAX)));
        assert!(parse(0, 7, 1).is_err());
        assert!(parse(0, 7, 1 << 63).is_err());
        assert!(parse(2, 7, 0).is_err());
        assert!(parse(!0, 7, 0).is_err());
    }

    #[test]
    fn point_zero() {
        let zero = parse(1, 8, 0).unwrap();
        assert_eq!(zero.point, None);
        assert!(zero.out().is_err());
    }
}
