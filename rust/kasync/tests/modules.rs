// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Tests of tasks, and of what is shown of them, when a module goes.

mod common;

use common::{
    Count,
    OnDrop, //
};
use kasync::{
    inspect::{
        write_tasks,
        ModuleWatch, //
    },
    AwaitSite,
    Executor, //
};
use kernel::host::{
    Module,
    World, //
};
use std::{
    future::{
        poll_fn,
        Future, //
    },
    panic::Location,
    task::Poll, //
};

/// Runs `f` with an executor in a world that watches modules, then checks that nothing of it is
/// left.
fn watched(f: impl FnOnce(&World, &Executor)) {
    let world = World::manual();
    let _entered = world.enter();
    // SAFETY: Once in this world, and before any executor is made.
    let watch = unsafe { ModuleWatch::new() }.unwrap();
    let executor = Executor::new(c"test").unwrap();
    f(&world, &executor);
    drop((executor, watch));
    assert_eq!(world.live_allocations(), 0);
    assert_eq!(world.take_api_violations(), Vec::<String>::new());
}

/// The module whose data `item` is, and nothing else.
fn module_of<T>(item: &T) -> Module {
    let start = core::ptr::from_ref(item) as usize;
    Module(start..start + size_of::<T>())
}

/// The row of the table of tasks that is about the only task.
fn row() -> String {
    let mut table = String::new();
    write_tasks(&mut table).unwrap();
    table.lines().nth(1).unwrap().to_string()
}

/// A future that never ends, of a leaf of that place.
fn waits_at(place: &'static Location<'static>) -> impl Future<Output = ()> + Send {
    let mut asked = kasync::cancelled();
    poll_fn(move |cx| {
        if core::pin::Pin::new(&mut asked).poll(cx).is_ready() {
            return Poll::Ready(());
        }
        AwaitSite::from(place).waits(cx);
        Poll::Pending
    })
}

/// Outputs that are yet to be dropped elsewhere are when a module goes: their code may be in it.
#[test]
fn outputs_are_dropped_before_modules_go() {
    watched(|world, executor| {
        let gone = Count::default();
        let output = OnDrop(gone.clone());
        let handle = executor.root().spawn(c"t", async move { output }).unwrap();
        world.run();
        World::atomically(|| drop(handle));
        assert_eq!(gone.get(), 0);
        world.module_goes(&Module(0..1));
        assert_eq!(gone.get(), 1);
    });
}

/// An executor whose last handle was dropped where blocking is impossible is being closed. Its
/// tasks are waited for when a module goes, and nobody has broken a rule.
#[test]
fn executors_are_closed_before_modules_go() {
    let world = World::manual();
    let _entered = world.enter();
    // SAFETY: Once in this world, and before any executor is made.
    let watch = unsafe { ModuleWatch::new() }.unwrap();
    let executor = Executor::new(c"test").unwrap();
    let ended = Count::default();
    let output = OnDrop(ended.clone());
    let task = async move {
        kasync::cancelled().await;
        drop(output);
    };
    executor.root().spawn(c"t", task).unwrap().detach();
    world.run();
    World::atomically(|| drop(executor));
    assert_eq!(ended.get(), 0);
    world.module_goes(&Module(0..usize::MAX));
    assert_eq!(ended.get(), 1);
    assert_eq!(world.take_api_violations(), Vec::<String>::new());
    drop(watch);
    assert_eq!(world.live_allocations(), 0);
}

/// A module goes whose task an executor that nobody drops has.
#[test]
fn executors_that_are_left_are_reported() {
    watched(|world, executor| {
        executor
            .root()
            .spawn(c"t", kasync::cancelled())
            .unwrap()
            .detach();
        world.run();
        world.module_goes(&Module(0..usize::MAX));
        assert_eq!(world.take_api_violations().len(), 1);
        assert!(executor.root().is_cancelled());
    });
}

/// The place at which a task waits is that of a leaf that another module has made. When that goes,
/// the place is not shown any more; that of another task is.
#[test]
fn places_go_with_their_module() {
    watched(|world, executor| {
        let place = Location::caller();
        executor
            .root()
            .spawn(c"t", waits_at(place))
            .unwrap()
            .detach();
        world.run();
        let shown = format!("modules.rs:{}", place.line());
        assert!(row().contains(&shown));
        world.module_goes(&Module(0..1));
        assert!(row().contains(&shown));
        world.module_goes(&module_of(place));
        assert!(row().ends_with(" - test"), "{}", row());
    });
}

/// So does a task's name, in the table and in traces.
#[test]
fn names_go_with_their_module() {
    watched(|world, executor| {
        static NAME: &core::ffi::CStr = c"named";
        let task = executor.root().spawn(NAME, kasync::cancelled()).unwrap();
        world.run();
        assert!(row().starts_with("named "));
        world.module_goes(&module_of(&NAME.to_bytes_with_nul()[0]));
        assert!(row().starts_with("- "), "{}", row());
        task.detach();
    });
}
