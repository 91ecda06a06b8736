// SPDX-License-Identifier: MIT OR Apache-2.0

//! The command line.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use agxemu_firmware::chip::{self, Chip, Part};
use agxemu_firmware::gpu;
use agxemu_firmware::script::{Rule, Script};
use agxemu_soc::hardware::Hardware;
use agxemu_soc::options::{Regions, Trouble};

/// Returns what is printed with an error.
pub fn usage() -> String {
    let chips = chip::ALL.map(|chip| {
        let firmwares: Vec<_> = chip.firmwares.iter().map(|version| version.name).collect();
        let (name, firmwares) = (chip.name, firmwares.join(", "));
        format!("  {name:<14} {firmwares:<12} {:x}\n", chip.working)
    });
    format!(
        "{USAGE}\n\nchips, with their firmwares and the cores that work\n{}",
        chips.concat()
    )
}

/// The options.
const USAGE: &str = "\
usage: agxemu --socket PATH --region NAME=START,SIZE … [OPTION…]

  --socket PATH          where the virtual machine connects
  --region NAME=ADDR,LEN a memory region of the boot tree; six of them: uat-ttbs, uat-pagetables,
                         uat-handoff, hw-cal-a, hw-cal-b, globals
  --chip NAME            the chip, one of those below (default: the first)
  --firmware VERSION     its firmware, one of those there (default: the first)
  --cores MASK           the cores that work, a hexadecimal number of a bit for each, cluster after
                         cluster (default: the number there)
  --fault RULE           something goes wrong; may be repeated
  --hardware NAME,…      hardware or firmware behaves as they may; may be repeated
  --capture DIR          write memory out at each doorbell
  --record STEP,DIR      write each STEPth render command to DIR, for agx-replay
  --threads N            host threads that a job is spread over (default: one for each core)
  --budget N             instructions that one SIMD group may execute before its shader counts as
                         endless
  --job-budget N         instructions that all groups of a job may execute before it counts as
                         endless; what is done without a shader counts by its time
  --tvb-pages N          pages of 32 KiB that a tiled vertex buffer has at most, whatever the driver
                         gives it
  --tvb-overflow WHAT    what a full one leads to: partial (default), the frame is shaded in parts;
                         grow, the driver is asked for more first
  --engine NAME          what runs shaders: compiled (default), code of the host's CPU for what runs
                         often, if the host can run it; interpreted
  --trace                log every instruction and memory access of shaders
  --log FILE             log to FILE instead of standard error
  --tlbi FILE            make FILE for the plugin tlbi/plugin.c of QEMU, and report translations
                         that the guest forgets to invalidate
  --stats FILE           at exit, write counters to FILE as JSON
  --help                 print this

fault rules
  of the firmware:  hang:JOB mmu-fault:JOB channel-error:JOB delay:MS delay:JOB:MS drop-flag:N
                    crash-job:N crash-done:N
  around it:        no-handoff no-hello crash-boot crash-init no-sleep deaf:N drop-irq:N
                    keep-handoff:N keep-handoff:N:MS tlbi:KIND abi:X.Y.Z abi:X.Y.Z.N tree:CHIP
                    no-region:NAME empty-region:NAME

hardware
  image          root entries 0 and 1 hold the firmware's image, without which it dies
  sleep          only sleep state 0x10 is one from which the coprocessor can be started anew
  ids            the ID registers read garbage while the coprocessor is off
  endpoints      RTKit announces more endpoints
  late-messages  messages come when the interrupt handler has just found the mailbox empty
  statistics     the fragment statistics are written as far as the driver in the
                 field has them
  stamp-bits     pending stamps have bits above the event slot
  cache          what the firmware writes through cached mappings is late until it is flushed
  slow-init:MS   Initialize takes so long
  slow-halt:MS   so long from the event of a halt to the word that says so
  slow-boot:MS   each answer in RTKit's dialogue at a start takes so long; not part of strict
  slow-quiesce:MS
                 the answer to the host that says that it goes takes so long; not part of strict
  slow-sleep:MS  so long from the message to sleep to the answer; not part of strict
  slow-doorbell:MS
                 so long from a doorbell to the firmware; not part of strict
  power-domain   there is a power domain; without power registers do not answer, and the
                 coprocessor's state is lost
  strict         all of these, with 1500 and 300 ms
  once           interrupt lines are signalled once each time, so that what is lost is lost
  always-on      the same domain, of which the device tree says that it is always on
  stamps:0xV     stamps of event slots go on from V, a multiple of 0x100, when one command has run
  poison         accesses to pages that the guest has freed are reported; it has to run with
                 page_poison=1";

/// The arguments.
pub struct Arguments {
    /// `--socket`
    pub socket: PathBuf,
    /// `--region`
    pub regions: Regions,
    /// `--chip`, `--cores`
    pub part: Part,
    /// `--fault`, of the firmware
    pub script: Script,
    /// `--fault`, around it
    pub trouble: Vec<Trouble>,
    /// `--hardware`
    pub hardware: Hardware,
    /// `--threads`, `--budget`, `--job-budget`, `--trace`, `--tvb-pages`,
    /// `--tvb-overflow`, `--engine`
    pub gpu: gpu::Options,
    /// `--capture`
    pub capture: Option<PathBuf>,
    /// `--record`: directory and step
    pub record: Option<(PathBuf, u64)>,
    /// `--tlbi`
    pub tlbi: Option<PathBuf>,
    /// `--stats`
    pub stats: Option<PathBuf>,
    log: Option<PathBuf>,
}

impl Arguments {
    /// Parses them.
    ///
    /// # Errors
    ///
    /// What is wrong.
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut socket = None;
        let mut chip = Part::default().chip;
        let mut firmware = None;
        let mut cores = None;
        let mut this = Self {
            socket: PathBuf::new(),
            regions: Regions::default(),
            part: Part::default(),
            script: Script::default(),
            trouble: Vec::new(),
            hardware: Hardware::default(),
            gpu: gpu::Options::default(),
            capture: None,
            record: None,
            tlbi: None,
            stats: None,
            log: None,
        };
        while let Some(option) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .ok_or_else(|| format!("{option} needs a value"))
            };
            match option.as_str() {
                "--socket" => socket = Some(value()?.into()),
                "--region" => this.regions.add(&value()?)?,
                "--chip" => chip = Chip::find(&value()?)?,
                "--cores" => cores = Some(value()?),
                "--firmware" => firmware = Some(value()?),
                "--fault" => this.fault(&value()?)?,
                "--hardware" => this.hardware.add(&value()?)?,
                "--threads" => this.gpu.threads = positive(&option, &value()?)? as usize,
                "--budget" => this.gpu.limits.group = positive(&option, &value()?)?,
                "--job-budget" => this.gpu.limits.job = positive(&option, &value()?)?,
                "--tvb-pages" => this.gpu.tvb_pages = Some(pages(&option, &value()?)?),
                "--tvb-overflow" => this.gpu.overflow = value()?.parse()?,
                "--trace" => this.gpu.trace = true,
                "--engine" => this.gpu.engine = value()?.parse()?,
                "--capture" => this.capture = Some(value()?.into()),
                "--record" => this.record = Some(record(&option, &value()?)?),
                "--log" => this.log = Some(value()?.into()),
                "--tlbi" => this.tlbi = Some(value()?.into()),
                "--stats" => this.stats = Some(value()?.into()),
                _ => return Err(format!("unknown option {option}")),
            }
        }
        this.part = Part::new(chip);
        if let Some(name) = firmware {
            this.part = this.part.with_firmware(&name)?;
        }
        if let Some(mask) = cores {
            this.part = this.part.with_cores(&mask)?;
        }
        this.socket = socket.ok_or("--socket is missing")?;
        match this.regions.missing() {
            Some(name) => Err(format!("--region {name}=… is missing")),
            None => Ok(this),
        }
    }

    fn fault(&mut self, text: &str) -> Result<(), String> {
        if let Ok(rule) = text.parse::<Rule>() {
            self.script.add(rule);
            return Ok(());
        }
        let trouble = text.parse::<Trouble>().map_err(|e| e.to_string())?;
        self.trouble.push(trouble);
        Ok(())
    }

    /// Where the log goes.
    ///
    /// # Errors
    ///
    /// The file cannot be created.
    pub fn open_log(&self) -> Result<Box<dyn Write + Send>, String> {
        match &self.log {
            None => Ok(Box::new(io::stderr())),
            Some(path) => match File::create(path) {
                Ok(file) => Ok(Box::new(file)),
                Err(e) => Err(format!("log {}: {e}", path.display())),
            },
        }
    }
}

fn positive(option: &str, value: &str) -> Result<u64, String> {
    match value.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("{option}: {value:?} is no number of anything")),
    }
}

fn record(option: &str, value: &str) -> Result<(PathBuf, u64), String> {
    let Some((step, directory)) = value.split_once(',') else {
        return Err(format!("{option}: {value:?} is not STEP,DIR"));
    };
    Ok((directory.into(), positive(option, step)?))
}

fn pages(option: &str, value: &str) -> Result<u32, String> {
    let pages = positive(option, value)?;
    u32::try_from(pages).map_err(|_| format!("{option}: {value} are too many"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use agx_isa::exec::Engine;
    use agxemu_firmware::tvb::Overflow;

    fn parse(text: &str) -> Result<Arguments, String> {
        Arguments::parse(text.split_whitespace().map(str::to_owned))
    }

    const REGIONS: &str = "--region uat-ttbs=0x1000,1 --region uat-pagetables=0x2000,1 \
        --region uat-handoff=0x3000,1 --region hw-cal-a=0x4000,1 --region hw-cal-b=0x5000,1 \
        --region globals=0x6000,1";

    #[test]
    fn complete() {
        let a = parse(&format!(
            "--socket s {REGIONS} --chip t6002 --cores 0xff --firmware 12.3 --fault hang:2 --fault no-hello \
             --capture d --threads 3 --budget 1000 --job-budget 9 --hardware ids,slow-init:7 \
             --tlbi t --tvb-pages 5 --tvb-overflow grow --record 3,r --engine interpreted"
        ))
        .unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(a.socket, PathBuf::from("s"));
        assert_eq!(a.part.to_string(), "t6002 (G13D) with 12.3, 8 of 64 cores");
        assert_eq!(a.trouble, [Trouble::NoHello]);
        assert_eq!((a.gpu.threads, a.gpu.limits.group), (3, 1000));
        assert_eq!(a.gpu.limits.job, 9);
        assert_eq!((a.gpu.tvb_pages, a.gpu.overflow), (Some(5), Overflow::Grow));
        assert!(a.script.job(2).is_some() && a.capture.is_some());
        assert!(a.hardware.ids && a.hardware.firmware.initialize_ms == 7);
        assert_eq!(a.tlbi, Some(PathBuf::from("t")));
        assert_eq!(a.record, Some((PathBuf::from("r"), 3)));
        assert_eq!(a.gpu.engine, Engine::Interpreter);
    }

    #[test]
    fn incomplete_or_wrong() {
        let error = |text: &str| parse(text).err().unwrap_or_default();
        assert_eq!(error(REGIONS), "--socket is missing");
        assert_eq!(error("--socket s"), "--region uat-ttbs=… is missing");
        assert_eq!(error("--socket"), "--socket needs a value");
        assert_eq!(error("--fault x"), "\"x\" is no fault rule");
        assert_eq!(
            error("--chip t8132"),
            "chip \"t8132\" is not emulated, only t8103, t8112, t6000, t6001, t6002, t6020, t6021, t6022"
        );
        assert_eq!(
            error("--firmware 12.4"),
            "t8103 has no firmware \"12.4\", only 13.5, 12.3"
        );
        assert_eq!(
            error("--cores 1ff"),
            "\"1ff\" is no mask of the 8 cores of t8103"
        );
        assert_eq!(
            error("--cores 1ffff --chip t6000"),
            "\"1ffff\" is no mask of the 16 cores of t6000"
        );
        assert_eq!(
            error("--threads 0"),
            "--threads: \"0\" is no number of anything"
        );
        assert_eq!(
            error("--tvb-pages 0"),
            "--tvb-pages: \"0\" is no number of anything"
        );
        assert_eq!(
            error("--tvb-pages 4294967296"),
            "--tvb-pages: 4294967296 are too many"
        );
        assert_eq!(
            error("--tvb-overflow halt"),
            "\"halt\" is nothing that a full buffer leads to"
        );
        assert_eq!(error("--record r"), "--record: \"r\" is not STEP,DIR");
        assert_eq!(
            error("--record 0,r"),
            "--record: \"0\" is no number of anything"
        );
        assert_eq!(error("--engine fast"), "no engine is called fast");
        assert_eq!(error("-v"), "unknown option -v");
    }
}
