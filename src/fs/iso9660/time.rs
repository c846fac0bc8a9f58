//! Times: 7 bytes in directories and Rock Ridge (ECMA-119 9.1.5), 17 digits in descriptors (8.4.26.1).
//! All are in UTC.

use crate::tree::{Calendar, Time};

/// 1900-01-01 00:00:00 and 2155-12-31 23:59:59 UTC: what a byte of years has.
const RANGE: (i64, i64) = (-2_208_988_800, 5_869_583_999);

/// The time that seven bytes have and that is nearest.
pub(super) fn short(time: Time) -> [u8; 7] {
    let at = Calendar::from(Time::from_seconds(time.seconds.clamp(RANGE.0, RANGE.1)));
    [(at.year - 1900) as u8, at.month, at.day, at.hour, at.minute, at.second, 0]
}

/// Sixteen digits and the distance from UTC.
pub(super) fn long(time: Time) -> [u8; 17] {
    let at = Calendar::from(Time::from_seconds(time.seconds.clamp(RANGE.0, RANGE.1)));
    let Calendar { year, month, day, hour, minute, second } = at;
    let hundredths = time.nanoseconds / 10_000_000;
    let text =
        format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}{hundredths:02}\0");
    let mut bytes = [0; 17];
    bytes.iter_mut().zip(text.bytes()).for_each(|(to, from)| *to = from);
    bytes
}

/// What seven bytes say; `None` where they are no time.
pub(super) fn from_short(bytes: &[u8]) -> Option<Time> {
    let &[year, month, day, hour, minute, second, offset] = bytes.first_chunk()?;
    let year = 1900 + i64::from(year);
    of(Calendar { year, month, day, hour, minute, second }, offset)
}

/// What sixteen digits and the distance from UTC say; `None` where they are no time.
pub(super) fn from_long(bytes: &[u8]) -> Option<Time> {
    let bytes: &[u8; 17] = bytes.first_chunk()?;
    let number = |from: usize, to: usize| str::from_utf8(&bytes[from..to]).ok()?.parse::<u8>().ok();
    let year = 100 * i64::from(number(0, 2)?) + i64::from(number(2, 4)?);
    let (month, day, hour) = (number(4, 6)?, number(6, 8)?, number(8, 10)?);
    let (minute, second) = (number(10, 12)?, number(12, 14)?);
    let whole = of(Calendar { year, month, day, hour, minute, second }, bytes[16])?;
    Some(Time { nanoseconds: u32::from(number(14, 16)?) * 10_000_000, ..whole })
}

/// A time of a place whose distance from UTC is so many quarters of an hour.
fn of(at: Calendar, offset: u8) -> Option<Time> {
    let is_date = (1..=12).contains(&at.month) && (1..=31).contains(&at.day);
    let is_time = at.hour < 24 && at.minute < 60 && at.second < 61;
    let seconds = Time::from(at).seconds - i64::from(offset as i8) * 15 * 60;
    (is_date && is_time).then(|| Time::from_seconds(seconds))
}

/// A time that is not given.
pub(super) const NEVER: [u8; 17] = *b"0000000000000000\0";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_what_the_calendar_says_within_their_range() {
        let time = Time { seconds: 951_827_696, nanoseconds: 430_000_000 };
        assert_eq!(short(time), [100, 2, 29, 12, 34, 56, 0]);
        assert_eq!(&long(time), b"2000022912345643\0");
        assert_eq!(from_long(b"2000022912345643\0"), Some(time));
        let whole = Time::from_seconds(time.seconds);
        assert_eq!(from_short(&short(time)), Some(whole));
        // An hour east of Greenwich it is an hour later.
        assert_eq!(from_short(&[100, 2, 29, 13, 34, 56, 4]), Some(whole));
        assert_eq!(from_long(b"2000022911345600\xfc"), Some(whole));
        assert_eq!((from_short(&[0; 7]), from_long(&NEVER)), (None, None));
        assert_eq!(short(Time::from_seconds(i64::MIN)), [0, 1, 1, 0, 0, 0, 0]);
        assert_eq!(short(Time::from_seconds(i64::MAX)), [255, 12, 31, 23, 59, 59, 0]);
    }
}
