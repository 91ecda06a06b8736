// SPDX-License-Identifier: MIT OR Apache-2.0

//! The program `agx-disasm`.

use std::io::Write;
use std::process::{Command, Output, Stdio};

fn run(arguments: &[&str], input: &str) -> Output {
    run_bytes(arguments, input.into())
}

fn run_bytes(arguments: &[&str], input: Vec<u8>) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_agx-disasm"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    // It writes before it has read everything.
    let feeder = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().expect("it ends");
    // A program that only prints its usage does not read.
    let fed = feeder.join().expect("no panic");
    assert!(fed.is_ok() || !arguments.is_empty(), "{fed:?}");
    output
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn one_instruction_a_line() {
    let output = run(&[], "8800\n\n08 00  # comment\r\n88000800");
    assert_eq!(text(&output.stdout), "stop\ntrap\nstop\ntrap\n");
    assert!(output.status.success());
    assert!(output.stderr.is_empty());
}

#[test]
fn what_is_wrong_is_named_and_the_rest_printed() {
    let output = run(
        &[],
        "8800\nxy\n880\n6f00000800000000\n6201\n8800ffff\n0800\n",
    );
    let unknown = "<unknown instr>\n";
    let want = ["stop\n", &unknown.repeat(4), "stop\n", unknown, "trap\n"].concat();
    assert_eq!(text(&output.stdout), want);
    assert_eq!(output.status.code(), Some(1));
    let errors: Vec<&str> = text(&output.stderr).lines().collect();
    let expected = [
        "line 2: 'x' is no hexadecimal digit",
        "line 3: half a byte",
        "line 4: unknown instruction: 6f",
        "line 5: instruction needs 6 bytes: 6201",
        "line 6: unknown instruction: ffff",
    ];
    assert_eq!(errors.len(), expected.len(), "{errors:?}");
    for (error, want) in errors.iter().zip(expected) {
        assert!(error.contains(want), "{error}, want {want}");
    }
}

/// Any bytes at all: no panic, a status of 0 or 1, a message for each line that is wrong.
#[test]
fn any_input() {
    let mut state = 0x1234_5678_9abc_def1_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut input = Vec::new();
    for n in 0..20_000 {
        let length = next() % 40;
        for _ in 0..length {
            let byte = (next() >> 20) as u8;
            match n % 4 {
                0 => input.push(byte),
                1 => input
                    .extend(b"0123456789abcdefABCDEF \t\r#xg,\0\xff".get(usize::from(byte) % 32)),
                _ => input.push(b"0123456789abcdef"[usize::from(byte) % 16]),
            }
        }
        input.extend(if n % 3 == 0 { &b"\r\n"[..] } else { b"\n" });
    }
    let output = run_bytes(&[], input);
    assert_eq!(output.status.code(), Some(1));
    let lines = text(&output.stdout).lines();
    let unknown = lines.filter(|l| *l == "<unknown instr>").count();
    assert_eq!(unknown, text(&output.stderr).lines().count());
    assert!(!text(&output.stderr).contains("panicked"));
    assert!(run_bytes(&[], Vec::new()).status.success());
    let cut = run_bytes(&[], b"8800".to_vec());
    assert_eq!(text(&cut.stdout), "stop\n", "a last line without an end");
}

#[test]
fn help_and_misuse() {
    assert!(run(&["--help"], "").status.success());
    assert_eq!(run(&["file"], "").status.code(), Some(2));
}
