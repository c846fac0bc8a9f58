//! A time as date and time of day in UTC, in the proleptic Gregorian calendar.

use std::fmt;

use super::Time;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// Date and time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Calendar {
    /// The year; 0 is 1 BC.
    pub year: i64,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
}

impl From<Time> for Calendar {
    /// Fractions of a second are cut off. The arithmetic is that of Howard Hinnant,
    /// "chrono-Compatible Low-Level Date Algorithms".
    fn from(time: Time) -> Self {
        let (days, rest) = (time.seconds.div_euclid(DAY), time.seconds.rem_euclid(DAY));
        // Days since 0000-03-01: years start in March, so that the leap day is their last; they are
        // counted in eras of 400 years = 146,097 days.
        let days = days.saturating_add(719_468);
        let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let march_month = (5 * day + 2) / 153;
        let day = day - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        Calendar {
            year: era * 400 + year + i64::from(month <= 2),
            month: month as u8,
            day: day as u8,
            hour: (rest / 3600) as u8,
            minute: (rest / 60 % 60) as u8,
            second: (rest % 60) as u8,
        }
    }
}

impl From<Calendar> for Time {
    /// The way back, whole seconds.
    fn from(at: Calendar) -> Self {
        let (month, day) = (i64::from(at.month), i64::from(at.day));
        let year = if month <= 2 { at.year - 1 } else { at.year };
        let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
        let day = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let days = era * 146_097 + year * 365 + year / 4 - year / 100 + day - 719_468;
        let [hour, minute, second] = [at.hour, at.minute, at.second].map(i64::from);
        Time::from_seconds(days * DAY + hour * 3600 + minute * 60 + second)
    }
}

impl fmt::Display for Calendar {
    /// To the minute, as `ls -l` has it: `2026-11-21 00:01`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Calendar { year, month, day, hour, minute, .. } = self;
        write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right_at_their_edges() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00"),
            (-1, "1969-12-31 23:59"),
            (951_782_399, "2000-02-28 23:59"),
            (951_782_400, "2000-02-29 00:00"),
            (1_795_219_261, "2026-11-21 00:01"),
            (u32::MAX.into(), "2106-02-07 06:28"),
            (4_107_542_400, "2100-03-01 00:00"),
        ] {
            let calendar = Calendar::from(Time::from_seconds(seconds));
            assert_eq!(
                (calendar.to_string(), Time::from(calendar).seconds),
                (text.into(), seconds)
            );
        }
    }

    #[test]
    fn no_time_is_out_of_range() {
        for seconds in [i64::MIN, i64::MAX] {
            let date = Calendar::from(Time::from_seconds(seconds));
            assert!((1..=12).contains(&date.month) && (1..=31).contains(&date.day));
        }
    }
}
