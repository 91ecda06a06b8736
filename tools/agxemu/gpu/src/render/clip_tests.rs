// SPDX-License-Identifier: MIT OR Apache-2.0

use super::*;

#[test]
fn a_triangle_that_no_plane_cuts_stays() {
    let whole = triangle(&[[0.0, 1.0, 2.0]]);
    let corners: Vec<_> = whole.iter().map(|c| (c.weights, c.edge)).collect();
    let expected = [
        ([1.0, 0.0, 0.0], Some(0)),
        ([0.0, 1.0, 0.0], Some(1)),
        ([0.0, 0.0, 1.0], Some(2)),
    ];
    assert_eq!(corners, expected);
    assert!(triangle(&[[-1.0; 3]]).is_empty());
}

#[test]
fn cut_corners_know_their_edges() {
    // The second vertex is outside: two corners take its place.
    let cut = triangle(&[[1.0, -1.0, 3.0]]);
    let corners: Vec<_> = cut.iter().map(|c| (c.weights, c.edge)).collect();
    let expected = [
        ([1.0, 0.0, 0.0], Some(0)),
        ([0.5, 0.5, 0.0], None),
        ([0.0, 0.75, 0.25], Some(1)),
        ([0.0, 0.0, 1.0], Some(2)),
    ];
    assert_eq!(corners, expected);
    // Two are outside.
    let cut = triangle(&[[-1.0, -1.0, 1.0]]);
    let edges: Vec<_> = cut.iter().map(|corner| corner.edge).collect();
    assert_eq!(edges, [Some(1), Some(2), None]);
}

#[test]
fn corners_have_a_limit() {
    // A circle inside of the triangle (0, 0), (1, 0), (0, 1), of more sides than there are planes.
    let sides = 3 * MAX_PLANES;
    let planes: Vec<Distances> = (0..sides)
        .map(|side| {
            let (sin, cos) = (side as f64 / sides as f64 * std::f64::consts::TAU).sin_cos();
            let distance = |x: f64, y: f64| 0.2 - (x - 0.28) * cos - (y - 0.28) * sin;
            [distance(0.0, 0.0), distance(1.0, 0.0), distance(0.0, 1.0)]
        })
        .collect();
    assert_eq!(triangle(&planes).len(), MAX_CORNERS);
}

#[test]
fn both_sides_of_an_edge_are_cut_at_the_same_place() {
    let (a, b) = (0.3, -0.7);
    // The edge is the first of one triangle and, backwards, the last of the other.
    let one = triangle(&[[a, b, 5.0]]);
    let other = triangle(&[[b, 9.0, a]]);
    let cut = |corners: &[Corner], n: usize| {
        let mut on = corners.iter().filter(|c| c.weights[n] == 0.0);
        on.find(|c| c.edge.is_none()).expect("a corner").weights
    };
    let ([here, there, _], other) = (cut(&one, 2), cut(&other, 1));
    assert_eq!([here, there], [other[2], other[0]]);
}

#[test]
fn all_planes_cut() {
    // Fifteen planes, each of which cuts a little off.
    let planes: Vec<Distances> = (0..MAX_PLANES)
        .map(|n| {
            let mut distances = [1.0; 3];
            distances[n % 3] = -0.1 / (n + 1) as f64;
            distances
        })
        .collect();
    let left = triangle(&planes);
    assert!((3..=MAX_CORNERS).contains(&left.len()), "{}", left.len());
    for corner in &left {
        let total: f64 = corner.weights.iter().sum();
        assert!((total - 1.0).abs() < 1e-12);
        for distances in &planes {
            assert!(corner.value(distances) >= -1e-12);
        }
    }
}

#[test]
fn lines_are_cut_at_both_ends() {
    let ends = line(&[[1.0, -1.0, -1.0], [-1.0, 3.0, 3.0]]).expect("a part of it");
    assert_eq!(ends.map(|end| end.weights[1]), [0.25, 0.5]);
    assert_eq!(line(&[[1.0, -3.0, -3.0], [-1.0, 1.0, 1.0]]), None);
}
