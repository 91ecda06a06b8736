// SPDX-License-Identifier: MIT OR Apache-2.0

//! What goes wrong, and when.

use std::str::FromStr;

use crate::rm::status;
use crate::wire::Damage;

/// What becomes of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It comes so many milliseconds late.
    Late(u64),
    /// It is lost.
    Lost,
    /// It comes twice.
    Twice,
    /// It has the sequence number of a call that nobody has made.
    Astray,
    /// It and the next replies, so many in all, come in reverse.
    Reverse(u32),
    /// It is broken.
    Broken(Damage),
    /// The processor halts instead.
    Crash,
    /// So many events come before it.
    Flood(u32),
    /// It has this result, and nothing was done.
    Refused(u32),
    /// An event that a channel has faulted comes before it, of which so many bytes are there.
    CutFault(u32),
    /// The first message of it comes twice, and the second never.
    Stutter,
}

/// A rule of `--fault`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// What becomes of the n-th reply since the emulator has started, or of all of them.
    Reply(Option<u64>, Fate),
    /// The processor halts before it says that it has initialised, from that start on.
    CrashBoot(u64),
    /// It never says so.
    NoInit,
    /// It has the driver write registers first.
    Sequencer,
    /// The n-th interrupt is lost.
    LostInterrupt(u64),
    /// Whenever there is room for an event, there is one.
    EventStorm,
    /// So many milliseconds go by between two commands.
    Slow(u64),
    /// A channel's doorbell arrives so many milliseconds after it was written, unless a register is
    /// read before.
    Posted(u64),
    /// One of so many messages is changed at random, by this seed.
    Fuzz { seed: u64, of: u64 },
}

/// What is no rule.
fn unknown(text: &str) -> String {
    format!("{text:?} is no fault rule")
}

impl FromStr for Damage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "checksum" => Self::Checksum,
            "length" => Self::Length,
            "short" => Self::Short,
            "signature" => Self::Signature,
            "pages" => Self::Pages,
            "pointer" => Self::Pointer,
            _ => return Err(unknown(text)),
        })
    }
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<_> = text.split(':').collect();
        let number = |at: usize| {
            let part: &str = parts.get(at).copied().unwrap_or_default();
            part.parse::<u64>().map_err(|_| unknown(text))
        };
        let small = |at: usize| u32::try_from(number(at)?).map_err(|_| unknown(text));
        let nth = |fate| Ok(Self::Reply(Some(number(1)?), fate));
        match (parts[0], parts.len()) {
            ("delay", 2) => Ok(Self::Reply(None, Fate::Late(number(1)?))),
            ("delay", 3) => nth(Fate::Late(number(2)?)),
            ("drop", 2) => nth(Fate::Lost),
            ("twice", 2) => nth(Fate::Twice),
            ("astray", 2) => nth(Fate::Astray),
            ("reorder", 3) => nth(Fate::Reverse(small(2)?)),
            ("poison", 3) => nth(Fate::Broken(parts[2].parse()?)),
            ("crash", 2) => nth(Fate::Crash),
            ("event-flood", 3) => nth(Fate::Flood(small(2)?)),
            ("refuse", 2) => nth(Fate::Refused(status::TIMEOUT_RETRY)),
            ("refuse", 3) if small(2)? != status::OK => nth(Fate::Refused(small(2)?)),
            ("cut-fault", 3) => nth(Fate::CutFault(small(2)?)),
            ("stutter", 2) => nth(Fate::Stutter),
            ("event-storm", 1) => Ok(Self::EventStorm),
            ("crash-boot", 1) => Ok(Self::CrashBoot(1)),
            ("crash-boot", 2) => Ok(Self::CrashBoot(number(1)?)),
            ("no-init", 1) => Ok(Self::NoInit),
            ("sequencer", 1) => Ok(Self::Sequencer),
            ("lost-irq", 2) => Ok(Self::LostInterrupt(number(1)?)),
            ("slow", 2) => Ok(Self::Slow(number(1)?)),
            ("posted", 2) => Ok(Self::Posted(number(1)?)),
            ("fuzz", 3) if number(2)? > 0 => Ok(Self::Fuzz {
                seed: number(1)?,
                of: number(2)?,
            }),
            _ => Err(unknown(text)),
        }
    }
}

/// All rules.
#[derive(Clone, Debug, Default)]
pub struct Script(Vec<Rule>);

impl Script {
    /// Adds a rule.
    pub fn add(&mut self, rule: Rule) {
        self.0.push(rule);
    }

    /// What becomes of the `n`-th reply.
    pub fn fates(&self, n: u64) -> impl Iterator<Item = Fate> + '_ {
        self.0.iter().filter_map(move |rule| match rule {
            Rule::Reply(Some(which), fate) if *which == n => Some(*fate),
            Rule::Reply(None, fate) => Some(*fate),
            _ => None,
        })
    }

    /// Whether `rule` is there.
    pub fn has(&self, rule: Rule) -> bool {
        self.0.contains(&rule)
    }

    /// Whether the processor halts at its `n`-th start.
    pub fn crashes_at(&self, n: u64) -> bool {
        let crashes = |rule: &Rule| matches!(rule, Rule::CrashBoot(from) if *from <= n);
        self.0.iter().any(crashes)
    }

    /// The milliseconds between two commands.
    pub fn pause(&self) -> u64 {
        let pause = |rule: &Rule| match rule {
            Rule::Slow(ms) => Some(*ms),
            _ => None,
        };
        self.0.iter().find_map(pause).unwrap_or(0)
    }

    /// The milliseconds that a channel's doorbell is on its way.
    pub fn posted(&self) -> u64 {
        let posted = |rule: &Rule| match rule {
            Rule::Posted(ms) => Some(*ms),
            _ => None,
        };
        self.0.iter().find_map(posted).unwrap_or(0)
    }

    /// The random changes.
    pub fn fuzz(&self) -> Option<(u64, u64)> {
        self.0.iter().find_map(|rule| match rule {
            Rule::Fuzz { seed, of } => Some((*seed, *of)),
            _ => None,
        })
    }
}

/// Random numbers that are the same for the same seed.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// By `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number (SplitMix64).
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.number() % n
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules() {
        let rule = |text: &str| text.parse::<Rule>();
        assert_eq!(rule("delay:5"), Ok(Rule::Reply(None, Fate::Late(5))));
        assert_eq!(rule("delay:2:5"), Ok(Rule::Reply(Some(2), Fate::Late(5))));
        assert_eq!(
            rule("poison:3:length"),
            Ok(Rule::Reply(Some(3), Fate::Broken(Damage::Length)))
        );
        assert_eq!(
            rule("reorder:1:8"),
            Ok(Rule::Reply(Some(1), Fate::Reverse(8)))
        );
        assert_eq!(rule("crash-boot"), Ok(Rule::CrashBoot(1)));
        assert_eq!(rule("crash-boot:3"), Ok(Rule::CrashBoot(3)));
        for (text, code) in [("refuse:4", 0x66), ("refuse:4:86", 0x56)] {
            let refused = Rule::Reply(Some(4), Fate::Refused(code));
            assert_eq!(rule(text), Ok(refused));
        }
        assert_eq!(
            rule("cut-fault:8:4"),
            Ok(Rule::Reply(Some(8), Fate::CutFault(4)))
        );
        assert_eq!(rule("stutter:4"), Ok(Rule::Reply(Some(4), Fate::Stutter)));
        assert_eq!(rule("posted:9"), Ok(Rule::Posted(9)));
        assert_eq!(rule("fuzz:7:10"), Ok(Rule::Fuzz { seed: 7, of: 10 }));
        for bad in [
            "",
            "delay",
            "drop:x",
            "poison:1:all",
            "fuzz:1:0",
            "crash:1:2",
            "delay:-1",
            "refuse",
            "refuse:4:0",
            "cut-fault:4",
            "event-storm:1",
        ] {
            assert!(rule(bad).is_err(), "{bad}");
        }
    }
}
