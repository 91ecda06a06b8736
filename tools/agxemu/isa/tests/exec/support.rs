// SPDX-License-Identifier: MIT OR Apache-2.0

//! Flat memory, and a group that runs a few instructions.

use agx_isa::exec::assemble::Builder;
use agx_isa::exec::host::{
    AtomicOp, BlockWrite, HostFault, ImageWrite, SampleTest, TextureRequest, TextureResult,
};
use agx_isa::exec::{
    Cache, Dispatch, Engine, Fault, Group, Host, Lanes, MemoryFault, Pixels, Shared, Stop, LANES,
};
use agx_isa::table::Op;

pub const CODE: u64 = 0x1000;
pub const DATA: u64 = 0x8000;

/// Memory from `CODE` to its end; below that nothing is mapped.
#[derive(Clone)]
pub struct Flat {
    pub memory: Vec<u8>,
    pub textures: Vec<TextureRequest>,
    pub images: Vec<ImageWrite>,
    pub blocks: Vec<BlockWrite>,
    pub clock: Option<u32>,
    pub tests: Vec<SampleTest>,
    /// Samples that pass any test.
    pub passes: u32,
    /// Words that a vertex program has stored: lane, word of the record, value.
    pub outputs: Vec<(usize, u32, u32)>,
    /// Words of a record.
    pub words: u32,
}

impl Flat {
    fn range(
        &self,
        va: u64,
        len: usize,
        write: bool,
    ) -> Result<std::ops::Range<usize>, MemoryFault> {
        let fault = MemoryFault { va, write, code: 7 };
        let start = va.checked_sub(CODE).ok_or(fault)? as usize;
        let end = start.checked_add(len).ok_or(fault)?;
        if end > self.memory.len() {
            return Err(fault);
        }
        Ok(start..end)
    }
}

impl Host for Flat {
    fn load(&mut self, va: u64, out: &mut [u8]) -> Result<(), MemoryFault> {
        let range = self.range(va, out.len(), false)?;
        out.copy_from_slice(&self.memory[range]);
        Ok(())
    }

    fn store(&mut self, va: u64, data: &[u8]) -> Result<(), MemoryFault> {
        let range = self.range(va, data.len(), true)?;
        self.memory[range].copy_from_slice(data);
        Ok(())
    }

    fn fetch(&mut self, va: u64, out: &mut [u8]) -> Result<usize, MemoryFault> {
        self.range(va, 2, false)?;
        let end = CODE + self.memory.len() as u64;
        let have = out.len().min((end - va) as usize);
        self.load(va, &mut out[..have])?;
        Ok(have)
    }

    fn atomic(
        &mut self,
        va: u64,
        width: u8,
        op: AtomicOp,
        operand: u64,
        compare: u64,
    ) -> Result<u64, MemoryFault> {
        assert_eq!(width, 4);
        let mut bytes = [0; 4];
        self.load(va, &mut bytes)?;
        let old = u32::from_le_bytes(bytes);
        let new = op.apply(old, operand as u32, compare as u32);
        self.store(va, &new.to_le_bytes())?;
        Ok(old.into())
    }

    /// Channel `c` of a lane is `100 c + lane`, as a float; integers for descriptors of ones.
    fn texture(
        &mut self,
        request: &TextureRequest,
        result: &mut TextureResult,
    ) -> Result<(), HostFault> {
        self.textures.push(request.clone());
        for (c, channel) in result.channels.iter_mut().enumerate() {
            for (lane, value) in channel.iter_mut().enumerate() {
                let plain = (100 * c + lane) as u32;
                *value = (plain as f32).to_bits();
                if request.texture[0] == 1 {
                    result.numeric = agx_isa::exec::host::Numeric::Integer;
                    *value = plain;
                }
            }
        }
        result.residency = [5; LANES];
        Ok(())
    }

    fn image_write(&mut self, request: &ImageWrite) -> Result<(), HostFault> {
        self.images.push(request.clone());
        Ok(())
    }

    fn block_write(
        &mut self,
        request: &BlockWrite,
        _: &Dispatch,
        _: &[u8],
    ) -> Result<(), HostFault> {
        self.blocks.push(request.clone());
        Ok(())
    }

    fn test(&mut self, test: &SampleTest) -> Result<Lanes, HostFault> {
        self.tests.push(test.clone());
        Ok(test.samples.map(|samples| samples & self.passes))
    }

    fn store_outputs(&mut self, index: &Lanes, values: &Lanes, mask: u32) -> Result<(), HostFault> {
        for lane in (0..LANES).filter(|lane| mask >> lane & 1 == 1) {
            if index[lane] >= self.words {
                return Err(HostFault::Unsupported("beyond the record".into()));
            }
            self.outputs.push((lane, index[lane], values[lane]));
        }
        Ok(())
    }

    fn special(&mut self, sr: u8) -> Option<u32> {
        self.clock.filter(|_| sr == 100)
    }
}

/// One group and what it sees. It runs with both engines.
pub struct Bench {
    pub host: Flat,
    pub shared: Shared,
    pub dispatch: Dispatch,
    pub local: Vec<u8>,
    pub group: Group,
    pub cache: Cache,
    /// Code of the compiled engine, which compiles all that it meets.
    pub compiled: Cache,
}

/// The compiled engine.
pub const COMPILED: Engine = Engine::Compiled { threshold: 0 };

impl Bench {
    /// A whole group of 32 threads; its code ends with `stop`.
    pub fn new(code: &[Builder]) -> Self {
        Self::sized(code, [LANES as u32, 1, 1])
    }

    /// The first group of a threadgroup of this size.
    pub fn sized(code: &[Builder], size: [u32; 3]) -> Self {
        let mut memory = vec![0; 0x8000 + (DATA - CODE) as usize];
        let mut at = 0;
        for inst in code
            .iter()
            .chain(&[Builder::new(Op::Stop), Builder::new(Op::Trap)])
        {
            let bytes = inst.bytes();
            memory[at..at + bytes.len()].copy_from_slice(&bytes);
            at += bytes.len();
        }
        let dispatch = Dispatch {
            nominal: size,
            size,
            ..Dispatch::default()
        };
        let host = Flat {
            memory,
            textures: Vec::new(),
            images: Vec::new(),
            blocks: Vec::new(),
            clock: None,
            tests: Vec::new(),
            passes: !0,
            outputs: Vec::new(),
            words: 0,
        };
        let mut shared = Shared::default();
        // The first 64-bit uniform is the address of the data.
        shared.uniforms[0] = DATA as u16;
        Self {
            host,
            shared,
            dispatch,
            local: vec![0; 1024],
            group: Group::new(CODE, &dispatch, 0),
            cache: Cache::new(),
            compiled: Cache::with_engine(COMPILED),
        }
    }

    /// Sets a 32-bit register of each lane.
    pub fn set(mut self, register: usize, value: impl Fn(u32) -> u32) -> Self {
        for (lane, to) in self.group.register_mut(register).iter_mut().enumerate() {
            *to = value(lane as u32);
        }
        self
    }

    /// Makes the group one of fragments, all 32 of them.
    pub fn pixels(mut self, fill: impl FnOnce(&mut Pixels)) -> Self {
        fill(self.group.pixels_mut());
        self.group.reset_fragments(CODE, !0, 128);
        self
    }

    pub fn run(&mut self) -> Stop {
        self.run_within(10_000)
    }

    /// Runs at most `budget` instructions with both engines, and checks that all is the same
    /// afterwards.
    pub fn run_within(&mut self, budget: u64) -> Stop {
        let (mut host, mut group) = (self.host.clone(), self.group.clone());
        let mut local = self.local.clone();
        let mut left = [budget; 2];
        let compiled = group.run(
            &mut host,
            &self.shared,
            &self.dispatch,
            &mut local,
            &mut self.compiled,
            &mut left[0],
        );
        let stop = self.group.run(
            &mut self.host,
            &self.shared,
            &self.dispatch,
            &mut self.local,
            &mut self.cache,
            &mut left[1],
        );
        assert_eq!(compiled, stop, "how it stops");
        assert_eq!(left[0], left[1], "instructions that are left");
        let state = |group: &Group| (group.pc(), group.exec());
        assert_eq!(state(&group), state(&self.group), "place and lanes");
        for register in 0..128 {
            let (seen, expect) = (group.register(register), self.group.register(register));
            assert_eq!(seen, expect, "register {register}");
        }
        assert!(host.memory == self.host.memory, "memory");
        assert!(local == self.local, "threadgroup memory");
        assert_eq!(host.outputs, self.host.outputs, "outputs");
        assert_eq!(host.tests, self.host.tests, "tests");
        stop
    }

    /// Runs to the end.
    pub fn done(mut self) -> Self {
        assert_eq!(self.run(), Stop::Done);
        self
    }

    /// Runs to a fault.
    pub fn fault(mut self) -> Fault {
        match self.run() {
            Stop::Fault(fault) => *fault,
            stop => panic!("{stop:?} instead of a fault"),
        }
    }

    pub fn get(&self, register: usize) -> &Lanes {
        self.group.register(register)
    }

    pub fn data(&mut self) -> &mut [u8] {
        &mut self.host.memory[(DATA - CODE) as usize..]
    }

    pub fn word(&mut self, at: usize) -> u32 {
        let bytes = &self.data()[at..at + 4];
        u32::from_le_bytes(bytes.try_into().expect("four bytes"))
    }
}

/// One value per lane.
pub fn lanes(value: impl Fn(u32) -> u32) -> Lanes {
    std::array::from_fn(|lane| value(lane as u32))
}
