//! Searches the memory of a running process, as an attacker with root or a core dump would (`proc_pid_mem(5)`).

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use anyhow::{Context as _, Result};

/// How much is read at once, in bytes.
const CHUNK_BYTES: usize = 1024 * 1024;

/// What the kernel tells of a page (`proc_pid_pagemap(5)`), in bytes.
const PAGE_WORD_BYTES: usize = 8;
/// Whether a page is in memory, and whether it is swapped out: one that is neither was never written.
const PAGE_EXISTS: u64 = 1 << 63 | 1 << 62;

/// One mapping of the process, as `/proc/<pid>/maps` describes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mapping {
    /// The first address.
    pub start: u64,
    /// The address behind the last.
    pub end: u64,
    /// `rwxp` or dashes.
    pub permissions: String,
    /// The file behind it, `[heap]`, `[stack]`, or nothing.
    pub name: String,
}

/// What a search found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Finds {
    /// Where each needle was found, in the order of the needles: the names of the mappings, with their addresses.
    pub places: Vec<Vec<String>>,
    /// How much could be read, in bytes.
    pub bytes_read: u64,
    /// Mappings that the kernel does not show even to root: secret memory (`memfd_secret(2)`).
    pub hidden: Vec<String>,
}

/// Looks for every needle in every readable mapping. The process should be idle, or it may move what is looked for.
///
/// # Errors
/// When the process cannot be read: needs the same user and no hardening, or root.
pub fn search(pid: u32, needles: &[&[u8]]) -> Result<Finds> {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).context("reading the mappings")?;
    let memory = File::open(format!("/proc/{pid}/mem")).context("opening the memory")?;
    let pages = File::open(format!("/proc/{pid}/pagemap")).ok();
    let mut finds = Finds { places: vec![Vec::new(); needles.len()], ..Finds::default() };
    let overlap = needles.iter().map(|needle| needle.len()).max().unwrap_or(0).saturating_sub(1);
    let mut chunk = vec![0; CHUNK_BYTES + overlap];
    for mapping in maps.lines().filter_map(parse).filter(|mapping| mapping.permissions.starts_with('r')) {
        // An allocator reserves far more than it uses.
        let is_unused = |at: u64| {
            let pages = pages.as_ref().filter(|_| at < mapping.end && mapping.name.is_empty());
            pages.is_some_and(|pages| is_untouched(pages, at, mapping.end))
        };
        let mut at = mapping.start;
        while at < mapping.end {
            let next = mapping.end.min(at + CHUNK_BYTES as u64);
            if is_unused(at) {
                at = next;
                continue;
            }
            // To read into what is unused would have the kernel make a page there, and the next look would take it for used.
            let end = if is_unused(next) { next } else { mapping.end };
            let wanted = usize::try_from(end - at).unwrap_or(usize::MAX).min(chunk.len());
            let Ok(got) = read_some(&memory, &mut chunk[..wanted], at) else {
                finds.hidden.push(format!("{} {}", mapping.permissions, mapping.name));
                break;
            };
            finds.bytes_read += got.min(CHUNK_BYTES) as u64;
            for (needle, places) in needles.iter().zip(&mut finds.places) {
                if find(&chunk[..got], needle) {
                    places.push(format!("{:x} {} {}", at, mapping.permissions, mapping.name));
                }
            }
            at = next;
        }
    }
    Ok(finds)
}

/// Whether none of the chunk's pages was ever written. When the kernel does not tell, they may have been.
fn is_untouched(pages: &File, start: u64, end: u64) -> bool {
    let page_bytes = rustix::param::page_size() as u64;
    let count = (end - start).min(CHUNK_BYTES as u64).div_ceil(page_bytes);
    let mut words = vec![0; usize::try_from(count).unwrap_or_default() * PAGE_WORD_BYTES];
    let read = pages.read_exact_at(&mut words, start / page_bytes * PAGE_WORD_BYTES as u64);
    read.is_ok()
        && words.as_chunks::<PAGE_WORD_BYTES>().0.iter().all(|word| u64::from_ne_bytes(*word) & PAGE_EXISTS == 0)
}

fn read_some(memory: &File, buffer: &mut [u8], at: u64) -> std::io::Result<usize> {
    match memory.read_at(buffer, at)? {
        0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
        got => Ok(got),
    }
}

/// Whether the needle stands in the haystack. Looks for its first byte first: the haystack is mostly zeros.
fn find(haystack: &[u8], needle: &[u8]) -> bool {
    let Some(first) = needle.first() else { return false };
    let mut rest = haystack;
    while let Some(start) = rest.iter().position(|byte| byte == first) {
        if rest[start..].starts_with(needle) {
            return true;
        }
        rest = &rest[start + 1..];
    }
    false
}

fn parse(line: &str) -> Option<Mapping> {
    let mut fields = line.split_whitespace();
    let (start, end) = fields.next()?.split_once('-')?;
    let permissions = fields.next()?.to_owned();
    let name = fields.skip(3).collect::<Vec<_>>().join(" ");
    let address = |text| u64::from_str_radix(text, 16).ok();
    Some(Mapping { start: address(start)?, end: address(end)?, permissions, name })
}

#[cfg(test)]
mod tests;
