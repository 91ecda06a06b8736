// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Fences that leave the driver, and come in: sync objects.

use kernel::prelude::*;

#[kunit_tests(dma_fence_share)]
mod tests {
    use crate::mocks::{
        end,
        fence_of,
        result,
        sync_object,
        Timeline, //
    };
    use dma_fence::ChainNode;
    use kernel::prelude::*;

    #[test]
    fn binary_objects() -> Result {
        let (fence, pending) = Timeline::new()?.next()?;
        let object = sync_object(None)?;
        assert!(fence_of(&object).is_none());
        object.replace_fence(&fence);
        let other = sync_object(Some(&fence))?;
        for object in [&object, &other] {
            let found = fence_of(object).ok_or(ENOENT)?;
            assert_eq!(found.as_raw(), fence.as_raw());
            assert!(!found.test_signaled_flag());
        }
        end(pending, Ok(()));
        assert!(fence.test_signaled_flag());
        Ok(())
    }

    #[test]
    fn timeline_objects() -> Result {
        let mut timeline = Timeline::new()?;
        let object = sync_object(None)?;
        let ((one, first), (two, second)) = (timeline.next()?, timeline.next()?);
        object.add_point(ChainNode::new()?, &one, 10)?;
        let ten = fence_of(&object).ok_or(ENOENT)?;
        object.add_point(ChainNode::new()?, &two, 20)?;
        let twenty = fence_of(&object).ok_or(ENOENT)?;
        assert!(ten.is_chain() && twenty.is_chain());
        assert_eq!((ten.seqno(), twenty.seqno()), (10, 20));
        end(first, Ok(()));
        assert_eq!(result(&ten), Ok(()));
        assert!(!twenty.test_signaled_flag());
        end(second, Ok(()));
        assert_eq!(result(&twenty), Ok(()));
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
            let object = sync_object(None)?;
            match object.add_point(ChainNode::new()?, &payload, 1) {
                Ok(()) => payload = fence_of(&object).ok_or(EINVAL)?,
                Err(e) => {
                    assert_eq!(e, EINVAL);
                    assert!(fence_of(&object).is_none());
                    refused += 1;
                }
            }
        }
        assert_eq!(refused, LEVELS - 1);
        assert!(payload.is_chain() && !fence.is_chain());
        end(pending, Ok(()));
        Ok(())
    }
}
