// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Fences that leave the driver, and come in: sync files, sync objects, buffers.

use kernel::prelude::*;

#[kunit_tests(dma_fence_share)]
mod tests {
    use crate::mocks::{
        end,
        result,
        Buffer,
        Foreign,
        Rival,
        Timeline, //
    };
    use dma_fence::{
        ChainNode,
        Fence,
        Points,
        Resv,
        SyncFile,
        SyncObj,
        Usage, //
    };
    use kasync::time::Delta;
    use kernel::{
        bindings,
        error::to_result,
        prelude::*, //
    };

    #[test]
    fn sync_files_out_and_in() -> Result {
        let (fence, pending) = Timeline::new()?.next()?;
        let out = SyncFile::reserve()?;
        let fd = out.fd() as i32;
        // Nobody sees it before.
        assert_eq!(SyncFile::import(fd).err(), Some(EINVAL));
        assert_eq!(out.install(&fence) as i32, fd);
        let imported = SyncFile::import(fd)?;
        assert_eq!(imported.as_raw(), fence.as_raw());
        // SAFETY: The descriptor is this test's.
        to_result(unsafe { bindings::close_fd(fd as u32) })?;
        assert_eq!(SyncFile::import(fd).err(), Some(EINVAL));
        assert_eq!(SyncFile::import(-1).err(), Some(EINVAL));
        end(pending, Err(EIO));
        assert_eq!(result(&imported), Err(EIO));
        Ok(())
    }

    #[test]
    fn a_sync_file_that_is_dropped() -> Result {
        let out = SyncFile::reserve()?;
        let fd = out.fd();
        drop(out);
        // The descriptor is free again.
        let again = SyncFile::reserve()?;
        assert_eq!(again.fd(), fd);
        Ok(())
    }

    #[test]
    fn binary_objects() -> Result {
        let (fence, pending) = Timeline::new()?.next()?;
        let object = SyncObj::new(None)?;
        assert!(object.fence().is_none());
        assert_eq!(object.find(0).err(), Some(EINVAL));
        object.replace_fence(&fence);
        assert_eq!(object.find(0)?.as_raw(), fence.as_raw());
        // It has no points.
        assert_eq!(object.find(1).err(), Some(EINVAL));
        let none = Points {
            submitted: 0,
            signaled: 0,
        };
        assert_eq!(object.points(), none);
        object.reset();
        assert!(object.fence().is_none());
        assert_eq!(object.points(), none);
        let other = SyncObj::new(Some(&fence))?;
        assert!(!other.find(0)?.test_signaled_flag());
        end(pending, Ok(()));
        assert!(other.find(0)?.test_signaled_flag());
        Ok(())
    }

    #[test]
    fn timeline_objects() -> Result {
        let mut timeline = Timeline::new()?;
        let object = SyncObj::new(None)?;
        let ((one, first), (two, second)) = (timeline.next()?, timeline.next()?);
        object.add_point(ChainNode::new()?, &one, 10)?;
        let points = |submitted, signaled| Points {
            submitted,
            signaled,
        };
        assert_eq!(object.points(), points(10, 0));
        // A point that is not there yet is not waited for.
        assert_eq!(object.find(11).err(), Some(EINVAL));
        object.add_point(ChainNode::new()?, &two, 20)?;
        let (ten, twenty) = (object.find(10)?, object.find(15)?);
        assert_eq!(object.points(), points(20, 0));
        end(first, Ok(()));
        assert_eq!(result(&ten), Ok(()));
        assert!(!twenty.test_signaled_flag());
        assert_eq!(object.points(), points(20, 10));
        end(second, Ok(()));
        assert_eq!(result(&twenty), Ok(()));
        assert_eq!(object.points(), points(20, 20));
        object.reset();
        assert_eq!(object.points(), points(0, 0));
        Ok(())
    }

    /// A chain in a chain in a chain: dropping it would take a stack frame for each level.
    #[test]
    fn chains_do_not_go_into_a_point() -> Result {
        const LEVELS: usize = 64;
        let (fence, pending) = Timeline::new()?.next()?;
        let mut payload = fence.clone();
        let mut refused = 0;
        for _ in 0..LEVELS {
            let object = SyncObj::new(None)?;
            match object.add_point(ChainNode::new()?, &payload, 1) {
                Ok(()) => payload = object.fence().ok_or(EINVAL)?,
                Err(e) => {
                    assert_eq!(e, EINVAL);
                    assert!(object.fence().is_none());
                    refused += 1;
                }
            }
        }
        assert_eq!(refused, LEVELS - 1);
        assert!(payload.is_chain() && !fence.is_chain());
        end(pending, Ok(()));
        Ok(())
    }

    fn contexts(resv: Resv<'_>, usage: Usage) -> Result<KVec<u64>> {
        let mut found = KVec::new();
        for fence in resv.fences(usage)? {
            found.push(fence.context(), GFP_KERNEL)?;
        }
        Ok(found)
    }

    #[test]
    fn fences_of_a_buffer() -> Result {
        let buffer = Buffer::new()?;
        let resv = buffer.resv();
        let (reader, writer, keeper) = (Foreign::new()?, Foreign::new()?, Foreign::new()?);
        assert!(resv.test_signaled(Usage::Bookkeep) && resv.fences(Usage::Bookkeep)?.is_empty());
        resv.with_locked(|locked| {
            let [one, two, unused] = locked.reserve_fences()?;
            drop(unused);
            // Those that were promised before are still there.
            let [three] = locked.reserve_fences()?;
            let _none: [_; 0] = locked.reserve_fences()?;
            one.add_fence(&reader.0, Usage::Read)?;
            two.add_fence(&writer.0, Usage::Write)?;
            three.add_fence(&keeper.0, Usage::Bookkeep)
        })?;
        assert!(!resv.test_signaled(Usage::Write));
        assert!(resv.test_signaled(Usage::Kernel) && resv.fences(Usage::Kernel)?.is_empty());
        // A reader waits for the writer, a writer for both.
        let writes = contexts(resv, Usage::rw(false))?;
        assert_eq!(writes.as_slice(), &[writer.0.context()][..]);
        let both = contexts(resv, Usage::rw(true))?;
        assert_eq!(
            both.as_slice(),
            &[reader.0.context(), writer.0.context()][..]
        );
        assert_eq!(contexts(resv, Usage::Bookkeep)?.len(), 3);
        resv.set_deadline(Usage::Read, Delta::from_millis(5));
        assert!(reader.deadline() > 0 && writer.deadline() > 0 && keeper.deadline() == 0);
        writer.signal(Ok(()));
        assert!(resv.test_signaled(Usage::Write) && !resv.test_signaled(Usage::Read));
        reader.signal(Ok(()));
        keeper.signal(Ok(()));
        assert!(resv.test_signaled(Usage::Bookkeep));
        Ok(())
    }

    #[test]
    fn containers_do_not_go_into_a_buffer() -> Result {
        let (buffer, one, two) = (Buffer::new()?, Foreign::new()?, Foreign::new()?);
        let array = Fence::merge(&[one.0.clone(), two.0.clone()])?;
        buffer.resv().with_locked(|locked| {
            let [slot] = locked.reserve_fences()?;
            assert_eq!(slot.add_fence(&array, Usage::Write), Err(EINVAL));
            Ok(())
        })?;
        assert!(buffer.resv().test_signaled(Usage::Bookkeep));
        one.signal(Ok(()));
        two.signal(Ok(()));
        Ok(())
    }

    #[test]
    fn several_buffers() -> Result {
        let (one, two, other) = (Buffer::new()?, Buffer::new()?, Buffer::new()?);
        let fence = Foreign::new()?;
        // The first twice, as by two objects that share it.
        Resv::with_all_locked([one.resv(), two.resv(), one.resv()], |all| {
            assert_eq!(all.iter().count(), 2);
            assert!(all.get(other.resv()).is_none());
            for resv in [one.resv(), two.resv()] {
                let [slot] = all.get(resv).ok_or(EINVAL)?.reserve_fences()?;
                slot.add_fence(&fence.0, Usage::Write)?;
            }
            Ok(())
        })?;
        // They are not locked any more, whatever the closure returned.
        assert_eq!(one.resv().with_locked(|_| Err::<(), _>(EIO)), Err(EIO));
        one.resv().with_locked(|_| Ok(()))?;
        other.resv().with_locked(|_| Ok(()))?;
        assert!(!one.resv().test_signaled(Usage::Write) && !two.resv().test_signaled(Usage::Write));
        fence.signal(Ok(()));
        let none = Resv::with_all_locked([], |all| Ok(all.iter().count()))?;
        assert_eq!(none, 0);
        Ok(())
    }

    /// Two threads want the same buffers, and each has what the other needs.
    #[test]
    fn no_deadlock_over_buffers() -> Result {
        let (first, second) = Buffer::new()?.in_order(Buffer::new()?);
        // It has what we take last, and wants what we take first.
        let rival = Rival::start(&second, &first)?;
        let both =
            Resv::with_all_locked([first.resv(), second.resv()], |all| Ok(all.iter().count()))?;
        assert_eq!(both, 2);
        rival.end()
    }
}
