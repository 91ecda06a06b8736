// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Handles of tasks whose module is gone.

use super::{
    super::header::Vtable,
    Header,
    JoinHandle, //
};
use crate::{
    block_on,
    Executor, //
};
use core::{
    ptr::NonNull,
    task::Context, //
};
use kernel::host::World;

/// Stands for the memory of a module that is gone: nothing of it may be read.
static GONE: Vtable = Vtable {
    poll: gone_poll,
    drop_future: gone,
    drop_output: Some(gone),
    take_output: gone_take,
};

unsafe fn gone_poll(_: NonNull<Header>, _: &mut Context<'_>) -> bool {
    panic!("a module that is gone was called");
}

unsafe fn gone(_: NonNull<Header>) {
    panic!("a module that is gone was called");
}

unsafe fn gone_take(_: NonNull<Header>, _: *mut ()) {
    panic!("a module that is gone was called");
}

/// Lets the module go that has the code of a task that has ended.
fn go<T>(handle: &JoinHandle<T>) {
    assert!(handle.is_finished());
    // SAFETY: The handle keeps the header valid, and no other thread accesses it.
    unsafe { (&raw mut (*handle.header.as_ptr()).vtable).write(&GONE) };
}

/// The handle of a task that has ended is dropped, or awaited, when the task's module is gone. The
/// output, which has no destructor and no size, is not asked for there.
#[test]
fn handles_of_modules_that_are_gone() {
    let world = World::manual();
    let _entered = world.enter();
    let executor = Executor::new(c"test").unwrap();
    let root = executor.root();
    let number = root.spawn(c"number", async { 1_u32 }).unwrap();
    let (dropped, detached, awaited) = (
        root.spawn(c"dropped", async {}).unwrap(),
        root.spawn(c"detached", async {}).unwrap(),
        root.spawn(c"awaited", async {}).unwrap(),
    );
    world.run();
    [&dropped, &detached, &awaited].map(go);
    go(&number);
    drop((dropped, number));
    detached.detach_batched();
    block_on(awaited).unwrap();
    drop(executor);
    assert_eq!(world.live_allocations(), 0);
}
