// SPDX-License-Identifier: MIT OR Apache-2.0

//! Compares iteration counts that the GPU computed with a scalar reference in single precision, and
//! makes a picture of them.
//!
//! usage: `mandelbrot-check COUNTS SIZE LIMIT PICTURE`
//!
//! Both sides round each product and each sum once, to nearest, so that all pixels are the same but
//! those where a value is so small that the GPU takes it for zero.

use std::fs::File;
use std::io::BufWriter;
use std::process::ExitCode;

/// How many pixels have to be the same, of a thousand.
const IDENTICAL_PER_MILLE: usize = 999;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [counts, size, limit, picture] = &arguments[..] else {
        eprintln!("usage: mandelbrot-check COUNTS SIZE LIMIT PICTURE");
        return ExitCode::from(2);
    };
    match check(counts, size, limit, picture) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(line) => {
            eprintln!("mandelbrot-check: {line}");
            ExitCode::FAILURE
        }
    }
}

fn check(counts: &str, size: &str, limit: &str, picture: &str) -> Result<String, String> {
    let number = |text: &str| text.parse::<u32>().map_err(|e| format!("{text}: {e}"));
    let (size, limit) = (number(size)?, number(limit)?);
    let bytes = std::fs::read(counts).map_err(|e| format!("{counts}: {e}"))?;
    let words = bytes.chunks_exact(4);
    let got: Vec<u32> = words
        .map(|w| u32::from_le_bytes([w[0], w[1], w[2], w[3]]))
        .collect();
    let pixels = (size as usize).pow(2);
    if bytes.len() != pixels * 4 {
        return Err(format!("{counts}: {} bytes of {}", bytes.len(), pixels * 4));
    }
    let want = reference(size, limit);
    write(picture, size, limit, &got).map_err(|e| format!("{picture}: {e}"))?;
    let differing: Vec<usize> = (0..pixels).filter(|&i| got[i] != want[i]).collect();
    let identical = pixels - differing.len();
    let share = identical as f64 * 100.0 / pixels as f64;
    let mut line =
        format!("{identical} of {pixels} pixels ({share:.3} %) are as in the reference, {picture}");
    for &i in differing.iter().take(8) {
        let (x, y) = (i % size as usize, i / size as usize);
        line += &format!(
            "\n  pixel {x},{y}: {} iterations, reference {}",
            got[i], want[i]
        );
    }
    if identical * 1000 < pixels * IDENTICAL_PER_MILLE {
        return Err(line);
    }
    Ok(line)
}

/// As the shader does it, step by step.
fn reference(size: u32, limit: u32) -> Vec<u32> {
    let step = 3.0 / size as f32;
    let at = |pixel: u32, origin: f32| (pixel as f32 + 0.5) * step - origin;
    let mut out = Vec::new();
    for py in 0..size {
        for px in 0..size {
            out.push(iterations(at(px, 2.25), at(py, 1.5), limit));
        }
    }
    out
}

fn iterations(cx: f32, cy: f32, limit: u32) -> u32 {
    let (mut x, mut y) = (0.0f32, 0.0f32);
    for count in 0..limit {
        let (x2, y2) = (x * x, y * y);
        if x2 + y2 > 4.0 {
            return count;
        }
        let xy = x * y;
        y = xy + xy + cy;
        x = x2 - y2 + cx;
    }
    limit
}

/// Black inside, else a colour that goes around with the logarithm of the count.
fn colour(count: u32, limit: u32) -> [u8; 3] {
    if count >= limit {
        return [0; 3];
    }
    let turn = (count as f32 + 1.0).ln() * 1.2;
    [0.0f32, 2.1, 4.2].map(|phase| (127.5 + 127.5 * (turn + phase + 3.4).cos()) as u8)
}

fn write(path: &str, size: u32, limit: u32, counts: &[u32]) -> Result<(), png::EncodingError> {
    let mut encoder = png::Encoder::new(BufWriter::new(File::create(path)?), size, size);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let pixels: Vec<u8> = counts.iter().flat_map(|&c| colour(c, limit)).collect();
    encoder.write_header()?.write_image_data(&pixels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_points() {
        assert_eq!(iterations(0.0, 0.0, 100), 100);
        assert_eq!(iterations(-1.0, 0.0, 100), 100);
        // 0, 1, 2, 5: the fourth is outside.
        assert_eq!(iterations(1.0, 0.0, 100), 3);
        assert_eq!(iterations(2.0, 2.0, 100), 1);
    }

    #[test]
    fn a_wrong_picture_is_refused() {
        let dir = std::env::temp_dir().join(format!("mandelbrot-check-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("directory");
        let path = |name: &str| dir.join(name).to_string_lossy().into_owned();
        let (counts, picture) = (path("counts"), path("picture.png"));
        let mut good = reference(32, 50);
        let store = |words: &[u32]| {
            let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
            std::fs::write(&counts, bytes).expect("file");
        };
        store(&good);
        let line = check(&counts, "32", "50", &picture).expect("the same");
        assert!(line.contains("1024 of 1024 pixels (100.000 %)"), "{line}");
        good[5] += 1;
        store(&good);
        let line = check(&counts, "32", "50", &picture).expect("nearly the same");
        assert!(line.contains("pixel 5,0"), "{line}");
        good[6] += 1;
        store(&good);
        assert!(check(&counts, "32", "50", &picture).is_err());
        store(&good[1..]);
        let line = check(&counts, "32", "50", &picture).expect_err("too short");
        assert!(line.contains("4092 bytes of 4096"), "{line}");
        std::fs::remove_dir_all(&dir).expect("clean up");
    }
}
