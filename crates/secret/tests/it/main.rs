//! The wiping allocator as the global one: the process reads its own heap through the kernel and finds no freed secret.

#![expect(clippy::unwrap_used, reason = "a test ends with what it could not do")]

use std::fs;
use std::hint::black_box;
use std::io::{Read, Seek, SeekFrom};

use secret::WipingAllocator;

#[global_allocator]
static HEAP: WipingAllocator = WipingAllocator::system();

/// The marker's length, long enough that free-list links in a freed block leave most of it.
const MARKER_BYTES: usize = 512;

/// The marker, made byte by byte so that the binary does not hold it.
fn marker(at: usize) -> u8 {
    (black_box(at).wrapping_mul(167) >> 1) as u8 ^ 0x5c
}

/// How often the last 64 bytes of the marker are found in writable memory. Reads in small steps and compares without
/// building the marker, so that the search does not find itself.
fn occurrences() -> usize {
    const TAIL: usize = 64;
    let mut memory = fs::File::open("/proc/self/mem").unwrap();
    let mut found = 0;
    for line in fs::read_to_string("/proc/self/maps").unwrap().lines() {
        let (range, rest) = line.split_once(' ').unwrap();
        if !rest.starts_with("rw") || rest.contains("[stack") {
            continue;
        }
        let (start, end) = range.split_once('-').unwrap();
        let hex = |text| u64::from_str_radix(text, 16).unwrap();
        let mut bytes = vec![0; (hex(end) - hex(start)) as usize];
        if memory.seek(SeekFrom::Start(hex(start))).is_err() || memory.read_exact(&mut bytes).is_err() {
            continue;
        }
        let own = bytes.as_ptr() as u64;
        for (at, window) in bytes.windows(TAIL).enumerate() {
            let address = hex(start) + at as u64;
            let is_own_copy = (own..own + bytes.len() as u64).contains(&address);
            let is_marker = (0..TAIL).all(|index| window[index] == marker(MARKER_BYTES - TAIL + index));
            found += usize::from(is_marker && !is_own_copy);
        }
    }
    found
}

#[test]
fn freed_memory_holds_no_trace_of_what_was_in_it() {
    let secret: Vec<u8> = (0..MARKER_BYTES).map(marker).collect();
    assert_eq!(occurrences(), 1, "the search finds a secret that is alive");

    let mut grown = secret.clone();
    grown.reserve_exact(1 << 16);
    assert_eq!(occurrences(), 2, "growing moved the bytes and wiped the place they came from");

    drop((secret, grown));
    assert_eq!(occurrences(), 0, "freeing wiped both");
}
