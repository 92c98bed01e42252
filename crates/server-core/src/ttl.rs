//! How long a token or a lease lasts: what is asked, the defaults, and the caps, in Vault's documented order.

use std::time::Duration;

/// What decides a TTL.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wish {
    /// What the caller asks; zero is nothing.
    pub(crate) asked: Duration,
    /// What a role or the first grant gives when nothing is asked.
    pub(crate) usual: Duration,
    /// Not zero: renewed for this long each time, without any end but `explicit_max`.
    pub(crate) period: Duration,
    /// A cap of its own; zero is none.
    pub(crate) explicit_max: Duration,
    /// How long it has lived already.
    pub(crate) age: Duration,
    /// The mount's or the system's default.
    pub(crate) default_ttl: Duration,
    /// The mount's or the system's cap.
    pub(crate) max_ttl: Duration,
}

/// A TTL that fits all caps, with what the caller should know about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Granted {
    pub(crate) ttl: Duration,
    pub(crate) warnings: Vec<String>,
}

/// The TTL to grant; `None` when the caps leave nothing: `past the max TTL`.
pub(crate) fn grant(wish: Wish) -> Option<Granted> {
    let mut cap = wish.max_ttl;
    if !wish.explicit_max.is_zero() {
        cap = cap.min(wish.explicit_max);
    }
    let mut warnings = Vec::new();
    if !wish.period.is_zero() {
        let ttl = wish.period.min(wish.max_ttl);
        if ttl < wish.period {
            warnings.push(capped("period", wish.period, ttl));
        }
        if wish.explicit_max.is_zero() {
            return Some(Granted { ttl, warnings });
        }
        return Some(Granted { ttl: ttl.min(left(wish.explicit_max, wish.age)?), warnings });
    }
    let wanted = [wish.asked, wish.usual].into_iter().find(|it| !it.is_zero()).unwrap_or(wish.default_ttl);
    let left = left(cap, wish.age)?;
    if wanted > left {
        // Nobody asked for a default that is too long, so nobody needs to hear of it, unless it is cut by a cap that
        // belongs to this one grant (Vault).
        if !wish.asked.is_zero() || (wish.usual.is_zero() && wish.explicit_max == cap && wish.age.is_zero()) {
            warnings.push(capped("TTL", wanted, left));
        }
        return Some(Granted { ttl: left, warnings });
    }
    Some(Granted { ttl: wanted, warnings })
}

/// What a cap leaves at an age, in whole seconds: the API counts nothing finer. None when that is nothing.
fn left(cap: Duration, age: Duration) -> Option<Duration> {
    let left = Duration::from_secs(cap.checked_sub(age)?.as_secs());
    (!left.is_zero()).then_some(left)
}

fn capped(what: &str, wanted: Duration, given: Duration) -> String {
    let (wanted, given) = (api::duration::format_short(wanted), api::duration::format_short(given));
    format!("{what} of \"{wanted}\" exceeded the effective max_ttl of \"{given}\"; {what} value is capped accordingly")
}

#[cfg(test)]
mod tests;
