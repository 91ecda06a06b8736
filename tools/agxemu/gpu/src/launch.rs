// SPDX-License-Identifier: MIT OR Apache-2.0

//! One launch of a compute shader, as the control stream and the pipeline words describe it.

use std::fmt;

use crate::fault::Unit;
use crate::usc::{Error, Pipeline};
use crate::{read, GpuMemory};

/// Threads that a threadgroup can have at most.
const MAX_GROUP: u64 = 1024;

/// Size of a grid; the launch modes count in different units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// In threads: direct launches, and those with an indirect threadgroup size.
    Threads([u32; 3]),
    /// In threadgroups: launches with an indirect grid.
    Groups([u32; 3]),
}

impl Size {
    /// Returns whether the grid has no threads at all.
    pub fn is_empty(&self) -> bool {
        let (Size::Threads(n) | Size::Groups(n)) = self;
        n.contains(&0)
    }
}

/// A launch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// Address of its block in the control stream.
    pub at: u64,
    /// Address of its pipeline words.
    pub pipeline_at: u64,
    /// Grid size.
    pub grid: Size,
    /// Threadgroup size.
    pub local: [u32; 3],
    /// Address of the shader.
    pub shader: u64,
    /// Address of the preshader.
    pub preshader: Option<u64>,
    /// Whether sampler descriptors have a border colour behind them.
    pub extended_samplers: bool,
    /// Uniform halves that the launch reserves.
    pub uniforms: u16,
    /// What the shader is given.
    pub pipeline: Pipeline,
}

impl Launch {
    /// Decodes the pipeline of a launch and checks that its code can be fetched.
    ///
    /// # Errors
    ///
    /// As [`Pipeline::decode`]; a fault if the first instructions are not readable, and malformed
    /// for a threadgroup without threads or with too many.
    pub fn new(
        mem: &dyn GpuMemory,
        at: u64,
        w0: u32,
        pipeline_at: u64,
        usc_base: u64,
        grid: Size,
        local: [u32; 3],
    ) -> Result<Self, Error> {
        if !grid.is_empty() {
            let threads = local
                .iter()
                .try_fold(1u64, |n, &l| n.checked_mul(u64::from(l)));
            if threads.is_none_or(|n| n == 0 || n > MAX_GROUP) {
                return Err(Error::Malformed(format!(
                    "launch at {at:#x}: threadgroup of {}x{}x{} threads",
                    local[0], local[1], local[2]
                )));
            }
        }
        let pipeline = Pipeline::decode(mem, pipeline_at)?;
        let code = |offset: u32| usc_base.wrapping_add(u64::from(offset));
        let shader = code(pipeline.shader.unwrap_or_default());
        let preshader = pipeline.preshader.map(code);
        for entry in [Some(shader), preshader].into_iter().flatten() {
            // The shortest instruction is two bytes.
            read(mem, entry, &mut [0; 2], Unit::Ul1c)?;
        }
        let uniforms = match (w0 >> 1) & 7 {
            0 => 512,
            n => n as u16 * 64,
        };
        Ok(Self {
            at,
            pipeline_at,
            grid,
            local,
            shader,
            preshader,
            extended_samplers: matches!((w0 >> 9) & 7, 6 | 7),
            uniforms,
            pipeline,
        })
    }
}

impl fmt::Display for Launch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (n, unit) = match self.grid {
            Size::Threads(n) => (n, "threads"),
            Size::Groups(n) => (n, "groups"),
        };
        let l = self.local;
        let p = &self.pipeline;
        write!(
            f,
            "{}x{}x{} {unit} in groups of {}x{}x{}",
            n[0], n[1], n[2], l[0], l[1], l[2]
        )?;
        write!(f, ", shader {:#x}", self.shader)?;
        if let Some(preshader) = self.preshader {
            write!(f, ", preshader {preshader:#x}")?;
        }
        if let Some(gprs) = p.gprs {
            write!(f, ", {gprs} GPR halves")?;
        }
        let sum = |b: &[crate::usc::Binding]| b.iter().map(|b| u32::from(b.count)).sum::<u32>();
        write!(
            f,
            ", {} uniform halves ({} bound), {} textures, {} samplers",
            self.uniforms,
            sum(&p.uniforms),
            sum(&p.textures),
            sum(&p.samplers)
        )?;
        if let Some(shared) = p.shared {
            write!(f, ", {} bytes of threadgroup memory", shared.bytes)?;
        }
        Ok(())
    }
}
