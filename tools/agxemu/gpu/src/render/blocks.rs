// SPDX-License-Identifier: MIT OR Apache-2.0

//! The blocks of a VDM control stream.

use std::fmt;

/// How vertices make primitives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topology {
    /// Each vertex.
    Points,
    /// Each two.
    Lines,
    /// Each with the one before.
    LineStrip,
    /// As a strip, and back to the first.
    LineLoop,
    /// Each three.
    Triangles,
    /// Each with the two before.
    TriangleStrip,
    /// Each with the one before and the first.
    TriangleFan,
    /// Each four.
    Quads,
    /// Each two with the two before.
    QuadStrip,
}

impl Topology {
    /// Returns the topology with this number in the encoding.
    pub fn from_bits(bits: u32) -> Option<Self> {
        Some(match bits {
            0 => Self::Points,
            1 => Self::Lines,
            3 => Self::LineStrip,
            5 => Self::LineLoop,
            6 => Self::Triangles,
            9 => Self::TriangleStrip,
            11 => Self::TriangleFan,
            14 => Self::Quads,
            15 => Self::QuadStrip,
            _ => return None,
        })
    }
}

/// Where indices lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexBuffer {
    /// Address of the first.
    pub address: u64,
    /// Bytes of the buffer.
    pub bytes: u64,
    /// Bytes of an index: 1, 2 or 4.
    pub size: u32,
}

/// What is drawn of the vertices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arguments {
    /// As the block says.
    Direct {
        /// Vertices or indices of an instance.
        count: u32,
        /// Instances.
        instances: u32,
        /// First vertex, or what is added to each index.
        start: u32,
    },
    /// As memory at this address says when the block is executed.
    Indirect(u64),
}

/// A draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexList {
    /// How vertices make primitives.
    pub topology: Topology,
    /// Whether the restart index ends a run of vertices.
    pub restart: bool,
    /// Indices, unless vertices follow each other.
    pub indices: Option<IndexBuffer>,
    /// How much is drawn.
    pub arguments: Arguments,
}

/// State of the vertex data master: what a block says of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateUpdate {
    /// Restart index.
    pub restart: Option<u32>,
    /// Counts word of the vertex shader.
    pub shader_counts: Option<u32>,
    /// Pipeline word of the vertex shader.
    pub shader: Option<u32>,
    /// Words of a vertex's record.
    pub outputs: Option<u32>,
    /// Provoking vertex and flags.
    pub flags: Option<u32>,
}

/// A block of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    /// A PPP record of so many words.
    Ppp { address: u64, words: u32 },
    /// A barrier with its bits; it may return as well.
    Barrier(u32),
    /// State of the vertex data master.
    State(StateUpdate),
    /// A draw.
    Draw(IndexList),
    /// A link, call or return, with its target.
    Jump(u64),
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ppp { address, words } => write!(f, "PPP record {address:#x}, {words} words"),
            Self::Barrier(bits) => write!(f, "barrier {bits:#x}"),
            Self::State(s) => {
                f.write_str("state")?;
                let fields = [
                    ("restart", s.restart),
                    ("counts", s.shader_counts),
                    ("shader", s.shader),
                    ("outputs", s.outputs),
                    ("flags", s.flags),
                ];
                for (name, value) in fields {
                    if let Some(value) = value {
                        write!(f, " {name}={value:#x}")?;
                    }
                }
                Ok(())
            }
            Self::Draw(list) => list.fmt(f),
            Self::Jump(target) => write!(f, "jump {target:#x}"),
        }
    }
}

impl fmt::Display for IndexList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "draw {:?}", self.topology)?;
        if let Some(b) = self.indices {
            let (at, bytes, size) = (b.address, b.bytes, b.size);
            write!(f, ", indices {at:#x}+{bytes:#x} of {size}")?;
        }
        if self.restart {
            f.write_str(", restart")?;
        }
        match self.arguments {
            Arguments::Direct {
                count,
                instances,
                start,
            } => write!(f, ", {count} from {start:#x}, {instances} instances"),
            Arguments::Indirect(at) => write!(f, ", arguments {at:#x}"),
        }
    }
}
