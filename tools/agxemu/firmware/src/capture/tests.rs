// SPDX-License-Identifier: MIT OR Apache-2.0

//! A disk that is behind. What captures contain is for tests/firmware/capture.rs.

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use agxemu_gpu::backing::HostPage;
use agxemu_gpu::fault::{AccessError, Reason};

use super::*;
use crate::chip::Part;
use crate::machine::{Level, Mapping, OutsideRam, Page, Role};

/// A machine without memory.
struct Empty;

impl Machine for Empty {
    fn translate(&self, _: u8, va: u64, _: Role, write: bool) -> Result<Page, AccessError> {
        Err(AccessError {
            va,
            reason: Reason::Unmapped,
            level: 1,
            write,
        })
    }

    fn entry(&self, _: u8, _: u64) -> Option<Page> {
        None
    }

    fn mappings(&self, _: u8) -> Vec<Mapping> {
        Vec::new()
    }

    fn ttbs(&self, _: u8) -> (u64, u64) {
        (0, 0)
    }

    fn select_context(&self, _: u8) -> Result<(), String> {
        Err("no memory".to_owned())
    }

    fn read_phys(&self, pa: u64, _: &mut [u8]) -> Result<(), OutsideRam> {
        Err(OutsideRam(pa))
    }

    fn write_phys(&self, pa: u64, _: &[u8]) -> Result<(), OutsideRam> {
        Err(OutsideRam(pa))
    }

    fn load_u32(&self, pa: u64) -> Result<u32, OutsideRam> {
        Err(OutsideRam(pa))
    }

    fn store_u32(&self, pa: u64, _: u32) -> Result<(), OutsideRam> {
        Err(OutsideRam(pa))
    }

    fn host_page(&self, pa: u64) -> Result<HostPage, OutsideRam> {
        Err(OutsideRam(pa))
    }

    fn background(self: Arc<Self>, work: Box<dyn FnOnce() + Send>) -> io::Result<()> {
        work();
        Ok(())
    }

    fn handoff(&self) -> u64 {
        0
    }

    fn ttbs_base(&self) -> u64 {
        0
    }

    fn send(&self, _: u8, _: u64) {}

    fn ticks(&self) -> u64 {
        0
    }

    fn set_fault_info(&self, _: u64) {}

    fn log(&self, _: Level, _: &str) {}
}

const EVENT: Event<'static> = Event {
    ring: "kick",
    message: 0,
    init_data: 0,
    slots: &[],
    io: &[],
};

#[test]
fn a_disk_that_is_behind_holds_nothing_up() {
    let (go, wait) = channel::<()>();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let writer = Writer::new(3, {
        let seen = seen.clone();
        move |taken| {
            wait.recv().map_err(io::Error::other)?;
            seen.lock().unwrap().push(taken.meta);
            Ok(())
        }
    });
    let mut capture = Capture::with(writer.unwrap(), Part::default());
    // Nothing is written, so three wait and the others are left out.
    for _ in 0..10 {
        capture.take(&Empty, &EVENT).unwrap();
    }
    let figures = capture.figures();
    assert_eq!((figures.taken, figures.left_out), (3, 7));
    go.send(()).unwrap();
    while capture.writer.as_ref().unwrap().is_full() {
        std::thread::yield_now();
    }
    capture.take(&Empty, &EVENT).unwrap();
    for _ in 0..3 {
        go.send(()).unwrap();
    }
    capture.finish().unwrap();
    // The next one says what is missing.
    let seen = seen.lock().unwrap();
    let says = |meta: &str, number: u64, left_out: u64| {
        meta.contains(&format!("\"number\": {number},"))
            && meta.contains(&format!("\"left_out\": {left_out},"))
    };
    let expected = [(1, 0), (2, 0), (3, 0), (11, 7)];
    assert_eq!(seen.len(), expected.len());
    for (meta, (number, left_out)) in seen.iter().zip(expected) {
        assert!(says(meta, number, left_out), "{number}: {meta}");
    }
}

#[test]
fn a_full_disk_is_said_once_and_at_the_end() {
    let writer = Writer::new(100, |_| Err(io::Error::other("no space left")));
    let mut capture = Capture::with(writer.unwrap(), Part::default());
    let mut said = 0;
    for _ in 0..1000 {
        match capture.take(&Empty, &EVENT) {
            Ok(()) => std::thread::yield_now(),
            Err(error) => {
                assert_eq!(error.to_string(), "no space left");
                said += 1;
            }
        }
    }
    assert!(said <= 1);
    assert_eq!(capture.finish().unwrap_err().to_string(), "no space left");
}
