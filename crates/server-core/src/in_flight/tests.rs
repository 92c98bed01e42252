use super::*;

fn list() -> InFlight {
    InFlight::new(env::simulated::env(1).0)
}

fn request(id: &str, path: &str) -> Request {
    Request::new(id.to_owned(), Operation::Read, path)
}

#[test]
fn a_request_is_listed_while_its_ticket_lives() {
    let list = list();
    let first = list.enter(&request("a", "secret/a"));
    let second = list.enter(&request("b", "secret/b"));
    let mut paths: Vec<_> = list.all().into_iter().map(|it| (it.id, it.path)).collect();
    paths.sort();
    assert_eq!(paths, [("a".to_owned(), "secret/a".to_owned()), ("b".to_owned(), "secret/b".to_owned())]);
    drop(first);
    assert_eq!(list.all().into_iter().map(|it| it.id).collect::<Vec<_>>(), ["b"]);
    drop(second);
    assert_eq!(list.all(), []);
}

#[test]
fn places_are_used_again_and_hold_nothing_of_earlier_requests() {
    let list = list();
    for number in 0..10_000 {
        let ticket = list.enter(&request("same", &"x".repeat(number % 300)));
        assert_eq!(list.all().first().map(|it| it.path.len()), Some(number % 300));
        drop(ticket);
    }
    let slots: usize = list.shards.iter().map(|shard| shard.lock().expect("nobody panicked").slots.len()).sum();
    assert_eq!(slots, 1);
}

#[test]
fn what_is_beyond_the_bounds_is_left_out_and_comes_in_when_there_is_room() {
    let list = list();
    let mut tickets: Vec<_> = (0..SHARD_REQUESTS_MAX + 5).map(|_| list.enter(&request("same", "p"))).collect();
    assert_eq!(list.all().len(), SHARD_REQUESTS_MAX);
    tickets.drain(..10);
    let long = ["x".repeat(PATH_BYTES_MAX - 1), "éé".to_owned()].concat();
    tickets.push(list.enter(&request(&"same".repeat(100), &long)));
    let shown = list.all().into_iter().find(|it| it.path.starts_with('x')).expect("there is room again");
    assert_eq!((shown.path.len(), shown.id.len()), (PATH_BYTES_MAX - 1, ID_BYTES_MAX), "cut between characters");
    drop(tickets);
    assert_eq!(list.all(), []);
}

#[test]
fn requests_of_many_threads_come_and_go_without_a_trace() {
    let list = list();
    let env = env::simulated::env(2).0;
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..500 {
                    let ids = [env.uuid(), env.uuid()];
                    let tickets = ids.each_ref().map(|id| list.enter(&request(id, "p")));
                    let seen = list.all();
                    assert!(ids.iter().all(|id| seen.iter().any(|it| it.id == *id)));
                    drop(tickets);
                }
            });
        }
    });
    assert_eq!(list.all(), []);
}
