// SPDX-License-Identifier: MIT OR Apache-2.0

use super::super::rig::{coverage, picture, quads, Counts, Rig, FAN, POINTS, STRIP, TRIANGLES};
use super::*;

#[test]
fn a_triangle_covers_the_pixels_whose_middle_is_inside() {
    let mut rig = Rig::new(8, 6, 0);
    rig.at(1.0, 1.0);
    rig.at(6.0, 1.0);
    rig.at(1.0, 6.0);
    rig.draw(TRIANGLES, 0, 3);
    let scene = rig.scene();
    assert_eq!(scene.primitives(), 1);
    // The long side goes through the middles of pixels, and is neither top nor left.
    let expected = [
        "........", ".1111...", ".111....", ".11.....", ".1......", "........",
    ];
    assert_eq!(picture(&scene), expected);
}

#[test]
fn draws_keep_their_order_and_their_state() {
    let mut rig = Rig::new(64, 64, 0);
    for corner in [0.0, 8.0, 16.0] {
        rig.at(corner, corner);
        rig.at(corner + 40.0, corner);
        rig.at(corner, corner + 40.0);
    }
    rig.set(24, &[1 << 17]);
    rig.draw(TRIANGLES, 3, 3);
    rig.draw(TRIANGLES, 0, 3);
    rig.set(24, &[2 << 17]);
    rig.draw(TRIANGLES, 6, 3);
    let scene = rig.scene();
    let draws: Vec<_> = (0..3).map(|i| scene.primitive(i).draw).collect();
    assert_eq!(draws, [0, 0, 1]);
    assert_eq!(scene.draw(0).occlusion, 1);
    assert_eq!(scene.draw(1).occlusion, 2);
    assert_eq!(scene.region(0, 0, 0), [0, 1, 2]);
    // The second ends before this region.
    assert_eq!(scene.region(0, 1, 1), [2]);
    assert_eq!(scene.regions(0), [[0, 0], [1, 0], [0, 1], [1, 1]]);
    assert!(scene.region(1, 0, 0).is_empty());
}

#[test]
fn indices_of_all_sizes_name_vertices_and_end_runs() {
    for size in [1, 2, 4] {
        let mut rig = Rig::new(16, 16, 0);
        for (x, y) in [
            (0.0, 0.0),
            (4.0, 0.0),
            (0.0, 4.0),
            (4.0, 4.0),
            (8.0, 8.0),
            (8.0, 12.0),
        ] {
            rig.at(x, y);
        }
        let end = u32::MAX >> (32 - 8 * size);
        rig.words(&[0x4000_0001, end]);
        let indices = [0, 1, 2, 3, end, 3, end, 3, 4, 5];
        rig.indexed(STRIP, size, true, &indices);
        let scene = rig.scene();
        let ids: Vec<_> = (0..3).map(|i| scene.primitive(i).id).collect();
        assert_eq!((scene.primitives(), ids), (3, vec![0, 1, 2]));
        // The whole square, each pixel once.
        for row in &picture(&scene)[..4] {
            assert_eq!(row, "1111............");
        }
        // Six vertices of four words, shaded once each.
        assert_eq!(scene.records.len(), 24, "{size}");
    }
}

#[test]
fn indices_beyond_their_buffer_are_zero() {
    let mut rig = Rig::new(8, 8, 0);
    rig.at(0.0, 0.0);
    rig.at(8.0, 0.0);
    rig.at(0.0, 8.0);
    rig.indexed(TRIANGLES, 4, false, &[1, 2]);
    let mut words = rig.stream_tail(6);
    words[2] = 3;
    rig.replace_tail(&words);
    let scene = rig.scene();
    assert_eq!(scene.primitives(), 1);
    let positions = scene
        .primitive(0)
        .vertices
        .map(|at| scene.records[at as usize]);
    assert_eq!(positions, [1.0, -1.0, -1.0].map(f32::to_bits));
}

#[test]
fn arguments_come_from_memory() {
    let mut rig = Rig::new(8, 8, 0);
    for n in 0..7 {
        rig.at(f64::from(n) + 0.5, 0.5);
    }
    rig.indirect(POINTS, &[3, 2, 2, 99]);
    let scene = rig.scene();
    assert_eq!(picture(&scene)[0], "..222...");
    // The number of a primitive begins anew in each instance.
    let ids: Vec<_> = (0..6).map(|i| scene.primitive(i).id).collect();
    assert_eq!(ids, [0, 1, 2, 0, 1, 2]);
    rig.memory.put(0x14_0000_0000, &[0; 4]);
    assert_eq!(rig.scene().primitives(), 0);
}

#[test]
fn shaders_get_vertex_and_instance() {
    use agx_isa::exec::assemble::Builder;
    use agx_isa::table::Op;

    let mut rig = Rig::new(8, 8, 2);
    let at = rig.at_with(0.5, 0.5, &[0.0, 0.0]);
    assert_eq!(at, 0);
    let mut code = super::super::rig::copy_constant_position();
    for (register, word) in [(5, 4), (6, 5)] {
        let store = Builder::new(Op::StVar).operands(&[register]);
        let store = store.field("uvs", word).field("uvsimm", 1);
        code.extend(store.bytes());
    }
    code.extend([0x88, 0x00]);
    rig.shader(code);
    let counts = Counts {
        count: 70,
        instances: 3,
        start: u32::MAX - 1,
    };
    rig.threads = 3;
    rig.draw_all(POINTS, counts);
    let scene = rig.scene();
    assert_eq!(scene.primitives(), 210);
    for n in 0..210 {
        let vertex = (u32::MAX - 1).wrapping_add(n % 70);
        assert_eq!(scene.flat(n, 0, 4), vertex);
        assert_eq!(scene.flat(n, 2, 5), n / 70);
    }
    assert_eq!(scene.flat(0, 0, 6), 0);
}

/// A fan of random triangles around a point covers each sample inside once.
#[test]
fn shapes_that_share_edges_share_no_sample_and_leave_none_out() {
    let mut seed = 7u64;
    let mut random = move || {
        seed = seed
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(0x1405_7b7e_f767_814f);
        (seed >> 40) as f64 / f64::from(1 << 24)
    };
    let mut fans = 0;
    for round in 0..60 {
        let samples = [1, 2, 4][round % 3];
        let mut rig = Rig::new(96, 70, 0).samples(samples);
        rig.threads = 1 + round % 2;
        rig.at(30.0 + 30.0 * random(), 20.0 + 30.0 * random());
        // Around the frame, some on its corners and some exactly on pixels.
        let mut angles: Vec<f64> = (0..9).map(|_| random() * std::f64::consts::TAU).collect();
        angles.sort_by(f64::total_cmp);
        let spread = angles.windows(2).map(|pair| pair[1] - pair[0]);
        if spread.fold(angles[0] + std::f64::consts::TAU - angles[8], f64::max) > 2.5 {
            continue;
        }
        let far = [400.0, 3e3, 5e5][round % 3];
        let ring: Vec<u32> = angles
            .iter()
            .map(|angle| {
                let (x, y) = (48.0 + far * angle.cos(), 35.0 + far * angle.sin());
                rig.at(x.round(), y.round())
            })
            .collect();
        let mut order = vec![0];
        order.extend(&ring);
        order.push(ring[0]);
        rig.indexed(FAN, 2, false, &order);
        let scene = rig.scene();
        let counts = coverage(&scene, 0);
        let wrong = counts.iter().filter(|&&n| n != 1).count();
        assert_eq!(wrong, 0, "round {round}, {samples} samples, {angles:?}");
        fans += 1;
    }
    assert!(fans > 20, "{fans}");
}

/// Host threads, and how the frame is divided, change nothing.
#[test]
fn scenes_do_not_depend_on_threads() {
    let scene = |threads| {
        let mut rig = Rig::new(128, 128, 0);
        rig.threads = threads;
        let mut state = 1u32;
        let mut next = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(state >> 16) / 512.0
        };
        for _ in 0..3000 {
            let (x, y, w) = (next(), next(), next() / 64.0 - 0.5);
            rig.vertex(x, y, 0.5, w, &[]);
        }
        rig.draw(TRIANGLES, 0, 3000);
        let scene = rig.scene();
        let text = format!("{:?}{:?}", scene.primitives, scene.geometry);
        (scene.records.clone(), text, quads(&scene, 0))
    };
    let one = scene(1);
    assert!(one.2.len() > 10_000, "{}", one.2.len());
    assert!(scene(4) == one);
}

#[test]
fn states_that_make_no_sense_are_refused() {
    let rig = || {
        let mut rig = Rig::new(8, 8, 0);
        rig.at(0.0, 0.0);
        rig
    };
    let mut none = rig();
    none.words(&[0x61c0_0000, 1, 1, 0]);
    assert!(none.refusal().ends_with("no vertex shader"));
    let mut missing = rig();
    missing.words(&[0x4000_0006, 0, 0x40, 0, 0x61c0_0000, 1, 1, 0]);
    let text = missing.refusal();
    assert!(text.ends_with("PPP structure 11 was never there"), "{text}");
    let mut sizes = rig();
    sizes.set(27, &[5]);
    sizes.draw(POINTS, 0, 1);
    let text = sizes.refusal();
    assert!(text.ends_with("records of 4 and of 5 words"), "{text}");
    let mut short = rig();
    short.set(17, &[1 << 18 | 1 << 19 | 4]);
    short.draw(POINTS, 0, 1);
    let text = short.refusal();
    assert!(text.ends_with("record of 4 words, 9 are in use"), "{text}");
    let mut control = rig();
    control.frame.ppp_control = 0x203;
    assert_eq!(control.refusal(), "ppp_ctrl 0x203");
    let mut samples = rig();
    samples.frame.samples = 3;
    assert_eq!(samples.refusal(), "3 samples");
}

#[test]
fn discarded_primitives_have_run_their_shader_and_leave_nothing() {
    let mut rig = Rig::new(8, 8, 0);
    rig.at(0.5, 0.5);
    rig.set(21, &[1 << 17 | 1 << 10]);
    let counts = Counts {
        count: 1,
        instances: 40_000,
        start: 0,
    };
    rig.draw_all(POINTS, counts);
    let scene = rig.scene();
    assert_eq!((scene.primitives(), scene.records.len()), (0, 0));
    // The shader faults where its vertex is not mapped.
    rig.draw_all(
        POINTS,
        Counts {
            start: 1 << 24,
            ..counts
        },
    );
    assert!(matches!(rig.run(), Err(End::Fault(_))));
}

#[test]
fn discard_is_said_by_both_states_or_by_none() {
    let mut rig = Rig::new(8, 8, 0);
    rig.at(0.5, 0.5);
    rig.set(21, &[1 << 17 | 1 << 10]);
    rig.provoking = 3 << 4;
    rig.draw(POINTS, 0, 1);
    assert_eq!(rig.scene().primitives(), 0);
    rig.set(21, &[1 << 10]);
    rig.draw(POINTS, 0, 1);
    let text = rig.refusal();
    assert!(text.ends_with("discard in the vertex state only"), "{text}");
}

#[test]
fn endless_draws_hang() {
    let mut rig = Rig::new(8, 8, 0);
    rig.at(0.5, 0.5);
    rig.job_limit = 1 << 20;
    rig.indexed(POINTS, 1, true, &[0]);
    let mut words = rig.stream_tail(6);
    words[2] = u32::MAX;
    words[3] = u32::MAX;
    rig.replace_tail(&words);
    let end = rig.run().map(|scene| scene.primitives());
    assert!(
        matches!(&end, Err(End::Hang(text)) if text.starts_with("endless job")),
        "{end:?}"
    );
}

/// A scene has an end as well.
#[test]
fn scenes_without_bounds_are_refused() {
    let mut rig = Rig::new(16384, 16384, 0);
    rig.at(0.0, 0.0);
    rig.at(40000.0, 0.0);
    rig.at(0.0, 40000.0);
    let counts = Counts {
        count: 3,
        instances: u32::MAX,
        start: 0,
    };
    rig.draw_all(TRIANGLES, counts);
    rig.max_bytes = 3 << 20;
    let text = rig.refusal();
    assert!(text.contains("the scene takes"), "{text}");
}

/// Makes the last draw one of `count` indices.
fn with_count(rig: &mut Rig, count: u32) {
    let mut words = rig.stream_tail(6);
    words[2] = count;
    rig.replace_tail(&words);
}

/// Indices that are not there are counted all the same, and so are primitives that come of them.
#[test]
fn indices_beyond_their_buffer_are_charged() {
    for (topology, least) in [(POINTS, 4), (STRIP, 10)] {
        let mut rig = Rig::new(8, 8, 0);
        rig.vertex(0.0, 0.0, 0.0, -1.0, &[]);
        rig.indexed(topology, 4, false, &[0]);
        with_count(&mut rig, 1 << 16);
        assert_eq!(rig.scene().primitives(), 0);
        assert!(rig.charged >= least << 16, "{topology}: {}", rig.charged);
    }
    let mut rig = Rig::new(8, 8, 0);
    rig.at(0.0, 0.0);
    rig.words(&[0x4000_0001, 0]);
    rig.indexed(STRIP, 4, true, &[0]);
    with_count(&mut rig, 1 << 16);
    assert_eq!(rig.scene().primitives(), 0);
    assert!(rig.charged >= 1 << 16, "{}", rig.charged);
}

/// Vertices of which each is in another page: the tables are walked for each.
#[test]
fn vertices_far_apart_are_charged() {
    let charged = |stride: u32| {
        let mut rig = Rig::new(8, 8, 0);
        rig.soft_faults = true;
        rig.vertex(0.0, 0.0, 0.0, -1.0, &[]);
        let indices: Vec<u32> = (0..4096).map(|n| n * stride).collect();
        rig.indexed(POINTS, 4, false, &indices);
        assert_eq!(rig.scene().primitives(), 0);
        rig.charged
    };
    // A page has 1024 vertices.
    let (near, far) = (charged(1), charged(1024));
    assert!(far >= near + 4096 * 30, "{near} {far}");
}

/// Records that a shader leaves as they are take time, whether they are kept or not.
#[test]
fn records_are_charged() {
    let charged = |words: u32, discard: u32| {
        let mut rig = Rig::new(8, 8, 0);
        rig.words = words;
        rig.raw(&vec![0; words as usize]);
        rig.shader(vec![0x88, 0x00]);
        rig.set(21, &[discard | 1 << 10]);
        let counts = Counts {
            count: 1 << 14,
            instances: 1,
            start: 0,
        };
        rig.draw_all(POINTS, counts);
        assert_eq!(rig.scene().primitives(), 0);
        rig.charged
    };
    for discard in [0, 1 << 17] {
        let (short, long) = (charged(4, discard), charged(255, discard));
        assert!(long >= short + (251 << 14) / 16, "{short} {long}");
    }
}

/// What a draw may cost is known before it has cost it.
#[test]
fn draws_end_soon_behind_their_limit() {
    let mut rig = Rig::new(8, 8, 0);
    rig.vertex(0.0, 0.0, 0.0, -1.0, &[]);
    rig.indexed(STRIP, 4, false, &[0]);
    with_count(&mut rig, u32::MAX);
    rig.job_limit = 1 << 20;
    let end = rig.run().map(|scene| scene.primitives());
    assert!(matches!(&end, Err(End::Hang(_))), "{end:?}");
    assert!(rig.charged < 5 << 18, "{}", rig.charged);
}
