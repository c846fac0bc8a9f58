//! Times as FAT stores them: local time without a zone, taken as UTC, from 1980 to 2107, every
//! second second (fatgen103, "Date and Time Formats").

use crate::tree::Time;

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
        let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = civil(days);
        let date = (year - 1980) << 9 | month << 5 | day;
        let time = (second / 3600) << 11 | (second / 60 % 60) << 5 | (second % 60 / 2);
        Stamp { date: date as u16, time: time as u16 }
    }
}

/// Year, month and day of a day since 1970-01-01, by counting in years that start in March, so that
/// the leap day is the last (the proleptic Gregorian calendar; days from 1970 on).
fn civil(days: i64) -> (i64, i64, i64) {
    // Days since 0000-03-01, in eras of 400 years = 146,097 days.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
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
    fn what_is_outside_is_clamped() {
        for early in [i64::MIN, -1, 0, 315_532_799] {
            assert_eq!(fields(early), [1980, 1, 1, 0, 0, 0]);
        }
        for late in [LAST, LAST + 1, i64::MAX] {
            assert_eq!(fields(late), [2107, 12, 31, 23, 59, 58]);
        }
    }
}
