// SPDX-License-Identifier: MIT OR Apache-2.0

//! The program `agx-disasm`.

use std::io::Write;
use std::process::{Command, Output, Stdio};

fn run(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_agx-disasm"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(input.as_bytes()).expect("it reads");
    drop(stdin);
    child.wait_with_output().expect("it ends")
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
    assert_eq!(text(&output.stdout), "stop\nstop\ntrap\n");
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

#[test]
fn help_and_misuse() {
    assert!(run(&["--help"], "").status.success());
    assert_eq!(run(&["file"], "").status.code(), Some(2));
}
