// SPDX-License-Identifier: MIT OR Apache-2.0

//! Instructions that access memory, textures, images, or the tile.

use super::names::{self, coherency, dimension, format as element, wait_group};
use super::operand::{register, registers, File, Size};
use super::{Line, Text};

impl Text<'_> {
    /// Returns the device memory and scratch.
    pub(super) fn memory(&self, name: &str) -> Line {
        self.line(
            name,
            [
                names::shift(self.field("shift")),
                element(self.field("fmt")),
                self.mask(),
                coherency(self.field("coh")),
                wait_group(self.field("group")),
            ],
        )
    }

    pub(super) fn uniform_store(&self) -> Line {
        let (mem, index) = (self.0.operand(0), self.0.operand(1));
        let mask = mem >> 9 & 15;
        let plain = self.field("fmt") == 1
            && index >> 16 == 1
            && self.field("shift") == 0
            && self.field("group") == 0
            && matches!(mask, 1 | 3 | 7 | 15);
        if !plain {
            return self.memory("uniform_store_unk");
        }
        let vector = |file, half: u64| match mask {
            15 if half % 2 == 0 => register(file, half, Size::Double),
            3 if half % 2 == 0 => register(file, half, Size::Word),
            _ => registers(file, half, Size::Half, u64::from(mask.count_ones())),
        };
        let parts = vec![
            vector(File::Uniform, index & 0xffff),
            vector(File::General, mem & 0xff),
        ];
        ("mov".into(), parts)
    }

    pub(super) fn state_store(&self, to: String) -> Line {
        let offset = self.field("off");
        let offset = match self.field("immoff") {
            0 => register(File::General, offset, Size::Word),
            _ => offset.to_string(),
        };
        let base = register(File::Uniform, self.field("ubase") * 4, Size::Double);
        let group = wait_group(self.field("group"));
        ("load".into(), vec![to, base, offset, group])
    }

    /// Returns what an atomic operation gives back, and what it takes.
    fn exchange(&self) -> [String; 2] {
        let to = match self.field("dstvalid") {
            0 => "_".into(),
            _ => register(File::General, self.field("dst"), Size::Word),
        };
        let count = 1 + u64::from(self.field("op") == 3);
        [
            to,
            registers(File::General, self.field("src"), Size::Word, count),
        ]
    }

    pub(super) fn atomic(&self) -> Line {
        let mut parts = self.exchange().to_vec();
        parts.extend(self.operands());
        parts.push(names::atomic(self.field("op")));
        parts.push(coherency(self.field("coh")));
        parts.push(wait_group(self.field("group")));
        ("atomic".into(), parts)
    }

    pub(super) fn local_atomic(&self) -> Line {
        let mut parts = self.exchange().to_vec();
        parts.extend(self.operands());
        parts.push(names::atomic(self.field("op")));
        ("latomic".into(), parts)
    }

    pub(super) fn register_or_immediate(&self, field: &str, immediate: bool) -> String {
        let value = self.field(field);
        if immediate {
            value.to_string()
        } else {
            register(File::General, value, Size::Half)
        }
    }

    /// Returns a register that may be one, a half, or three halves; or not be there.
    pub(super) fn descriptor(&self, field: &str, what: u64) -> String {
        let half = self.field(field);
        match what {
            0 => String::new(),
            1 => register(File::General, half, Size::Word),
            2 => register(File::General, half, Size::Half),
            _ => registers(File::General, half, Size::Half, 3),
        }
    }

    /// Returns where descriptors are, which of them, and at which coordinates.
    fn texture(&self) -> [String; 3] {
        let heap = match self.field("heapvalid") {
            0 => String::new(),
            _ => register(File::Uniform, self.field("heap") * 4, Size::Double),
        };
        let number = self.field("tex");
        let texture = match self.field("textype") {
            0 => format!("ts{number}"),
            1 => register(File::General, number, Size::Half),
            2 => number.to_string(),
            _ => register(File::General, number, Size::Word),
        };
        [heap, texture, self.coordinates()]
    }

    fn coordinates(&self) -> String {
        let last = self.flag("crddisc", "^");
        let size = Size::word_if(self.field("crd16") == 0);
        last + &register(File::General, self.field("crd"), size)
    }

    pub(super) fn sample(&self, name: &str) -> Line {
        let [heap, texture, coordinates] = self.texture();
        let sampler = match self.field("smpreg") {
            0 => format!("ss{}", self.field("smp")),
            _ => register(File::General, self.field("smp"), Size::Half),
        };
        let (lod, mode) = (self.field("lod"), self.field("lodmode"));
        let level = match mode {
            1 | 2 => register(File::Uniform, lod, Size::Half),
            9 => registers(File::Uniform, lod, Size::Half, 2),
            4 => registers(File::General, lod, Size::Word, 2),
            12 => registers(File::General, lod, Size::Half, 5),
            13 => registers(File::General, lod, Size::Half, 2),
            5 | 6 => register(File::General, lod, Size::Half),
            _ => lod.to_string(),
        };
        let compare = self.field("shadow") | self.field("offset") << 1;
        let mut parts = self.operands();
        parts.extend([
            heap,
            texture,
            sampler,
            coordinates,
            level,
            self.descriptor("cmpoff", compare),
            self.flag("shadow", "shadow"),
            self.flag("querylod", "query_lod"),
            self.flag("rw", "rw"),
            self.flag("coh", "coherent"),
            self.flag("sparse", "sparse"),
            self.flag("kill", "kill"),
            dimension(self.field("dim")),
            self.mask(),
            names::lod_mode(mode),
            names::gather(self.field("gather")),
            wait_group(self.field("group")),
        ]);
        (name.into(), parts)
    }

    fn level(&self) -> String {
        self.register_or_immediate("lod", self.field("lodimm") == 1)
    }

    pub(super) fn image_write(&self) -> Line {
        let [heap, texture, coordinates] = self.texture();
        let size = Size::word_if(self.field("src32") == 1);
        let parts = vec![
            registers(File::General, self.field("src"), size, 4),
            heap,
            texture,
            coordinates,
            self.level(),
            dimension(self.field("dim")),
            self.flag("rtz", "rtz"),
            coherency(self.field("coh")),
        ];
        ("imgw".into(), parts)
    }

    pub(super) fn image_write_block(&self) -> Line {
        let [heap, texture, coordinates] = self.texture();
        let parts = vec![
            register(File::General, self.field("src"), Size::Half),
            heap,
            texture,
            coordinates,
            self.level(),
            self.flag("explicit", "explicit_coords"),
            dimension(self.field("dim")),
            element(self.field("fmt")),
            self.flag("rtz", "rtz"),
        ];
        ("imgwblk".into(), parts)
    }

    pub(super) fn tile(&self, name: &str) -> Line {
        let at = match self.field("crdreg") {
            0 => self.field("crd").to_string(),
            _ => registers(File::General, self.field("crd"), Size::Half, 2),
        };
        self.line(
            name,
            [
                at,
                self.register_or_immediate("smask", self.field("smaskreg") == 0),
                self.field("off").to_string(),
                self.flag("explicit", "explicit_coords"),
                element(self.field("fmt")),
                self.mask(),
            ],
        )
    }
}
