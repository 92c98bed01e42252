//! The kernel is asked whether the settings took.

use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};

use super::harden_process;

#[test]
fn a_hardened_process_neither_dumps_nor_is_dumpable() {
    let shortfalls = harden_process();
    assert!(shortfalls.is_empty(), "{shortfalls:?}");
    let limit = getrlimit(Resource::Core);
    assert_eq!((limit.current, limit.maximum), (Some(0), Some(0)));
    assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
}
