// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the firmware of one chip knows about its chip.
//!
//! The tables are not made from the driver's, so that a mistake in one is a difference to the
//! other.

mod io;
mod table;
mod tuning;

use std::fmt;

use agx_abi::Abi;

pub use io::Required;
pub use table::{ALL, T6000, T6001, T6002, T6020, T6021, T6022, T8103, T8112};
pub use tuning::Tuning;

/// A firmware of a chip.
#[derive(Debug)]
pub struct Version {
    /// Its name.
    pub name: &'static str,
    /// What the device tree says.
    pub numbers: [u32; 3],
    /// Its interface.
    pub abi: Abi,
}

/// What the clusters of a chip need to share the vertex work, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Sharing {
    /// A block of the first metadata.
    pub block: u64,
    /// The second, third and fourth metadata.
    pub others: [u64; 3],
    /// Parts that the work may be split into.
    pub parts: u64,
    /// Whether the layers have a first metadata each. The command then has their distance in its
    /// address, and a tag in that of the fourth.
    pub is_of_layers: bool,
}

/// Where registers of the GPU are that move between generations.
#[derive(Clone, Copy, Debug)]
pub struct Places {
    /// The mask of cores.
    pub core_mask: &'static [u64],
    /// The fault.
    pub fault: u64,
    /// Its address, if that has a register of its own.
    pub fault_address: Option<u64>,
}

/// A chip.
#[derive(Debug)]
pub struct Chip {
    /// The chip's name, as the command line has it.
    pub name: &'static str,
    /// GPU, as Apple names it.
    pub gpu: &'static str,
    /// What the device tree calls the GPU, and the mailbox.
    pub compatible: &'static [&'static str],
    /// The same of the mailbox.
    pub mailbox: &'static [&'static str],
    /// Chip id.
    pub id: u32,
    /// GPU core id.
    pub core_id: u32,
    /// Revision, as the boot loader tells the firmware.
    pub revision: u32,
    /// Dies.
    pub dies: u32,
    /// Clusters on all dies.
    pub clusters: u32,
    /// Cores of a cluster, those that are switched off included.
    pub cores_per_cluster: u32,
    /// Width of a physical address.
    pub address_bits: u32,
    /// Size of the first part of the compute preemption buffer.
    pub compute_preempt: u64,
    /// Sizes of the three parts of a render's preemption buffer, for each cluster.
    pub render_preempt: [u64; 3],
    /// `tiling_control` of vertex commands.
    pub tiling_control: u32,
    /// What several clusters need.
    pub sharing: Option<Sharing>,
    /// Where some registers are.
    pub places: &'static Places,
    /// Whether launches of compute shaders have two more words.
    pub long_launches: bool,
    /// Memory of the GPU's own that the firmware is told of: physical address and size.
    pub sram: Option<(u64, u64)>,
    /// What the device tree calls the power manager, and a domain of it.
    pub power: [[&'static str; 2]; 2],
    /// What the boot loader tells the firmware of the power of the chip.
    pub tuning: &'static Tuning,
    /// The identification registers from 0xd04000 on: version, unknown, two of counts, unknown,
    /// clusters.
    pub identification: [u32; 6],
    /// What of all this, and of what the boot loader says of the chip, no source has from hardware.
    pub inferred: &'static [&'static str],
    /// The cores that work if nothing else is said, a bit each, the clusters one behind the other.
    pub working: u128,
    /// Its firmwares, the usual one first.
    pub firmwares: &'static [Version],
    /// Io mappings that must be there.
    pub io: &'static [&'static [Required]],
}

impl Chip {
    /// Returns the chip `name`.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn find(name: &str) -> Result<&'static Self, String> {
        let known = || ALL.map(|chip| chip.name).join(", ");
        ALL.into_iter()
            .find(|chip| chip.name == name)
            .ok_or_else(|| format!("chip {name:?} is not emulated, only {}", known()))
    }

    /// Returns the cores of all clusters, those that are switched off included.
    pub const fn cores(&self) -> u32 {
        self.clusters * self.cores_per_cluster
    }

    /// Returns how often a render needs each part of its preemption buffer.
    pub fn preempt_copies(&self) -> u64 {
        match self.clusters {
            1 => 1,
            clusters => u64::from(clusters) + 1,
        }
    }
}

/// A single machine: a chip with a firmware, and the cores of it that work.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// The chip.
    pub chip: &'static Chip,
    /// Its firmware.
    pub firmware: &'static Version,
    /// A bit for each core.
    pub working: u128,
}

impl Default for Part {
    fn default() -> Self {
        Self::new(&T8103)
    }
}

impl Part {
    /// Returns a machine with the usual firmware and cores.
    pub const fn new(chip: &'static Chip) -> Self {
        Self {
            chip,
            firmware: &chip.firmwares[0],
            working: chip.working,
        }
    }

    /// Returns the same with firmware `name`.
    ///
    /// # Errors
    ///
    /// The chip has none of that name.
    pub fn with_firmware(self, name: &str) -> Result<Self, String> {
        let all = self.chip.firmwares;
        match all.iter().find(|version| version.name == name) {
            Some(firmware) => Ok(Self { firmware, ..self }),
            None => {
                let known: Vec<_> = all.iter().map(|version| version.name).collect();
                let (chip, known) = (self.chip.name, known.join(", "));
                Err(format!("{chip} has no firmware {name:?}, only {known}"))
            }
        }
    }

    /// Lets only the cores in `mask` work, a hexadecimal number.
    ///
    /// # Errors
    ///
    /// It is no mask of this chip's cores, or has none.
    pub fn with_cores(self, mask: &str) -> Result<Self, String> {
        let digits = mask.strip_prefix("0x").unwrap_or(mask);
        let all = (1u128 << self.chip.cores()) - 1;
        let is_number = digits.chars().all(|digit| digit.is_ascii_hexdigit());
        match u128::from_str_radix(digits, 16) {
            // A sign is no digit, though what reads numbers takes one.
            Ok(working) if is_number && working != 0 && working & !all == 0 => {
                Ok(Self { working, ..self })
            }
            _ => Err(format!(
                "{mask:?} is no mask of the {} cores of {}",
                self.chip.cores(),
                self.chip.name
            )),
        }
    }

    /// Returns the registers of the mask of cores.
    pub const fn mask_words(&self) -> [u32; 3] {
        let w = self.working;
        [w as u32, (w >> 32) as u32, (w >> 64) as u32]
    }

    /// Returns the cores of `cluster` that work, as a share of all.
    pub fn share(&self, cluster: u32) -> f32 {
        let per = self.chip.cores_per_cluster;
        let bits = (self.working >> (cluster * per)) & ((1 << per) - 1);
        bits.count_ones() as f32 / per as f32
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Chip { name, gpu, .. } = self.chip;
        let (working, all) = (self.working.count_ones(), self.chip.cores());
        let firmware = self.firmware.name;
        write!(
            f,
            "{name} ({gpu}) with {firmware}, {working} of {all} cores"
        )
    }
}

#[cfg(test)]
#[path = "chip/names_tests.rs"]
mod names_tests;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_those_of_the_chip() {
        let part = Part::new(&T6002).with_cores("0xff00ffffffffffff").unwrap();
        assert_eq!(part.mask_words(), [0xffff_ffff, 0xff00_ffff, 0]);
        assert_eq!((part.share(6), part.share(7)), (0.0, 1.0));
        assert_eq!(part.to_string(), "t6002 (G13D) with 13.5, 56 of 64 cores");
        assert_eq!(Part::default().share(0), 7.0 / 8.0);
        for mask in [
            "0", "1ff", "", "x", "-1", "100", "+ff", "0x+f", "0x", "0x0xf",
        ] {
            let error = Part::default().with_cores(mask).unwrap_err();
            assert!(error.ends_with("is no mask of the 8 cores of t8103"));
        }
    }

    /// What the registers say is what the table says.
    #[test]
    fn registers_tell_the_chip() {
        for chip in ALL {
            let [version, _, counts, gps, _, clusters] = chip.identification;
            let generations = [(4, "G13"), (5, "G14"), (6, "G14")];
            let generation = generations.iter().find(|g| g.0 == version >> 24);
            assert_eq!(generation.unwrap().1, &chip.gpu[..3], "{}", chip.name);
            assert_eq!(counts & 0xff, chip.cores_per_cluster, "{}", chip.name);
            assert_eq!(gps & 0xff, 4, "{}", chip.name);
            let told = match version >> 24 {
                // Of a die, times dies.
                6 => ((counts >> 8) & 0xff) * ((counts >> 16) & 0xf),
                _ => (clusters >> 12) & 0xff,
            };
            assert_eq!(told, chip.clusters, "{}", chip.name);
            let letter = chip.gpu.chars().last();
            let variants = [(1, 'P'), (2, 'G'), (3, 'S'), (4, 'C'), (5, 'D')];
            let variant = (version >> 16) & 0xff;
            let variant = variants.iter().find(|v| v.0 == variant).map(|v| v.1);
            // The chip with two dies calls itself the larger of those with one.
            let expected = if chip.dies == 2 { Some('C') } else { letter };
            assert_eq!(variant, expected, "{}", chip.name);
        }
    }

    /// The table of chips in README.md has a row for each, whose last cell counts and names what no
    /// source has from hardware.
    #[test]
    fn the_readme_counts_what_is_inferred() {
        let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../README.md");
        let readme = std::fs::read_to_string(readme).unwrap();
        for chip in ALL {
            let start = format!("| {}, ", chip.name);
            let mut rows = readme.lines().filter(|line| line.starts_with(&start));
            let row = rows.next().unwrap_or_else(|| panic!("no {}", chip.name));
            assert_eq!(rows.next(), None, "{}", chip.name);
            let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
            let count = chip.inferred.len();
            let want = match count {
                0 => "0".to_owned(),
                _ => format!("{count}: {}", chip.inferred.join(", ")),
            };
            assert_eq!(cells.last(), Some(&want.as_str()), "{}", chip.name);
            assert_eq!(cells[1], chip.gpu, "{}", chip.name);
            let names: Vec<_> = chip.firmwares.iter().map(|version| version.name).collect();
            assert_eq!(cells[2], names.join(", "), "{}", chip.name);
        }
    }

    #[test]
    fn unknown_chips_are_refused() {
        assert_eq!(Chip::find("t6001").unwrap().id, 0x6001);
        assert_eq!(
            Chip::find("t8132").unwrap_err(),
            "chip \"t8132\" is not emulated, only t8103, t8112, t6000, t6001, t6002, \
             t6020, t6021, t6022"
        );
    }
}
