// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Checks of the operations of `VM_BIND` and of the ranges of `VM_CREATE`.

use agx_abi::uat::{
    Protection,
    PAGE_SIZE,
    USER_END,
    USER_START, //
};
use core::ops::Range;

/// The value of `DRM_ASAHI_BIND_UNBIND`.
pub(crate) const UNBIND: u32 = 1 << 0;
/// The value of `DRM_ASAHI_BIND_READ`.
pub(crate) const READ: u32 = 1 << 1;
/// The value of `DRM_ASAHI_BIND_WRITE`.
pub(crate) const WRITE: u32 = 1 << 2;
/// The value of `DRM_ASAHI_BIND_SINGLE_PAGE`.
pub(crate) const SINGLE_PAGE: u32 = 1 << 3;

/// Smallest range that a VM has to leave to the driver.
pub(crate) const KERNEL_MIN_SIZE: u64 = 0x2000_0000;
/// An operation as the client asks for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub(crate) flags: u32,
    pub(crate) handle: u32,
    pub(crate) offset: u64,
    pub(crate) range: u64,
    pub(crate) addr: u64,
}

/// An operation that makes sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// End what is mapped in a range.
    Unbind { range: Range<u64> },
    /// Map part of an object.
    Bind {
        range: Range<u64>,
        handle: u32,
        offset: u64,
        protection: Protection,
        /// The page at `offset` again and again.
        single_page: bool,
    },
}

/// The error of a request that describes no valid operation.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Invalid;

/// Returns `start..start + size`, or `None` if that wraps or is not made of whole pages.
pub(crate) fn page_range(start: u64, size: u64) -> Option<Range<u64>> {
    let aligned = start % PAGE_SIZE == 0 && size % PAGE_SIZE == 0 && size > 0;
    let end = start.checked_add(size)?;
    aligned.then_some(start..end)
}

/// Returns whether `inner` is within `outer`.
pub(crate) fn is_within(inner: &Range<u64>, outer: &Range<u64>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

fn overlap(a: &Range<u64>, b: &Range<u64>) -> bool {
    a.start < b.end && b.start < a.end
}

/// Returns the driver's range of a new VM.
pub(crate) fn kernel_range(start: u64, end: u64) -> Result<Range<u64>, Invalid> {
    let range = start..end;
    let size = end.checked_sub(start).ok_or(Invalid)?;
    if size < KERNEL_MIN_SIZE
        || !is_within(&range, &(USER_START..USER_END))
        || start % PAGE_SIZE != 0
        || end % PAGE_SIZE != 0
    {
        return Err(Invalid);
    }
    Ok(range)
}

impl Operation {
    /// Checks what can be checked without the object. `kernel`: the driver's range.
    pub(crate) fn new(request: &Request, kernel: &Range<u64>) -> Result<Self, Invalid> {
        let range = page_range(request.addr, request.range).ok_or(Invalid)?;
        if !is_within(&range, &(USER_START..USER_END)) {
            return Err(Invalid);
        }

        if request.flags & UNBIND != 0 {
            let alone = request.flags == UNBIND && request.handle == 0 && request.offset == 0;
            // The driver's mappings are not in the client's list of mappings, so a range that
            // covers them leaves them alone. A range within them is a mistake of the client's.
            if !alone || is_within(&range, kernel) {
                return Err(Invalid);
            }
            return Ok(Self::Unbind { range });
        }

        if overlap(&range, kernel) || request.offset % PAGE_SIZE != 0 {
            return Err(Invalid);
        }
        let protection = match request.flags & !SINGLE_PAGE {
            f if f == READ | WRITE => Protection::GPU_SHARED_RW,
            READ => Protection::GPU_SHARED_RO,
            WRITE => Protection::GPU_SHARED_WO,
            _ => return Err(Invalid),
        };
        Ok(Self::Bind {
            range,
            handle: request.handle,
            offset: request.offset,
            protection,
            single_page: request.flags & SINGLE_PAGE != 0,
        })
    }

    /// Checks a bind against the object, of `size` bytes.
    pub(crate) fn check_size(&self, size: u64) -> Result<(), Invalid> {
        let Self::Bind {
            range,
            offset,
            single_page,
            ..
        } = self
        else {
            return Ok(());
        };
        let length = if *single_page {
            PAGE_SIZE
        } else {
            range.end - range.start
        };
        match offset.checked_add(length) {
            Some(end) if end <= size => Ok(()),
            _ => Err(Invalid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KERNEL: Range<u64> = 0x70_0000_0000..0x70_4000_0000;
    const GOOD: Request = Request {
        flags: READ | WRITE,
        handle: 1,
        offset: 0,
        range: 4 * PAGE_SIZE,
        addr: 0x10_0000_0000,
    };

    fn check(request: Request) -> Result<Operation, Invalid> {
        Operation::new(&request, &KERNEL)
    }

    #[test]
    fn binds() {
        let bind = |flags, protection| {
            assert_eq!(
                check(Request { flags, ..GOOD }),
                Ok(Operation::Bind {
                    range: GOOD.addr..GOOD.addr + GOOD.range,
                    handle: 1,
                    offset: 0,
                    protection,
                    single_page: flags & SINGLE_PAGE != 0,
                })
            );
        };
        bind(READ | WRITE, Protection::GPU_SHARED_RW);
        bind(READ, Protection::GPU_SHARED_RO);
        bind(WRITE, Protection::GPU_SHARED_WO);
        bind(READ | SINGLE_PAGE, Protection::GPU_SHARED_RO);

        for flags in [0, SINGLE_PAGE, 1 << 4 | READ, u32::MAX] {
            assert_eq!(check(Request { flags, ..GOOD }), Err(Invalid));
        }
    }

    #[test]
    fn ranges() {
        let at = |addr, range| {
            check(Request {
                addr,
                range,
                ..GOOD
            })
        };
        assert!(at(USER_START, PAGE_SIZE).is_ok());
        assert!(at(USER_END - PAGE_SIZE, PAGE_SIZE).is_ok());
        assert!(at(KERNEL.start - PAGE_SIZE, PAGE_SIZE).is_ok());
        assert!(at(KERNEL.end, PAGE_SIZE).is_ok());

        assert!(at(0, PAGE_SIZE).is_err());
        assert!(at(USER_END, PAGE_SIZE).is_err());
        assert!(at(USER_END - PAGE_SIZE, 2 * PAGE_SIZE).is_err());
        assert!(at(PAGE_SIZE + 1, PAGE_SIZE).is_err());
        assert!(at(PAGE_SIZE, 1).is_err());
        assert!(at(PAGE_SIZE, 0).is_err());
        assert!(at(0u64.wrapping_sub(PAGE_SIZE), 2 * PAGE_SIZE).is_err());
        assert!(at(KERNEL.start - PAGE_SIZE, 2 * PAGE_SIZE).is_err());
        assert!(at(KERNEL.start, PAGE_SIZE).is_err());
    }

    #[test]
    fn unbinds() {
        let unbind = Request {
            flags: UNBIND,
            handle: 0,
            ..GOOD
        };
        assert!(check(unbind).is_ok());
        assert!(check(Request {
            handle: 1,
            ..unbind
        })
        .is_err());
        assert!(check(Request {
            offset: PAGE_SIZE,
            ..unbind
        })
        .is_err());
        assert!(check(Request {
            flags: UNBIND | READ,
            ..unbind
        })
        .is_err());
        assert!(check(Request {
            addr: KERNEL.start,
            ..unbind
        })
        .is_err());
        let all = Request {
            addr: USER_START,
            range: USER_END - USER_START,
            ..unbind
        };
        assert!(check(all).is_ok());
        assert_eq!(check(all).unwrap().check_size(0), Ok(()));
    }

    #[test]
    fn sizes() {
        let size = |offset, flags, size| {
            check(Request {
                offset,
                flags,
                ..GOOD
            })
            .unwrap()
            .check_size(size)
        };
        assert_eq!(size(0, READ, 4 * PAGE_SIZE), Ok(()));
        assert_eq!(size(PAGE_SIZE, READ, 4 * PAGE_SIZE), Err(Invalid));
        assert_eq!(
            size(3 * PAGE_SIZE, READ | SINGLE_PAGE, 4 * PAGE_SIZE),
            Ok(())
        );
        assert_eq!(
            size(4 * PAGE_SIZE, READ | SINGLE_PAGE, 4 * PAGE_SIZE),
            Err(Invalid)
        );
        assert_eq!(
            size(0u64.wrapping_sub(PAGE_SIZE), READ, u64::MAX),
            Err(Invalid)
        );
    }

    #[test]
    fn kernel_ranges() {
        assert_eq!(kernel_range(KERNEL.start, KERNEL.end), Ok(KERNEL));
        assert!(kernel_range(0x8000, 0x8000 + KERNEL_MIN_SIZE).is_ok());
        assert!(kernel_range(0x4000, 0x4000 + KERNEL_MIN_SIZE).is_ok());
        assert!(kernel_range(0x6000, 0x6000 + KERNEL_MIN_SIZE).is_err());
        assert!(kernel_range(KERNEL.start, KERNEL.start).is_err());
        assert!(kernel_range(KERNEL.end, KERNEL.start).is_err());
        assert!(kernel_range(KERNEL.start, KERNEL.start + KERNEL_MIN_SIZE - 0x8000).is_err());
        assert!(kernel_range(0, KERNEL_MIN_SIZE).is_err());
        assert!(kernel_range(USER_END - KERNEL_MIN_SIZE + 0x8000, USER_END + 0x8000).is_err());
        assert!(kernel_range(0u64.wrapping_sub(0x8000), KERNEL_MIN_SIZE).is_err());
    }
}
