// SPDX-License-Identifier: MIT OR Apache-2.0

//! Programs of the fragment half: registers and preshader once for each command.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use agx_isa::exec::{Cache, Shared};

use super::Frame;
use crate::cdm::End;
use crate::execute::{registers, run_preshader, Settings};
use crate::fault::Unit;
use crate::read;
use crate::threadgroup::Meter;
use crate::tlb::{Pages, Uncached};
use crate::trace::Sink;
use crate::usc::Pipeline;

/// Programs that are kept. A command with more of them, which none is known to have, prepares some
/// of them again.
const MAX_PREPARED: usize = 1024;

/// What all programs of a command have in common.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub pages: &'a dyn Pages,
    pub settings: Settings,
    pub meter: &'a Meter,
    pub trace: Option<&'a Sink>,
    pub usc_base: u64,
    pub frame: &'a Frame,
}

/// A program that is ready to run.
pub(super) struct Prepared {
    /// Address of its code.
    pub shader: u64,
    /// 32-bit registers that it has.
    pub registers: usize,
    /// Depth and stencil are tested before it.
    pub early_z: bool,
    /// What its preshader has left.
    pub shared: Box<Shared>,
}

impl Prepared {
    /// Prepares the program that pipeline word `usc` and counts word `counts` name.
    fn new(context: &Context<'_>, cache: &mut Cache, usc: u32, counts: u32) -> Result<Self, End> {
        let at = |offset: u32| context.usc_base.wrapping_add(offset.into());
        let memory = Uncached(context.pages);
        let pipeline = Pipeline::decode(&memory, at(usc & !0x3f))?;
        if let Some(shared) = pipeline.shared {
            let frame = context.frame;
            let layout = (shared.block, shared.samples, shared.stride);
            let expected = (Some(frame.utile), frame.samples, frame.sample_size);
            // That hardware has no use for a program made for another tile is inferred.
            if shared.block.is_some() && layout != expected {
                return Err(End::Illegal(format!(
                    "program {usc:#x} is made for tiles of {:?}, {} samples of {} bytes, \
                     the frame has {:?}, {} of {}",
                    shared.block.unwrap_or_default(),
                    shared.samples,
                    shared.stride,
                    frame.utile,
                    frame.samples,
                    frame.sample_size
                )));
            }
        }
        let shader = at(pipeline.shader.unwrap_or_default());
        read(&memory, shader, &mut [0; 2], Unit::Ul1c)?;
        let extended = matches!(counts >> 9 & 7, 6 | 7);
        let &Context {
            pages,
            settings,
            meter,
            trace,
            ..
        } = context;
        let mut shared = Box::new(registers(pages, settings, &pipeline, extended)?);
        if let Some(offset) = pipeline.preshader {
            let pc = at(offset);
            run_preshader(pages, settings, meter, trace, cache, pc, &mut shared)?;
        }
        Ok(Self {
            shader,
            registers: usize::from(pipeline.gprs.unwrap_or(256)).div_ceil(2),
            early_z: pipeline.early_z(),
            shared,
        })
    }
}

/// The programs of a command.
#[derive(Default)]
pub(super) struct Programs {
    prepared: Mutex<HashMap<[u32; 2], Arc<Prepared>>>,
}

impl Programs {
    /// Returns the program with these pipeline and counts words.
    ///
    /// # Errors
    ///
    /// Why it cannot be prepared.
    pub fn get(
        &self,
        context: &Context<'_>,
        cache: &mut Cache,
        usc: u32,
        counts: u32,
    ) -> Result<Arc<Prepared>, End> {
        // Others wait meanwhile, as most of them want the same.
        let mut prepared = self.prepared.lock().unwrap_or_else(|e| e.into_inner());
        let key = [usc & !0x3f, counts];
        if let Some(found) = prepared.get(&key) {
            return Ok(found.clone());
        }
        let new = Arc::new(Prepared::new(context, cache, usc, counts)?);
        if prepared.len() == MAX_PREPARED {
            prepared.clear();
        }
        prepared.insert(key, new.clone());
        Ok(new)
    }
}
