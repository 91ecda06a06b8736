// SPDX-License-Identifier: MIT OR Apache-2.0

//! The primitives of a region: which of their samples pass, and which groups of quads are shaded.

use std::rc::Rc;

use agx_isa::exec::host::SampleTest;
use agx_isa::exec::Host;

use super::super::depth::{DepthPlane, Emitted};
use super::super::geometry::Geometry;
use super::super::group::Shading;
use super::super::plan::{Plan, Scissor};
use super::super::scene::{Rect, REGION};
use super::{Which, Worker};
use crate::cdm::End;
use crate::host::Refresh;

/// Plans and scissors that are kept.
const MAX_KEPT: usize = 4096;

/// Work that is done before the command is asked whether it is to stop, in quads.
const BATCH: u64 = 1 << 12;

impl<G: Geometry, H: Host + Refresh> Worker<'_, G, H> {
    /// Accounts for quads, which cost time even if no shader runs.
    fn charge(&mut self, quads: u64) -> Result<(), End> {
        self.work += 1 + quads;
        if self.work >= BATCH {
            // About as many instructions as the time is worth.
            self.command.context.meter.charge(self.work, 0, 0)?;
            self.work = 0;
        }
        Ok(())
    }

    fn plan(&mut self, draw: u32) -> Result<Rc<Plan>, End> {
        if let Some(plan) = self.plans.get(&draw) {
            return Ok(plan.clone());
        }
        let command = self.command;
        let state = command.scene.draw(draw);
        let (job, programs) = (command.job, &command.programs);
        let plan = Plan::new(state, job, &command.context, programs, &mut self.cache)?;
        let plan = Rc::new(plan);
        if self.plans.len() == MAX_KEPT {
            self.plans.clear();
        }
        self.plans.insert(draw, plan.clone());
        Ok(plan)
    }

    fn scissor(&mut self, plan: &Plan, viewport: u16) -> Result<Scissor, End> {
        let Some(first) = plan.scissor else {
            return Ok(Scissor::EVERYTHING);
        };
        let index = u32::from(first) + u32::from(viewport);
        if let Some(scissor) = self.scissors.get(&index) {
            return Ok(*scissor);
        }
        let base = self.command.job.scissors;
        let scissor = Scissor::read(&mut self.tlb, base, index)?;
        if self.scissors.len() == MAX_KEPT {
            self.scissors.clear();
        }
        self.scissors.insert(index, scissor);
        Ok(scissor)
    }

    /// Rasterises, tests and shades primitives in their order.
    pub(super) fn primitives(&mut self, list: &[u32], place: [u32; 2]) -> Result<(), End> {
        let scene = self.command.scene;
        let frame = self.command.context.frame;
        let [x0, y0] = place.map(|n| n * REGION);
        let region = Rect {
            x0,
            y0,
            x1: frame.width.min(x0 + REGION),
            y1: frame.height.min(y0 + REGION),
        };
        let mut current: Option<(u32, Rc<Plan>)> = None;
        for &number in list {
            let primitive = scene.primitive(number);
            let plan = match &current {
                Some((draw, plan)) if *draw == primitive.draw => plan.clone(),
                _ => {
                    if let Some((_, plan)) = &current {
                        self.finish(plan)?;
                    }
                    let plan = self.plan(primitive.draw)?;
                    current = Some((primitive.draw, plan.clone()));
                    plan
                }
            };
            let scissor = self.scissor(&plan, primitive.viewport)?;
            let within = scissor.cut(region);
            if within.x0 >= within.x1 || within.y0 >= within.y1 {
                self.charge(0)?;
                continue;
            }
            self.quads.clear();
            let quads = &mut self.quads;
            scene.quads(number, within, &mut |quad| quads.push(quad));
            self.charge(self.quads.len() as u64)?;
            self.primitive(number, &plan, &scissor, place)?;
        }
        if let Some((_, plan)) = &current {
            self.finish(plan)?;
        }
        Ok(())
    }

    /// Tests the quads of a primitive, and hands those that are left to the shader.
    fn primitive(
        &mut self,
        number: u32,
        plan: &Plan,
        scissor: &Scissor,
        place: [u32; 2],
    ) -> Result<(), End> {
        if self.quads.is_empty() {
            return Ok(());
        }
        let scene = self.command.scene;
        let primitive = scene.primitive(number);
        let mut plane = DepthPlane {
            plane: scene.depth(number, place),
            range: scissor.depth,
        };
        plane.plane[2] += plan.bias(primitive, || scene.slope(number));
        let face = &plan.faces[usize::from(primitive.back_facing)];
        let mut filled = false;
        for n in 0..self.quads.len() {
            let quad = self.quads[n];
            let mut live = quad.coverage;
            if plan.early {
                for (corner, samples) in live.iter_mut().enumerate() {
                    if *samples == 0 {
                        continue;
                    }
                    let corner = corner as u32;
                    let pixel = [
                        u32::from(quad.x) + (corner & 1),
                        u32::from(quad.y) + (corner >> 1),
                    ];
                    let mask = (*samples).into();
                    let none = Emitted::default();
                    let passed = self.host.target.test(pixel, mask, face, &plane, none);
                    self.host.passed += u64::from(passed.count_ones());
                    *samples = passed as u8;
                }
            }
            if live == [0; 4] || plan.program.is_none() {
                continue;
            }
            if self.pending.must_run(&quad) {
                self.run_group(plan)?;
            }
            if !filled {
                filled = true;
                self.coefficients.clear();
                let out = &mut self.coefficients;
                let upwards = plan.upwards(primitive);
                plan.bindings.fill(scene, number, place, upwards, out);
            }
            let pixels = self.group.pixels_mut();
            let of = Shading {
                tested: plan.early,
                back: primitive.back_facing,
                plane,
                coefficients: &self.coefficients,
            };
            self.pending.push(pixels, &quad, live, &of);
        }
        Ok(())
    }

    /// Runs the quads that wait.
    fn run_group(&mut self, plan: &Plan) -> Result<(), End> {
        let Some(program) = plan.program.as_ref().filter(|_| self.pending.len() != 0) else {
            return Ok(());
        };
        let lanes = self.pending.take();
        let pixels = self.group.pixels_mut();
        self.host.group.faces = (!plan.early).then_some(plan.faces);
        if !plan.early {
            self.host.group.planes = self.pending.planes;
            self.host.group.back = self.pending.back;
            self.host.set_pixels(&pixels.x, &pixels.y);
        }
        self.group
            .reset_fragments(program.shader, lanes, program.registers);
        self.run(program, Which::Fragments)?;
        if !plan.early {
            // Shaders test all of their samples; those that do not are tested in the end, which is
            // inferred.
            let pixels = self.group.pixels_mut();
            let left = |lane: usize| pixels.live[lane] & !pixels.tested[lane];
            self.host.test_group(&SampleTest {
                samples: std::array::from_fn(left),
                depth: None,
                stencil: None,
            });
        }
        Ok(())
    }

    /// Runs what waits of a draw, and counts what has passed.
    fn finish(&mut self, plan: &Plan) -> Result<(), End> {
        self.run_group(plan)?;
        let passed = std::mem::take(&mut self.host.passed);
        self.counters.add(plan.query, passed);
        Ok(())
    }
}
