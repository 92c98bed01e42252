//! `traceparent`: where a request stands in a trace that began elsewhere (W3C Trace Context, §3.2).

/// The caller's place in a trace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Parent {
    /// The trace.
    pub trace_id: [u8; 16],
    /// The caller's span.
    pub span_id: [u8; 8],
    /// Whether the caller keeps the trace.
    pub is_sampled: bool,
}

impl Parent {
    /// Reads the header; one that is malformed is as if there were none, as the standard says.
    #[must_use]
    pub fn parse(header: &str) -> Option<Self> {
        let mut parts = header.trim().split('-');
        let version: [u8; 1] = hex(parts.next()?)?;
        let trace_id: [u8; 16] = hex(parts.next()?)?;
        let span_id: [u8; 8] = hex(parts.next()?)?;
        let [flags]: [u8; 1] = hex(parts.next()?)?;
        // Later versions may have more behind the flags.
        let is_known = version != [0xff] && (version != [0] || parts.next().is_none());
        let is_some = trace_id != [0; 16] && span_id != [0; 8];
        (is_known && is_some).then_some(Self { trace_id, span_id, is_sampled: flags & 1 == 1 })
    }
}

/// Exactly so many bytes in lower case.
fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let is_lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if text.len() != 2 * N || !text.bytes().all(is_lower) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_the_standard_says_and_everything_else_is_none() {
        let id = "0af7651916cd43dd8448eb211c80319c";
        let span = "b7ad6b7169203331";
        let parse = |text: &str| Parent::parse(&text.replace("ID", id).replace("SPAN", span));
        let parent = parse("00-ID-SPAN-01").expect("it is the standard's own example");
        assert_eq!(
            (parent.trace_id[..2].to_vec(), parent.span_id[7], parent.is_sampled),
            (vec![0x0a, 0xf7], 0x31, true)
        );
        assert!(parse("00-ID-SPAN-00").is_some_and(|parent| !parent.is_sampled));
        assert!(parse("cc-ID-SPAN-01-what-comes-later").is_some());
        for bad in [
            "",
            "00",
            "00-ID-SPAN",
            "00-ID-SPAN-01-x",
            "ff-ID-SPAN-01",
            "00-ID-SPAN-1",
            "00-ID-SPAN-0g",
            "00-IDa-SPAN-01",
            "00-00000000000000000000000000000000-SPAN-01",
            "00-ID-0000000000000000-01",
            "00-ID-B7AD6B7169203331-01",
            "00-ID-é7ad6b7169203331-01",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
