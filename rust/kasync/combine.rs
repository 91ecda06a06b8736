// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Several futures in one task.

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

/// Which of two futures was ready.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Either<A, B> {
    /// The first.
    Left(A),
    /// The second.
    Right(B),
}

pin_project! {
    /// The future of [`select`].
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

/// Waits for the first of two futures to be ready.
///
/// Both are polled by the same task, `a` first, so that `a` wins when both are ready: cancellation
/// belongs there. Only after a poll in which they have used up the task's budget is `b` polled
/// first. The other one is dropped with the returned future: it should be cancel safe (H24).
///
/// # Context
///
/// Any. Polling and dropping the future: as those of both futures.
pub fn select<A: Future, B: Future>(a: A, b: B) -> Select<A, B> {
    Select { a, b, first: 0 }
}

pin_project! {
    #[project = StepProj]
    /// A future, then its output.
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
    /// Returns a future that is to be polled.
    pub fn new(future: F) -> Self {
        MaybeDone::Running { future }
    }

    /// Polls, and returns whether the output is there.
    pub fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> bool {
        if let StepProj::Running { future } = self.as_mut().project() {
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

    /// Takes the output, which is there once.
    pub fn take(self: Pin<&mut Self>) -> Option<F::Output> {
        match self.project() {
            StepProj::Done { output } => output.take(),
            StepProj::Running { .. } => None,
        }
    }
}

/// The future of [`yield_now`].
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

/// Lets other tasks go first: the task goes to the end of its queue once (H16). Cancel safe.
pub fn yield_now() -> YieldNow {
    YieldNow { yielded: false }
}
