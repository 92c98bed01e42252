//! The strings in a value in MessagePack, with where they stand. Everything else is passed over.

/// How deep values may be nested.
const DEPTH_MAX: usize = 100;

/// Calls `add` with the place and the text of each string; `None` when the value is damaged.
pub(super) fn strings(mut value: &[u8], place: &str, add: &mut dyn FnMut(&str, &str)) -> Option<()> {
    walk(&mut value, place, add, DEPTH_MAX)
}

fn walk(bytes: &mut &[u8], place: &str, add: &mut dyn FnMut(&str, &str), deep: usize) -> Option<()> {
    let deep = deep.checked_sub(1)?;
    let first = *take(bytes, 1)?.first()?;
    match first {
        0x00..=0x7f | 0xe0..=0xff | 0xc0 | 0xc2 | 0xc3 => {}
        0x80..=0x8f => map(bytes, usize::from(first & 0x0f), place, add, deep)?,
        0x90..=0x9f => list(bytes, usize::from(first & 0x0f), place, add, deep)?,
        0xa0..=0xbf | 0xd9..=0xdb => text(bytes, first, place, add)?,
        0xc4..=0xc6 => skip_counted(bytes, 1 << (first - 0xc4), 0)?,
        0xc7..=0xc9 => skip_counted(bytes, 1 << (first - 0xc7), 1)?,
        0xca | 0xce | 0xd2 => skip(bytes, 4)?,
        0xcb | 0xcf | 0xd3 => skip(bytes, 8)?,
        0xcc | 0xd0 => skip(bytes, 1)?,
        0xcd | 0xd1 => skip(bytes, 2)?,
        // A type and 1 to 16 bytes: unknown values are such.
        0xd4..=0xd8 => skip(bytes, 1 + (1 << (first - 0xd4)))?,
        0xdc | 0xdd => {
            let count = number(bytes, 2 << (first - 0xdc))?;
            list(bytes, count, place, add, deep)?;
        }
        0xde | 0xdf => {
            let count = number(bytes, 2 << (first - 0xde))?;
            map(bytes, count, place, add, deep)?;
        }
        0xc1 => return None,
    }
    Some(())
}

fn map(bytes: &mut &[u8], count: usize, place: &str, add: &mut dyn FnMut(&str, &str), deep: usize) -> Option<()> {
    for _ in 0..count {
        let mut name = String::new();
        walk(bytes, "", &mut |_, text| text.clone_into(&mut name), deep)?;
        walk(bytes, &super::document::joined(place, &name), add, deep)?;
    }
    Some(())
}

fn list(bytes: &mut &[u8], count: usize, place: &str, add: &mut dyn FnMut(&str, &str), deep: usize) -> Option<()> {
    // A value whose type the schema leaves open stands behind its type, which is bytes; nothing else is.
    if count == 2 && matches!(bytes.first(), Some(0xc4..=0xc6)) {
        walk(bytes, place, add, deep)?;
        return walk(bytes, place, add, deep);
    }
    (0..count).try_for_each(|index| walk(bytes, &format!("{place}[{index}]"), add, deep))
}

fn text(bytes: &mut &[u8], first: u8, place: &str, add: &mut dyn FnMut(&str, &str)) -> Option<()> {
    let length = if first < 0xc0 { usize::from(first & 0x1f) } else { number(bytes, 1 << (first - 0xd9))? };
    add(place, std::str::from_utf8(take(bytes, length)?).ok()?);
    Some(())
}

/// Passes over what tells its length itself, and `more` bytes.
fn skip_counted(bytes: &mut &[u8], length_bytes: usize, more: usize) -> Option<()> {
    let length = number(bytes, length_bytes)?;
    skip(bytes, length.checked_add(more)?)
}

fn skip(bytes: &mut &[u8], count: usize) -> Option<()> {
    take(bytes, count).map(drop)
}

fn take<'b>(bytes: &mut &'b [u8], count: usize) -> Option<&'b [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}

/// A number in big-endian order.
fn number(bytes: &mut &[u8], length: usize) -> Option<usize> {
    Some(take(bytes, length)?.iter().fold(0, |number, byte| (number << 8) | usize::from(*byte)))
}
