//! Which encoding of a page a request gets (RFC 9110, section 12.5.3). Reads the field once, and allocates nothing.

use holdfast_site::Encoding;
use http::HeaderMap;
use http::header::ACCEPT_ENCODING;

/// What a client accepts: weights in thousandths, of those that it names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Accepted {
    brotli: Option<u16>,
    zstd: Option<u16>,
    gzip: Option<u16>,
    identity: Option<u16>,
    any: Option<u16>,
}

/// The outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    Identity,
    Encoded(Encoding),
    /// The client refuses what there is, identity included: 406 (section 15.5.7).
    Nothing,
}

impl Accepted {
    /// Reads the field, which may come in several lines (section 5.3).
    pub(super) fn read(headers: &HeaderMap) -> Self {
        let mut accepted = Self::default();
        for line in headers.get_all(ACCEPT_ENCODING) {
            for item in line.to_str().unwrap_or_default().split(',') {
                accepted.take(item);
            }
        }
        accepted
    }

    fn take(&mut self, item: &str) {
        let mut parts = item.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let is = |coding: &str| name.eq_ignore_ascii_case(coding);
        let place = if is("br") {
            &mut self.brotli
        } else if is("zstd") {
            &mut self.zstd
        } else if is("gzip") || is("x-gzip") {
            &mut self.gzip
        } else if is("identity") {
            &mut self.identity
        } else if name == "*" {
            &mut self.any
        } else {
            return;
        };
        let quality = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            name.trim().eq_ignore_ascii_case("q").then(|| value.trim())
        });
        place.get_or_insert(quality.map_or(1000, thousandths));
    }

    /// Whether the file may be sent as it is: unless the client refuses just that.
    pub(super) fn takes_identity(&self) -> bool {
        self.identity.or(self.any.filter(|any| *any == 0)) != Some(0)
    }

    /// The highest weight wins, at equal weights the most liked. Without the field, or where nothing that it names is
    /// there, the file is sent as it is, unless `identity` is refused.
    pub(super) fn choose(&self, there: impl Fn(Encoding) -> bool) -> Choice {
        let mut best: Option<(u16, Encoding)> = None;
        for encoding in Encoding::ALL {
            let named = match encoding {
                Encoding::Brotli => self.brotli,
                Encoding::Zstd => self.zstd,
                Encoding::Gzip => self.gzip,
            };
            let weight = named.or(self.any).unwrap_or(0);
            if weight > 0 && best.is_none_or(|(most, _)| weight > most) && there(encoding) {
                best = Some((weight, encoding));
            }
        }
        match best {
            Some((weight, encoding)) if weight >= self.identity.unwrap_or(0) => {
                Choice::Encoded(encoding)
            }
            Some((_, encoding)) if !self.takes_identity() => Choice::Encoded(encoding),
            _ if self.takes_identity() => Choice::Identity,
            _ => Choice::Nothing,
        }
    }
}

/// A qvalue (section 12.4.2) in thousandths; anything else counts as not acceptable.
fn thousandths(quality: &str) -> u16 {
    let (whole, fraction) = quality.split_once('.').unwrap_or((quality, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return 0;
    }
    let places = [100_u16, 10, 1];
    let digits = fraction
        .bytes()
        .zip(places)
        .map(|(digit, place)| u16::from(digit.saturating_sub(b'0')).saturating_mul(place));
    let fraction: u16 = digits.fold(0, u16::saturating_add);
    match (whole, fraction) {
        ("1", 0) => 1000,
        ("0", fraction) => fraction,
        _ => 0,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn accepted(lines: &[&str]) -> Accepted {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(ACCEPT_ENCODING, HeaderValue::from_str(line).unwrap());
        }
        Accepted::read(&headers)
    }

    #[test]
    fn accept_encoding_is_negotiated_by_weight_then_liking() {
        use Choice::{Encoded, Identity, Nothing};
        use Encoding::{Brotli, Gzip, Zstd};
        for (accept, expected) in [
            ("gzip, deflate, br, zstd", Encoded(Brotli)),
            ("br;q=0.5, gzip", Encoded(Gzip)),
            ("gzip;q=0.2, zstd;q=0.3", Encoded(Zstd)),
            ("*", Encoded(Brotli)),
            ("br;q=0, *;q=0.1", Encoded(Zstd)),
            ("identity, gzip;q=0.5", Identity),
            ("identity;q=0.4, gzip;q=0.5", Encoded(Gzip)),
            ("identity;q=1, *;q=0", Identity),
            ("gzip;q=0", Identity),
            ("GZIP ; Q=0.9", Encoded(Gzip)),
            ("x-gzip", Encoded(Gzip)),
            ("gzip;q=2", Identity),
            ("gzip;q=1.001", Identity),
            ("gzip;q=0.0001", Identity),
            ("gzip;q=1.000", Encoded(Gzip)),
            ("gzip;q=0.001", Encoded(Gzip)),
            ("", Identity),
            ("deflate", Identity),
            // What RFC 9110, section 12.5.3 says of identity: acceptable unless refused by name, or by `*`.
            ("identity;q=0", Nothing),
            ("*;q=0", Nothing),
            ("identity;q=0, gzip", Encoded(Gzip)),
            ("*;q=0, zstd", Encoded(Zstd)),
            ("identity;q=0, *;q=0.5", Encoded(Brotli)),
            ("identity;q=0, deflate", Nothing),
        ] {
            assert_eq!(accepted(&[accept]).choose(|_| true), expected, "{accept}");
        }
        assert_eq!(accepted(&[]).choose(|_| true), Identity);
        let some = accepted(&["br, gzip"]);
        assert_eq!(some.choose(|one| one == Gzip), Encoded(Gzip));
        assert_eq!(some.choose(|_| false), Identity);
        // Several lines are one list (section 5.3).
        let lines = accepted(&["gzip;q=0.1", "br;q=0.2"]);
        assert_eq!(lines.choose(|_| true), Encoded(Brotli));
    }
}
