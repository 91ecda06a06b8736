// SPDX-License-Identifier: MIT OR Apache-2.0

//! Host code that has been compiled, and the only place that runs it.
//!
//! All that is unsafe in this crate is here.

use std::io;
use std::ptr::{self, NonNull};

use super::{Lanes, PARTS, PLANES, REGISTERS, UNIFORMS};

/// A plane over the pixels of each quad: A, B and C as raw bits, for `A·x + B·y + C`.
pub type Plane = [[u32; PARTS]; 3];

/// What a program reads and writes.
pub struct Frame<'a> {
    /// The registers.
    pub registers: &'a mut [Lanes; REGISTERS],
    /// The uniform file.
    pub uniforms: &'a [u16; UNIFORMS],
    /// All ones for each active lane, zero for the others; a program may change it.
    pub active: &'a mut Lanes,
    /// The same of the lanes that may become active.
    pub launched: &'a Lanes,
    /// Pixels from the left and from the top, for programs that interpolate.
    pub pixels: [&'a Lanes; 2],
    /// What they interpolate.
    pub planes: &'a [Plane; PLANES],
}

/// As [`Frame`], as the code sees it. The order is that of the places in [`place`].
#[repr(C)]
struct Pointers {
    registers: *mut Lanes,
    uniforms: *const u16,
    active: *mut Lanes,
    launched: *const Lanes,
    x: *const Lanes,
    y: *const Lanes,
    planes: *const Plane,
}

/// Offsets in [`Pointers`], in pointers.
pub(super) mod place {
    pub const REGISTERS: i32 = 0;
    pub const UNIFORMS: i32 = 1;
    pub const ACTIVE: i32 = 2;
    pub const LAUNCHED: i32 = 3;
    pub const X: i32 = 4;
    pub const Y: i32 = 5;
    pub const PLANES: i32 = 6;
}

/// A program that can be run.
///
/// # Invariants
///
/// `memory` holds a function of this type at its start: `extern "C" fn(*const Pointers)`, made for
/// this CPU. It reads and writes what the pointers point to and its own stack, and nothing else.
pub struct Code {
    memory: Memory,
}

impl Code {
    /// Makes bytes runnable.
    ///
    /// # Errors
    ///
    /// If the host has no memory for them.
    ///
    /// # Safety
    ///
    /// The bytes are a function as the type's invariant wants it, at any address.
    pub(super) unsafe fn new(bytes: &[u8]) -> io::Result<Self> {
        let memory = Memory::new(bytes)?;
        Ok(Self { memory })
    }

    /// Returns bytes of the host's memory that the code takes.
    pub fn size(&self) -> usize {
        self.memory.size
    }

    /// Runs the program.
    #[inline]
    pub fn run(&self, frame: Frame<'_>) {
        let pointers = Pointers {
            registers: frame.registers.as_mut_ptr(),
            uniforms: frame.uniforms.as_ptr(),
            active: frame.active,
            launched: frame.launched,
            x: frame.pixels[0],
            y: frame.pixels[1],
            planes: frame.planes.as_ptr(),
        };
        // SAFETY: By the type's invariant there is such a function at the start of the memory,
        // which stays mapped as long as `self` lives. Its bytes cannot change: they are not
        // writable.
        let function: extern "C" fn(*const Pointers) =
            unsafe { std::mem::transmute(self.memory.start.as_ptr()) };
        // The pointers are good for the whole of what each of them points to, as `frame` borrows
        // it. By the type's invariant the function accesses nothing else.
        function(&pointers);
    }
}

/// Pages with code.
///
/// # Invariants
///
/// `size` bytes from `start` on are a mapping of this process that nothing else refers to. It can
/// be read and executed, and nobody writes to it.
struct Memory {
    start: NonNull<libc::c_void>,
    size: usize,
}

// SAFETY: By the type's invariant nobody writes to the mapping, and it belongs to no thread.
unsafe impl Send for Memory {}
// SAFETY: By the type's invariant nobody writes to the mapping.
unsafe impl Sync for Memory {}

impl Memory {
    /// Maps pages and copies code there.
    fn new(bytes: &[u8]) -> io::Result<Self> {
        let size = bytes.len().max(1);
        // SAFETY: The kernel chooses the place, so that no other mapping is replaced.
        let start = unsafe {
            libc::mmap(
                ptr::null_mut(),
                size,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start).ok_or(io::ErrorKind::InvalidData)?;
        // From here on it is unmapped if something fails.
        let memory = Self { start, size };
        // SAFETY: The mapping is new: at least as long as the bytes, writable, and not theirs.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), start.as_ptr().cast(), bytes.len()) };
        // SAFETY: These are the addresses of the mapping. Nothing runs there yet.
        let cleared = unsafe { wasmtime_jit_icache_coherence::clear_cache(start.as_ptr(), size) };
        cleared.map_err(io::Error::other)?;
        // SAFETY: These are the addresses of the mapping, which nothing else refers to.
        let protected =
            unsafe { libc::mprotect(start.as_ptr(), size, libc::PROT_READ | libc::PROT_EXEC) };
        if protected != 0 {
            return Err(io::Error::last_os_error());
        }
        wasmtime_jit_icache_coherence::pipeline_flush_mt().map_err(io::Error::other)?;
        Ok(memory)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: By the type's invariant the mapping is ours alone, and nothing runs in it: who
        // runs code borrows it.
        unsafe { libc::munmap(self.start.as_ptr(), self.size) };
    }
}
