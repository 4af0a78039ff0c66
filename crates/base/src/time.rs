//! Moments without a clock. [`Instant`] counts nanoseconds since the program's own start and never goes back;
//! [`WallTime`] is what a calendar would say and may jump. Every duration is taken from instants (FEATURES H5).

use core::fmt;
use core::ops::{Add, AddAssign, Sub};
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// A moment on the monotonic axis, in nanoseconds since an origin that only the edge knows.
///
/// Arithmetic saturates: a subtraction of times cannot panic and cannot wrap.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Instant(u64);

impl Instant {
    /// The origin of the axis.
    pub const ZERO: Instant = Instant(0);
    /// Later than anything that can happen.
    pub const FAR: Instant = Instant(u64::MAX);

    /// `nanos` nanoseconds after the origin.
    pub const fn from_nanos(nanos: u64) -> Self {
        Instant(nanos)
    }

    /// `millis` milliseconds after the origin.
    pub const fn from_millis(millis: u64) -> Self {
        Instant(millis.saturating_mul(1_000_000))
    }

    /// `secs` seconds after the origin.
    pub const fn from_secs(secs: u64) -> Self {
        Instant(secs.saturating_mul(1_000_000_000))
    }

    /// Nanoseconds since the origin.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Whole milliseconds since the origin.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Time passed since `earlier`; zero when `earlier` is not earlier.
    pub const fn since(self, earlier: Instant) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;
    fn add(self, by: Duration) -> Instant {
        Instant(self.0.saturating_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, by: Duration) {
        *self = *self + by;
    }
}

impl Sub<Duration> for Instant {
    type Output = Instant;
    fn sub(self, by: Duration) -> Instant {
        Instant(self.0.saturating_sub(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl Sub for Instant {
    type Output = Duration;
    fn sub(self, earlier: Instant) -> Duration {
        self.since(earlier)
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}s", self.0 / 1_000_000_000, self.0 % 1_000_000_000 / 1_000)
    }
}

/// What the calendar says: milliseconds since 1970-01-01T00:00:00Z, leap seconds ignored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WallTime(i64);

/// A calendar reading in the proleptic Gregorian calendar.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Civil {
    /// Year, e.g. 2026.
    pub year: i32,
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
    /// 0 to 999.
    pub millisecond: u16,
}

impl WallTime {
    /// From milliseconds since the Unix epoch.
    pub const fn from_unix_millis(millis: i64) -> Self {
        WallTime(millis)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn unix_millis(self) -> i64 {
        self.0
    }

    /// The later of the two saturated: `self` moved by `by`.
    pub fn plus(self, by: Duration) -> Self {
        WallTime(self.0.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }

    /// The calendar reading `offset_minutes` east of Greenwich (Kazakhstan: 300).
    pub const fn civil(self, offset_minutes: i32) -> Civil {
        let shifted = self.0.saturating_add(offset_minutes as i64 * 60_000);
        let days = shifted.div_euclid(86_400_000);
        let in_day = shifted.rem_euclid(86_400_000);
        // Howard Hinnant's days-to-civil: era of 400 years, March-based year.
        let z = days + 719_468;
        let era = z.div_euclid(146_097);
        let doe = z.rem_euclid(146_097);
        let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let month = if mp < 10 { mp + 3 } else { mp - 9 };
        Civil {
            year: (yoe + era * 400 + if month <= 2 { 1 } else { 0 }) as i32,
            month: month as u8,
            day: (doy - (153 * mp + 2) / 5 + 1) as u8,
            hour: (in_day / 3_600_000) as u8,
            minute: (in_day / 60_000 % 60) as u8,
            second: (in_day / 1_000 % 60) as u8,
            millisecond: (in_day % 1_000) as u16,
        }
    }

    /// The moment a calendar reading names, `offset_minutes` east of Greenwich. `None` when no such day exists.
    pub fn from_civil(c: Civil, offset_minutes: i32) -> Option<Self> {
        let leap = c.year % 4 == 0 && (c.year % 100 != 0 || c.year % 400 == 0);
        let month_days = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let longest = *month_days.get(usize::from(c.month).checked_sub(1)?)?;
        if c.day == 0
            || c.day > longest
            || c.hour > 23
            || c.minute > 59
            || c.second > 59
            || c.millisecond > 999
        {
            return None;
        }
        let y = i64::from(c.year) - i64::from(c.month <= 2);
        let era = y.div_euclid(400);
        let yoe = y.rem_euclid(400);
        let mp = (i64::from(c.month) + 9) % 12;
        let doy = (153 * mp + 2) / 5 + i64::from(c.day) - 1;
        let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
        let days = era * 146_097 + doe - 719_468;
        let secs = days * 86_400 + i64::from(c.hour) * 3_600 + i64::from(c.minute) * 60 + i64::from(c.second);
        Some(WallTime(secs * 1_000 + i64::from(c.millisecond) - i64::from(offset_minutes) * 60_000))
    }

    /// `2026-11-24T00:36:14.000+05:00`, RFC 3339, for the offset given in minutes.
    pub fn rfc3339(self, offset_minutes: i32) -> String {
        let c = self.civil(offset_minutes);
        let (sign, off) = if offset_minutes < 0 {
            ('-', offset_minutes.unsigned_abs())
        } else {
            ('+', offset_minutes.unsigned_abs())
        };
        format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}{sign}{:02}:{:02}",
            c.year,
            c.month,
            c.day,
            c.hour,
            c.minute,
            c.second,
            c.millisecond,
            off / 60,
            off % 60
        )
    }

    /// Reads `2026-11-24` as the first moment of that day at the given offset.
    pub fn parse_date(text: &str, offset_minutes: i32) -> Option<Self> {
        let mut parts = text.split('-');
        let year = parts.next()?.parse().ok()?;
        let month = parts.next()?.parse().ok()?;
        let day = parts.next()?.parse().ok()?;
        if parts.next().is_some() {
            return None;
        }
        Self::from_civil(
            Civil { year, month, day, hour: 0, minute: 0, second: 0, millisecond: 0 },
            offset_minutes,
        )
    }
}

impl fmt::Debug for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc3339(0))
    }
}

/// Ties the two axes together. The edge tells it readings; machines ask it what the calendar says at an instant.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct WallClock {
    instant: Instant,
    wall: WallTime,
}

impl WallClock {
    /// The clock as read at `now`.
    pub const fn read(now: Instant, wall: WallTime) -> Self {
        WallClock { instant: now, wall }
    }

    /// What the calendar says at `now`, by the last reading.
    pub fn at(&self, now: Instant) -> WallTime {
        if now >= self.instant {
            self.wall.plus(now.since(self.instant))
        } else {
            let back = self.instant.since(now).as_millis();
            WallTime(self.wall.0.saturating_sub(i64::try_from(back).unwrap_or(i64::MAX)))
        }
    }

    /// How far a fresh reading is from what this clock predicted, in milliseconds (positive: the wall jumped ahead).
    pub fn skew_ms(&self, now: Instant, wall: WallTime) -> i64 {
        wall.0.saturating_sub(self.at(now).0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn subtraction_of_times_never_panics() {
        assert_eq!(Instant::ZERO - Instant::FAR, Duration::ZERO);
        assert_eq!(Instant::FAR + Duration::MAX, Instant::FAR);
        assert_eq!(Instant::ZERO - Duration::MAX, Instant::ZERO);
    }

    #[test]
    fn civil_reading_of_known_moments() {
        assert_eq!(WallTime::from_unix_millis(0).rfc3339(0), "1970-01-01T00:00:00.000+00:00");
        assert_eq!(
            WallTime::from_unix_millis(1_795_480_574_000).rfc3339(300),
            "2026-11-24T05:36:14.000+05:00"
        );
        assert_eq!(WallTime::from_unix_millis(951_782_400_000).rfc3339(0), "2000-02-29T00:00:00.000+00:00");
        assert_eq!(WallTime::parse_date("2026-02-30", 300), None);
        assert_eq!(
            WallTime::parse_date("2026-11-24", 0),
            Some(WallTime::from_unix_millis(1_795_478_400_000))
        );
    }

    proptest! {
        #[test]
        fn civil_round_trips(ms in -5_000_000_000_000i64..50_000_000_000_000, off in -720i32..840) {
            let t = WallTime::from_unix_millis(ms);
            prop_assert_eq!(WallTime::from_civil(t.civil(off), off), Some(t));
        }

        #[test]
        fn a_wall_clock_follows_its_reading(at in 0u64..1 << 50, later in 0u64..1 << 40, wall in 0i64..1 << 42) {
            let clock = WallClock::read(Instant::from_nanos(at), WallTime::from_unix_millis(wall));
            let now = Instant::from_nanos(at + later);
            prop_assert_eq!(clock.at(now).unix_millis(), wall + (later / 1_000_000) as i64);
            prop_assert_eq!(clock.skew_ms(now, clock.at(now)), 0);
        }
    }
}
