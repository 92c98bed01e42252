//! How the audit devices write a token, kept with the token: so that what is the same in all of its records is hashed
//! and formatted once. Hashes and names alone: it never holds a token.

use std::sync::{Arc, Weak};

use ::audit::record::CallerText;
use arc_swap::ArcSwapOption;

use super::Active;

/// The most that is kept with a token, in bytes: enough for two devices and a dozen policies. What takes more is made
/// anew for each request.
pub(crate) const CALLER_TEXTS_BYTES_MAX: usize = 2 * 1024;

/// What is kept with a token.
#[derive(Default)]
pub(crate) struct CallerTexts(ArcSwapOption<Each>);

/// One for each of the devices that were enabled at one time.
pub(crate) struct Each {
    active: Weak<Active>,
    each: Vec<CallerText>,
}

impl CallerTexts {
    /// How these devices write the token, made by `make` unless it is known.
    pub(crate) fn by(&self, active: &Arc<Active>, make: impl FnOnce() -> Vec<CallerText>) -> Arc<Each> {
        if let Some(known) = self.0.load_full().filter(|known| std::ptr::eq(known.active.as_ptr(), &raw const **active))
        {
            return known;
        }
        let made = Arc::new(Each { active: Arc::downgrade(active), each: make() });
        if made.each.iter().map(CallerText::bytes).sum::<usize>() <= CALLER_TEXTS_BYTES_MAX {
            self.0.store(Some(Arc::clone(&made)));
        }
        made
    }
}

impl Each {
    /// How the device at this place writes the token.
    pub(crate) fn of(&self, device: usize) -> Option<&CallerText> {
        self.each.get(device)
    }
}
