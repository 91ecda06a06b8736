// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the emulator is told when it starts: regions, and what is to go wrong around the firmware.

use std::fmt;
use std::str::FromStr;

use agxemu_firmware::chip::Chip;

use crate::handoff::Keep;
use crate::misheard::Misheard;

/// Names of the memory regions, in the order of the device tree binding; then as the GPU's node
/// calls them.
pub const REGIONS: [(&str, &str); 6] = [
    ("uat-ttbs", "ttbs"),
    ("uat-pagetables", "pagetables"),
    ("uat-handoff", "handoff"),
    ("hw-cal-a", "hw-cal-a"),
    ("hw-cal-b", "hw-cal-b"),
    ("globals", "globals"),
];

/// A memory region.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Region {
    /// Physical address.
    pub start: u64,
    /// Bytes.
    pub size: u64,
}

/// All of them, in the order of [`REGIONS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Regions(pub [Region; 6]);

impl Regions {
    /// Returns the base of the page table roots.
    pub fn ttbs(&self) -> u64 {
        self.0[0].start
    }

    /// Returns the base of the root table of the upper half, and of the firmware's own tables and
    /// memory behind it.
    pub fn pagetables(&self) -> u64 {
        self.0[1].start
    }

    /// Returns the base of the handoff structure.
    pub fn handoff(&self) -> u64 {
        self.0[2].start
    }

    /// Takes `NAME=START,SIZE`.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn add(&mut self, text: &str) -> Result<(), String> {
        let bad = || format!("{text:?} is no region: NAME=START,SIZE");
        let (name, place) = text.split_once('=').ok_or_else(bad)?;
        let (start, size) = place.split_once(',').ok_or_else(bad)?;
        let index = REGIONS
            .iter()
            .position(|(known, _)| *known == name)
            .ok_or_else(|| format!("{name:?} is no region that the AGX has"))?;
        self.0[index] = Region {
            start: number(start).ok_or_else(bad)?,
            size: number(size).ok_or_else(bad)?,
        };
        Ok(())
    }

    /// The name of a region that was not given.
    pub fn missing(&self) -> Option<&'static str> {
        let missing = self.0.iter().position(|r| r.size == 0)?;
        Some(REGIONS[missing].0)
    }
}

/// A number, decimal or hexadecimal.
fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// Something that goes wrong around the firmware.
///
/// | rule | effect |
/// |---|---|
/// | `no-handoff` | the coprocessor does not answer the handoff |
/// | `no-hello` | it answers that, but RTKit does not greet |
/// | `crash-boot` | RTKit crashes as soon as it can say so |
/// | `crash-init` | the firmware crashes when it is given the init data |
/// | `no-sleep` | it ignores the message that is to put it to sleep, and stays awake |
/// | `deaf:N` | the firmware does nothing from the Nth doorbell of device control on |
/// | `drop-irq:N` | the Nth interrupt of the mailbox is lost; the line is level, so another comes |
/// | `keep-handoff:N` | the Nth time that the firmware has the handoff lock has no end |
/// | `keep-handoff:N:MS` | it has one MS milliseconds late |
/// | `tlbi:KIND` | with `--tlbi`: invalidations do not reach what they should; see [`Misheard`] |
/// | `abi:X.Y.Z`, `abi:X.Y.Z.N` | the device tree names this firmware interface |
/// | `tree:CHIP` | the device tree is that of another chip |
/// | `no-region:NAME` | the device tree does not name this memory region |
/// | `empty-region:NAME` | the boot loader leaves this region empty |
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// `no-handoff`
    NoHandoff,
    /// `no-hello`
    NoHello,
    /// `crash-boot`
    CrashBoot,
    /// `crash-init`
    CrashInit,
    /// `no-sleep`
    NoSleep,
    /// `deaf:N`
    Deaf(u64),
    /// `drop-irq:N`
    DropIrq(u64),
    /// `keep-handoff:N`, `keep-handoff:N:MS`
    KeepHandoff(Keep),
    /// `tlbi:KIND`
    Tlbi(Misheard),
    /// `abi:X.Y.Z`; `abi:X.Y.Z.N`, as a test release has it
    Abi(Vec<u32>),
    /// `tree:CHIP`: its name
    Tree(&'static str),
    /// `no-region:NAME`: index in [`REGIONS`]
    NoRegion(usize),
    /// `empty-region:NAME`: index in [`REGIONS`]
    EmptyRegion(usize),
}

/// Not a rule of this list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadTrouble(String);

impl fmt::Display for BadTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no fault rule", self.0)
    }
}

impl std::error::Error for BadTrouble {}

impl FromStr for Trouble {
    type Err = BadTrouble;

    fn from_str(text: &str) -> Result<Self, BadTrouble> {
        let bad = || BadTrouble(text.to_owned());
        let (name, argument) = text.split_once(':').unwrap_or((text, ""));
        let region = || {
            REGIONS
                .iter()
                .position(|(known, short)| [*known, *short].contains(&argument))
                .ok_or_else(bad)
        };
        match (name, argument) {
            ("no-handoff", "") => Ok(Self::NoHandoff),
            ("no-hello", "") => Ok(Self::NoHello),
            ("crash-boot", "") => Ok(Self::CrashBoot),
            ("crash-init", "") => Ok(Self::CrashInit),
            ("no-sleep", "") => Ok(Self::NoSleep),
            ("deaf", n) => match n.parse() {
                Ok(n) if n > 0 => Ok(Self::Deaf(n)),
                _ => Err(bad()),
            },
            ("drop-irq", n) => match n.parse() {
                Ok(n) if n > 0 => Ok(Self::DropIrq(n)),
                _ => Err(bad()),
            },
            ("keep-handoff", keep) => keep.parse().map(Self::KeepHandoff).map_err(|()| bad()),
            ("tlbi", kind) => kind.parse().map(Self::Tlbi).map_err(|()| bad()),
            ("abi", version) => {
                let parts: Result<Vec<u32>, _> = version.split('.').map(str::parse).collect();
                match parts {
                    Ok(abi) if [3, 4].contains(&abi.len()) => Ok(Self::Abi(abi)),
                    _ => Err(bad()),
                }
            }
            ("tree", _) => {
                let chip = Chip::find(argument).map_err(|_| bad())?;
                Ok(Self::Tree(chip.name))
            }
            ("no-region", _) => region().map(Self::NoRegion),
            ("empty-region", _) => region().map(Self::EmptyRegion),
            _ => Err(bad()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn regions() {
        let mut r = Regions::default();
        assert_eq!(r.missing(), Some("uat-ttbs"));
        r.add("uat-ttbs=0xbfffc000,16384").unwrap();
        assert_eq!(r.ttbs(), 0xbfff_c000);
        assert_eq!(r.missing(), Some("uat-pagetables"));
        assert!(r.add("ttbs=1,2").is_err());
        assert!(r.add("globals=1").is_err());
        assert!(r.add("globals=1,x").is_err());
    }

    #[test]
    fn rules() {
        let keep = |nth, ms: Option<u64>| Keep {
            nth,
            time: ms.map(Duration::from_millis),
        };
        for (text, rule) in [
            ("no-hello", Trouble::NoHello),
            ("no-handoff", Trouble::NoHandoff),
            ("crash-boot", Trouble::CrashBoot),
            ("crash-init", Trouble::CrashInit),
            ("no-sleep", Trouble::NoSleep),
            ("drop-irq:3", Trouble::DropIrq(3)),
            ("deaf:2", Trouble::Deaf(2)),
            ("keep-handoff:2", Trouble::KeepHandoff(keep(2, None))),
            ("keep-handoff:1:30", Trouble::KeepHandoff(keep(1, Some(30)))),
            ("tlbi:page", Trouble::Tlbi(Misheard::Page)),
            ("abi:12.3.1", Trouble::Abi(vec![12, 3, 1])),
            ("abi:13.5.0.1", Trouble::Abi(vec![13, 5, 0, 1])),
            ("tree:t6001", Trouble::Tree("t6001")),
            ("no-region:ttbs", Trouble::NoRegion(0)),
            ("empty-region:globals", Trouble::EmptyRegion(5)),
        ] {
            assert_eq!(text.parse(), Ok(rule), "{text}");
        }
        for text in [
            "",
            "no-hello:1",
            "drop-irq",
            "drop-irq:0",
            "deaf:0",
            "keep-handoff",
            "keep-handoff:0",
            "keep-handoff:1:x",
            "tlbi",
            "tlbi:all",
            "abi:12.3",
            "abi:13.5.0.1.2",
            "tree:t6003",
            "no-region:x",
        ] {
            assert!(text.parse::<Trouble>().is_err(), "{text}");
        }
    }
}
