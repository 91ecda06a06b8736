// SPDX-License-Identifier: MIT OR Apache-2.0

//! The loop over instructions, and what steers it.

use agx_lanes::Frame;

use super::cache::{fault_at, instruction_bytes, Step};
use super::compile::Run;
use super::control::masks;
use super::fragment::{Coefficient, COEFFICIENTS, QUADS};
use super::op::{Inst, Op};
use super::{Cache, Dispatch, FaultKind, Group, Host, Lanes, Shared, Stop, LANES};

/// What a SIMD group sees while it runs.
pub(super) struct Machine<'a, H> {
    pub host: &'a mut H,
    pub shared: Access<'a>,
    pub dispatch: &'a Dispatch,
    pub local: &'a mut [u8],
}

/// Preambles write what the launch shares, all others read it.
pub(super) enum Access<'a> {
    Read(&'a Shared),
    Write(&'a mut Shared),
}

impl Access<'_> {
    #[inline]
    pub fn get(&self) -> &Shared {
        match self {
            Self::Read(shared) => shared,
            Self::Write(shared) => shared,
        }
    }

    /// Returns the state to be written; a fault outside a preamble.
    pub fn write(&mut self) -> Result<&mut Shared, Box<FaultKind>> {
        match self {
            Self::Read(_) => Err(unsupported("only a preamble may write uniforms and state")),
            Self::Write(shared) => Ok(shared),
        }
    }
}

/// Returns a fault for what the interpreter does not carry out.
#[cold]
pub(super) fn unsupported(what: impl Into<String>) -> Box<FaultKind> {
    Box::new(FaultKind::Unsupported(what.into()))
}

/// What comes after an instruction.
pub(super) enum Flow {
    Next,
    /// Relative to the start of the instruction.
    Jump(i32),
    To(u64),
    Barrier,
    Done,
}

pub(super) type Outcome = Result<Flow, Box<FaultKind>>;

impl Group {
    /// Runs until the group ends, waits, or has carried out `budget` instructions; what is left of
    /// the budget is written back.
    ///
    /// `local` is the threadgroup memory. Threadgroups may run on different host threads, groups of
    /// one threadgroup may not run at once.
    pub fn run<H: Host>(
        &mut self,
        host: &mut H,
        shared: &Shared,
        dispatch: &Dispatch,
        local: &mut [u8],
        cache: &mut Cache,
        budget: &mut u64,
    ) -> Stop {
        let shared = Access::Read(shared);
        let mut machine = Machine {
            host,
            shared,
            dispatch,
            local,
        };
        self.interpret(&mut machine, cache, budget)
    }

    /// Runs a preamble, which writes to `shared`.
    ///
    /// The group should have one lane; whether hardware runs more is not known, and the code that
    /// compilers emit does not tell.
    pub fn run_preamble<H: Host>(
        &mut self,
        host: &mut H,
        shared: &mut Shared,
        dispatch: &Dispatch,
        cache: &mut Cache,
        budget: &mut u64,
    ) -> Stop {
        let shared = Access::Write(shared);
        let mut machine = Machine {
            host,
            shared,
            dispatch,
            local: &mut [],
        };
        self.interpret(&mut machine, cache, budget)
    }

    fn interpret<H: Host>(
        &mut self,
        machine: &mut Machine<'_, H>,
        cache: &mut Cache,
        budget: &mut u64,
    ) -> Stop {
        if let Some(stop) = &self.stopped {
            return stop.clone();
        }
        if self.launched == 0 {
            return self.end(Stop::Done);
        }
        while *budget > 0 {
            let left = *budget;
            let fragments = self.pixels.is_some();
            let wanted = |run: &Run| run.count <= left && (fragments || !run.pixels);
            let full = self.exec == !0;
            let (counts, step) = match cache.step(machine.host, self.pc, full, wanted) {
                Ok(step) => step,
                Err(fault) => return self.end(Stop::Fault(fault)),
            };
            let inst = match step {
                Step::Inst(inst) => inst,
                Step::Run(run) => {
                    *budget -= run.count;
                    counts.compiled += run.count;
                    self.run_compiled(machine.shared.get(), run);
                    continue;
                }
            };
            *budget -= 1;
            counts.interpreted += 1;
            if H::TRACE {
                let (bytes, length) = instruction_bytes(machine.host, self.pc, inst.length);
                machine.host.trace(self.pc, &bytes[..length], self.exec);
            }
            let next = self.pc.wrapping_add(inst.length.into());
            match self.step(machine, inst) {
                Ok(Flow::Next) => self.pc = next,
                Ok(Flow::Jump(off)) => self.pc = self.pc.wrapping_add_signed(off.into()),
                Ok(Flow::To(pc)) => self.pc = pc,
                Ok(Flow::Barrier) => {
                    self.pc = next;
                    return Stop::Barrier;
                }
                Ok(Flow::Done) => return self.end(Stop::Done),
                Err(kind) => {
                    let fault = fault_at(machine.host, self.pc, *kind);
                    return self.end(Stop::Fault(fault));
                }
            }
        }
        Stop::Budget
    }

    /// Carries out a run.
    fn run_compiled(&mut self, shared: &Shared, run: &Run) {
        // Runs without interpolation do not look at pixels.
        static NO_PIXELS: Lanes = [0; LANES];
        static NO_PLANES: [Coefficient; COEFFICIENTS] = [[[0; QUADS]; 3]; COEFFICIENTS];
        let (x, y, planes) = match &self.pixels {
            Some(pixels) => (&pixels.x, &pixels.y, &*pixels.coefficients),
            None => (&NO_PIXELS, &NO_PIXELS, &NO_PLANES),
        };
        let launched = masks(self.launched);
        run.code.run(Frame {
            registers: &mut self.regs,
            uniforms: &shared.uniforms,
            active: &mut self.active,
            launched: &launched,
            pixels: [x, y],
            planes,
        });
        self.pc = self.pc.wrapping_add(run.length);
        if run.branches {
            let active = self.active.iter().enumerate();
            self.exec = active.fold(0, |exec, (lane, active)| exec | (active & 1) << lane);
        }
    }

    fn end(&mut self, stop: Stop) -> Stop {
        self.stopped = Some(stop.clone());
        stop
    }

    #[inline]
    fn step<H: Host>(&mut self, m: &mut Machine<'_, H>, inst: &Inst) -> Outcome {
        match &inst.op {
            Op::Alu(alu) => {
                self.compute(m.shared.get(), alu);
                self.commit(alu.dst);
            }
            Op::Branch { what, n, condition } => {
                self.compute(m.shared.get(), condition);
                self.branch(*what, u32::from(*n));
            }
            Op::PopExec { n } => self.pop_exec(u32::from(*n)),
            Op::JumpAny(off) if self.exec != 0 => return Ok(Flow::Jump(*off)),
            Op::JumpNone(off) if self.exec == 0 => return Ok(Flow::Jump(*off)),
            Op::JumpAny(_) | Op::JumpNone(_) | Op::Nop => {}
            Op::Stop => {
                self.launched &= !self.exec;
                if self.launched == 0 {
                    return Ok(Flow::Done);
                }
                // That hardware lets the other lanes go on is inferred: compilers count on it.
                self.set_exec(0);
            }
            Op::Trap => return Err(Box::new(FaultKind::Trap)),
            Op::Barrier => return Ok(Flow::Barrier),
            Op::Call(off) => {
                let pc = self.pc.wrapping_add_signed(i64::from(*off));
                return self.call(inst, pc);
            }
            Op::CallRegister(word) => {
                let pc = self.target(*word)?;
                return self.call(inst, pc);
            }
            Op::Return(word) => return Ok(Flow::To(self.target(*word)?)),
            Op::StackAdjust(words) => self.stack_adjust(*words)?,
            // What is left has an effect on active lanes only.
            _ if self.exec == 0 => {}
            Op::Device {
                store: false,
                regs,
                base,
                index,
                format,
                shift,
            } => {
                self.address(m.shared.get(), *base, *index, *format, *shift);
                self.device_load(m, *regs, *format)?;
            }
            Op::Device {
                store: true,
                regs,
                base,
                index,
                format,
                shift,
            } => {
                self.address(m.shared.get(), *base, *index, *format, *shift);
                self.device_store(m, *regs, *format)?;
            }
            Op::Wide(wide) => self.wide(m.shared.get(), wide),
            Op::GetSr { dst, sr } => {
                self.special(m, *sr)?;
                self.commit(*dst);
            }
            Op::Difference { alu, vertical } => {
                self.difference(m.shared.get(), alu, *vertical);
                self.commit(alu.dst);
            }
            Op::Ballot {
                dst,
                condition,
                simd,
            } => {
                self.compute(m.shared.get(), condition);
                self.ballot(*simd);
                self.commit(*dst);
            }
            Op::Shuffle {
                dst,
                src,
                index,
                op,
            } => {
                self.shuffle(m.shared.get(), *src, *index, *op);
                self.commit(*dst);
            }
            Op::Reduce {
                dst,
                src,
                wide,
                op,
                simd,
                prefix,
            } => {
                self.reduce(m.shared.get(), *src, *wide, *op, *simd, *prefix);
                self.commit(*dst);
            }
            Op::Local {
                store,
                regs,
                address,
                format,
            } => {
                self.local_address(m.shared.get(), address, format.size());
                match store {
                    false => self.local_load(m.local, *regs, *format)?,
                    true => self.local_store(m.local, *regs, *format)?,
                }
            }
            Op::Atomic {
                op,
                dst,
                src,
                base,
                index,
            } => {
                self.address(m.shared.get(), *base, *index, super::format::Format::I32, 0);
                self.atomic(m.host, *op, *dst, *src)?;
            }
            Op::LocalAtomic {
                op,
                dst,
                src,
                address,
            } => {
                self.local_address(m.shared.get(), address, 4);
                self.local_atomic(m.local, *op, *dst, *src)?;
            }
            Op::Stack {
                store,
                regs,
                offset,
                format,
            } => {
                self.stack_access(*store, *regs, *offset, *format)?;
            }
            Op::UniformStore { first, src, count } => {
                self.uniform_store(m.shared.write()?, *first, *src, *count);
            }
            Op::TextureState {
                number,
                base,
                offset,
            } => {
                self.texture_state(m, *number, *base, *offset)?;
            }
            Op::SamplerState {
                number,
                base,
                offset,
            } => {
                self.sampler_state(m, *number, *base, *offset)?;
            }
            Op::Texture(texture) => self.texture(m, texture)?,
            Op::Image(image) => self.image(m, image)?,
            Op::Tile { store, access } => self.tile(m, *store, access)?,
            Op::Iterate(iterate) => self.iterate(m.shared.get(), iterate)?,
            Op::LoadCoefficients(iterate) => self.load_coefficients(m.shared.get(), iterate)?,
            Op::SampleMask { target, live } => return self.sample_mask(m, *target, *live),
            Op::DepthStencil { target, values } => {
                return self.depth_stencil(m, *target, *values);
            }
            Op::StVar { word, index } => self.store_output(m, *word, *index)?,
        }
        Ok(Flow::Next)
    }
}
