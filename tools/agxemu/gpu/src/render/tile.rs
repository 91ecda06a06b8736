// SPDX-License-Identifier: MIT OR Apache-2.0

//! The fragment half: regions are rendered on several host threads.
//!
//! A region is what primitives are sorted into; the tiles of the tile buffer divide it. As nothing
//! tells one tile from another but its place, the tiles of a region are rendered as one.
//!
//! ```text
//!  next region ─► load depth, stencil ─► background ─► primitives ─► end of tile ─► store ─┐
//!      ▲                ▲                                                │                 │
//!      │                └──────── next part of a frame in parts ◄────────┤                 │
//!      └─────────────────────────────────────────────────────────────────┴─────────────────┘
//! ```

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Mutex;

use super::geometry::Geometry;
use super::program::{Context, Programs};
use super::scene::REGION;
use super::worker::Worker;
use super::zls::Surfaces;
use super::{FragmentJob, Frame, Scene};
use crate::cdm::End;
use crate::execute::Settings;
use crate::host::GpuHost;
use crate::threadgroup::Meter;
use crate::tlb::Pages;
use crate::trace::{Sink, Traced};

/// Largest frame that drivers offer, in pixels and layers.
const MAX_SIZE: u32 = 16384;
const MAX_LAYERS: u32 = 2048;

/// Regions without work that are passed before the command is asked whether it is to stop.
const SKIPPED: u64 = 1 << 12;

/// Runs the fragment half.
///
/// # Errors
///
/// Why it cannot come to its end.
pub(super) fn render(
    job: &FragmentJob,
    scene: &Scene,
    pages: &dyn Pages,
    settings: Settings,
    meter: &Meter,
    trace: Option<&Sink>,
    note: &mut dyn FnMut(&str),
) -> Result<(), End> {
    render_geometry(job, scene, pages, settings, meter, trace, note)
}

fn check(frame: &Frame) -> Result<(), End> {
    let size = 1..=MAX_SIZE;
    let good = size.contains(&frame.width)
        && size.contains(&frame.height)
        && (1..=MAX_LAYERS).contains(&frame.layers)
        && matches!(frame.samples, 1 | 2 | 4)
        && matches!(frame.utile, [32, 32] | [32, 16] | [16, 16])
        && frame.sample_size % 8 == 0
        && frame.sample_size <= 64;
    match good {
        true => Ok(()),
        false => Err(End::Illegal(format!("frame without meaning: {frame:?}"))),
    }
}

/// Renders primitives, wherever they come from.
pub(super) fn render_geometry<G: Geometry>(
    job: &FragmentJob,
    scene: &G,
    pages: &dyn Pages,
    settings: Settings,
    meter: &Meter,
    trace: Option<&Sink>,
    note: &mut dyn FnMut(&str),
) -> Result<(), End> {
    let frame = &job.frame;
    check(frame)?;
    // The vertex half is not told how large a sample is.
    let made = Frame {
        sample_size: frame.sample_size,
        ..*scene.frame()
    };
    if made != *frame {
        return Err(End::Illegal(format!(
            "the fragment half renders {frame:?}, the vertex half was made for {made:?}"
        )));
    }
    let surfaces = Surfaces::new(&job.zls, frame)?;
    note(&format!(
        "{}x{}, {} layers, {} samples of {} bytes, {} primitives",
        frame.width,
        frame.height,
        frame.layers,
        frame.samples,
        frame.sample_size,
        scene.primitives()
    ));
    let columns = frame.width.div_ceil(REGION);
    let rows = frame.height.div_ceil(REGION);
    let total = u64::from(columns) * u64::from(rows) * u64::from(frame.layers);
    let command = Command {
        job,
        scene,
        context: Context {
            pages,
            settings,
            meter,
            trace,
            usc_base: job.usc_base,
            frame,
        },
        programs: Programs::default(),
        surfaces,
        grid: [columns, rows],
        total,
        next: AtomicU64::new(0),
        over: AtomicBool::new(false),
        end: Mutex::new(None),
    };
    let threads = match trace {
        Some(_) => 1,
        None => settings.threads.max(1),
    };
    let threads = (threads as u64).min(total) as u32;
    std::thread::scope(|scope| {
        for core in 1..threads {
            let command = &command;
            scope.spawn(move || command.work(core));
        }
        command.work(0);
    });
    let end = command.end.into_inner().unwrap_or_else(|e| e.into_inner());
    end.map_or(Ok(()), Err)
}

/// What the threads that render a frame share.
pub(super) struct Command<'a, G> {
    pub job: &'a FragmentJob,
    pub scene: &'a G,
    pub context: Context<'a>,
    pub programs: Programs,
    pub surfaces: Surfaces,
    /// Columns and rows of regions.
    grid: [u32; 2],
    /// Regions of all layers.
    total: u64,
    next: AtomicU64,
    /// Something ended the command: what came first.
    over: AtomicBool,
    end: Mutex<Option<End>>,
}

impl<G: Geometry> Command<'_, G> {
    /// Renders regions until there are none left.
    fn work(&self, core: u32) {
        let context = &self.context;
        let host = GpuHost::new(context.pages, context.settings.soft_faults);
        let result = match context.trace {
            Some(sink) => Worker::new(self, Traced { host, sink }, core).work(),
            None => Worker::new(self, host, core).work(),
        };
        if let Err(end) = result {
            self.over.store(true, Ordering::Relaxed);
            let mut first = self.end.lock().unwrap_or_else(|e| e.into_inner());
            first.get_or_insert(end);
        }
    }

    /// Returns layer and place of the next region that has something to be done.
    ///
    /// # Errors
    ///
    /// If the command is told to stop.
    pub fn next(&self) -> Result<Option<(u32, [u32; 2])>, End> {
        let [columns, rows] = self.grid.map(u64::from);
        let mut skipped = 0;
        while !self.over.load(Ordering::Relaxed) {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            if index >= self.total {
                break;
            }
            if self.context.meter.stop.load(Ordering::Relaxed) {
                return Err(End::Stopped);
            }
            let layer = (index / (columns * rows)) as u32;
            let place = [index % columns, index / columns % rows].map(|n| n as u32);
            let empty = self.scene.region(layer, place[0], place[1]).is_empty();
            if !empty || self.job.process_empty_tiles {
                return Ok(Some((layer, place)));
            }
            skipped += 1;
            if skipped % SKIPPED == 0 {
                self.context.meter.spend(SKIPPED / 4)?;
            }
        }
        Ok(None)
    }
}
