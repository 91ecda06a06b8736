// SPDX-License-Identifier: MIT OR Apache-2.0

//! A host that tells what is executed and accessed.
//!
//! ```text
//! 0x11fff80000 ffffffff 72051004  GetSr Dalu=0xa sr=80   address, active lanes, bytes, instruction
//!   read  0x1500000010: 00000000…                           what it reads and writes
//! ```

use std::fmt::Write;

use agx_isa::exec::host::{
    bits, AtomicOp, BlockWrite, HostFault, ImageWrite, TextureRequest, TextureResult,
};
use agx_isa::exec::{text, Dispatch, Host, Lanes, MemoryFault};

use crate::host::{GpuHost, Refresh};

/// Where the lines go.
pub type Sink = dyn Fn(&str) + Send + Sync;

/// Bytes of an access that are shown.
const SHOWN: usize = 32;

/// A host with a trace.
pub(crate) struct Traced<'a, 'm> {
    pub(crate) host: GpuHost<'m>,
    pub(crate) sink: &'a Sink,
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes.iter().take(SHOWN) {
        let _ = write!(text, "{byte:02x}");
    }
    if bytes.len() > SHOWN {
        text += &format!("… ({} bytes)", bytes.len());
    }
    text
}

impl Traced<'_, '_> {
    fn access(&self, what: &str, va: u64, bytes: &[u8], refused: bool) {
        let refused = if refused { " refused" } else { "" };
        (self.sink)(&format!("  {what} {va:#x}: {}{refused}", hex(bytes)));
    }
}

impl Refresh for Traced<'_, '_> {
    fn refresh(&mut self) {
        self.host.refresh();
    }

    fn cost(&mut self) -> u64 {
        self.host.cost()
    }
}

impl Host for Traced<'_, '_> {
    const TRACE: bool = true;

    fn load(&mut self, va: u64, out: &mut [u8]) -> Result<(), MemoryFault> {
        let result = self.host.load(va, out);
        self.access("read ", va, out, result.is_err());
        result
    }

    fn store(&mut self, va: u64, data: &[u8]) -> Result<(), MemoryFault> {
        let result = self.host.store(va, data);
        self.access("write", va, data, result.is_err());
        result
    }

    fn fetch(&mut self, va: u64, out: &mut [u8]) -> Result<usize, MemoryFault> {
        self.host.fetch(va, out)
    }

    fn atomic(
        &mut self,
        va: u64,
        width: u8,
        op: AtomicOp,
        operand: u64,
        compare: u64,
    ) -> Result<u64, MemoryFault> {
        let result = self.host.atomic(va, width, op, operand, compare);
        (self.sink)(&format!(
            "  atomic {va:#x}: {op:?} {operand:#x}, found {result:x?}"
        ));
        result
    }

    fn texture(
        &mut self,
        request: &TextureRequest,
        result: &mut TextureResult,
    ) -> Result<(), HostFault> {
        let what = (request.op, request.dim, request.mask);
        (self.sink)(&format!("  texture {what:x?} {}", hex(&request.texture)));
        self.host.texture(request, result)
    }

    fn image_write(&mut self, request: &ImageWrite) -> Result<(), HostFault> {
        let what = (request.dim, request.mask);
        (self.sink)(&format!("  image {what:x?} {}", hex(&request.image)));
        self.host.image_write(request)
    }

    fn block_write(
        &mut self,
        request: &BlockWrite,
        dispatch: &Dispatch,
        local: &[u8],
    ) -> Result<(), HostFault> {
        let what = (request.dim, request.place, request.format);
        (self.sink)(&format!("  image block {what:x?} {}", hex(&request.image)));
        self.host.block_write(request, dispatch, local)
    }

    fn store_outputs(&mut self, index: &Lanes, values: &Lanes, mask: u32) -> Result<(), HostFault> {
        for lane in bits(mask) {
            let (word, value) = (index[lane], values[lane]);
            (self.sink)(&format!("  lane {lane}: word {word} = {value:#010x}"));
        }
        self.host.store_outputs(index, values, mask)
    }

    fn special(&mut self, sr: u8) -> Option<u32> {
        self.host.special(sr)
    }

    fn trace(&mut self, pc: u64, bytes: &[u8], exec: u32) {
        let line = format!("{pc:#x} {exec:08x} {:24} {}", hex(bytes), text(bytes));
        (self.sink)(&line);
    }
}
