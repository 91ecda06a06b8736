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
        check!(fence_of(&object).is_none());
        object.replace_fence(&fence);
        let other = sync_object(Some(&fence))?;
        for object in [&object, &other] {
            let found = fence_of(object).ok_or(ENOENT)?;
            check_eq!(found.as_raw(), fence.as_raw());
            check!(!found.test_signaled_flag());
        }
        end(pending, Ok(()));
        check!(fence.test_signaled_flag());
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
        check!(ten.is_chain() && twenty.is_chain());
        check_eq!((ten.seqno(), twenty.seqno()), (10, 20));
        end(first, Ok(()));
        check_eq!(result(&ten), Ok(()));
        check!(!twenty.test_signaled_flag());
        end(second, Ok(()));
        check_eq!(result(&twenty), Ok(()));
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
                    check_eq!(e, EINVAL);
                    check!(fence_of(&object).is_none());
                    refused += 1;
                }
            }
        }
        check_eq!(refused, LEVELS - 1);
        check!(payload.is_chain() && !fence.is_chain());
        end(pending, Ok(()));
        Ok(())
    }
}
