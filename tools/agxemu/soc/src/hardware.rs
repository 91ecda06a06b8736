// SPDX-License-Identifier: MIT OR Apache-2.0

//! How a Mac's hardware and firmware may behave, where the emulator takes the plainest way.
//!
//! | name | effect |
//! |---|---|
//! | `image` | root entries 0 and 1 hold the firmware's image; without them it dies |
//! | `sleep` | the sleep states of the coprocessor are different things, see below |
//! | `ids` | the ID registers read garbage while the coprocessor is off |
//! | `endpoints` | RTKit announces more endpoints than the driver knows, in three maps |
//! | `late-messages` | messages come at the worst moment for the mailbox's interrupt handler |
//! | `statistics` | fragment statistics are written as far as the driver in the field has them |
//! | `stamp-bits` | pending stamps have bits above the event slot |
//! | `cache` | what the firmware writes through cached mappings is in memory once it is flushed |
//! | `slow-init:MS` | Initialize takes so long |
//! | `slow-halt:MS` | the word that says that the GPU is halted comes so long after the event |
//! | `slow-boot:MS` | each answer in RTKit's dialogue at a start takes so long |
//! | `slow-quiesce:MS` | the answer to the host that says that it goes takes so long |
//! | `slow-sleep:MS` | the coprocessor sleeps, and says so, so long after it was told to |
//! | `slow-doorbell:MS` | so long from a doorbell to the firmware |
//! | `power-domain` | the device tree has a power domain, see below |
//! | `strict` | all of these but `slow-boot` to `slow-doorbell`, with 1500 ms and 300 ms |
//! | `once` | interrupt lines are signalled when they become active, and not again |
//! | `always-on` | the same power domain, of which the device tree says that it is always on |
//! | `poison` | accesses to pages that the guest has freed are reported |
//! | `stamps:VALUE` | stamps of event slots go on from VALUE, near their wrap for example |
//!
//! Without power, registers do not answer, and the coprocessor's state is lost. With `poison` the
//! guest has to run with `page_poison=1`.
//!
//! Sleep states (\[C\]: a driver that has run on Macs does it; \[I\]: inferred):
//!
//! | state | what becomes of the coprocessor |
//! |---|---|
//! | 0x10 | forgets all, keeps its translation root; 0x220 starts it anew \[C\] |
//! | 0x201 | keeps all, takes no messages; 0x220 continues, without a greeting \[I\] |
//! | 0x1 | forgets all, and does not come back by 0x220 \[I\] |
//! | 0x0 | the same \[I\] |

use agx_abi::event::STAMP_STEP;
use agxemu_firmware::behaviour::Behaviour;

/// What `strict` waits with Initialize.
const STRICT_INITIALIZE_MS: u64 = 1500;
/// What `strict` waits with the word of a halt.
const STRICT_HALT_MS: u64 = 300;

/// The power domain that the device tree has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Domain {
    /// None: there is power always.
    #[default]
    None,
    /// One that is turned off when nobody needs it.
    Switched,
    /// One that stays on once it was turned on.
    AlwaysOn,
}

/// All of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hardware {
    /// `image`
    pub image: bool,
    /// `sleep`
    pub sleep: bool,
    /// `ids`
    pub ids: bool,
    /// `endpoints`
    pub endpoints: bool,
    /// `late-messages`
    pub late_messages: bool,
    /// `power-domain`, `always-on`
    pub domain: Domain,
    /// `once`
    pub once: bool,
    /// `poison`
    pub poison: bool,
    /// `slow-boot`, in milliseconds
    pub boot_ms: u64,
    /// `slow-quiesce`, in milliseconds
    pub quiesce_ms: u64,
    /// `slow-sleep`, in milliseconds
    pub sleep_ms: u64,
    /// `slow-doorbell`, in milliseconds
    pub doorbell_ms: u64,
    /// `statistics`, `stamp-bits`, `cache`, `slow-init`, `slow-halt`, `stamps`
    pub firmware: Behaviour,
}

impl Hardware {
    /// Everything at once.
    pub const STRICT: Self = Self {
        image: true,
        sleep: true,
        ids: true,
        endpoints: true,
        late_messages: true,
        domain: Domain::Switched,
        once: false,
        poison: false,
        boot_ms: 0,
        quiesce_ms: 0,
        sleep_ms: 0,
        doorbell_ms: 0,
        firmware: Behaviour {
            initialize_ms: STRICT_INITIALIZE_MS,
            halt_ms: STRICT_HALT_MS,
            large_statistics: true,
            stamp_bits: true,
            cache: true,
            stamps: None,
        },
    };

    /// Adds what a list of names, with commas between them, stands for.
    ///
    /// # Errors
    ///
    /// The name that is not in the table.
    pub fn add(&mut self, names: &str) -> Result<(), String> {
        names.split(',').try_for_each(|name| self.add_one(name))
    }

    fn add_one(&mut self, text: &str) -> Result<(), String> {
        let bad = || format!("{text:?} is nothing that hardware does (--help lists what is)");
        if let Some(value) = text.strip_prefix("stamps:0x") {
            let value = u32::from_str_radix(value, 16).map_err(|_| bad())?;
            // Commands are a whole step apart.
            if value % STAMP_STEP != 0 {
                return Err(bad());
            }
            self.firmware.stamps = Some(value);
            return Ok(());
        }
        if let Some((name, ms)) = text.split_once(':') {
            let ms = ms.parse().map_err(|_| bad())?;
            match name {
                "slow-init" => self.firmware.initialize_ms = ms,
                "slow-halt" => self.firmware.halt_ms = ms,
                "slow-boot" => self.boot_ms = ms,
                "slow-quiesce" => self.quiesce_ms = ms,
                "slow-sleep" => self.sleep_ms = ms,
                "slow-doorbell" => self.doorbell_ms = ms,
                _ => return Err(bad()),
            }
            return Ok(());
        }
        let flag = match text {
            "power-domain" | "always-on" => {
                self.domain = match text {
                    "always-on" => Domain::AlwaysOn,
                    _ => Domain::Switched,
                };
                return Ok(());
            }
            "strict" => {
                *self = Self {
                    once: self.once,
                    poison: self.poison,
                    boot_ms: self.boot_ms,
                    quiesce_ms: self.quiesce_ms,
                    sleep_ms: self.sleep_ms,
                    doorbell_ms: self.doorbell_ms,
                    ..Self::STRICT
                };
                return Ok(());
            }
            "image" => &mut self.image,
            "sleep" => &mut self.sleep,
            "ids" => &mut self.ids,
            "endpoints" => &mut self.endpoints,
            "late-messages" => &mut self.late_messages,
            "once" => &mut self.once,
            "poison" => &mut self.poison,
            "statistics" => &mut self.firmware.large_statistics,
            "stamp-bits" => &mut self.firmware.stamp_bits,
            "cache" => &mut self.firmware.cache,
            _ => return Err(bad()),
        };
        *flag = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_names_are_strict() {
        let mut h = Hardware::default();
        h.add("image,sleep,ids,endpoints,late-messages,power-domain")
            .unwrap();
        h.add("statistics,stamp-bits,cache").unwrap();
        assert_ne!(h, Hardware::STRICT);
        h.add("slow-init:1500,slow-halt:300").unwrap();
        assert_eq!(h, Hardware::STRICT);
        h.add("slow-boot:7,slow-quiesce:8,slow-sleep:9,slow-doorbell:10,strict")
            .unwrap();
        assert_eq!((h.boot_ms, h.quiesce_ms), (7, 8));
        assert_eq!((h.sleep_ms, h.doorbell_ms), (9, 10));
        let mut strict = Hardware::default();
        strict.add("poison,strict,slow-init:2,always-on").unwrap();
        assert_eq!(strict.domain, Domain::AlwaysOn);
        assert_eq!(strict.firmware.initialize_ms, 2);
        assert!(strict.poison && !strict.once);
        strict.add("stamps:0xffffe000").unwrap();
        assert_eq!(strict.firmware.stamps, Some(0xffff_e000));
        for text in [
            "",
            "x",
            "image,",
            "slow-init",
            "slow-init:",
            "ids:1",
            "stamps",
            "stamps:5",
            "stamps:0x1",
            "stamps:0x1ffffe000",
        ] {
            assert!(h.add(text).is_err(), "{text:?}");
        }
    }
}
