//! A part of a list, as requests ask for it: the names of the two fields and what they mean, for every list that has no
//! other input. One with inputs of its own has fields of the same names, and turns them into a [`Listing`] itself.

use crate::fields;
use crate::view::Listing;

fields! {
    /// A part of a list.
    pub struct Page {
        /// Lists only the names after this one.
        after: String = String::new(),
        /// The most names to list; all when zero or less.
        limit: i64 = 0,
    }
}

impl Page {
    /// Which names it asks for.
    #[must_use]
    pub fn listing(self) -> Listing {
        Listing::new(self.after, self.limit)
    }
}
