// SPDX-License-Identifier: MIT OR Apache-2.0

//! Input assembly: which vertices a draw takes, in which order.

use super::blocks::{Arguments, IndexBuffer, IndexList, Topology};
use crate::cdm::End;
use crate::fault::Unit;
use crate::{read, GpuMemory};

/// A draw with its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    /// How vertices make primitives.
    pub topology: Topology,
    /// Index that ends a run of vertices.
    pub restart: Option<u32>,
    /// Indices, unless vertices follow each other.
    pub indices: Option<IndexBuffer>,
    /// Position of the first index in the buffer.
    pub first_index: u32,
    /// Vertices or indices of an instance.
    pub count: u32,
    /// Instances.
    pub instances: u32,
    /// First vertex, or what is added to each index.
    pub start: u32,
}

/// What comes next in a draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// A vertex, by its index before the base is added.
    Index(u32),
    /// The run of vertices ends.
    Restart,
    /// The instance ends.
    EndOfInstance,
}

fn words<const N: usize>(mem: &dyn GpuMemory, va: u64) -> Result<[u32; N], End> {
    let mut bytes = vec![0; N * 4];
    read(mem, va, &mut bytes, Unit::VdmStream)?;
    let word = |i: usize| [0, 1, 2, 3].map(|byte| bytes[4 * i + byte]);
    Ok(std::array::from_fn(|i| u32::from_le_bytes(word(i))))
}

impl Draw {
    /// Returns what `list` draws, with its arguments as memory has them now.
    ///
    /// # Errors
    ///
    /// A fault if the arguments cannot be read.
    pub fn new(mem: &dyn GpuMemory, list: &IndexList, restart: u32) -> Result<Self, End> {
        let (count, instances, first_index, start) = match (list.arguments, list.indices) {
            (
                Arguments::Direct {
                    count,
                    instances,
                    start,
                },
                _,
            ) => (count, instances, 0, start),
            (Arguments::Indirect(va), None) => {
                let [count, instances, start] = words(mem, va)?;
                (count, instances, 0, start)
            }
            (Arguments::Indirect(va), Some(_)) => {
                let [count, instances, first, base] = words(mem, va)?;
                (count, instances, first, base)
            }
        };
        Ok(Self {
            topology: list.topology,
            restart: list.restart.then_some(restart),
            indices: list.indices,
            first_index,
            count,
            instances,
            start,
        })
    }
}

/// Goes through the vertices of a draw.
pub struct Cursor {
    draw: Draw,
    instance: u32,
    position: u32,
    bytes: Vec<u8>,
}

impl Cursor {
    /// Returns the start of `draw`.
    pub fn new(draw: Draw) -> Self {
        let empty = draw.count == 0;
        Self {
            draw,
            instance: if empty { draw.instances } else { 0 },
            position: 0,
            bytes: Vec::new(),
        }
    }

    /// Returns the number of the instance that comes next.
    pub fn instance(&self) -> u32 {
        self.instance
    }

    /// Appends what comes next of one instance to `out`, at most `max` vertices; `false` if nothing
    /// is left.
    ///
    /// # Errors
    ///
    /// A fault if an index inside the buffer cannot be read.
    pub fn next(
        &mut self,
        mem: &dyn GpuMemory,
        max: u32,
        out: &mut Vec<Element>,
    ) -> Result<bool, End> {
        if self.instance >= self.draw.instances {
            return Ok(false);
        }
        let count = (self.draw.count - self.position).min(max);
        match self.draw.indices {
            None => out.extend((0..count).map(|i| Element::Index(self.position + i))),
            Some(buffer) => self.indices(mem, buffer, count, out)?,
        }
        self.position += count;
        if self.position == self.draw.count {
            self.position = 0;
            self.instance += 1;
            out.push(Element::EndOfInstance);
        }
        Ok(true)
    }

    fn indices(
        &mut self,
        mem: &dyn GpuMemory,
        buffer: IndexBuffer,
        count: u32,
        out: &mut Vec<Element>,
    ) -> Result<(), End> {
        let first = u64::from(self.draw.first_index) + u64::from(self.position);
        let size = u64::from(buffer.size);
        // What lies outside of the buffer is zero. Inferred: any value is allowed, but no fault.
        let inside = (buffer.bytes / size)
            .saturating_sub(first)
            .min(count.into());
        self.bytes.clear();
        self.bytes.resize((inside * size) as usize, 0);
        let va = buffer.address.wrapping_add(first * size);
        // Nothing of what is outside has to be mapped.
        if inside != 0 {
            read(mem, va, &mut self.bytes, Unit::VdmIndex)?;
        }
        self.bytes.resize((u64::from(count) * size) as usize, 0);
        let restart = self.draw.restart;
        out.extend(self.bytes.chunks_exact(size as usize).map(|bytes| {
            let mut word = [0; 4];
            word[..bytes.len()].copy_from_slice(bytes);
            let index = u32::from_le_bytes(word);
            match restart == Some(index) {
                true => Element::Restart,
                false => Element::Index(index),
            }
        }));
        Ok(())
    }
}
