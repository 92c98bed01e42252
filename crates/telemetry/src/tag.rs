//! Which request a thread is working on, so that every line of the log that comes of it can say so. A copy of a few
//! bytes each time that the request's future runs: no span is made, and nothing is allocated.

use std::cell::Cell;
use std::pin::Pin;
use std::task::Poll;

/// The length of a UUID as text.
const ID_BYTES: usize = 36;

thread_local! {
    static CURRENT: Cell<Option<Tag>> = const { Cell::new(None) };
}

/// A request's id.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tag([u8; ID_BYTES]);

impl Tag {
    /// The request that this thread is working on. Tasks that a request starts and does not wait for have none.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.get()
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Made of text alone.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Of this id; of one that is no UUID in length there is none.
    #[must_use]
    pub fn of(id: &str) -> Option<Self> {
        Some(Self(id.as_bytes().try_into().ok()?))
    }
}

/// The future, as the work on this request.
pub async fn tagged<T>(tag: Option<Tag>, mut work: Pin<&mut impl Future<Output = T>>) -> T {
    std::future::poll_fn(|context| {
        let _before = Before(CURRENT.replace(tag));
        let poll: Poll<T> = work.as_mut().poll(context);
        poll
    })
    .await
}

/// What the thread was working on, which it is again afterwards, after a panic too.
struct Before(Option<Tag>);

impl Drop for Before {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    const ONE: &str = "00000000-0000-4000-8000-000000000001";
    const OTHER: &str = "00000000-0000-4000-8000-000000000002";

    fn shown() -> String {
        Tag::current().map(|tag| tag.as_str().to_owned()).unwrap_or_default()
    }

    /// Lets others run once, and tells what it sees before and after.
    async fn work() -> [String; 2] {
        let before = shown();
        let mut has_waited = false;
        std::future::poll_fn(
            |_| if std::mem::replace(&mut has_waited, true) { Poll::Ready(()) } else { Poll::Pending },
        )
        .await;
        [before, shown()]
    }

    #[test]
    fn work_that_takes_turns_on_a_thread_keeps_its_own_tag() {
        let mut context = Context::from_waker(Waker::noop());
        let (one, other, short) = (pin!(work()), pin!(work()), pin!(work()));
        let (mut one, mut other) = (pin!(tagged(Tag::of(ONE), one)), pin!(tagged(Tag::of(OTHER), other)));
        let mut short = pin!(tagged(Tag::of("short"), short));
        assert!(one.as_mut().poll(&mut context).is_pending() && other.as_mut().poll(&mut context).is_pending());
        assert!(short.as_mut().poll(&mut context).is_pending());
        assert_eq!(shown(), "", "nobody is at work");
        assert_eq!(one.poll(&mut context), Poll::Ready([ONE, ONE].map(str::to_owned)));
        assert_eq!(other.poll(&mut context), Poll::Ready([OTHER, OTHER].map(str::to_owned)));
        assert_eq!(short.poll(&mut context), Poll::Ready(["", ""].map(str::to_owned)));
    }
}
