// SPDX-License-Identifier: MIT OR Apache-2.0

//! Which texels a sample is made of, and how much of each.

use super::descriptor::Wrap;

/// Two neighbours along one axis: their places, and the share of the second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Taps {
    /// `None` is the border.
    pub at: [Option<u32>; 2],
    pub share: f32,
}

/// Returns a place that may be outside, brought inside.
pub fn wrap(at: i64, size: u32, mode: Wrap) -> Option<u32> {
    let n = i64::from(size);
    if (0..n).contains(&at) {
        return Some(at as u32);
    }
    let mirror = |at: i64| {
        let m = at.rem_euclid(2 * n);
        if m < n {
            m
        } else {
            2 * n - 1 - m
        }
    };
    let inside = match mode {
        Wrap::Edge => at.clamp(0, n - 1),
        Wrap::Clamp | Wrap::Border => return None,
        Wrap::Repeat => at.rem_euclid(n),
        Wrap::Mirror => mirror(at),
        Wrap::MirrorEdge => (if at < 0 { -1 - at } else { at }).min(n - 1),
    };
    Some(inside as u32)
}

/// Returns the texels of coordinate `u`, which is in texels already.
pub fn taps(u: f32, size: u32, mode: Wrap, linear: bool, offset: i32) -> Taps {
    // A coordinate that is no number, or far away, still names a texel.
    let u = if u.is_nan() { 0.0 } else { u.clamp(-1e9, 1e9) };
    let mode = match mode {
        // Without a mixture there is no border.
        Wrap::Clamp if !linear => Wrap::Edge,
        mode => mode,
    };
    let u = match mode {
        Wrap::Clamp => u.clamp(0.0, size as f32),
        _ => u,
    };
    let first = if linear { u - 0.5 } else { u };
    let base = first.floor();
    let index = base as i64 + i64::from(offset);
    Taps {
        at: [wrap(index, size, mode), wrap(index + 1, size, mode)],
        share: if linear { first - base } else { 0.0 },
    }
}

/// The face of a cube that a direction goes to.
fn face_number(direction: [f32; 3]) -> u32 {
    let [x, y, z] = direction;
    let [ax, ay, az] = direction.map(f32::abs);
    let (face, major) = if az >= ax && az >= ay {
        (4, z)
    } else if ay >= ax {
        (2, y)
    } else {
        (0, x)
    };
    face + u32::from(major < 0.0)
}

/// A direction as a face sees it: to the right, down, and towards the face.
fn seen_from(face: u32, [x, y, z]: [f32; 3]) -> [f32; 3] {
    match face {
        0 => [-z, -y, x],
        1 => [z, -y, -x],
        2 => [x, z, y],
        3 => [x, -z, -y],
        4 => [x, -y, z],
        _ => [-x, -y, -z],
    }
}

/// Face of a cube and place on it (each from 0 to 1) of a direction.
pub fn face(direction: [f32; 3]) -> (u32, [f32; 2]) {
    let face = face_number(direction);
    let [s, t, major] = seen_from(face, direction);
    (face, [s, t].map(|v| (v / major + 1.0) * 0.5))
}

/// How fast the place on the face of a direction changes when the direction does.
pub fn face_change(direction: [f32; 3], change: [f32; 3]) -> [f32; 2] {
    let face = face_number(direction);
    let [s, t, major] = seen_from(face, direction);
    let [ds, dt, towards] = seen_from(face, change);
    [(s, ds), (t, dt)].map(|(v, dv)| (dv * major - v * towards) / (major * major) * 0.5)
}

/// The direction of a place on a face: the reverse of [`face`].
pub fn direction(face: u32, [s, t]: [f32; 2]) -> [f32; 3] {
    let (s, t) = (2.0 * s - 1.0, 2.0 * t - 1.0);
    match face {
        0 => [1.0, -t, -s],
        1 => [-1.0, -t, s],
        2 => [s, 1.0, t],
        3 => [s, -1.0, -t],
        4 => [s, -t, 1.0],
        _ => [-s, -t, -1.0],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrap_modes() {
        let all = |mode| [-5, -1, 0, 3, 4, 7, 8].map(|at| wrap(at, 4, mode));
        assert_eq!(all(Wrap::Edge), [0, 0, 0, 3, 3, 3, 3].map(Some));
        assert_eq!(all(Wrap::Repeat), [3, 3, 0, 3, 0, 3, 0].map(Some));
        assert_eq!(all(Wrap::Mirror), [3, 0, 0, 3, 3, 0, 0].map(Some));
        assert_eq!(all(Wrap::MirrorEdge), [3, 0, 0, 3, 3, 3, 3].map(Some));
        let border = [None, None, Some(0), Some(3), None, None, None];
        assert_eq!(all(Wrap::Border), border);
    }

    #[test]
    fn neighbours() {
        let t = taps(2.0, 4, Wrap::Edge, true, 0);
        assert_eq!((t.at, t.share), ([Some(1), Some(2)], 0.5));
        let t = taps(0.25, 4, Wrap::Repeat, true, 0);
        assert_eq!((t.at, t.share), ([Some(3), Some(0)], 0.75));
        let t = taps(2.9, 4, Wrap::Edge, false, -1);
        assert_eq!((t.at[0], t.share), (Some(1), 0.0));
        let t = taps(-3.0, 4, Wrap::Clamp, true, 0);
        assert_eq!((t.at, t.share), ([None, Some(0)], 0.5));
        let t = taps(9.0, 4, Wrap::Clamp, true, 0);
        assert_eq!((t.at, t.share), ([Some(3), None], 0.5));
        assert_eq!(taps(9.0, 4, Wrap::Clamp, false, 0).at[0], Some(3));
        assert_eq!(taps(f32::NAN, 4, Wrap::Border, false, 0).at[0], Some(0));
    }

    #[test]
    fn faces_and_directions() {
        for which in 0..6 {
            for place in [[0.1, 0.7], [0.5, 0.5], [0.9, 0.2]] {
                let (found, at) = face(direction(which, place));
                assert_eq!(found, which);
                assert!((at[0] - place[0]).abs() + (at[1] - place[1]).abs() < 1e-6);
            }
        }
    }
}
