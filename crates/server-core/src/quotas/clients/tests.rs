use std::net::{Ipv4Addr, Ipv6Addr};

use super::*;

fn rate(limit: u32, interval: u64, block: u64) -> Rate {
    Rate { id: 1, limit, interval: Duration::from_secs(interval), block: Duration::from_secs(block) }
}

fn address(last: u8) -> Option<IpAddr> {
    Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)))
}

fn at(millis: u64) -> Duration {
    Duration::from_secs(1_000) + Duration::from_millis(millis)
}

fn is_allowed(taken: Taken) -> bool {
    matches!(taken, Taken::Allowed(_))
}

#[test]
fn an_interval_begins_with_the_first_request_and_lasts_to_its_end() {
    let (clients, rate) = (Clients::new(), rate(2, 10, 0));
    let standing = |remaining, reset| {
        let reset = Duration::from_millis(reset);
        Standing { limit: 2, remaining, reset, retry: reset }
    };
    let take = |millis| clients.take(&rate, address(1), at(millis));
    assert_eq!(take(0), Taken::Allowed(standing(1, 10_000)));
    assert_eq!(take(4_000), Taken::Allowed(standing(0, 6_000)));
    assert_eq!(take(9_999), Taken::Refused(standing(0, 1)));
    assert_eq!(take(10_000), Taken::Allowed(standing(1, 10_000)));
    assert_eq!(take(10_000), Taken::Allowed(standing(0, 10_000)));
    assert_eq!(take(10_000), Taken::Refused(standing(0, 10_000)));
    // Long after: no request was saved up.
    assert_eq!(take(95_000), Taken::Allowed(standing(1, 5_000)));
    assert_eq!(take(95_000), Taken::Allowed(standing(0, 5_000)));
    assert_eq!(take(95_000), Taken::Refused(standing(0, 5_000)));
}

#[test]
fn each_client_counts_for_itself_under_each_quota() {
    let (clients, first) = (Clients::new(), rate(1, 1, 0));
    let second = Rate { id: 2, ..rate(1, 1, 0) };
    for from in [address(1), address(2), None, Some(IpAddr::V6(Ipv6Addr::LOCALHOST))] {
        for rate in [&first, &second] {
            assert!(is_allowed(clients.take(rate, from, at(0))), "{from:?}");
            assert!(!is_allowed(clients.take(rate, from, at(0))), "{from:?}");
        }
    }
    let mapped = Some(IpAddr::V6(Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped()));
    assert!(!is_allowed(clients.take(&first, mapped, at(0))), "the same client through the other family's socket");
}

#[test]
fn who_asks_too_often_is_blocked_from_then_on_and_trying_does_not_prolong_it() {
    let (clients, rate) = (Clients::new(), rate(1, 1, 60));
    let take = |millis| clients.take(&rate, address(1), at(millis));
    assert!(is_allowed(take(0)));
    assert!(matches!(take(500), Taken::Refused(Standing { retry, .. }) if retry == Duration::from_secs(60)));
    assert_eq!(take(1_500), Taken::Blocked(Duration::from_secs(59)));
    assert_eq!(take(60_499), Taken::Blocked(Duration::from_millis(1)));
    assert!(is_allowed(take(60_500)));
}

#[test]
fn any_number_of_addresses_takes_a_bounded_number_of_places() {
    let (clients, rate) = (Clients::new(), rate(1, 3_600, 0));
    let often = address(1);
    clients.take(&rate, often, at(0));
    for number in 0..4 * u32::try_from(CLIENTS_MAX).unwrap() {
        clients.take(&rate, Some(IpAddr::V6(Ipv6Addr::from(u128::from(number) + 1))), at(0));
        if number % 1_000 == 0 {
            assert!(!is_allowed(clients.take(&rate, often, at(1))), "one that comes often keeps its place: {number}");
        }
    }
    assert!(clients.len() <= CLIENTS_MAX, "{}", clients.len());
}

#[test]
fn no_more_than_the_limit_is_allowed_to_many_threads_at_once() {
    let (clients, rate) = (Clients::new(), rate(1_000, 1, 0));
    let allowed: usize = std::thread::scope(|scope| {
        let run = || (0..500).filter(|_| is_allowed(clients.take(&rate, address(1), at(0)))).count();
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(run)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(allowed, 1_000);
}
