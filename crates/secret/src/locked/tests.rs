//! What the kernel says about the pages, read from `/proc/self/smaps`.

use super::{LockedBytes, LockedKey, Protection};

/// Permissions and kernel flags of the mapping that holds `address`.
fn mapping_of(address: usize) -> (String, Vec<String>) {
    let text = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let mut found = None;
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let Some(first) = words.next() else { continue };
        if let Some((start, end)) = first.split_once('-').filter(|_| !first.ends_with(':')) {
            let hex = |text| usize::from_str_radix(text, 16).unwrap();
            found = (hex(start)..hex(end)).contains(&address).then(|| words.next().unwrap().to_owned());
        } else if first == "VmFlags:"
            && let Some(permissions) = found.take()
        {
            return (permissions, words.map(str::to_owned).collect());
        }
    }
    panic!("{address:#x} is not mapped");
}

#[test]
fn the_kernel_confirms_every_protection_that_is_claimed() {
    let bytes = LockedBytes::copy_of(b"key material");
    let (permissions, flags) = mapping_of(bytes.expose().as_ptr() as usize);
    assert_eq!(permissions, "rw-p");
    let has = |flag: &str| flags.iter().any(|it| it == flag);
    assert_eq!(
        bytes.protection(),
        Protection { is_locked: has("lo"), is_undumped: has("dd"), is_wiped_on_fork: has("wf") }
    );
    // These two need no limit to be raised; every supported kernel grants them.
    assert!(has("dd") && has("wf"));
}

#[test]
fn the_pages_on_both_sides_cannot_be_touched() {
    let page = rustix::param::page_size();
    for length in [1, page, page + 1] {
        let bytes = LockedBytes::zeroed(length);
        let start = bytes.expose().as_ptr() as usize;
        assert_eq!(mapping_of(start - 1).0, "---p", "{length}");
        assert_eq!(mapping_of(start + length.next_multiple_of(page)).0, "---p", "{length}");
    }
}

#[test]
fn a_value_is_what_was_put_in() {
    let mut bytes = LockedBytes::zeroed(5);
    assert_eq!(bytes.expose(), [0; 5]);
    bytes.expose_mut().copy_from_slice(b"hello");
    assert_eq!(bytes.expose(), b"hello");
    assert!(LockedBytes::zeroed(0).expose().is_empty());
    assert_eq!(LockedKey::<32>::filled(|key| key.fill(7)).expose(), LockedKey::copy_of(&[7; 32]).expose());
}

#[test]
fn debug_shows_nothing_of_the_key() {
    assert_eq!(
        format!("{:?} {:?}", LockedKey::copy_of(&[7; 32]), LockedBytes::zeroed(1)),
        "LockedKey(..) LockedBytes(..)"
    );
}
