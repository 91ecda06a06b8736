// SPDX-License-Identifier: MIT OR Apache-2.0

//! Code that nobody compiled: whatever the bits are, a group ends, is refused, or uses its budget
//! up. `AGX_ISA_HOSTILE` says how many programs, `AGX_ISA_SEED` which.

use agx_isa::exec::assemble::Builder;
use agx_isa::exec::host::{
    AtomicOp, BlockWrite, HostFault, ImageWrite, TextureRequest, TextureResult,
};
use agx_isa::exec::{Cache, Dispatch, Group, Host, MemoryFault, Shared, Stop};
use agx_isa::table::{Bits, Op, TABLE};

use super::property::{number, Random};
use super::support::{Bench, CODE};

/// An instruction of the table, the rest of its bits at random.
fn instruction(random: &mut Random) -> Vec<u8> {
    let entry = &TABLE[random.below(TABLE.len() as u64) as usize];
    let mut word = u128::from(random.next()) | u128::from(random.next()) << 64;
    if random.coin() {
        // Bits without a meaning would be refused at once.
        let mut meant = 1 << entry.long_bit;
        let mut add = |bits: &[Bits]| {
            for &(low, high) in bits {
                meant |= ((1 << (high - low + 1)) - 1) << low;
            }
        };
        entry.operands.iter().for_each(|operand| add(operand.bits));
        entry.fields.iter().for_each(|field| add(field.bits));
        word &= meant;
    }
    for &(low, high, value) in entry.pattern {
        let mask: u128 = ((1 << (high - low + 1)) - 1) << low;
        word = word & !mask | u128::from(value) << low;
    }
    let long = word >> entry.long_bit & 1 == 1;
    let length = if long { entry.long } else { entry.short };
    word.to_le_bytes()[..length.into()].to_vec()
}

/// Values that addresses, indices and counters stumble over, among others.
fn value(random: &mut Random) -> u32 {
    match random.below(6) {
        0 => 0,
        1 => !0,
        2 => 0x8000_0000 >> random.below(32),
        3 => random.below(64) as u32,
        _ => random.next() as u32,
    }
}

#[test]
fn no_bits_make_the_interpreter_fail() {
    let mut random = Random(number("AGX_ISA_SEED", 31));
    let mut ends = [0; 4];
    for _ in 0..number("AGX_ISA_HOSTILE", 10_000) {
        let mut bench = Bench::new(&[]);
        let mut at = 0;
        for _ in 0..1 + random.below(6) {
            let bytes = match random.below(8) {
                0 => random.next().to_le_bytes().to_vec(),
                _ => instruction(&mut random),
            };
            bench.host.memory[at..at + bytes.len()].copy_from_slice(&bytes);
            at += bytes.len();
        }
        for register in 0..128 {
            let uniform = random.coin();
            let first = value(&mut random);
            for lane in bench.group.register_mut(register) {
                *lane = if uniform { first } else { value(&mut random) };
            }
        }
        bench
            .shared
            .uniforms
            .fill_with(|| value(&mut random) as u16);
        for state in &mut bench.shared.textures {
            *state = random
                .coin()
                .then(|| std::array::from_fn(|_| random.next() as u8));
        }
        let preamble = random.below(3) == 0;
        let mut budget = 200;
        let stop = if preamble {
            let mut group = Group::new(CODE, &bench.dispatch, 0);
            let (host, cache) = (&mut bench.host, &mut bench.cache);
            group.run_preamble(host, &mut bench.shared, &bench.dispatch, cache, &mut budget)
        } else {
            bench.run_within(budget)
        };
        ends[match stop {
            Stop::Done => 0,
            Stop::Barrier => 1,
            Stop::Budget => 2,
            Stop::Fault(_) => 3,
        }] += 1;
    }
    let [done, barrier, _, fault] = ends;
    assert!(done > 20 && barrier > 20 && fault > 20, "{ends:?}");
}

/// The page of code that is at every address: a jump to the same place in the next block.
struct Mirror(Vec<u8>);

impl Host for Mirror {
    fn load(&mut self, va: u64, _: &mut [u8]) -> Result<(), MemoryFault> {
        let write = false;
        Err(MemoryFault { va, write, code: 0 })
    }

    fn store(&mut self, va: u64, _: &[u8]) -> Result<(), MemoryFault> {
        let write = true;
        Err(MemoryFault { va, write, code: 0 })
    }

    fn fetch(&mut self, _: u64, out: &mut [u8]) -> Result<usize, MemoryFault> {
        let have = self.0.len().min(out.len());
        out[..have].copy_from_slice(&self.0[..have]);
        Ok(have)
    }

    fn atomic(&mut self, va: u64, _: u8, _: AtomicOp, _: u64, _: u64) -> Result<u64, MemoryFault> {
        let write = true;
        Err(MemoryFault { va, write, code: 0 })
    }

    fn texture(&mut self, _: &TextureRequest, _: &mut TextureResult) -> Result<(), HostFault> {
        Err(HostFault::Unsupported("texture".into()))
    }

    fn image_write(&mut self, _: &ImageWrite) -> Result<(), HostFault> {
        Err(HostFault::Unsupported("image".into()))
    }

    fn block_write(&mut self, _: &BlockWrite, _: &Dispatch, _: &[u8]) -> Result<(), HostFault> {
        Err(HostFault::Unsupported("block".into()))
    }
}

#[test]
fn code_at_many_addresses_does_not_fill_the_memory() {
    let mut host = Mirror(Builder::new(Op::JmpExecAny).field("off", 4096).bytes());
    let dispatch = Dispatch {
        nominal: [32, 1, 1],
        size: [32, 1, 1],
        ..Dispatch::default()
    };
    let mut group = Group::new(0, &dispatch, 0);
    let mut cache = Cache::new();
    let mut budget = 100_000;
    let shared = Shared::default();
    let stop = group.run(
        &mut host,
        &shared,
        &dispatch,
        &mut [],
        &mut cache,
        &mut budget,
    );
    assert_eq!(stop, Stop::Budget);
    assert_eq!(group.pc(), 100_000 * 4096);
    // One instruction each.
    assert!(cache.len() <= 1024, "{}", cache.len());
}
