//! Times of events.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset, macros::format_description};

use crate::Error;

const MILLION: i128 = 1_000_000;

/// A time in milliseconds since 1970-01-01T00:00:00Z, within the years 0 to 9999.
///
/// Shown, and written in JSON, by RFC 3339 in UTC with three decimals: `2025-06-01T12:00:00.000Z`. In the store it is
/// the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// A time from its number.
    ///
    /// # Errors
    /// [`Error::Time`] if it is outside the years 0 to 9999.
    pub fn from_unix_millis(millis: i64) -> Result<Self, Error> {
        match moment(millis) {
            Some(moment) if (0..=9999).contains(&moment.year()) => Ok(Self(millis)),
            _ => Err(Error::Time(millis)),
        }
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn unix_millis(self) -> i64 {
        self.0
    }

    fn parse(text: &str) -> Option<Self> {
        let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        let nanos = moment.to_offset(UtcOffset::UTC).unix_timestamp_nanos();
        let millis = i64::try_from(nanos.div_euclid(MILLION)).ok()?;
        Self::from_unix_millis(millis).ok()
    }
}

fn moment(millis: i64) -> Option<OffsetDateTime> {
    let nanos = i128::from(millis).checked_mul(MILLION)?;
    OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shape = format_description!(
            "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
        );
        let text = moment(self.0).and_then(|moment| moment.format(shape).ok());
        f.write_str(&text.ok_or(std::fmt::Error)?)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_i64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            Self::parse(&text).ok_or_else(|| de::Error::custom("not a time of RFC 3339"))
        } else {
            let millis = i64::deserialize(deserializer)?;
            Self::from_unix_millis(millis).map_err(de::Error::custom)
        }
    }
}
