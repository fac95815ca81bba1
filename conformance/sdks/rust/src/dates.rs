//! The two forms of dates that are met: RFC 3339's in records, HTTP's in answers.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAY: i64 = 86_400;
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A moment in the form of RFC 3339, in UTC, as exact as it is.
pub(crate) fn rfc3339(at: SystemTime) -> String {
    let (seconds, nanoseconds) = match at.duration_since(UNIX_EPOCH) {
        Ok(since) => (whole_seconds(since), since.subsec_nanos()),
        Err(before) => {
            let until = before.duration();
            let part = u32::from(until.subsec_nanos() > 0);
            (-whole_seconds(until) - i64::from(part), part * 1_000_000_000 - until.subsec_nanos())
        }
    };
    let (year, month, day) = civil(seconds.div_euclid(DAY));
    let second = seconds.rem_euclid(DAY);
    let whole = format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
    if nanoseconds == 0 {
        return whole + "Z";
    }
    format!("{whole}.{}Z", format!("{nanoseconds:09}").trim_end_matches('0'))
}

fn whole_seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

/// A date in one of the three forms of RFC 9110, section 5.6.7.
pub(crate) fn http_date(text: &str, now: SystemTime) -> Option<SystemTime> {
    let (weekday, rest) = text.split_once(' ')?;
    let words: Vec<&str> = rest.split(' ').filter(|word| !word.is_empty()).collect();
    let (day, month, year, time) = match *words.as_slice() {
        [day, month, year, time, "GMT"] if weekday.ends_with(',') => (day, month, number(year, 4)?, time),
        [date, time, "GMT"] if weekday.ends_with(',') => {
            let (day, rest) = date.split_once('-')?;
            let (month, year) = rest.split_once('-')?;
            (day, month, whole_year(number(year, 2)?, now), time)
        }
        [month, day, time, year] => (day, month, number(year, 4)?, time),
        _ => return None,
    };
    let month = (1..).zip(MONTHS).find_map(|(number, name)| (name == month).then_some(number))?;
    let day = number(day, 2).or_else(|| number(day, 1))?;
    let clock: Option<Vec<i64>> = time.split(':').map(|part| number(part, 2)).collect();
    let [hour @ 0..24, minute @ 0..60, second @ 0..=60] = *clock? else { return None };
    let days = days(year, month, day);
    if civil(days) != (year, month, day) {
        return None;
    }
    let seconds = days * DAY + hour * 3600 + minute * 60 + second;
    UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(seconds).ok()?))
}

/// A number of so many digits.
fn number(digits: &str, count: usize) -> Option<i64> {
    let is_number = digits.len() == count && digits.bytes().all(|c| c.is_ascii_digit());
    is_number.then(|| digits.parse().ok())?
}

/// The year of two digits that is at most 50 years ahead, and less behind.
fn whole_year(short: i64, now: SystemTime) -> i64 {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let this = civil(whole_seconds(since) / DAY).0;
    this - 49 + (short - this + 49).rem_euclid(100)
}

/// Days since 1970 of a date in the Gregorian calendar: years begin in March, so that leap days end them.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}

/// Year, month and day of the days since 1970.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let after = |milliseconds: u64| rfc3339(UNIX_EPOCH + Duration::from_millis(milliseconds));
        assert_eq!(after(0), "1970-01-01T00:00:00Z");
        assert_eq!(after(951_782_400_500), "2000-02-29T00:00:00.5Z");
        assert_eq!(after(4_107_542_400_000), "2100-03-01T00:00:00Z");
        assert_eq!(rfc3339(UNIX_EPOCH - Duration::from_millis(1)), "1969-12-31T23:59:59.999Z");
        let furthest =
            [UNIX_EPOCH.checked_sub(Duration::from_secs(1 << 63)), UNIX_EPOCH.checked_add(Duration::from_secs(u64::MAX >> 1))];
        furthest.into_iter().flatten().for_each(|at| assert!(rfc3339(at).len() > 20)); // no date of a record
    }

    #[test]
    fn days_and_dates_are_inverse() {
        for day in (-800_000..800_000).step_by(7) {
            let (year, month, of_month) = civil(day);
            assert_eq!(days(year, month, of_month), day);
        }
    }
}
