//! How long to wait between attempts.

use crate::dates::http_date;
use std::time::SystemTime;

const BASE_DELAY: f64 = 1.0; // seconds
const MAX_DELAY: f64 = 60.0;
const MAX_ASKED: f64 = 3600.0; // of a Retry-After

/// Seconds to wait after a failed attempt, the first being 1: full jitter under a ceiling that doubles (OUT-3), on top of what the
/// service asked for (OUT-4). `chance` is drawn evenly from [0, 1).
pub fn pause(attempt: u32, chance: f64, retry_after: f64) -> f64 {
    let doublings = i32::try_from(attempt).unwrap_or(i32::MAX).saturating_sub(1);
    let ceiling = MAX_DELAY.min(BASE_DELAY * 2f64.powi(doublings));
    retry_after.clamp(0.0, MAX_ASKED) + chance * ceiling
}

/// The seconds that a Retry-After asks for, in both forms of RFC 9110, section 10.2.3; what is neither asks for nothing (OUT-4).
pub(super) fn seconds_asked(field: &str, now: SystemTime) -> f64 {
    if !field.is_empty() && field.bytes().all(|c| c.is_ascii_digit()) {
        return field.parse().unwrap_or(MAX_ASKED);
    }
    let left = http_date(field, now).and_then(|at| at.duration_since(now).ok());
    left.map_or(0.0, |left| left.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn retry_after_has_each_form_of_rfc_9110() {
        let now = UNIX_EPOCH + Duration::from_secs(784_111_777 - 60); // a minute before its example
        for (field, seconds) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", 60.0),
            ("Sunday, 06-Nov-94 08:49:37 GMT", 60.0),
            ("Sun Nov  6 08:49:37 1994", 60.0),
            ("Sunday, 06-Nov-44 08:49:37 GMT", 1_577_923_260.0),
            ("Tue, 29 Feb 2000 00:00:00 GMT", 167_670_683.0),
            ("Sun, 06 Nov 1994 08:48:36 GMT", 0.0),
            ("120", 120.0),
            ("0", 0.0),
        ] {
            assert_eq!(seconds_asked(field, now), seconds, "{field}");
        }
        let nonsense = [
            "",
            "soon",
            "-5",
            "1e9",
            "1.5",
            "+7",
            "７",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nox 1994 08:49:37 GMT",
            "Sun, 31 Feb 2000 00:00:00 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, 99999999999999999999 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 9223372036854775807 08:49:37 GMT",
            "Sun, 9223372036854775807 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 9223372036854775807:49:37 GMT",
            "Sun, 06 Nov +994 08:49:37 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37:00 GMT",
            "Sunday, 06-Nov-1994-1 08:49:37 GMT",
            "Sunday, 06-Nov-é4 08:49:37 GMT",
        ];
        for field in nonsense {
            assert_eq!(seconds_asked(field, now), 0.0, "{field}");
        }
        assert_eq!(pause(1, 0.0, seconds_asked(&"9".repeat(400), now)), MAX_ASKED);
    }

    #[test]
    fn a_pause_is_jitter_under_a_ceiling_that_doubles() {
        assert_eq!([1, 2, 6, 7, u32::MAX].map(|attempt| pause(attempt, 0.5, 0.0)), [0.5, 1.0, 16.0, 30.0, 30.0]);
        assert_eq!([-5.0, 7.0, f64::INFINITY].map(|asked| pause(1, 0.5, asked)), [0.5, 7.5, 3600.5]);
    }
}
