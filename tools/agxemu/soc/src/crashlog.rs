// SPDX-License-Identifier: MIT OR Apache-2.0

//! The crash log, in the format that RTKit hands to the host.

const fn fourcc(name: &[u8; 4]) -> u32 {
    u32::from_be_bytes(*name)
}

const HEADER: u32 = fourcc(b"CLHE");
const VERSION: u32 = fourcc(b"Cver");
const STRING: u32 = fourcc(b"Cstr");
const TIME: u32 = fourcc(b"Ctim");

/// Bytes in front of the content of a section.
const SECTION_HEADER: usize = 16;
/// Bytes of the header of all.
const LOG_HEADER: usize = 32;

/// Returns the log of a panic of firmware `version` with `reason`, at `ticks`.
pub fn build(version: &str, reason: &str, ticks: u64) -> Vec<u8> {
    let mut log = vec![0; LOG_HEADER];

    let mut name = vec![0; 16];
    name.extend(format!("agxemu, firmware {version}\0").bytes());
    section(&mut log, VERSION, &name);

    let mut text = vec![0; 4];
    text.extend(reason.bytes().take(0x400).filter(|&b| b != 0));
    text.push(0);
    section(&mut log, STRING, &text);

    section(&mut log, TIME, &ticks.to_le_bytes());
    section(&mut log, HEADER, &[]);

    let size = log.len() as u32;
    for (at, word) in [(0, HEADER), (4, 1), (8, size)] {
        log[at..at + 4].copy_from_slice(&word.to_le_bytes());
    }
    log
}

/// Adds a section, whose length counts its header.
fn section(log: &mut Vec<u8>, name: u32, content: &[u8]) {
    let padded = content.len().next_multiple_of(8);
    let length = (SECTION_HEADER + padded) as u32;
    for word in [name, 0, 0, length] {
        log.extend(word.to_le_bytes());
    }
    log.extend(content);
    log.resize(log.len() + padded - content.len(), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_lead_to_the_end() {
        let log = build("12.3", "why not", 7);
        let word = |at: usize| u32::from_le_bytes(log[at..at + 4].try_into().unwrap());
        assert_eq!((word(0), word(8) as usize), (HEADER, log.len()));
        let (mut at, mut names) = (LOG_HEADER, vec![]);
        while at < log.len() {
            names.push(word(at));
            at += word(at + 12) as usize;
        }
        assert_eq!(at, log.len());
        assert_eq!(names, [VERSION, STRING, TIME, HEADER]);
        let has = |text: &[u8]| log.windows(text.len()).any(|w| w == text);
        assert!(has(b"why not") && has(b"firmware 12.3\0"));
    }
}
