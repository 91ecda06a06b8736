// SPDX-License-Identifier: MIT OR Apache-2.0

use super::super::rig::{coverage, picture, Rig, FAN, LINES, LINE_STRIP, POINTS, STRIP, TRIANGLES};
use super::*;

const DEPTH_CLIP: u32 = 1 << 10;
const QUADS: u32 = 14;

fn covered(scene: &Scene) -> u32 {
    coverage(scene, 0).iter().sum()
}

/// A clockwise triangle as seen, its corners from the first on.
fn clockwise(rig: &mut Rig) {
    rig.at(2.0, 2.0);
    rig.at(14.0, 2.0);
    rig.at(2.0, 14.0);
}

#[test]
fn facing_follows_the_winding_and_the_word() {
    for (front_is_ccw, backwards, back) in [
        (false, false, false),
        (true, false, true),
        (false, true, true),
        (true, true, false),
    ] {
        for cull in 0..4 {
            let mut rig = Rig::new(16, 16, 0);
            clockwise(&mut rig);
            rig.set(21, &[u32::from(front_is_ccw) << 16 | DEPTH_CLIP | cull]);
            let order = if backwards { [0, 2, 1] } else { [0, 1, 2] };
            rig.indexed(TRIANGLES, 1, false, &order);
            let scene = rig.scene();
            let culled = cull & if back { 2 } else { 1 } != 0;
            assert_eq!(scene.primitives(), usize::from(!culled), "{cull} {back}");
            if !culled {
                assert_eq!(scene.primitive(0).back_facing, back);
            }
        }
    }
}

#[test]
fn all_triangles_of_a_strip_face_the_same_way() {
    let mut rig = Rig::new(32, 32, 0);
    for n in 0..7 {
        rig.at(f64::from(n) * 4.0, f64::from(n % 2) * 20.0);
    }
    rig.draw(STRIP, 0, 7);
    let scene = rig.scene();
    let facing: Vec<_> = (0..5).map(|n| scene.primitive(n).back_facing).collect();
    assert_eq!(scene.primitives(), 5);
    assert!(facing.iter().all(|&back| back == facing[0]), "{facing:?}");
}

#[test]
fn triangles_without_area_have_no_pixels() {
    let mut rig = Rig::new(16, 16, 0);
    clockwise(&mut rig);
    // Less than half of 1/256 pixel.
    rig.at(2.0 + 1.0 / 1024.0, 2.0);
    rig.indexed(TRIANGLES, 1, false, &[0, 0, 1, 0, 3, 1]);
    assert_eq!(rig.scene().primitives(), 0);
}

#[test]
fn depth_is_clipped_if_the_word_says_so() {
    // From z = -1 on the left to z = 2 on the right.
    let mut rig = Rig::new(30, 2, 0);
    for y in [0.0, 2.0] {
        rig.vertex(0.0, y, -1.0, 1.0, &[]);
        rig.vertex(30.0, y, 2.0, 1.0, &[]);
    }
    rig.set(21, &[DEPTH_CLIP]);
    rig.draw(STRIP, 0, 4);
    let row = picture(&rig.scene())[0].clone();
    assert_eq!(
        row,
        format!("{}{}{}", ".".repeat(10), "1".repeat(10), ".".repeat(10))
    );
    let mut rig = Rig::new(30, 2, 0);
    for y in [0.0, 2.0] {
        rig.vertex(0.0, y, -1.0, 1.0, &[]);
        rig.vertex(30.0, y, 2.0, 1.0, &[]);
    }
    rig.set(21, &[0]);
    rig.draw(STRIP, 0, 4);
    let scene = rig.scene();
    assert_eq!(picture(&scene)[0], "1".repeat(30));
    // The plane goes on; the largest is that of a vertex.
    let [a, b, c] = scene.depth(0, [0, 0]);
    assert!((a - 0.1).abs() < 1e-7 && b.abs() < 1e-7 && (c + 1.0).abs() < 1e-6);
    assert_eq!(scene.slope(0).largest, 2.0);
    // Points beyond are dropped.
    for (clip, count) in [(DEPTH_CLIP, 1), (0, 2)] {
        let mut rig = Rig::new(8, 8, 0);
        rig.vertex(2.5, 2.5, 1.5, 1.0, &[]);
        rig.vertex(4.5, 2.5, 1.0, 1.0, &[]);
        rig.set(21, &[clip]);
        rig.draw(POINTS, 0, 2);
        assert_eq!(rig.scene().primitives(), count);
    }
}

#[test]
fn clip_distances_cut_shapes_and_drop_points() {
    // Plane 1 of two is enabled: its distance is the second word.
    let mut rig = Rig::new(20, 2, 2);
    for y in [0.0, 2.0] {
        rig.vertex(0.0, y, 0.0, 1.0, &[-1.0, -1.0]);
        rig.vertex(20.0, y, 0.0, 1.0, &[-1.0, 1.0]);
    }
    rig.set(17, &[1 << 1]);
    rig.set(18, &[0]);
    rig.draw(STRIP, 0, 4);
    rig.draw(LINES, 0, 2);
    rig.draw(POINTS, 0, 4);
    let scene = rig.scene();
    let row: String = picture(&scene)[1].clone();
    // The line lies in the row above the frame, as do two points. Of the others, the one on the
    // right is kept.
    assert_eq!(row, format!("{}{}2", ".".repeat(10), "1".repeat(9)));
    // What is no number is outside.
    let mut rig = Rig::new(8, 8, 1);
    for distance in [f32::NAN, 0.0, -0.0, -1e-30, f32::INFINITY] {
        rig.vertex(4.0, 4.0, 0.0, 1.0, &[distance]);
    }
    rig.set(17, &[1]);
    rig.set(18, &[0]);
    rig.draw(POINTS, 0, 5);
    assert_eq!(rig.scene().primitives(), 3);
}

#[test]
fn what_is_behind_the_viewer_is_cut() {
    // A floor that goes on behind the viewer: clip y is 1 everywhere, w from 4 to -4.
    let mut rig = Rig::new(64, 64, 0);
    for (x, w) in [(-40.0f32, 4.0f32), (40.0, 4.0), (-40.0, -4.0), (40.0, -4.0)] {
        rig.raw(&[x, 1.0, 0.5, w].map(f32::to_bits));
    }
    rig.set(21, &[0]);
    rig.draw(STRIP, 0, 4);
    let scene = rig.scene();
    // From y = 1/4 on downwards, each pixel once.
    for (y, row) in picture(&scene).iter().enumerate() {
        let expected = if y >= 40 { "1" } else { "." };
        assert_eq!(*row, expected.repeat(64), "{y}");
    }
    // All of it behind.
    let mut rig = Rig::new(64, 64, 0);
    for x in [-1.0f32, 0.0, 1.0] {
        rig.raw(&[x, x * x, 0.5, -1.0].map(f32::to_bits));
    }
    rig.draw(TRIANGLES, 0, 3);
    rig.draw(LINES, 0, 2);
    rig.draw(POINTS, 0, 3);
    assert_eq!(rig.scene().primitives(), 0);
}

#[test]
fn positions_without_numbers_draw_nothing() {
    for wrong in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for component in 0..4 {
            let mut rig = Rig::new(16, 16, 0);
            clockwise(&mut rig);
            let mut position = [0.0, 0.0, 0.0, 1.0f32];
            position[component] = wrong;
            rig.raw(&position.map(f32::to_bits));
            rig.indexed(TRIANGLES, 1, false, &[0, 1, 3]);
            rig.indexed(LINES, 1, false, &[0, 3]);
            rig.indexed(POINTS, 1, false, &[3]);
            assert_eq!(rig.scene().primitives(), 0);
        }
    }
}

#[test]
fn layers_and_viewports_come_from_the_provoking_vertex() {
    for provoking in [0, 2] {
        let mut rig = Rig::new(32, 32, 1);
        rig.frame.layers = 3;
        rig.provoking = provoking;
        // The word of the vertex that provokes: layer 2, viewport 1.
        for n in 0..3 {
            let word = if n == provoking { 2 | 1 << 16 } else { 1 };
            let position = [[-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0f32]][n as usize];
            let [x, y] = position.map(f32::to_bits);
            rig.raw(&[x, y, 0, 1.0f32.to_bits(), word]);
        }
        rig.set(17, &[1 << 19 | 1 << 20]);
        rig.set(18, &[0]);
        let viewport =
            |scale: f32, offset: f32| [offset, scale, offset, scale, 0.0, 1.0].map(f32::to_bits);
        let viewports = [&[0][..], &viewport(16.0, 16.0), &viewport(4.0, 12.0)].concat();
        rig.set(11, &viewports);
        rig.draw(TRIANGLES, 0, 3);
        let scene = rig.scene();
        let primitive = scene.primitive(0);
        assert_eq!((primitive.layer, primitive.viewport), (2, 1));
        assert_eq!(scene.regions(2), [[0, 0]]);
        assert!(scene.regions(0).is_empty() && scene.regions(1).is_empty());
        // From 8 to 16 in both directions, without the long side.
        assert_eq!(coverage(&scene, 2).iter().sum::<u32>(), 28);
    }
}

#[test]
fn layers_that_are_not_there_draw_nothing() {
    let mut rig = Rig::new(8, 8, 1);
    rig.frame.layers = 2;
    for layer in [0, 1, 2, 0xffff] {
        let half = 0.5f32.to_bits();
        // The viewport is not there either: the first is taken.
        rig.raw(&[half, half, 0, 1.0f32.to_bits(), layer | 7 << 16]);
    }
    rig.set(17, &[1 << 19 | 1 << 20]);
    rig.set(18, &[0]);
    rig.draw(POINTS, 0, 4);
    let scene = rig.scene();
    assert_eq!(scene.primitives(), 2);
    assert_eq!(scene.primitive(1).viewport, 0);
}

#[test]
fn points_have_their_size() {
    let size = |bits: u32, select: u32, control: u32| {
        let mut rig = Rig::new(1024, 16, 1);
        rig.frame.ppp_control = control;
        let position = [0.0, 0.0, 0.0, 1.0f32].map(f32::to_bits);
        rig.raw(&[&position[..], &[bits]].concat());
        rig.set(17, &[select]);
        rig.set(18, &[0]);
        rig.draw(POINTS, 0, 1);
        let scene = rig.scene();
        covered(&scene) / 16
    };
    let sized = 1 << 18;
    // Sixteen rows of so many pixels.
    assert_eq!(size(40.0f32.to_bits(), sized, 0x202), 40);
    assert_eq!(size(9e9f32.to_bits(), sized, 0x202), 512);
    for (bits, select, control) in [
        (40.0f32.to_bits(), 0, 0x202),
        (40.0f32.to_bits(), sized, 0x302),
        (0.25f32.to_bits(), sized, 0x202),
        (f32::NAN.to_bits(), sized, 0x202),
    ] {
        // A single pixel.
        assert_eq!(size(bits, select, control), 0);
    }
}

#[test]
fn point_coordinates_go_from_corner_to_corner() {
    let mut rig = Rig::new(64, 64, 1);
    rig.vertex(40.0, 20.0, 0.25, 2.0, &[8.0]);
    rig.set(17, &[1 << 18]);
    rig.set(18, &[0]);
    rig.draw(POINTS, 0, 1);
    let scene = rig.scene();
    // From 36 to 44 and from 16 to 24; the region begins at 32, 0.
    let [s, t] = scene.point_coordinate(0, [1, 0]);
    assert_eq!((s.a, s.b, s.c), (0.125, 0.0, -0.5));
    assert_eq!((t.a, t.b, t.c), (0.0, 0.125, -2.0));
    assert_eq!(scene.depth(0, [1, 0]), [0.0, 0.0, 0.25]);
    assert_eq!(scene.inverse_w(0, [1, 0]).c, 0.5);
    assert_eq!(scene.varying(0, 4, false, [1, 0]).c, 4.0);
}

#[test]
fn lines_have_one_end_and_change_along_their_axis() {
    let mut rig = Rig::new(16, 16, 1);
    rig.vertex(2.5, 3.5, 0.0, 1.0, &[0.0]);
    rig.vertex(10.5, 7.5, 1.0, 1.0, &[4.0]);
    rig.vertex(10.5, 15.5, 1.0, 1.0, &[4.0]);
    rig.draw(LINE_STRIP, 0, 3);
    let scene = rig.scene();
    // Eight pixels along each, and none of them twice.
    assert_eq!(covered(&scene), 16);
    assert!(coverage(&scene, 0).iter().all(|&n| n <= 1));
    let plane = scene.varying(0, 4, true, [0, 0]);
    assert_eq!((plane.a, plane.b, plane.c), (0.5, 0.0, -1.25));
    assert_eq!(scene.depth(0, [0, 0]), [0.125, 0.0, -0.3125]);
    let shape = scene.primitive(0).shape;
    assert_eq!(
        (shape, scene.primitive(0).back_facing),
        (Shape::Line, false)
    );
    // The other one goes downwards.
    assert_eq!(scene.varying(1, 4, true, [0, 0]).a, 0.0);

    let mut wide = Rig::new(32, 32, 1);
    wide.vertex(4.0, 16.0, 0.0, 1.0, &[0.0]);
    wide.vertex(28.0, 16.0, 0.0, 1.0, &[0.0]);
    wide.set(2, &[(5 * 16 - 1) << 8]);
    wide.draw(LINES, 0, 2);
    assert_eq!(covered(&wide.scene()), 24 * 5);
}

#[test]
fn lines_that_are_cut_keep_their_planes() {
    let mut rig = Rig::new(64, 64, 1);
    // Through the viewer's plane: at w = 0.5, half way, x is 0.
    let (w0, w1) = (1.0f32, -1.0f32);
    rig.raw(&[-1.0, 0.0, 0.5, w0, 0.0].map(f32::to_bits));
    rig.raw(&[7.0, 0.0, 0.5, w1, 8.0].map(f32::to_bits));
    rig.set(21, &[0]);
    rig.draw(LINES, 0, 2);
    let scene = rig.scene();
    assert_eq!(scene.primitives(), 1);
    for t in [0.05, 0.1, 0.2, 0.25] {
        let (x, w) = (-1.0 + 8.0 * t, 1.0 - 2.0 * t);
        let window = (x / w + 1.0) * 32.0;
        let at = |c: super::super::scene::Coefficients| {
            f64::from(c.a) * window + f64::from(c.b) * 7.0 + f64::from(c.c)
        };
        let rhw = at(scene.inverse_w(0, [0, 0]));
        let value = at(scene.varying(0, 4, false, [0, 0])) / rhw;
        assert!((rhw * w - 1.0).abs() < 1e-5, "{rhw} {w}");
        assert!((value - 8.0 * t).abs() < 1e-4, "{value} {t}");
    }
}

#[test]
fn polygons_can_be_drawn_as_lines_and_points() {
    let mut rig = Rig::new(16, 16, 0);
    for (x, y) in [(2.5, 2.5), (12.5, 2.5), (12.5, 10.5), (2.5, 10.5)] {
        rig.at(x, y);
    }
    for mode in [1, 2] {
        rig.set(2, &[15 << 8 | mode << 18]);
        rig.set(5, &[15 << 8 | mode << 18]);
        rig.draw(QUADS, 0, 4);
    }
    let scene = rig.scene();
    // Two triangles without their diagonal, then four points.
    let shapes: Vec<_> = (0..6).map(|n| scene.primitive(n).shape).collect();
    assert_eq!(shapes[..2], [Shape::Line; 2]);
    assert_eq!(shapes[2..], [Shape::Point; 4]);
    assert_eq!(scene.primitives(), 6);
    let rows = picture(&scene);
    let mut lines = 0;
    for (y, row) in rows.iter().enumerate() {
        for (x, pixel) in row.chars().enumerate() {
            let (horizontal, vertical) = (y == 2 || y == 10, x == 2 || x == 12);
            let around = (2..=12).contains(&x) && (2..=10).contains(&y);
            let expected = around && (horizontal || vertical);
            assert_eq!(pixel != '.', expected, "{x} {y}: {rows:?}");
            lines += u32::from(expected);
        }
    }
    assert_eq!(lines, 36);
    // Each corner is one end of one line, and one point.
    assert_eq!(&rows[2][2..3], "2");
}

#[test]
fn the_bias_of_lines_and_points_is_that_of_their_polygon() {
    for cut in [false, true] {
        let mut rig = Rig::new(16, 16, 1);
        for (x, y, z, distance) in [
            (2.0, 2.0, 0.0, 1.0),
            (12.0, 2.0, 0.5, 1.0),
            (2.0, 10.0, 0.25, -1.0),
        ] {
            rig.vertex(x, y, z, 1.0, &[if cut { distance } else { 1.0 }]);
        }
        rig.set(17, &[1]);
        rig.set(18, &[0]);
        for mode in [0, 1, 2] {
            rig.set(2, &[15 << 8 | mode << 18]);
            rig.set(5, &[15 << 8 | mode << 18]);
            rig.draw(FAN, 0, 3);
        }
        let scene = rig.scene();
        let points = if cut { 2 } else { 3 };
        assert_eq!(scene.primitives(), 2 + points);
        for n in 0..2 + points as u32 {
            let slope = scene.slope(n);
            assert!((slope.steepest - 0.05).abs() < 1e-6, "{n}: {slope:?}");
            assert_eq!(slope.largest, 0.5);
        }
        // The depth of a point is still that of its vertex.
        assert_eq!(scene.depth(2, [0, 0]), [0.0; 3]);
    }
}

#[test]
fn edges_made_by_clipping_are_not_drawn() {
    let mut rig = Rig::new(32, 32, 1);
    rig.vertex(4.5, 4.5, 0.0, 1.0, &[1.0]);
    rig.vertex(28.5, 4.5, 0.0, 1.0, &[-1.0]);
    rig.vertex(4.5, 28.5, 0.0, 1.0, &[1.0]);
    rig.set(17, &[1]);
    rig.set(18, &[0]);
    rig.set(2, &[15 << 8 | 1 << 18]);
    rig.set(5, &[15 << 8 | 1 << 18]);
    rig.draw(FAN, 0, 3);
    let rows = picture(&rig.scene());
    // Cut at x = 16.5: nothing between the upper and the long edge there.
    for row in &rows[6..15] {
        assert_eq!(&row[6..17], ".".repeat(11));
    }
    assert_eq!(rows[4][5..16], "1".repeat(11));
}

#[test]
fn rounding_is_to_the_nearest_unit() {
    for (value, units) in [
        (0.0, 0),
        (1.0, 256),
        (-1.5, -384),
        (0.00196, 1),
        (0.0019, 0),
    ] {
        assert_eq!(snap(value), units);
    }
    assert_eq!(snap(-32768.0), -32768 * 256);
    assert_eq!(snap(32767.998), 8_388_607);
}
