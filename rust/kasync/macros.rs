// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! `select!` and `join!`: several futures in one task, without allocation.

/// Waits for the first of up to eight futures to be ready, and evaluates the expression of its
/// branch.
///
/// A branch is `pattern = future => expression` or `pattern = future, if condition => expression`.
/// The future of a branch whose condition is false is not created. If all conditions are false it
/// waits for ever.
///
/// At each wake all futures are polled in the order in which they are written. A future that is
/// always ready starves those after it, so the most urgent one comes first, such as
/// [`cancelled()`](crate::cancelled). Only after a poll that has used up the task's budget without
/// a result does the next poll start with another future. When one is ready, the others are dropped
/// before its expression is evaluated: it is as cancel safe as they are.
///
/// # Examples
///
/// ```
/// # use kernel::host::World;
/// # let world = World::manual();
/// # let _world = world.enter();
/// # let executor = kasync::Executor::new(c"example")?;
/// use kasync::{cancelled, sync::mpsc};
///
/// let (tx, mut rx) = mpsc::channel::<u32>(4)?;
/// let task = executor.root().spawn(c"sum", async move {
///     let mut sum = 0;
///     loop {
///         kasync::select! {
///             () = cancelled() => return sum,
///             value = rx.recv(), if sum < 100 => match value {
///                 Some(value) => sum += value,
///                 None => return sum,
///             },
///         }
///     }
/// })?;
/// tx.try_send(1).unwrap();
/// tx.try_send(2).unwrap();
/// drop(tx);
/// assert_eq!(kasync::block_on(task)?, 3);
/// # executor.shutdown()?;
/// # Ok::<(), kernel::error::Error>(())
/// ```
#[macro_export]
macro_rules! select {
    // Names for each branch are taken from the pool.
    (@names $done:tt [$($pool:tt)*]) => {
        $crate::select!(@finish $done)
    };
    (@names [$($done:tt)*] [[$f:ident $V:ident] $($pool:tt)*]
        $pat:pat = $future:expr $(, if $cond:expr)? => $body:block, $($rest:tt)*
    ) => {
        $crate::select!(
            @names [$($done)* {$f $V [$pat] [$future] [$($cond)?] [$body]}] [$($pool)*] $($rest)*
        )
    };
    (@names [$($done:tt)*] [[$f:ident $V:ident] $($pool:tt)*]
        $pat:pat = $future:expr $(, if $cond:expr)? => $body:block $($rest:tt)*
    ) => {
        $crate::select!(
            @names [$($done)* {$f $V [$pat] [$future] [$($cond)?] [$body]}] [$($pool)*] $($rest)*
        )
    };
    (@names [$($done:tt)*] [[$f:ident $V:ident] $($pool:tt)*]
        $pat:pat = $future:expr $(, if $cond:expr)? => $body:expr
    ) => {
        $crate::select!(@names [$($done)* {$f $V [$pat] [$future] [$($cond)?] [$body]}] [$($pool)*])
    };
    (@names [$($done:tt)*] [[$f:ident $V:ident] $($pool:tt)*]
        $pat:pat = $future:expr $(, if $cond:expr)? => $body:expr, $($rest:tt)*
    ) => {
        $crate::select!(
            @names [$($done)* {$f $V [$pat] [$future] [$($cond)?] [$body]}] [$($pool)*] $($rest)*
        )
    };
    (@if [] $future:expr) => {
        ::core::option::Option::Some($future)
    };
    (@if [$cond:expr] $future:expr) => {
        if $cond { ::core::option::Option::Some($future) } else { ::core::option::Option::None }
    };
    (@finish
        [$({$f:ident $V:ident [$pat:pat] [$future:expr] [$($cond:expr)?] [$body:expr]})+]
    ) => {{
        enum Out<$($V),+> {
            $($V($V)),+
        }
        let out = {
            $(let mut $f = ::core::pin::pin!(
                $crate::__OptionFuture($crate::select!(@if [$($cond)?] $future))
            );)+
            let mut first = 0;
            ::core::future::poll_fn(|cx| {
                let mut n = 0;
                for pass in 0..2 {
                    // Those from the first on, then those before.
                    n = 0;
                    $(if (n < first) == (pass == 1) {
                        if let ::core::task::Poll::Ready(out) = $f.as_mut().poll(cx) {
                            return ::core::task::Poll::Ready(Out::$V(out));
                        }
                    }
                    n += 1;)+
                }
                first = $crate::__rotate(cx, first, n);
                ::core::task::Poll::Pending
            })
            .await
        };
        match out {
            $(Out::$V($pat) => $body),+
        }
    }};
    ($($branches:tt)+) => {
        $crate::select!(
            @names [] [[f0 A] [f1 B] [f2 C] [f3 D] [f4 E] [f5 F] [f6 G] [f7 H]] $($branches)+
        )
    };
}

/// Waits for all of up to eight futures, and returns a tuple of their outputs.
///
/// All are polled by the same task. Each wake polls those that are not ready yet. Dropping it drops
/// the outputs of those that were ready.
///
/// # Examples
///
/// ```
/// # use kernel::host::World;
/// # let world = World::manual();
/// # let _world = world.enter();
/// let all = async { kasync::join!(async { 1 }, kasync::yield_now(), async { "three" }) };
/// assert_eq!(kasync::block_on(all)?, (1, (), "three"));
/// # Ok::<(), kernel::error::Error>(())
/// ```
#[macro_export]
macro_rules! join {
    (@names [$({$f:ident [$future:expr]})+] [$($pool:tt)*]) => {{
        $(let mut $f = ::core::pin::pin!($crate::__MaybeDone::new($future));)+
        let mut first = 0;
        ::core::future::poll_fn(|cx| {
            let mut ready = true;
            let mut n = 0;
            for pass in 0..2 {
                n = 0;
                $(if (n < first) == (pass == 1) {
                    ready &= $f.as_mut().poll(cx);
                }
                n += 1;)+
            }
            first = $crate::__rotate(cx, first, n);
            if ready {
                if let ($(::core::option::Option::Some($f),)+) = ($($f.as_mut().take(),)+) {
                    return ::core::task::Poll::Ready(($($f,)+));
                }
            }
            ::core::task::Poll::Pending
        })
        .await
    }};
    (@names [$($done:tt)*] [$f:ident $($pool:tt)*] $future:expr $(, $($rest:tt)*)?) => {
        $crate::join!(@names [$($done)* {$f [$future]}] [$($pool)*] $($($rest)*)?)
    };
    ($($futures:tt)+) => {
        $crate::join!(@names [] [f0 f1 f2 f3 f4 f5 f6 f7] $($futures)+)
    };
}

/// A future, or none, which is never ready. For [`select!`].
#[doc(hidden)]
pub struct OptionFuture<F>(pub Option<F>);

impl<F: core::future::Future> OptionFuture<F> {
    /// Polls the future, if there is one.
    pub fn poll(
        self: core::pin::Pin<&mut Self>,
        cx: &mut core::task::Context<'_>,
    ) -> core::task::Poll<F::Output> {
        // SAFETY: The future is pinned with this, and is not moved.
        match unsafe { self.map_unchecked_mut(|this| &mut this.0) }.as_pin_mut() {
            Some(future) => future.poll(cx),
            None => core::task::Poll::Pending,
        }
    }
}
