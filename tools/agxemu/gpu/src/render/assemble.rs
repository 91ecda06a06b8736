// SPDX-License-Identifier: MIT OR Apache-2.0

//! Primitive assembly: points, lines and triangles of a run of vertices.
//!
//! ```text
//!            vertex          vertex          vertex
//!   empty ──────────► 1 ──────────► 2 ──────────► 3 …     primitives as the topology says
//!     ▲               │             │             │
//!     └───────────────┴─────────────┴─────────────┘       restart, end of the instance
//! ```

use super::blocks::Topology;
use super::scene::Shape;

/// All edges, or all vertices, of a triangle.
const ALL: u8 = 0b111;

/// A primitive of vertices that are named by a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assembled {
    /// What it is.
    pub shape: Shape,
    /// Its vertices in the order of the provoking vertex; lines and points repeat the last.
    pub vertices: [u32; 3],
    /// The triangle winds the other way round than its vertices.
    pub flipped: bool,
    /// Edges that are drawn when polygons are drawn as lines: 0–1, 1–2, 2–0.
    pub edges: u8,
    /// Vertices that are drawn when polygons are drawn as points.
    pub corners: u8,
    /// Number of the primitive in its instance.
    pub id: u32,
}

/// The vertices of a run so far, as far as they matter.
pub struct Assembler {
    topology: Topology,
    /// Which vertex is provoking: 0, 1 or 2.
    provoking: u32,
    /// Vertices of the run.
    count: u64,
    first: u32,
    /// The last three.
    last: [u32; 3],
    id: u32,
}

impl Assembler {
    /// Returns the start of a draw.
    pub fn new(topology: Topology, provoking: u32) -> Self {
        Self {
            topology,
            provoking,
            count: 0,
            first: 0,
            last: [0; 3],
            id: 0,
        }
    }

    /// Takes the next vertex of the run.
    pub fn vertex(&mut self, vertex: u32, emit: &mut dyn FnMut(Assembled)) {
        let n = self.count;
        let [a, b, c] = self.last;
        if n == 0 {
            self.first = vertex;
        }
        match self.topology {
            Topology::Points => self.emit(Shape::Point, [vertex; 3], false, emit),
            Topology::Lines if n % 2 == 1 => self.line(c, vertex, emit),
            Topology::LineStrip | Topology::LineLoop if n >= 1 => self.line(c, vertex, emit),
            Topology::Triangles if n % 3 == 2 => self.triangle([b, c, vertex], false, emit),
            Topology::TriangleStrip if n >= 2 => self.triangle([b, c, vertex], n % 2 == 1, emit),
            Topology::TriangleFan if n >= 2 => self.triangle([self.first, c, vertex], false, emit),
            Topology::Quads if n % 4 == 3 => match self.provoking {
                2 => self.quad(
                    [(a, b, vertex), (b, c, vertex)],
                    [0b101, 0b011],
                    0b010,
                    emit,
                ),
                _ => self.quad([(a, b, c), (a, c, vertex)], [0b011, 0b110], 0b100, emit),
            },
            // The corners follow each other as a, b, vertex, c.
            Topology::QuadStrip if n >= 3 && n % 2 == 1 => match self.provoking {
                2 => self.quad(
                    [(a, b, vertex), (c, a, vertex)],
                    [0b011, 0b101],
                    0b001,
                    emit,
                ),
                _ => self.quad(
                    [(a, b, vertex), (a, vertex, c)],
                    [0b011, 0b110],
                    0b100,
                    emit,
                ),
            },
            _ => {}
        }
        self.last = [b, c, vertex];
        self.count += 1;
    }

    /// Ends the run.
    pub fn restart(&mut self, emit: &mut dyn FnMut(Assembled)) {
        if self.topology == Topology::LineLoop && self.count >= 2 {
            self.line(self.last[2], self.first, emit);
        }
        self.count = 0;
    }

    /// Ends the instance.
    pub fn end_of_instance(&mut self, emit: &mut dyn FnMut(Assembled)) {
        self.restart(emit);
        self.id = 0;
    }

    fn emit(
        &mut self,
        shape: Shape,
        vertices: [u32; 3],
        flipped: bool,
        emit: &mut dyn FnMut(Assembled),
    ) {
        emit(Assembled {
            shape,
            vertices,
            flipped,
            edges: ALL,
            corners: ALL,
            id: self.id,
        });
        self.id = self.id.wrapping_add(1);
    }

    fn line(&mut self, a: u32, b: u32, emit: &mut dyn FnMut(Assembled)) {
        self.emit(Shape::Line, [a, b, b], false, emit);
    }

    fn triangle(&mut self, vertices: [u32; 3], flipped: bool, emit: &mut dyn FnMut(Assembled)) {
        self.emit(Shape::Triangle, vertices, flipped, emit);
    }

    /// Emits the two triangles of a quad, which is divided so that both have the provoking vertex,
    /// with their outer edges; `corner` is the vertex that only the second has. The diagonal and
    /// the place of the provoking vertex are inferred.
    fn quad(
        &mut self,
        triangles: [(u32, u32, u32); 2],
        edges: [u8; 2],
        corner: u8,
        emit: &mut dyn FnMut(Assembled),
    ) {
        for (i, (a, b, c)) in triangles.into_iter().enumerate() {
            emit(Assembled {
                shape: Shape::Triangle,
                vertices: [a, b, c],
                flipped: false,
                edges: edges[i],
                corners: if i == 0 { ALL } else { corner },
                id: self.id,
            });
        }
        self.id = self.id.wrapping_add(1);
    }
}

#[cfg(test)]
#[path = "assemble_tests.rs"]
mod tests;
