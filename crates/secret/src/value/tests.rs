//! What a secret shows and what it leaves behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use zeroize::Zeroize;

use crate::{Secret, SecretBytes, SecretString};

#[test]
fn debug_shows_nothing_of_the_value() {
    assert_eq!(format!("{:?}", SecretString::from("hunter2")), "Secret(..)");
    assert_eq!(format!("{:#?}", Some(SecretBytes::from(b"hunter2".as_slice()))), "Some(\n    Secret(..),\n)");
}

#[test]
fn a_dropped_secret_is_wiped_and_one_handed_out_is_not() {
    struct Counted(Arc<AtomicUsize>);
    impl Zeroize for Counted {
        fn zeroize(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let wiped = Arc::new(AtomicUsize::new(0));
    drop(Secret::new(Counted(wiped.clone())));
    assert_eq!(wiped.load(Ordering::SeqCst), 1);
    assert_eq!(SecretString::from("handed out").into_exposed(), "handed out");
}

#[test]
fn text_becomes_bytes() {
    assert_eq!(SecretBytes::from(SecretString::from("abc")).expose(), b"abc");
}
