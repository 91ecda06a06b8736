// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Tests of the reader of render commands. Offsets are those of the UAPI header.

use super::*;
use crate::job::command::{
    Command,
    Parser,
    Work, //
};
use agx_abi::uat::USER_END;

/// A command that has nothing but what it must have.
fn least() -> [u8; 240] {
    let mut bytes = [0; 240];
    bytes[8..16].copy_from_slice(&0x10_0000u64.to_le_bytes());
    bytes[148..154].copy_from_slice(&[1, 0, 1, 0, 1, 0]);
    bytes[156..160].copy_from_slice(&[32, 32, 1, 0]);
    bytes
}

fn command(payload: &[u8]) -> Vec<u8> {
    let mut buffer = vec![0, 0];
    buffer.extend((payload.len() as u16).to_le_bytes());
    buffer.extend([0xff; 4]);
    buffer.extend(payload);
    buffer
}

/// Parses `payload` as a render, and returns the result of `inspect` for it.
fn parse<R>(payload: &[u8], inspect: impl FnOnce(Render<'_>) -> R) -> Result<R, Invalid> {
    let buffer = command(payload);
    let mut parser = Parser::new(&buffer);
    let Command { work, .. } = parser.next().expect("there is a command")?;
    assert!(parser.next().is_none());
    let Work::Render(render) = work else {
        panic!("{work:?}");
    };
    Ok(inspect(render))
}

fn error(change: impl FnOnce(&mut [u8; 240])) -> Option<Invalid> {
    let mut bytes = least();
    change(&mut bytes);
    parse(&bytes, |_| ()).err()
}

fn put(bytes: &mut [u8], at: usize, value: impl Into<u64>, size: usize) {
    bytes[at..at + size].copy_from_slice(&value.into().to_le_bytes()[..size]);
}

/// Each field by itself: only it changes, and it is what was written.
#[test]
fn every_field() {
    type Get = fn(&Render<'_>) -> u64;
    let fields: &[(&str, usize, usize, u64, Get)] = &[
        ("flags", 0, 4, 1 << 18 | 7, |r| r.flags.into()),
        ("isp_zls_pixels", 4, 4, 0x8765_4321, |r| {
            r.isp_zls_pixels.into()
        }),
        ("vdm_ctrl_stream_base", 8, 8, 0x7f_1234_5678, |r| {
            r.vdm_ctrl_stream_base
        }),
        ("vertex_helper.binary", 16, 4, 0xf00f_1001, |r| {
            r.vertex_helper.binary.into()
        }),
        ("vertex_helper.cfg", 20, 4, 0xf00f_1002, |r| {
            r.vertex_helper.cfg.into()
        }),
        ("vertex_helper.data", 24, 8, u64::MAX, |r| {
            r.vertex_helper.data
        }),
        ("fragment_helper.binary", 32, 4, 0xf00f_1003, |r| {
            r.fragment_helper.binary.into()
        }),
        ("fragment_helper.cfg", 36, 4, 0xf00f_1004, |r| {
            r.fragment_helper.cfg.into()
        }),
        ("fragment_helper.data", 40, 8, u64::MAX - 1, |r| {
            r.fragment_helper.data
        }),
        ("isp_scissor_base", 48, 8, 0x7f_1111_1110, |r| {
            r.isp_scissor_base
        }),
        ("isp_dbias_base", 56, 8, 0x7f_2222_2220, |r| {
            r.isp_dbias_base
        }),
        ("isp_oclqry_base", 64, 8, 0x7f_3333_3330, |r| {
            r.isp_oclqry_base
        }),
        ("depth.base", 72, 8, 0x7f_4444_4440, |r| r.depth.base),
        ("depth.comp_base", 80, 8, 0x7f_5555_5550, |r| {
            r.depth.comp_base
        }),
        ("depth.stride", 88, 4, 0xffff_fff1, |r| {
            r.depth.stride.into()
        }),
        ("depth.comp_stride", 92, 4, 0xffff_fff2, |r| {
            r.depth.comp_stride.into()
        }),
        ("stencil.base", 96, 8, 0x7f_6666_6660, |r| r.stencil.base),
        ("stencil.comp_base", 104, 8, 0x7f_7777_7770, |r| {
            r.stencil.comp_base
        }),
        ("stencil.stride", 112, 4, 0xffff_fff3, |r| {
            r.stencil.stride.into()
        }),
        ("stencil.comp_stride", 116, 4, 0xffff_fff4, |r| {
            r.stencil.comp_stride.into()
        }),
        ("zls_ctrl", 120, 8, u64::MAX - 2, |r| r.zls_ctrl),
        ("ppp_multisamplectl", 128, 8, u64::MAX - 3, |r| {
            r.ppp_multisamplectl
        }),
        ("sampler_heap", 136, 8, USER_END, |r| r.sampler_heap),
        ("ppp_ctrl", 144, 4, 0xffff_fff5, |r| r.ppp_ctrl.into()),
        ("width_px", 148, 2, 16384, |r| r.framebuffer.width.into()),
        ("height_px", 150, 2, 16384, |r| r.framebuffer.height.into()),
        ("layers", 152, 2, 2048, |r| r.framebuffer.layers.into()),
        ("utile_width_px", 156, 2, 0x1010, |r| {
            u64::from(r.framebuffer.utile.0) | u64::from(r.framebuffer.utile.1) << 8
        }),
        ("utile_height_px", 156, 2, 0x1020, |r| {
            u64::from(r.framebuffer.utile.0) | u64::from(r.framebuffer.utile.1) << 8
        }),
        ("samples", 158, 1, 4, |r| r.framebuffer.samples.into()),
        ("sample_size_B", 159, 1, 32, |r| {
            r.framebuffer.sample_size.into()
        }),
        ("isp_merge_upper_x", 160, 4, 0xffff_fff6, |r| {
            r.isp_merge_upper_x.into()
        }),
        ("isp_merge_upper_y", 164, 4, 0xffff_fff7, |r| {
            r.isp_merge_upper_y.into()
        }),
        ("bg.usc", 168, 4, 0xffff_ff01, |r| r.bg.usc.into()),
        ("bg.rsrc_spec", 172, 4, 0xffff_ff02, |r| {
            r.bg.rsrc_spec.into()
        }),
        ("eot.usc", 176, 4, 0xffff_ff03, |r| r.eot.usc.into()),
        ("eot.rsrc_spec", 180, 4, 0xffff_ff04, |r| {
            r.eot.rsrc_spec.into()
        }),
        ("partial_bg.usc", 184, 4, 0xffff_ff05, |r| {
            r.partial_bg.usc.into()
        }),
        ("partial_bg.rsrc_spec", 188, 4, 0xffff_ff06, |r| {
            r.partial_bg.rsrc_spec.into()
        }),
        ("partial_eot.usc", 192, 4, 0xffff_ff07, |r| {
            r.partial_eot.usc.into()
        }),
        ("partial_eot.rsrc_spec", 196, 4, 0xffff_ff08, |r| {
            r.partial_eot.rsrc_spec.into()
        }),
        ("isp_bgobjdepth", 200, 4, 0xffff_fff8, |r| {
            r.isp_bgobjdepth.into()
        }),
        ("isp_bgobjvals", 204, 4, 0xffff_fff9, |r| {
            r.isp_bgobjvals.into()
        }),
    ];
    let before = parse(&least(), |r| {
        fields.iter().map(|field| field.4(&r)).collect::<Vec<_>>()
    })
    .unwrap();
    for (name, at, size, value, _) in fields {
        let mut bytes = least();
        put(&mut bytes, *at, *value, *size);
        let after = parse(&bytes, |r| {
            fields.iter().map(|field| field.4(&r)).collect::<Vec<_>>()
        })
        .unwrap_or_else(|e| panic!("{name}: {e:?}"));
        for ((other, at2, ..), (old, new)) in fields.iter().zip(before.iter().zip(&after)) {
            let expected = if at == at2 { value } else { old };
            assert_eq!(new, expected, "{other} after {name} was written");
        }
    }
}

/// The number of samplers needs a heap beside it.
#[test]
fn samplers() {
    let set = |heap: u64| {
        move |bytes: &mut [u8; 240]| {
            put(bytes, 154, 7u64, 2);
            put(bytes, 136, heap, 8);
        }
    };
    assert_eq!(error(set(0)), Some(Invalid::Range("sampler_heap")));
    assert_eq!(error(set(0x4000)), None);
}

#[test]
fn addresses_of_the_kernel_are_refused() {
    for (name, at) in [
        ("vdm_ctrl_stream_base", 8),
        ("isp_scissor_base", 48),
        ("isp_dbias_base", 56),
        ("isp_oclqry_base", 64),
        ("depth.base", 72),
        ("depth.comp_base", 80),
        ("stencil.base", 96),
        ("stencil.comp_base", 104),
        ("sampler_heap", 136),
    ] {
        for address in [USER_END + 1, 1 << 39, 0xffff_ffa0_0000_0000, u64::MAX] {
            let refused = error(|bytes| put(bytes, at, address, 8));
            assert_eq!(refused, Some(Invalid::Range(name)), "{address:#x}");
        }
    }
    // Nothing can be run at these.
    for address in [0, 0x3fff, USER_END] {
        let refused = error(|bytes| put(bytes, 8, address, 8));
        assert_eq!(refused, Some(Invalid::Range("vdm_ctrl_stream_base")));
    }
}

#[test]
fn limits() {
    for (at, size, value, expected) in [
        (0, 4, 1 << 3, Invalid::NotZero("render.flags")),
        (0, 4, 1 << 17, Invalid::NotZero("render.flags")),
        (0, 4, 1 << 19, Invalid::NotZero("render.flags")),
        (0, 4, 1 << 31, Invalid::NotZero("render.flags")),
        (148, 2, 0, Invalid::Range("width_px")),
        (148, 2, 16385, Invalid::Range("width_px")),
        (148, 2, 65535, Invalid::Range("width_px")),
        (150, 2, 0, Invalid::Range("height_px")),
        (150, 2, 16385, Invalid::Range("height_px")),
        (152, 2, 0, Invalid::Range("layers")),
        (152, 2, 2049, Invalid::Range("layers")),
        (156, 2, 0x2010, Invalid::Range("utile")),
        (156, 2, 0x0000, Invalid::Range("utile")),
        (156, 2, 0x4040, Invalid::Range("utile")),
        (156, 2, 0x201f, Invalid::Range("utile")),
        (158, 1, 0, Invalid::Range("samples")),
        (158, 1, 3, Invalid::Range("samples")),
        (158, 1, 8, Invalid::Range("samples")),
        (159, 1, 33, Invalid::Range("sample_size_B")),
    ] {
        let value: u64 = value;
        let refused = error(|bytes| put(bytes, at, value, size));
        assert_eq!(refused, Some(expected), "{value:#x} at {at}");
    }
}

/// Every flag by itself is one, or is refused.
#[test]
fn every_flag() {
    for bit in 0..32 {
        let refused = error(|bytes| put(bytes, 0, 1u64 << bit, 4)).is_some();
        assert_eq!(refused, !matches!(bit, 0 | 1 | 2 | 18), "bit {bit}");
    }
}

/// The tile buffer has 32 KiB for a tile.
#[test]
fn tiles_fit_the_tile_buffer() {
    for (utile, samples, most) in [
        ((32u8, 32u8), 1u8, 32u8),
        ((32, 32), 2, 16),
        ((32, 32), 4, 8),
        ((32, 16), 4, 16),
        ((16, 16), 4, 32),
        ((16, 16), 2, 64),
        ((16, 16), 1, 128),
    ] {
        for (size, fits) in [(most, true), (most + 1, false), (255, false)] {
            let refused = error(|bytes| {
                bytes[156..160].copy_from_slice(&[utile.0, utile.1, samples, size]);
            });
            assert_eq!(refused.is_none(), fits, "{utile:?} {samples} {size}");
        }
    }
}

#[test]
fn timestamps() {
    let mut bytes = least();
    for i in 0..8u64 {
        put(&mut bytes, 208 + 4 * i as usize, i + 1, 4);
    }
    let found = parse(&bytes, |r| {
        [r.ts_vtx.start, r.ts_vtx.end, r.ts_frag.start, r.ts_frag.end]
            .map(|t| t.map(|t| (t.handle, t.offset)))
    });
    let expected = [Some((1, 2)), Some((3, 4)), Some((5, 6)), Some((7, 8))];
    assert_eq!(found, Ok(expected));

    // Without a handle there is none.
    for i in 0..4 {
        put(&mut bytes, 208 + 8 * i, 0u64, 4);
    }
    let none = parse(&bytes, |r| {
        [r.ts_vtx.start, r.ts_vtx.end, r.ts_frag.start, r.ts_frag.end]
    });
    assert_eq!(none, Ok([None; 4]));
}

/// An older client's command ends before ours: what is missing is zero.
#[test]
fn short_commands() {
    let mut bytes = least();
    bytes[160..240].fill(0x11);
    for len in 0..=240 {
        let result = parse(&bytes[..len], |r| {
            (
                r.isp_merge_upper_x,
                r.partial_eot.rsrc_spec,
                r.isp_bgobjvals,
                r.ts_frag.end.map(|t| t.offset),
            )
        });
        // Below, something is zero that must not be; size 0 of a sample may be.
        let Ok(found) = result else {
            assert!(len < 159, "{len}: {result:?}");
            continue;
        };
        assert!(len >= 159, "{len}");
        let part = |at: usize| {
            (0..4)
                .filter(|i| at + i < len)
                .fold(0, |v, i| v | 0x11 << (8 * i))
        };
        let end = (len > 232).then(|| part(236));
        assert_eq!(found, (part(160), part(196), part(204), end), "{len}");
    }
}

/// A newer client's command goes on behind ours: with zeros it means the same.
#[test]
fn long_commands() {
    let mut bytes = least().to_vec();
    bytes.extend([0; 200]);
    assert_eq!(parse(&bytes, |_| ()), Ok(()));
    for at in [240, 300, 439] {
        let mut bytes = bytes.clone();
        bytes[at] = 1;
        assert_eq!(parse(&bytes, |_| ()), Err(Invalid::UnknownFields));
    }
}

/// Parses random bytes. The parser does not panic, and its results keep their invariants.
#[test]
fn any_bytes() {
    // xorshift: the same bytes in every run.
    let mut seed = 0x2545_f491_4f6c_dd1du64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let mut parsed = 0;
    for _ in 0..50_000 {
        let mut bytes = least();
        for _ in 0..random() % 4 {
            bytes[random() as usize % 240] = random() as u8;
        }
        let len = 240 - (random() % 40) as usize * (random() % 2) as usize;
        let ok = parse(&bytes[..len], |r| {
            let f = r.framebuffer;
            assert!((1..=MAX_PIXELS).contains(&f.width) && (1..=MAX_PIXELS).contains(&f.height));
            assert!((1..=MAX_LAYERS).contains(&f.layers) && f.tile_bytes() <= MAX_TILE_BYTES);
            for address in [
                r.vdm_ctrl_stream_base,
                r.isp_scissor_base,
                r.isp_dbias_base,
                r.isp_oclqry_base,
                r.depth.base,
                r.depth.comp_base,
                r.stencil.base,
                r.stencil.comp_base,
                r.sampler_heap,
            ] {
                assert!(address <= USER_END);
            }
        });
        parsed += usize::from(ok.is_ok());
    }
    assert!(parsed > 1000, "{parsed}");
}
