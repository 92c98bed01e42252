//! The times of certificates as seconds since 1970 (RFC 5280 §4.1.2.5).

use crate::Malformed;
use crate::der::{Element, GENERALIZED_TIME, Reader, UTC_TIME};

/// The next element, a time of either kind, in seconds since 1970.
pub(crate) fn read(reader: &mut Reader<'_>) -> Result<i64, Malformed> {
    seconds(&reader.any()?).ok_or(Malformed)
}

/// The seconds since 1970 of `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`; nothing else is allowed in certificates.
pub(crate) fn seconds(element: &Element<'_>) -> Option<i64> {
    let digits = element.content.strip_suffix(b"Z")?;
    let (year, rest) = match element.tag {
        UTC_TIME if digits.len() == 12 => {
            let short = number(digits.get(..2)?)?;
            (if short < 50 { 2000 + short } else { 1900 + short }, digits.get(2..)?)
        }
        GENERALIZED_TIME if digits.len() == 14 => (number(digits.get(..4)?)?, digits.get(4..)?),
        _ => return None,
    };
    let (pairs, _) = rest.as_chunks::<2>();
    let parts: Vec<_> = pairs.iter().map(|pair| number(pair)).collect::<Option<_>>()?;
    let [month, day, hour, minute, second] = parts[..] else { return None };
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let longest = match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=longest).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    Some(((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second)
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0')))
}

/// Days from 1970-01-01 in the Gregorian calendar. The year begins in March, so that the leap day is its last.
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let before = year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    /// 1970-01-01 in days since 0000-03-01.
    const EPOCH: i64 = 719_468;
    before + (month * 153 + 2) / 5 + day - 1 - EPOCH
}

#[cfg(test)]
mod tests;
