//! Times as FAT stores them: local time without a zone, taken as UTC, from 1980 to 2107, every
//! second second (fatgen103, "Date and Time Formats").

use crate::tree::{Calendar, Time};

/// Date and time fields of a directory entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Days, months, years since 1980.
    pub(super) date: u16,
    /// Seconds / 2, minutes, hours.
    pub(super) time: u16,
}

/// 1980-01-01 00:00:00 UTC.
const FIRST: i64 = 315_532_800;
/// 2107-12-31 23:59:58 UTC.
const LAST: i64 = 4_354_819_198;

impl From<Time> for Stamp {
    /// The latest time that FAT has and that is not later; the first or last one outside its range.
    fn from(time: Time) -> Self {
        let seconds = time.seconds.clamp(FIRST, LAST);
        let at = Calendar::from(Time::from_seconds(seconds));
        let [month, day, hour, minute, second] =
            [at.month, at.day, at.hour, at.minute, at.second].map(u16::from);
        let date = ((at.year - 1980) as u16) << 9 | month << 5 | day;
        Stamp { date, time: hour << 11 | minute << 5 | (second / 2) }
    }
}

impl From<Stamp> for Time {
    /// What it says; a month or day that is none counts as the first.
    fn from(stamp: Stamp) -> Self {
        let (date, time) = (stamp.date, stamp.time);
        let low = |field: u16, most: u8| (field & 0xff).min(most.into()) as u8;
        Time::from(Calendar {
            year: i64::from(1980 + (date >> 9)),
            month: low(date >> 5 & 15, 12).max(1),
            day: low(date & 31, 31).max(1),
            hour: low(time >> 11, 23),
            minute: low(time >> 5 & 63, 59),
            second: low((time & 31) * 2, 59),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(seconds: i64) -> [u16; 6] {
        let Stamp { date, time } = Time::from_seconds(seconds).into();
        let day = [1980 + (date >> 9), date >> 5 & 15, date & 31];
        [day[0], day[1], day[2], time >> 11, time >> 5 & 63, (time & 31) * 2]
    }

    #[test]
    fn known_times() {
        assert_eq!(fields(315_532_800), [1980, 1, 1, 0, 0, 0]);
        assert_eq!(fields(951_827_696), [2000, 2, 29, 12, 34, 56]);
        assert_eq!(fields(951_827_697), [2000, 2, 29, 12, 34, 56]);
        assert_eq!(fields(4_107_542_399), [2100, 2, 28, 23, 59, 58]);
        assert_eq!(fields(4_107_542_400), [2100, 3, 1, 0, 0, 0]);
        assert_eq!(fields(1_798_761_599), [2026, 12, 31, 23, 59, 58]);
    }

    #[test]
    fn times_come_back() {
        for seconds in [FIRST, 951_827_696, 951_868_800, 4_107_542_398, 1_798_761_598, LAST] {
            assert_eq!(Time::from(Stamp::from(Time::from_seconds(seconds))).seconds, seconds);
        }
        assert_eq!(Time::from(Stamp { date: 0, time: 0 }).seconds, FIRST);
    }

    #[test]
    fn what_is_outside_is_clamped() {
        for early in [i64::MIN, -1, 0, 315_532_799] {
            assert_eq!(fields(early), [1980, 1, 1, 0, 0, 0]);
        }
        for late in [LAST, LAST + 1, i64::MAX] {
            assert_eq!(fields(late), [2107, 12, 31, 23, 59, 58]);
        }
    }
}
