//! A code to scan, as a PNG of one bit per pixel.
//!
//! The pixels are stored without compression (RFC 1950, RFC 1951 §3.2.4): some kilobytes more than they could be, and no
//! compressor in the program for one picture that is looked at once.

use framework::Error;
use qrcodegen::{QrCode, QrCodeEcc};

/// The white around a code, in modules: four by the standard, and what fits where less was asked for.
const MARGIN_MODULES: u32 = 4;
/// The longest stored block, in bytes (RFC 1951 §3.2.4).
const BLOCK_BYTES_MAX: usize = 0xffff;
const SIGNATURE: [u8; 8] = [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n'];

/// The picture of a text, so many pixels wide and high; none for a width of zero.
///
/// # Errors
/// [`Error::Invalid`] when a module of the code would be smaller than a pixel.
pub(super) fn png(text: &str, pixels: u32) -> Result<Option<Vec<u8>>, Error> {
    if pixels == 0 {
        return Ok(None);
    }
    let code = QrCode::encode_text(text, QrCodeEcc::Medium);
    let code = code.map_err(|source| Error::world("make a code to scan", source))?;
    let modules = code.size().unsigned_abs();
    let scale = (pixels / (modules + 2 * MARGIN_MODULES)).max(u32::from(pixels >= modules));
    if scale == 0 {
        let text = format!(
            "the method's qr_size is {pixels} pixels, and this code has {modules} modules: the least is one pixel for each"
        );
        return Err(Error::Invalid(text.into()));
    }
    let margin = (pixels - scale * modules) / 2;
    // A coordinate outside of the code is white.
    let module =
        |pixel: u32| i32::try_from((i64::from(pixel) - i64::from(margin)).div_euclid(i64::from(scale))).unwrap_or(-1);
    let is_dark = |x: u32, y: u32| code.get_module(module(x), module(y));
    let mut rows = Vec::new();
    for y in 0..pixels {
        // No filter; then eight pixels a byte, the first in the highest bit, white is one.
        rows.push(0);
        for from in (0..pixels).step_by(8) {
            let bits = (from..from + 8).fold(0_u8, |bits, x| bits << 1 | u8::from(x >= pixels || !is_dark(x, y)));
            rows.push(bits);
        }
    }
    let header = [&pixels.to_be_bytes()[..], &pixels.to_be_bytes(), &[1, 0, 0, 0, 0]].concat();
    let mut picture = SIGNATURE.to_vec();
    for (kind, data) in [(b"IHDR", header), (b"IDAT", stored(&rows)), (b"IEND", Vec::new())] {
        chunk(*kind, &data, &mut picture);
    }
    Ok(Some(picture))
}

fn chunk(kind: [u8; 4], data: &[u8], picture: &mut Vec<u8>) {
    let length = u32::try_from(data.len()).unwrap_or_default();
    picture.extend_from_slice(&length.to_be_bytes());
    picture.extend_from_slice(&kind);
    picture.extend_from_slice(data);
    picture.extend_from_slice(&crc32(kind.iter().chain(data)).to_be_bytes());
}

/// A zlib stream of stored blocks.
fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x78, 0x01];
    let blocks = bytes.len().div_ceil(BLOCK_BYTES_MAX);
    for (number, block) in (1..).zip(bytes.chunks(BLOCK_BYTES_MAX)) {
        let length = u16::try_from(block.len()).unwrap_or_default();
        stream.push(u8::from(number == blocks));
        stream.extend_from_slice(&length.to_le_bytes());
        stream.extend_from_slice(&(!length).to_le_bytes());
        stream.extend_from_slice(block);
    }
    stream.extend_from_slice(&adler32(bytes).to_be_bytes());
    stream
}

/// RFC 1950 §8.2.
fn adler32(bytes: &[u8]) -> u32 {
    const MODULUS: u32 = 65_521;
    let (low, high) = bytes.iter().fold((1_u32, 0_u32), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % MODULUS;
        (low, (high + low) % MODULUS)
    });
    high << 16 | low
}

/// The sum of a PNG's chunks (ISO 3309, as in RFC 1952 §8).
fn crc32<'b>(bytes: impl Iterator<Item = &'b u8>) -> u32 {
    let step = |sum: u32, byte: &u8| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| if sum & 1 == 1 { 0xedb8_8320 ^ sum >> 1 } else { sum >> 1 })
    };
    !bytes.fold(u32::MAX, step)
}

#[cfg(test)]
mod tests;
