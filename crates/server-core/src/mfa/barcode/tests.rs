use qrcodegen::{QrCode, QrCodeEcc};

use super::{adler32, crc32, png};

const TEXT: &str = "otpauth://totp/strongroom:2c7f4a53-1d4b-4a0e-9c5b-0d1f0a6f2f11?algorithm=SHA1&digits=6&issuer=strongroom&period=30&secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";

/// Published check values of both sums.
#[test]
fn the_sums_are_the_published_ones() {
    assert_eq!(crc32(b"123456789".iter()), 0xcbf4_3926);
    assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
}

/// The chunks of a picture, by their names.
fn chunks(picture: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut rest = picture.strip_prefix(&super::SIGNATURE[..]).expect("a PNG");
    let mut chunks = Vec::new();
    while !rest.is_empty() {
        let length = u32::from_be_bytes(rest[..4].try_into().expect("four bytes")) as usize;
        let (kind, data) = (&rest[4..8], &rest[8..8 + length]);
        let sum = u32::from_be_bytes(rest[8 + length..12 + length].try_into().expect("four bytes"));
        assert_eq!(sum, crc32(kind.iter().chain(data)));
        chunks.push((String::from_utf8_lossy(kind).into_owned(), data.to_vec()));
        rest = &rest[12 + length..];
    }
    chunks
}

/// The bytes behind stored blocks.
fn unpacked(stream: &[u8]) -> Vec<u8> {
    assert_eq!(u16::from_be_bytes([stream[0], stream[1]]) % 31, 0, "the header's own check");
    let (mut rest, mut bytes) = (&stream[2..], Vec::new());
    loop {
        let length = u16::from_le_bytes([rest[1], rest[2]]);
        assert_eq!(!length, u16::from_le_bytes([rest[3], rest[4]]));
        bytes.extend_from_slice(&rest[5..5 + usize::from(length)]);
        let is_last = rest[0] == 1;
        rest = &rest[5 + usize::from(length)..];
        if is_last {
            assert_eq!(rest, adler32(&bytes).to_be_bytes());
            return bytes;
        }
    }
}

#[test]
fn the_picture_holds_the_code_in_white() {
    for pixels in [57, 200, 400, 1_024] {
        let picture = png(TEXT, pixels).expect("it fits").expect("a picture");
        let chunks = chunks(&picture);
        let kinds: Vec<_> = chunks.iter().map(|(kind, _)| kind.as_str()).collect();
        assert_eq!(kinds, ["IHDR", "IDAT", "IEND"]);
        let rows = unpacked(&chunks[1].1);
        let row_bytes = 1 + (pixels as usize).div_ceil(8);
        assert_eq!(rows.len(), row_bytes * pixels as usize);
        let is_dark = |x: usize, y: usize| rows[y * row_bytes + 1 + x / 8] & (0x80 >> (x % 8)) == 0;
        let code = QrCode::encode_text(TEXT, QrCodeEcc::Medium).expect("it fits");
        let modules = code.size();
        let scale = (pixels as i32 / (modules + 8)).max(1);
        let margin = (pixels as i32 - scale * modules) / 2;
        for y in 0..pixels as i32 {
            for x in 0..pixels as i32 {
                let module = |pixel: i32| (pixel - margin).div_euclid(scale);
                let expected = code.get_module(module(x), module(y));
                assert_eq!(is_dark(x as usize, y as usize), expected, "pixel {x}, {y} of {pixels}");
            }
        }
    }
}

#[test]
fn a_picture_that_is_too_small_is_refused_and_none_is_none() {
    assert!(png(TEXT, 0).expect("nothing to do").is_none());
    assert!(png(TEXT, 20).is_err());
}
