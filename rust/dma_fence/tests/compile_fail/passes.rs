// SPDX-License-Identifier: GPL-2.0-only OR MIT
//~ passes

//! A program that keeps the rules that the other programs break. It compiles.

use dma_fence::*;
use kasync::SignallingSection;
use kernel::prelude::*;

static NAMES: Names = Names::new(c"a", c"b");

pub fn f(
    fences: KVVec<kernel::sync::aref::ARef<Fence>>,
    section: &SignallingSection<'_>,
) -> Result {
    let (mut emitter, mut signaller) = FenceContext::new(&NAMES)?;
    let dependencies = FenceSet::new(fences, Some(emitter.timeline()))?;
    let (_fence, pending) = emitter.arm(FenceReservation::new()?, dependencies);
    // SAFETY: Not run.
    let done = unsafe { HwDone::new(signaller.timeline(), Ok(())) };
    signaller.complete(pending.submitted(), done, section);
    let (_fence, pending) = emitter.arm(FenceReservation::new()?, FenceSet::default());
    signaller.cancel(pending, section, ECANCELED);
    // SAFETY: Not run.
    let stopped = unsafe { RingStopped::new(signaller.timeline()) };
    let (_fence, pending) = emitter.arm(FenceReservation::new()?, FenceSet::default());
    signaller.fail(pending.submitted(), &stopped, EIO, section);
    signaller.drain_orphans(&stopped, EIO, section);
    Ok(())
}
