// SPDX-License-Identifier: MIT OR Apache-2.0

//! Captures: what is written, and that it is memory as it was when the message came.

use crate::support::abi::{Must, ABI};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use agx_abi::init::InitData;
use agx_abi::message;
use agx_abi::uat::{pte, ttb_table, Protection, LEVEL_ENTRIES, LEVEL_SHIFTS, PAGE_SIZE};
use agx_abi::vertex::{RunVertex, TilingParameters};
use agx_abi::Value;
use agxemu_firmware::capture::Capture;
use agxemu_firmware::chip::Part;
use agxemu_firmware::machine::{Machine, Mapping};

use crate::support::driver::Driver;
use crate::support::job::{user_context, Queue, STREAM};
use crate::support::render::{self, Render};

/// A directory that goes when the test ends.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("agxemu-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
        let _ = fs::remove_file(&self.0);
    }
}

/// Captures into the directory from now on.
fn capture_to(d: &mut Driver, directory: &Directory) {
    let capture = Capture::new(directory.0.clone(), Part::default()).unwrap();
    d.fw.set_capture(Some(capture));
}

/// Waits until all is written.
fn finish(d: &mut Driver) {
    d.fw.take_capture().unwrap().finish().unwrap();
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> = entries
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The word at `va` of a captured context.
fn word(context: &Path, va: u64) -> u32 {
    let page = fs::read(context.join(format!("{:016x}.bin", va & !(PAGE_SIZE - 1)))).unwrap();
    assert_eq!(page.len() as u64, PAGE_SIZE);
    u32::read(&page[(va % PAGE_SIZE) as usize..])
}

#[test]
fn memory_is_captured_before_the_message_is_handled() {
    let directory = Directory::new("capture");
    let mut d = Driver::new(&[]);
    capture_to(&mut d, &directory);
    d.boot().unwrap();
    user_context(&mut d, 1);
    let mut q = Queue::new(&mut d, 7, 2, 1, 5);
    let job = q.run(&mut d, STREAM).unwrap();
    finish(&mut d);
    assert_eq!(names(&directory.0), ["000000", "000001", "000002"]);

    // At INIT: the whole context of the firmware, and nothing else.
    let first = directory.0.join("000000");
    assert_eq!(names(&first), ["0", "meta.json", "tables"]);
    let ram = |slot: u8| {
        let all = d.machine.mappings(slot);
        let mut page = [0; PAGE_SIZE as usize];
        all.iter()
            .filter(|m| d.machine.read_phys(m.page.pa, &mut page).is_ok())
            .count()
    };
    assert_eq!(word(&first.join("0"), d.tree.init_data) & 0xffff, 0x6ba0);
    let size = d.tree.init_data + InitData::UAT_PAGE_SIZE.offset_in(ABI) as u64;
    assert_eq!(word(&first.join("0"), size) & 0xffff, 0x4000);

    // At the submission: the job's context too, with stamps as they were before.
    let last = directory.0.join("000002");
    assert_eq!(names(&last), ["0", "1", "meta.json", "tables"]);
    assert_eq!(names(&last.join("0")).len(), ram(0) + 1);
    assert_eq!(names(&last.join("1")).len(), ram(1) + 1);
    // The page table has the devices, too.
    let table = fs::read_to_string(last.join("0/pages.txt")).unwrap();
    let all = d.machine.mappings(0);
    let line = |m: &Mapping| format!("{:016x} {:016x}", m.va, m.page.pte);
    let lines: Vec<String> = table.lines().map(|line| line[..33].to_owned()).collect();
    assert_eq!(lines, all.iter().map(line).collect::<Vec<_>>());
    // With its entries' meaning: shared with the firmware, and registers.
    let shared = Protection::FW_SHARED_RW.bits();
    let entry = |m: &&Mapping| m.page.pte & !pte::ADDRESS_MASK & !pte::VALID == shared;
    let shared = all.iter().find(entry).unwrap();
    assert!(
        table.contains(&format!("{} rw -- shared\n", line(shared))),
        "{table}"
    );
    let registers = all.iter().find(|m| m.va == 0xffff_ffaf_0000_0000).unwrap();
    assert!(
        table.contains(&format!("{} rw -- device\n", line(registers))),
        "{table}"
    );
    assert!(all.len() > ram(0));
    let stamp = d.host_stamps + 20;
    assert_eq!(word(&last.join("0"), stamp), job.value - 0x100);
    assert_eq!(d.mem.u32(stamp), job.value);
    assert_eq!(word(&last.join("0"), job.at), 3);
    assert_eq!(word(&last.join("1"), STREAM + 4), 0x40);

    let meta = fs::read_to_string(last.join("meta.json")).unwrap();
    let roots = d.machine.ttbs(0);
    let init = format!(r#""init_data": "{:#x}""#, d.tree.init_data);
    for text in [
        r#""gpu": "G13G""#,
        r#""firmware": "13.5""#,
        &init,
        r#""ring": "pipe compute 2""#,
        r#""message": "0x008300000000000a""#,
        r#""contexts": [0, 1]"#,
        r#""changed": []"#,
        &format!(
            r#"{{"context": 0, "ttb0": "{:#x}", "ttb1": "{:#x}"}}"#,
            roots.0, roots.1
        ),
        r#"{"context": 0, "va": "0xffffffaf00000000", "phys": "0x204d00000", "pages": 7}"#,
        r#"{"index": 0, "va": "0xffffffaf00000000", "phys": "0x204d00000", "size": 114688}"#,
    ] {
        assert!(meta.contains(text), "{text} is not in {meta}");
    }
    let meta = fs::read_to_string(first.join("meta.json")).unwrap();
    assert!(meta.contains(r#""ring": "init""#), "{meta}");
}

#[test]
fn a_directory_that_cannot_be_written_is_refused_at_once() {
    let directory = Directory::new("no-capture");
    // A file where the directory would be.
    fs::write(&directory.0, "").unwrap();
    for path in [directory.0.clone(), directory.0.join("below")] {
        assert!(Capture::new(path, Part::default()).is_err());
    }
}

#[test]
fn a_capture_that_fails_is_said_once_and_stops_nothing() {
    let directory = Directory::new("gone");
    let mut d = Driver::new(&[]);
    capture_to(&mut d, &directory);
    fs::remove_dir(&directory.0).unwrap();
    d.boot().unwrap();
    for _ in 0..3 {
        d.ring(message::DOORBELL_DEVICE_CONTROL).unwrap();
    }
    assert!(d.fw.take_capture().unwrap().finish().is_err());
    let lines = d.machine.lines.lock().unwrap();
    let said = lines.iter().filter(|l| l.starts_with("no more captures"));
    assert!(said.count() <= 1);
}

/// The page tables are there as they are in memory, from the roots down.
#[test]
fn the_tables_lead_to_what_is_listed() {
    let directory = Directory::new("tables");
    let mut d = Driver::new(&[]);
    capture_to(&mut d, &directory);
    d.init().unwrap();
    finish(&mut d);
    let capture = directory.0.join("000000");
    let entry = |table: u64, index: u64| {
        let page = fs::read(capture.join(format!("tables/{table:016x}.bin"))).unwrap();
        u64::read(&page[8 * index as usize..])
    };
    let (_, upper) = d.machine.ttbs(0);
    assert_eq!(entry(d.machine.ttbs_base(), 1), upper);
    let va = d.tree.init_data;
    let mut at = ttb_table(upper);
    for (shift, entries) in LEVEL_SHIFTS.into_iter().zip(LEVEL_ENTRIES) {
        at = entry(at, (va >> shift) % entries as u64) & pte::ADDRESS_MASK;
    }
    let page = va & !(PAGE_SIZE - 1);
    let mut memory = vec![0; PAGE_SIZE as usize];
    d.machine.read_phys(at, &mut memory).unwrap();
    let file = fs::read(capture.join(format!("0/{page:016x}.bin"))).unwrap();
    assert_eq!(file.len(), memory.len());
    assert_eq!(d.machine.entry(0, page).unwrap().pa, at);
    assert_eq!(u32::read(&file[(va - page) as usize..]) & 0xffff, 0x6ba0);
}

/// A page mapped at thousands of addresses is read once, and has files at some.
#[test]
fn a_page_that_is_mapped_often_has_files_at_some_addresses() {
    const BASE: u64 = 0x20_0000_0000;
    const PAGES: u64 = 3000;
    let directory = Directory::new("aliases");
    let mut d = Driver::new(&[]);
    user_context(&mut d, 1);
    let page = d.mem.page();
    for i in 0..PAGES {
        d.mem
            .map(1, BASE + i * PAGE_SIZE, page, Protection::GPU_SHARED_RO);
    }
    d.boot().unwrap();
    capture_to(&mut d, &directory);
    let mut q = Queue::new(&mut d, 7, 2, 1, 5);
    q.run(&mut d, STREAM).unwrap();
    finish(&mut d);
    let capture = directory.0.join(names(&directory.0).last().unwrap());
    let table = fs::read_to_string(capture.join("1/pages.txt")).unwrap();
    let last = format!("{:016x} ", BASE + (PAGES - 1) * PAGE_SIZE);
    assert!(table.contains(&last));
    let files = (0..PAGES)
        .filter(|i| {
            capture
                .join(format!("1/{:016x}.bin", BASE + i * PAGE_SIZE))
                .exists()
        })
        .count();
    assert_eq!(files, 1024);
    let meta = fs::read_to_string(capture.join("meta.json")).unwrap();
    let left = PAGES - 1024;
    let aliases = format!(r#""aliases": [{{"context": 1, "pages": {left}}}]"#);
    assert!(meta.contains(&aliases), "{meta}");
}

#[test]
fn pages_with_impossible_bits_are_captured_all_the_same() {
    let directory = Directory::new("odd");
    let mut d = Driver::new(&[]);
    let at = d.mem.entry(0, d.tree.init_data);
    let entry = d.machine.get_u64(at);
    d.machine.set_u64(at, entry & !pte::AF);
    capture_to(&mut d, &directory);
    assert!(d.boot().is_err());
    finish(&mut d);
    let file = directory
        .0
        .join(format!("000000/0/{:016x}.bin", d.tree.init_data & !0x3fff));
    assert!(file.exists());
}

#[test]
fn captures_of_an_earlier_run_stay_as_they_are() {
    let directory = Directory::new("again");
    let file = |d: &Driver, seq: &str| {
        let page = d.tree.init_data & !(PAGE_SIZE - 1);
        fs::read(directory.0.join(format!("{seq}/0/{page:016x}.bin"))).unwrap()
    };
    let mut first = Driver::new(&[]);
    capture_to(&mut first, &directory);
    first.boot().unwrap();
    finish(&mut first);
    let old = file(&first, "000001");
    let mut second = Driver::new(&[]);
    capture_to(&mut second, &directory);
    second
        .mem
        .set(second.tree.init_data, InitData::UAT_PAGE_SIZE, 0x1234);
    assert!(second.boot().is_err());
    finish(&mut second);
    assert_eq!(names(&directory.0), ["000000", "000001", "000002"]);
    assert_eq!(file(&first, "000001"), old);
    assert_ne!(file(&second, "000002"), old);
}

/// The guest counts in one page while captures are taken.
#[test]
fn what_the_guest_changes_meanwhile_is_left_out_and_named() {
    let directory = Directory::new("torn");
    let mut d = Driver::new(&[]);
    capture_to(&mut d, &directory);
    let va = d
        .mem
        .alloc(Protection::FW_SHARED_RW, 2 * PAGE_SIZE as usize)
        + PAGE_SIZE;
    let va = va & !(PAGE_SIZE - 1);
    let pa = d.machine.entry(0, va).unwrap().pa;
    d.machine.restless.store(pa, Ordering::Relaxed);
    d.init().unwrap();
    d.machine.restless.store(0, Ordering::Relaxed);
    d.initialize().unwrap();
    finish(&mut d);
    let first = directory.0.join("000000");
    let meta = fs::read_to_string(first.join("meta.json")).unwrap();
    let changed = format!(r#""changed": [{{"context": 0, "va": "{va:#x}"}}]"#);
    assert!(meta.contains(&changed), "{meta}");
    let file = format!("0/{va:016x}.bin");
    assert!(!first.join(&file).exists());
    let table = fs::read_to_string(first.join("0/pages.txt")).unwrap();
    assert!(table.contains(&format!("{va:016x} ")));
    // At rest again, it is captured.
    let second = directory.0.join("000001");
    assert!(second.join(&file).exists());
    assert_eq!(
        u64::from(word(&second.join("0"), va)),
        d.machine.get_u64(pa)
    );
    let meta = fs::read_to_string(second.join("meta.json")).unwrap();
    assert!(meta.contains(r#""changed": []"#), "{meta}");
}

/// A capture at a render's doorbells has everything that its commands point to, and the client's
/// context.
#[test]
fn a_render_is_captured_with_its_context() {
    let directory = Directory::new("capture-render");
    let (mut d, _) = render::driver(&[]);
    let mut r = Render::new(&mut d, 7, 2, 1, [4, 5]);
    capture_to(&mut d, &directory);
    let made = r.run(&mut d, &render::shot()).unwrap();
    finish(&mut d);
    assert_eq!(names(&directory.0), ["000000", "000001"]);

    for (sequence, ring, at, tag) in [
        ("000000", "pipe fragment 2", made.fragment.at, 1),
        ("000001", "pipe vertex 2", made.vertex.at, 0),
    ] {
        let capture = directory.0.join(sequence);
        assert_eq!(names(&capture), ["0", "1", "meta.json", "tables"]);
        let meta = fs::read_to_string(capture.join("meta.json")).unwrap();
        assert!(meta.contains(&format!(r#""ring": "{ring}""#)), "{meta}");
        assert!(meta.contains(r#""contexts": [0, 1]"#), "{meta}");
        assert_eq!(word(&capture.join("0"), at), tag);
        let lists = word(&capture.join("1"), r.buffer.block_list);
        assert_eq!(lists, ((0x60_0000_0000u64 + (7 << 24)) >> 15) as u32);
    }
    // Structures are where the interface has them.
    let vertex = directory.0.join("000001/0");
    let field = |offset: usize| word(&vertex, made.vertex.at + offset as u64);
    assert_eq!(field(RunVertex::BUFFER_SLOT.offset_in(ABI)), 7);
    assert_eq!(field(RunVertex::SCENE.offset_in(ABI)), made.scene as u32);
    let screen = RunVertex::TILING_PARAMS
        .must()
        .then(TilingParameters::TE_SCREEN);
    assert_eq!(field(screen.offset_in(ABI)), (18 << 12) | 24);
}
