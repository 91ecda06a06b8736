// SPDX-License-Identifier: GPL-2.0-only OR MIT

// A ring for programs of this directory, which include this file. Of one type at a time they say
// that it is another one than it has to be.

use core::task::Context;
use core::task::Poll;
use jobqueue::Ring;
use jobqueue::Timeline;
use jobqueue::TimeoutAction;
use kernel::prelude::*;

/// A ring.
pub struct Mine;

macro_rules! ring {
    (job: $job:ty, in_flight: $in_flight:ty, done: $done:ty) => {
        impl Ring for Mine {
            type Job = $job;
            type InFlight = $in_flight;

            fn poll_ready(&mut self, _: &mut Self::Job, _: &mut Context<'_>) -> Poll<Result> {
                Poll::Ready(Ok(()))
            }

            fn submit(&mut self, _: &mut Self::Job) -> Self::InFlight {
                loop {}
            }

            fn poll_complete(
                &mut self,
                _: &mut Self::InFlight,
                _: Timeline,
                _: &mut Context<'_>,
            ) -> Poll<$done> {
                Poll::Pending
            }

            fn timed_out(
                &mut self,
                _: Option<&Self::InFlight>,
                _: u32,
                _: Timeline,
            ) -> impl core::future::Future<Output = TimeoutAction> + Send + 'static {
                core::future::ready(TimeoutAction::Fail(EIO))
            }

            fn retire(&mut self, _: Self::Job) {}

            fn quiesced(&mut self) {}

            async fn destroy(self) {}
        }
    };
}
