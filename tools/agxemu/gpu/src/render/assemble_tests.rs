// SPDX-License-Identifier: MIT OR Apache-2.0

use super::*;

/// Returns what is made of runs of vertices, numbered through, of these lengths.
fn assemble(topology: Topology, provoking: u32, runs: &[u32]) -> Vec<Assembled> {
    let mut all = Vec::new();
    let mut assembler = Assembler::new(topology, provoking);
    let mut vertex = 0;
    for &run in runs {
        for _ in 0..run {
            assembler.vertex(vertex, &mut |made| all.push(made));
            vertex += 1;
        }
        assembler.restart(&mut |made| all.push(made));
    }
    all
}

fn vertices(topology: Topology, provoking: u32, runs: &[u32]) -> Vec<[u32; 3]> {
    let all = assemble(topology, provoking, runs);
    all.iter().map(|made| made.vertices).collect()
}

#[test]
fn points_and_lines_follow_their_rules() {
    let points = vertices(Topology::Points, 0, &[2, 1]);
    assert_eq!(points, [[0; 3], [1; 3], [2; 3]]);
    // What is incomplete is dropped, also at the end of a run.
    let lines = vertices(Topology::Lines, 0, &[3, 5]);
    assert_eq!(lines, [[0, 1, 1], [3, 4, 4], [5, 6, 6]]);
    let strip = vertices(Topology::LineStrip, 0, &[3, 1, 2]);
    assert_eq!(strip, [[0, 1, 1], [1, 2, 2], [4, 5, 5]]);
    let loops = vertices(Topology::LineLoop, 0, &[3, 1, 2]);
    let expected = [[0, 1, 1], [1, 2, 2], [2, 0, 0], [4, 5, 5], [5, 4, 4]];
    assert_eq!(loops, expected);
}

#[test]
fn triangles_strips_and_fans_follow_their_rules() {
    let triangles = vertices(Topology::Triangles, 0, &[4, 3]);
    assert_eq!(triangles, [[0, 1, 2], [4, 5, 6]]);
    let strip = assemble(Topology::TriangleStrip, 0, &[5, 2, 3]);
    let expected = [
        ([0, 1, 2], false),
        ([1, 2, 3], true),
        ([2, 3, 4], false),
        // Each run begins anew.
        ([7, 8, 9], false),
    ];
    let found: Vec<_> = strip.iter().map(|t| (t.vertices, t.flipped)).collect();
    assert_eq!(found, expected);
    let fan = vertices(Topology::TriangleFan, 1, &[4, 3]);
    assert_eq!(fan, [[0, 1, 2], [0, 2, 3], [4, 5, 6]]);
}

/// The corners of a quad in their order, and its provoking vertices by the rules.
fn check_quads(topology: Topology, quads: &[[u32; 4]], provoking: [usize; 2], runs: &[u32]) {
    for (mode, corner) in [(0, provoking[0]), (2, provoking[1])] {
        let all = assemble(topology, mode, runs);
        assert_eq!(all.len(), quads.len() * 2);
        for (n, (pair, quad)) in all.chunks(2).zip(quads).enumerate() {
            let place = |vertex: u32| quad.iter().position(|&v| v == vertex).expect("a corner");
            let (mut edges, mut corners, mut total) = (Vec::new(), Vec::new(), 0);
            for made in pair {
                assert_eq!(made.id, n as u32);
                assert_eq!(made.vertices[mode as usize], quad[corner]);
                let at = made.vertices.map(place);
                // Its corners follow each other in the direction of the quad.
                let turns: usize = (0..3).map(|i| (at[(i + 1) % 3] + 4 - at[i]) % 4).sum();
                assert_eq!(turns, 4, "{made:?}");
                total += 1;
                for i in 0..3 {
                    if made.edges >> i & 1 == 1 {
                        edges.push((at[i], at[(i + 1) % 3]));
                    }
                    if made.corners >> i & 1 == 1 {
                        corners.push(at[i]);
                    }
                }
            }
            edges.sort_unstable();
            corners.sort_unstable();
            assert_eq!(edges, [(0, 1), (1, 2), (2, 3), (3, 0)]);
            assert_eq!(corners, [0, 1, 2, 3]);
            assert_eq!(total, 2);
        }
    }
}

#[test]
fn quads_are_two_triangles_with_the_same_provoking_vertex() {
    let quads = [[0, 1, 2, 3], [4, 5, 6, 7], [9, 10, 11, 12]];
    check_quads(Topology::Quads, &quads, [0, 3], &[9, 5]);
    let quads = [[0, 1, 3, 2], [2, 3, 5, 4], [7, 8, 10, 9]];
    // By number: the first of the pair before, the last of all.
    check_quads(Topology::QuadStrip, &quads, [0, 2], &[7, 4]);
}

#[test]
fn numbers_count_over_runs_and_begin_anew_in_each_instance() {
    let mut ids = Vec::new();
    let mut assembler = Assembler::new(Topology::LineLoop, 0);
    for _ in 0..2 {
        for vertex in 0..3 {
            assembler.vertex(vertex, &mut |made| ids.push(made.id));
        }
        assembler.restart(&mut |made| ids.push(made.id));
        for vertex in 0..2 {
            assembler.vertex(vertex, &mut |made| ids.push(made.id));
        }
        assembler.end_of_instance(&mut |made| ids.push(made.id));
    }
    assert_eq!(ids, [0, 1, 2, 3, 4, 0, 1, 2, 3, 4]);
}
