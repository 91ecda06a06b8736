// SPDX-License-Identifier: MIT OR Apache-2.0

//! Disassembler: lines of hexadecimal bytes in, one instruction a line out.

use std::io::{self, BufRead, Write};
use std::process::ExitCode;

use agx_isa::decode;

const USAGE: &str = "usage: agx-disasm <FILE

Reads lines of hexadecimal bytes from standard input and prints the instructions in them, one a
line. Blanks between bytes, empty lines, and what follows a # are ignored. Where a line holds no
instruction, or goes on with what is none, \"<unknown instr>\" is printed for the rest of it, and
the number of the line and why on standard error; the other lines are still printed, and the exit
status is 1.
";

/// In place of what cannot be disassembled, so that lines of output can be told to belong to lines
/// of input.
const UNKNOWN: &str = "<unknown instr>";

/// Returns the bytes of a line.
fn bytes(line: &str) -> Result<Vec<u8>, String> {
    let line = line.split('#').next().unwrap_or_default();
    let digits: Vec<char> = line.chars().filter(|c| !c.is_whitespace()).collect();
    let value = |c: char| {
        c.to_digit(16)
            .ok_or_else(|| format!("{c:?} is no hexadecimal digit"))
    };
    let values = digits
        .iter()
        .map(|c| value(*c))
        .collect::<Result<Vec<_>, _>>()?;
    if values.len() % 2 != 0 {
        return Err("half a byte at the end".into());
    }
    Ok(values.chunks(2).map(|p| (p[0] << 4 | p[1]) as u8).collect())
}

/// Prints the instructions of a line.
fn disassemble(line: &str, out: &mut impl Write) -> io::Result<Result<(), String>> {
    let bytes = match bytes(line) {
        Ok(bytes) => bytes,
        Err(why) => {
            writeln!(out, "{UNKNOWN}")?;
            return Ok(Err(why));
        }
    };
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        match decode(rest) {
            Ok(found) => {
                writeln!(out, "{found}")?;
                rest = &rest[found.length..];
            }
            Err(why) => {
                writeln!(out, "{UNKNOWN}")?;
                let hex: Vec<String> = rest.iter().map(|b| format!("{b:02x}")).collect();
                return Ok(Err(format!("{why}: {}", hex.concat())));
            }
        }
    }
    Ok(Ok(()))
}

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        None => {}
        Some("-h" | "--help") => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Some(_) => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    }
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut good = true;
    let mut run = || -> io::Result<()> {
        for (number, line) in io::stdin().lock().split(b'\n').enumerate() {
            let line = line?;
            let line = String::from_utf8_lossy(&line);
            if let Err(why) = disassemble(&line, &mut out)? {
                out.flush()?;
                eprintln!("agx-disasm: line {}: {why}", number + 1);
                good = false;
            }
        }
        out.flush()
    };
    match run() {
        Ok(()) if good => ExitCode::SUCCESS,
        Ok(()) => ExitCode::FAILURE,
        // The reader has had enough.
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("agx-disasm: {e}");
            ExitCode::FAILURE
        }
    }
}
