//! The strings of ASN.1 as text.

/// The text of a string of any of ASN.1's kinds; `None` for what is no string, or does not hold what its kind allows.
pub(crate) fn decode(tag: u8, content: &[u8]) -> Option<String> {
    let ascii = || std::str::from_utf8(content).ok().filter(|text| text.is_ascii()).map(str::to_owned);
    match tag {
        // UTF8String.
        0x0c => String::from_utf8(content.to_vec()).ok(),
        // NumericString, PrintableString, IA5String, VisibleString.
        0x12 | 0x13 | 0x16 | 0x1a => ascii(),
        // TeletexString and GeneralString: Latin 1, as everybody reads them.
        0x14 | 0x1b => Some(content.iter().map(|byte| char::from(*byte)).collect()),
        // UniversalString: UTF-32.
        0x1c => {
            let (units, rest) = content.as_chunks::<4>();
            let text: Option<String> = units.iter().map(|unit| char::from_u32(u32::from_be_bytes(*unit))).collect();
            text.filter(|_| rest.is_empty())
        }
        // BMPString: UTF-16.
        0x1e => {
            let (units, rest) = content.as_chunks::<2>();
            let text =
                char::decode_utf16(units.iter().map(|unit| u16::from_be_bytes(*unit))).collect::<Result<String, _>>();
            text.ok().filter(|_| rest.is_empty())
        }
        _ => None,
    }
}
