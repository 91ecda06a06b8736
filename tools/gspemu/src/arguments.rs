// SPDX-License-Identifier: MIT OR Apache-2.0

//! The command line.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use gspemu::script::Script;
use gspemu::wire::Framing;

/// What is printed with an error.
pub const USAGE: &str = "\
usage: gspemu --socket PATH [OPTION…]

  --socket PATH  where the virtual machine connects
  --framing HOW  v0, as firmware 570.144 frames messages, or v2, as newer firmware does
  --fault RULE   something goes wrong; may be repeated
  --log FILE     log to FILE instead of standard error
  --stats FILE   at exit, write counters to FILE as JSON
  --help         print this

fault rules (N: the N-th reply since the start)
  delay:MS delay:N:MS   replies come late
  drop:N                a reply is lost
  twice:N               comes twice
  astray:N              has the number of a call that nobody has made
  reorder:N:K           this one and the next, K in all, come in reverse
  poison:N:HOW          is broken: checksum, length, short, signature, pages, pointer
  crash:N               the processor halts instead
  event-flood:N:K       K events come before
  refuse:N              says that the processor is busy, and nothing was done
  refuse:N:CODE         has this result instead
  cut-fault:N:BYTES     an event that channel 0 has faulted comes before, of so many bytes
  stutter:N             of its messages the first comes twice, and the second never
  event-storm           events come whenever there is room for one
  slow:MS               time between two commands
  posted:MS             a channel's doorbell arrives so late, or with the next read of a register
  lost-irq:N            the N-th interrupt is lost
  crash-boot            the processor halts before it has initialised
  crash-boot:N          from its N-th start on
  no-init               never says that it has
  sequencer             has the driver write registers first
  fuzz:SEED:N           one of N messages is changed at random, or the pointer after it";

/// The arguments.
#[derive(Default)]
pub struct Arguments {
    /// `--socket`
    pub socket: PathBuf,
    /// `--framing`
    pub framing: Framing,
    /// `--fault`
    pub script: Script,
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
        let mut this = Self::default();
        let mut socket = None;
        while let Some(option) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .ok_or_else(|| format!("{option} needs a value"))
            };
            match option.as_str() {
                "--socket" => socket = Some(value()?.into()),
                "--framing" => this.framing = value()?.parse()?,
                "--fault" => this.script.add(value()?.parse()?),
                "--log" => this.log = Some(value()?.into()),
                "--stats" => this.stats = Some(value()?.into()),
                _ => return Err(format!("unknown option {option}")),
            }
        }
        this.socket = socket.ok_or("--socket is missing")?;
        Ok(this)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn right_and_wrong() {
        let parse = |text: &str| Arguments::parse(text.split_whitespace().map(str::to_owned));
        let error = |text: &str| parse(text).err().unwrap_or_default();
        assert!(parse("--socket s --fault drop:1 --log l --stats t").is_ok());
        assert_eq!(error("--fault drop:1"), "--socket is missing");
        assert_eq!(error("--socket"), "--socket needs a value");
        assert_eq!(error("--socket s --fault x"), "\"x\" is no fault rule");
        assert!(parse("--socket s --framing v2").is_ok_and(|a| a.framing == Framing::V2));
        assert_eq!(
            error("--socket s --framing v1"),
            "\"v1\" is no framing: v0, v2"
        );
        assert_eq!(error("-v"), "unknown option -v");
    }
}
