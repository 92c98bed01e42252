use proptest::prelude::*;
use tokio::sync::oneshot;

use super::{Entry, Line, SHARE};

/// A line with the names of those who wait in it.
struct Bench {
    line: Line,
    waiting: Vec<(usize, u64, oneshot::Receiver<()>)>,
}

impl Bench {
    fn new(in_work: usize, queued: usize) -> Self {
        Self { line: Line::new(in_work, queued), waiting: Vec::new() }
    }

    /// `w` for in work, `q` for queued, `-` for refused: one for each tenant that comes.
    fn come(&mut self, tenants: &[usize]) -> String {
        let come = |tenant: &usize| match self.line.enter(*tenant) {
            Entry::Admitted => 'w',
            Entry::Queued(ticket, call) => {
                self.waiting.push((*tenant, ticket, call));
                'q'
            }
            Entry::Full => '-',
        };
        tenants.iter().map(come).collect()
    }

    /// Whoever is called when one of this tenant leaves.
    fn leave(&mut self, tenant: usize) -> Vec<usize> {
        self.line.leave(tenant);
        let mut called = Vec::new();
        self.waiting.retain_mut(|(tenant, _, call)| {
            let is_called = call.try_recv().is_ok();
            if is_called {
                called.push(*tenant);
            }
            !is_called
        });
        called
    }
}

#[test]
fn one_alone_gets_four_fifths_of_both_bounds_and_leaves_the_rest() {
    let mut bench = Bench::new(10, 5);
    assert_eq!(bench.come(&[1; 14]), "wwwwwwwwqqqq--");
    assert!(!bench.line.has_room(1));
    assert!(bench.line.has_room(2));
    assert_eq!(bench.come(&[2; 4]), "wwq-");
    assert_eq!((bench.line.in_work(), bench.line.queued()), (10, 5));
}

#[test]
fn the_smallest_bounds_let_something_through() {
    let mut bench = Bench::new(1, 0);
    assert_eq!(bench.come(&[1, 2]), "w-");
    assert!(bench.leave(1).is_empty());
    assert_eq!(bench.come(&[2, 1]), "w-");
    let mut bench = Bench::new(1, 1);
    assert_eq!(bench.come(&[1, 1, 1]), "wq-");
    assert_eq!(bench.leave(1), [1]);
}

#[test]
fn who_waits_is_called_tenant_by_tenant() {
    let mut bench = Bench::new(1, 100);
    assert_eq!(bench.come(&[1, 1, 1, 1, 2, 3, 3]), "wqqqqqq");
    let mut order = Vec::new();
    let mut working = 1;
    while let [next] = bench.leave(working)[..] {
        order.push(next);
        working = next;
    }
    assert_eq!(order, [1, 2, 3, 1, 3, 1]);
}

#[test]
fn a_tenant_that_holds_on_to_its_places_keeps_nobody_else_out() {
    // The first floods and never ends; the others come one by one and are quick.
    let mut bench = Bench::new(20, 20);
    assert_eq!(bench.come(&[1; 40]).matches('w').count(), 16);
    for _ in 0..100 {
        assert_eq!(bench.come(&[2]), "w");
        assert!(bench.leave(2).is_empty());
    }
}

#[test]
fn two_that_flood_end_with_equal_parts() {
    let mut bench = Bench::new(20, 100);
    bench.come(&[1; 60]);
    bench.come(&[2; 60]);
    for _ in 0..200 {
        let most = if bench.line.tenant_in_work(1) >= bench.line.tenant_in_work(2) { 1 } else { 2 };
        for tenant in bench.leave(most) {
            bench.come(&[tenant]);
        }
    }
    let parts = [1, 2].map(|tenant| bench.line.tenant_in_work(tenant));
    assert!(parts[0].abs_diff(parts[1]) <= 2 && parts[0] + parts[1] >= 16, "{parts:?}");
}

#[test]
fn who_gives_up_makes_room_in_the_queue() {
    let mut bench = Bench::new(1, 1);
    assert_eq!(bench.come(&[1, 2]), "wq");
    let (tenant, ticket, _) = bench.waiting.remove(0);
    assert!(bench.line.give_up(tenant, ticket));
    assert!(!bench.line.give_up(tenant, ticket), "it is gone already");
    assert_eq!(bench.come(&[3]), "q");
    assert_eq!(bench.leave(1), [3]);
    assert_eq!((bench.line.in_work(), bench.line.queued()), (1, 0));
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Come(usize),
    Leave(usize),
    GiveUp(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..4_usize).prop_map(Step::Come),
        2 => (0..4_usize).prop_map(Step::Leave),
        1 => any::<usize>().prop_map(Step::GiveUp),
    ]
}

proptest! {
    /// Whatever happens, the sums are right, the bounds hold, and nobody waits who could work.
    #[test]
    fn bounds_hold_and_nobody_waits_in_vain(
        in_work in 1..12_usize,
        queued in 0..12_usize,
        steps in prop::collection::vec(step(), 0..200),
    ) {
        let mut bench = Bench::new(in_work, queued);
        let mut working = [0_usize; 4];
        for step in steps {
            match step {
                Step::Come(tenant) => working[tenant] += usize::from(bench.come(&[tenant]) == "w"),
                Step::Leave(tenant) if working[tenant] > 0 => {
                    working[tenant] -= 1;
                    for called in bench.leave(tenant) {
                        working[called] += 1;
                    }
                }
                Step::GiveUp(index) if !bench.waiting.is_empty() => {
                    let (tenant, ticket, _call) = bench.waiting.remove(index % bench.waiting.len());
                    prop_assert!(bench.line.give_up(tenant, ticket));
                }
                Step::Leave(_) | Step::GiveUp(_) => {}
            }
            prop_assert_eq!(bench.line.in_work(), working.iter().sum::<usize>());
            prop_assert_eq!(bench.line.queued(), bench.waiting.len());
            prop_assert!(bench.line.in_work() <= in_work && bench.line.queued() <= queued);
            for (tenant, ..) in &bench.waiting {
                let free = in_work - bench.line.in_work();
                prop_assert!(working[*tenant] >= SHARE * free, "{tenant} waits in vain");
            }
        }
    }
}
