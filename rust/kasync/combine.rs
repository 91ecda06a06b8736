// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Futures that combine others in one task.

use crate::budget::rotate;
use core::{
    future::Future,
    pin::Pin,
    task::{
        Context,
        Poll, //
    }, //
};
use pin_project_lite::pin_project;

/// The output of the one of two futures that was ready first.
///
/// # Context
///
/// Any in which the output may be dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Either<A, B> {
    /// The output of the first one.
    Left(A),
    /// The output of the second one.
    Right(B),
}

pin_project! {
    /// The future of [`select`].
    ///
    /// # Context
    ///
    /// See [`select`].
    #[must_use = "futures do nothing unless awaited"]
    pub struct Select<A, B> {
        #[pin]
        a: A,
        #[pin]
        b: B,
        first: usize,
    }
}

impl<A: Future, B: Future> Future for Select<A, B> {
    type Output = Either<A::Output, B::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        for n in 0..2 {
            if (*this.first + n) % 2 == 0 {
                if let Poll::Ready(a) = this.a.as_mut().poll(cx) {
                    return Poll::Ready(Either::Left(a));
                }
            } else if let Poll::Ready(b) = this.b.as_mut().poll(cx) {
                return Poll::Ready(Either::Right(b));
            }
        }
        *this.first = rotate(cx, *this.first, 2);
        Poll::Pending
    }
}

/// Returns a future that is ready with the output of whichever of two futures is ready first.
///
/// Both are polled by the same task. `a` is polled first, so it wins if both are ready:
/// cancellation belongs there. After a poll that has used up the task's budget, `b` is polled
/// first. The other future is dropped with the returned one, and should be cancel safe (H24).
///
/// # Context
///
/// Any. Polling and dropping the future: as those of both futures.
pub fn select<A: Future, B: Future>(a: A, b: B) -> Select<A, B> {
    Select { a, b, first: 0 }
}

pin_project! {
    #[project = StepProjection]
    /// A future that has not ended, or its output.
    #[doc(hidden)]
    pub enum MaybeDone<F: Future> {
        Running {
            #[pin]
            future: F,
        },
        Done {
            output: Option<F::Output>,
        },
    }
}

impl<F: Future> MaybeDone<F> {
    /// Returns `future`, not polled yet.
    pub fn new(future: F) -> Self {
        MaybeDone::Running { future }
    }

    /// Polls the future if it has not ended, and returns whether its output is available.
    pub fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> bool {
        if let StepProjection::Running { future } = self.as_mut().project() {
            match future.poll(cx) {
                Poll::Ready(output) => {
                    let output = Some(output);
                    self.set(MaybeDone::Done { output });
                }
                Poll::Pending => return false,
            }
        }
        true
    }

    /// Takes the output. Returns `None` if the future has not ended, or its output was taken.
    pub fn take(self: Pin<&mut Self>) -> Option<F::Output> {
        match self.project() {
            StepProjection::Done { output } => output.take(),
            StepProjection::Running { .. } => None,
        }
    }
}

/// The future of [`yield_now`].
///
/// # Context
///
/// See [`yield_now`].
#[must_use = "futures do nothing unless awaited"]
pub struct YieldNow {
    yielded: bool,
}

impl Future for YieldNow {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.yielded {
            return Poll::Ready(());
        }
        self.yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Returns a future that is pending once, so that the task goes to the end of the workqueue's list
/// and other tasks are polled first (H16). Cancel safe.
///
/// # Context
///
/// Any. Polling it wakes the polling task.
pub fn yield_now() -> YieldNow {
    YieldNow { yielded: false }
}
