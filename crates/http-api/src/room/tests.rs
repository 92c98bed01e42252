use std::net::SocketAddr;

use super::{HOLD_BYTES_MIN, Hold, Room};
use crate::config::{Limits, SMALL_BODY_BYTES};
use crate::status::Refusal;

const KIB: usize = 1024;
const LARGE: usize = 100 * KIB;

fn room(small_bodies_bytes: usize, bodies_bytes: usize) -> Room {
    Room::new(&Limits { body_bytes: LARGE, small_bodies_bytes, bodies_bytes, ..Limits::default() })
}

fn client(ip: &str) -> Option<SocketAddr> {
    Some(SocketAddr::new(ip.parse().unwrap(), 1))
}

/// A body of which this much has come; `None` when there is no room.
fn take(room: &Room, ip: &str, announced: usize, length: usize) -> Option<Hold> {
    let mut hold = room.hold(client(ip), announced);
    match room.grow(&mut hold, length) {
        Ok(()) => Some(hold),
        Err(Refusal::BodiesFull) => None,
        Err(other) => panic!("{other:?}"),
    }
}

/// Bytes taken of the reserve and of the rest.
fn taken(room: &Room) -> (usize, usize) {
    (room.small.taken().total, room.large.taken().total)
}

#[test]
fn large_bodies_leave_the_reserve_alone() {
    let room = room(SMALL_BODY_BYTES, LARGE);
    let large = take(&room, "1.1.1.1", LARGE, LARGE - 1).unwrap();
    assert!(take(&room, "2.2.2.2", LARGE, LARGE).is_none());
    assert!(take(&room, "2.2.2.2", 0, LARGE).is_none(), "unannounced ones find no room either");
    let small = take(&room, "2.2.2.2", SMALL_BODY_BYTES, SMALL_BODY_BYTES).unwrap();
    assert_eq!(taken(&room), (SMALL_BODY_BYTES, LARGE - 1));
    drop((large, small));
    assert_eq!(taken(&room), (0, 0));
}

#[test]
fn a_body_that_tells_it_is_large_never_takes_of_the_reserve() {
    let room = room(SMALL_BODY_BYTES, LARGE);
    let _slow = take(&room, "1.1.1.1", LARGE, 2000).unwrap();
    assert_eq!(taken(&room), (0, 2000));
}

#[test]
fn a_body_that_grows_large_moves_and_frees_the_reserve() {
    let room = room(SMALL_BODY_BYTES, LARGE);
    let mut hold = take(&room, "1.1.1.1", 0, SMALL_BODY_BYTES).unwrap();
    assert_eq!(taken(&room), (SMALL_BODY_BYTES, 0));
    room.grow(&mut hold, SMALL_BODY_BYTES + 1).unwrap();
    assert_eq!(taken(&room), (0, SMALL_BODY_BYTES + 1));
    room.grow(&mut hold, LARGE).unwrap();
    assert_eq!(taken(&room), (0, LARGE));
}

#[test]
fn a_refused_growth_takes_nothing() {
    let room = room(SMALL_BODY_BYTES, LARGE);
    let _large = take(&room, "1.1.1.1", LARGE, LARGE).unwrap();
    let mut hold = take(&room, "2.2.2.2", 0, SMALL_BODY_BYTES).unwrap();
    assert!(room.grow(&mut hold, LARGE).is_err());
    assert_eq!(taken(&room), (SMALL_BODY_BYTES, LARGE));
}

#[test]
fn one_address_gets_a_quarter_of_each_budget() {
    let room = room(4 * SMALL_BODY_BYTES, 4 * LARGE);
    for length in [SMALL_BODY_BYTES, LARGE] {
        let mut held = Vec::new();
        for ip in ["1.1.1.1", "1.1.1.2", "2001:db8::1", "2001:db8:0:1::1"] {
            held.push(take(&room, ip, length, length).unwrap());
            assert!(take(&room, ip, length, 1).is_none(), "{ip}");
        }
        assert!(take(&room, "3.3.3.3", length, 1).is_none(), "all is taken");
    }
    assert!(room.small.taken().by_origin.is_empty() && room.large.taken().by_origin.is_empty());
}

#[test]
fn other_clothes_make_no_other_client() {
    let room = room(4 * SMALL_BODY_BYTES, 4 * LARGE);
    for (ip, same) in [("1.1.1.1", "::ffff:1.1.1.1"), ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff")] {
        let _held = take(&room, ip, LARGE, LARGE).unwrap();
        assert!(take(&room, same, LARGE, 1).is_none(), "{same}");
    }
}

#[test]
fn tiny_bodies_are_bounded_in_number() {
    let room = room(SMALL_BODY_BYTES, LARGE);
    let held: Vec<_> = std::iter::from_fn(|| take(&room, "1.1.1.1", 1, 1)).take(1000).collect();
    assert_eq!(held.len(), SMALL_BODY_BYTES / HOLD_BYTES_MIN);
}

#[test]
fn a_longest_body_finds_room_whatever_the_bounds() {
    let room = room(0, 0);
    assert!(take(&room, "1.1.1.1", LARGE, LARGE).is_some());
    assert!(take(&room, "1.1.1.1", 1, SMALL_BODY_BYTES).is_some());
}
