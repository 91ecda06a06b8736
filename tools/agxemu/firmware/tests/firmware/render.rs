// SPDX-License-Identifier: MIT OR Apache-2.0

//! Renders: both halves, in order, with what they say of themselves.

use crate::support::render::{driver, shot, Render};

#[test]
fn a_render_runs_in_two_halves() {
    let (mut d, gpu) = driver(&[]);
    let mut r = Render::new(&mut d, 7, 2, 1, [4, 5]);
    let made = r.run(&mut d, &shot()).unwrap();
    assert_eq!(d.flags(), [1 << 4 | 1 << 5]);
    assert_eq!(d.host_stamp(4), made.vertex.value);
    assert_eq!(d.host_stamp(5), made.fragment.value);
    assert_eq!(gpu.vertex.lock().unwrap().len(), 1);
    assert_eq!(gpu.fragment.lock().unwrap().len(), 1);
}
