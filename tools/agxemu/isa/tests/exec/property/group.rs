// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the reference does with the lanes of a group together: votes, shuffles, sums, branches.

use super::program::{D, I, S};
use super::reference::{sign_extended, State};

impl State {
    fn lanes_on(&self) -> Vec<usize> {
        (0..32).filter(|&lane| self.on[lane]).collect()
    }

    /// The lanes that share a quad or the group with a lane.
    fn peers(lane: usize, simd: bool) -> std::ops::Range<usize> {
        if simd {
            0..32
        } else {
            lane / 4 * 4..lane / 4 * 4 + 4
        }
    }

    fn reduce(&mut self, dst: D, a: S, op: u64, simd: bool, prefix: bool) {
        let bits = if matches!(dst, D::Word(_)) { 32 } else { 16 };
        let all = (1u64 << bits) - 1;
        let before = self.clone();
        let signed = |v: u64| sign_extended(v as u32, bits);
        for lane in self.lanes_on() {
            let mut peers = Self::peers(lane, simd);
            if prefix {
                peers.end = lane;
            }
            let values = peers
                .filter(|&l| before.on[l])
                .map(|l| before.raw(l, a).0 & all);
            let out = match op {
                0 => values.fold(all, |x, y| x & y),
                2 => values.fold(0, |x, y| x | y),
                4 => values.fold(0, |x, y| x ^ y),
                16 => values.fold(0, u64::wrapping_add),
                20 => values.min_by_key(|&v| signed(v)).unwrap_or(all >> 1),
                22 => values.max_by_key(|&v| signed(v)).unwrap_or(all / 2 + 1),
                28 => values.min().unwrap_or(all),
                _ => values.max().unwrap_or(0),
            };
            self.write(lane, dst, out);
        }
    }

    fn special(&self, lane: usize, sr: u64) -> u64 {
        let count = |range: std::ops::Range<usize>| range.filter(|&l| self.on[l]).count() as u64;
        match sr {
            48 | 51 | 52 => lane as u64,
            53 => 0,
            56 => count(lane / 4 * 4..lane),
            57 => count(Self::peers(lane, false)),
            58 => count(0..lane),
            _ => count(0..32),
        }
    }

    /// Carries out instructions.
    pub fn run(&mut self, program: &[I]) {
        for inst in program {
            let before = self.clone();
            match inst {
                I::Lane { dst, sr } => {
                    for lane in self.lanes_on() {
                        self.write(lane, *dst, before.special(lane, *sr));
                    }
                }
                I::Ballot {
                    dst,
                    cond,
                    a,
                    b,
                    simd,
                } => {
                    for lane in self.lanes_on() {
                        let peers = Self::peers(lane, *simd);
                        let first = peers.start;
                        let voters =
                            peers.filter(|&l| before.on[l] && before.holds(l, *cond, *a, *b));
                        let votes = voters.fold(0, |votes, l| votes | 1 << (l - first));
                        self.write(lane, *dst, votes);
                    }
                }
                I::Shuffle {
                    dst,
                    a,
                    index,
                    simd,
                    op,
                } => {
                    let index = |l: usize| before.raw(l, *index).0 as usize & 0xffff;
                    for lane in self.lanes_on() {
                        let first = lane / 4 * 4;
                        let from = match (*simd, *op) {
                            (false, 0) => first + index(lane) % 4,
                            (false, _) => first + (lane % 4 ^ index(lane) % 4),
                            _ if index(lane) >= 32 => lane,
                            _ => {
                                let quad = index(lane) / 4 * 4;
                                quad + (quad..quad + 4).fold(0, |all, l| all | index(l) % 4)
                            }
                        };
                        let size = if matches!(dst, D::Half(_)) {
                            0xffff
                        } else {
                            0xffff_ffff
                        };
                        self.write(lane, *dst, before.raw(from, *a).0 & size);
                    }
                }
                // Channels without a gap between them belong together; then lane follows lane.
                I::Access { mask, .. } => {
                    let channels: Vec<usize> = (0..4).filter(|c| mask >> c & 1 == 1).collect();
                    let mut n = 0;
                    for run in channels.chunk_by(|a, b| a + 1 == *b) {
                        for lane in self.lanes_on() {
                            for (i, &channel) in run.iter().enumerate() {
                                self.access(lane, inst, channel, n + i as u64);
                            }
                        }
                        n += run.len() as u64;
                    }
                }
                I::Reduce {
                    dst,
                    a,
                    op,
                    simd,
                    prefix,
                } => self.reduce(*dst, *a, *op, *simd, *prefix),
                I::If {
                    cond,
                    a,
                    b,
                    then,
                    other,
                } => {
                    let holds = (0..32).map(|l| before.holds(l, *cond, *a, *b));
                    let holds: Vec<bool> = holds.collect();
                    let those = |wanted: bool| {
                        let pairs = before.on.iter().zip(&holds);
                        pairs.map(|(&on, &holds)| on && holds == wanted).collect()
                    };
                    self.on = those(true);
                    self.run(then);
                    self.on = those(false);
                    self.run(other);
                    self.on = before.on;
                }
                I::Loop { body } => {
                    let counter = |state: &Self, lane| state.int(lane, S::Word(13)) as i32;
                    for lane in self.lanes_on() {
                        let low = counter(self, lane) & 3;
                        self.write(lane, D::Word(13), low as u64);
                    }
                    while !self.lanes_on().is_empty() {
                        self.run(body);
                        for lane in self.lanes_on() {
                            let next = counter(self, lane) - 1;
                            self.write(lane, D::Word(13), next as u32 as u64);
                            self.on[lane] = next > 0;
                        }
                    }
                    self.on = before.on;
                }
                _ => {
                    for lane in self.lanes_on() {
                        self.lane(lane, inst);
                    }
                }
            }
        }
    }
}
