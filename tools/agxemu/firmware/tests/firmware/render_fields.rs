// SPDX-License-Identifier: MIT OR Apache-2.0

//! Render commands with one thing wrong: each is a panic that names it.

mod buffers;
mod fragment;
mod vertex;

use crate::support::abi::Must;
use agx_abi::buffer::Scene;
use agx_abi::compute::JobMeta;
use agx_abi::fragment::{AuxFbInfo, RunFragment};
use agx_abi::microsequence::{FinalizeFragment, FinalizeVertex, StartFragment, StartVertex};
use agx_abi::tiling::Tiling;
use agx_abi::vertex::{RunVertex, TilingParameters};
use agx_abi::{Field, Value};
use agxemu_firmware::panic::Panic;

use crate::support::driver::Driver;
use crate::support::render::{driver, shot, Made, Render, Shot};

/// A render that is good, to be changed.
struct Bench {
    d: Driver,
    r: Render,
    made: Made,
}

type V = RunVertex;
type V1 = agx_abi::vertex::JobParameters1;
type T = TilingParameters;
type F = RunFragment;
type F1 = agx_abi::fragment::JobParameters1;
type F2 = agx_abi::fragment::JobParameters2;
type F3 = agx_abi::fragment::JobParameters3;

impl Bench {
    fn vertex<U: Value>(&mut self, field: Field<V, U>, value: U) {
        self.d.mem.set(self.made.vertex.at, field, value);
    }

    fn fragment<U: Value>(&mut self, field: Field<F, U>, value: U) {
        self.d.mem.set(self.made.fragment.at, field, value);
    }

    fn p1<U: Value>(&mut self, field: Field<V1, U>, value: U) {
        self.vertex(V::JOB_PARAMS1.must().then(field), value);
    }

    /// Returns what is in `field`.
    fn part(&self, field: Field<V1, u64>) -> u64 {
        let field = V::JOB_PARAMS1.must().then(field);
        self.d.mem.get(self.made.vertex.at, field)
    }

    fn tiling<U: Value>(&mut self, field: Field<T, U>, value: U) {
        self.vertex(V::TILING_PARAMS.must().then(field), value);
    }

    fn f1<U: Value>(&mut self, field: Field<F1, U>, value: U) {
        self.fragment(F::JOB_PARAMS1.must().then(field), value);
    }

    fn f2<U: Value>(&mut self, field: Field<F2, U>, value: U) {
        self.fragment(F::JOB_PARAMS2.must().then(field), value);
    }

    fn f3<U: Value>(&mut self, field: Field<F3, U>, value: U) {
        self.fragment(F::JOB_PARAMS3.then(field), value);
    }

    fn start_vertex<U: Value>(&mut self, field: Field<StartVertex, U>, value: U) {
        self.d.mem.set(self.made.vertex.microsequence, field, value);
    }

    fn finish_vertex<U: Value>(&mut self, field: Field<FinalizeVertex, U>, value: U) {
        let at = self.made.vertex.microsequence + self.made.vertex.finalize;
        self.d.mem.set(at, field, value);
    }

    fn start_fragment<U: Value>(&mut self, field: Field<StartFragment, U>, value: U) {
        self.d
            .mem
            .set(self.made.fragment.microsequence, field, value);
    }

    fn finish_fragment<U: Value>(&mut self, field: Field<FinalizeFragment, U>, value: U) {
        let at = self.made.fragment.microsequence + self.made.fragment.finalize;
        self.d.mem.set(at, field, value);
    }

    fn scene<U: Value>(&mut self, field: Field<Scene, U>, value: U) {
        self.d.mem.set(self.made.scene, field, value);
    }
}

/// A frame with all of its numbers different.
fn frame() -> Shot {
    Shot {
        tiling: Tiling::new(1000, 300, 2, [32, 16], 2).unwrap(),
        ..shot()
    }
}

/// Submits a render after `change`.
fn submit(change: impl Fn(&mut Bench)) -> Result<(), Panic> {
    let (mut d, _) = driver(&[]);
    let mut r = Render::new(&mut d, 7, 2, 1, [4, 5]);
    let made = r.make(&mut d, &frame());
    let mut bench = Bench { d, r, made };
    change(&mut bench);
    let Bench { mut d, mut r, made } = bench;
    r.push(&d, &made);
    d.pending(1);
    r.submit(&mut d)?;
    assert_eq!(d.flags(), [(1 << 4) | (1 << 5)]);
    Ok(())
}

/// The reason, and the change.
type Case = (&'static str, fn(&mut Bench));

fn check(cases: &[Case]) {
    for (i, (reason, change)) in cases.iter().enumerate() {
        let panic = match submit(change) {
            Err(panic) => panic.0,
            Ok(()) => panic!("case {i} ({reason}): accepted"),
        };
        assert!(
            panic.contains(reason),
            "case {i}: {panic:?} does not say {reason:?}"
        );
    }
}

#[test]
fn the_render_that_they_start_from_is_good() {
    submit(|_| ()).unwrap();
    // What is not demanded.
    submit(|b| b.vertex(V::META.then(JobMeta::FLUSH_STAMPS), 1)).unwrap();
    submit(|b| b.vertex(V::USES_SCRATCH, 1)).unwrap();
}

#[test]
fn halves_that_do_not_fit_are_a_panic() {
    check(&[
        (
            "has event 5:0x5000100, its vertex command says 5:0x5000200",
            |b| b.vertex(V::FRAGMENT_STAMP_VALUE, 0x500_0200),
        ),
        ("its vertex command says 6:0x5000100", |b| {
            b.vertex(V::FRAGMENT_STAMP_SLOT, 6)
        }),
        ("width is 0x3e7, expected 0x3e8", |b| {
            let width = AuxFbInfo::WIDTH;
            b.f1(F1::AUX_FB_INFO.then(width), 999);
            b.f3(F3::AUX_FB_INFO.then(width), 999);
        }),
        ("sample positions is 0x89", |b| {
            b.fragment(F::PPP_MULTISAMPLECTL, 0x89);
            b.f1(F1::PPP_MULTISAMPLECTL, 0x89);
        }),
    ]);
}
