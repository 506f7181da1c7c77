//! Content encodings: making them on the workstation, choosing one per request.

use std::io::Write as _;

use serde::{Deserialize, Serialize};

/// A content encoding (RFC 9110, section 8.4.1; RFC 7932; RFC 8878).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// `br`
    #[serde(rename = "br")]
    Brotli,
    /// `zstd`
    Zstd,
    /// `gzip`
    Gzip,
}

impl Encoding {
    /// All of them, most liked first.
    pub const ALL: [Self; 3] = [Self::Brotli, Self::Zstd, Self::Gzip];

    /// The name in `Accept-Encoding` and `Content-Encoding`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        }
    }

    /// Compresses `bytes`; `None` where the result would not be smaller.
    #[must_use]
    pub fn compress(self, bytes: &[u8]) -> Option<Vec<u8>> {
        let small = bytes.len() < 256 * 1024;
        let encoded = match self {
            Self::Brotli => {
                let parameters = brotli::enc::BrotliEncoderParams {
                    // Level 11 is ten times slower than 9 for some 3 %: only where that costs nobody a wait.
                    quality: if small { 11 } else { 9 },
                    size_hint: bytes.len(),
                    ..Default::default()
                };
                let mut out = Vec::new();
                brotli::BrotliCompress(&mut &*bytes, &mut out, &parameters).ok()?;
                out
            }
            // Levels up to 19 keep the window within 8 MiB, which RFC 9659 asks of HTTP.
            Self::Zstd => zstd::bulk::compress(bytes, if small { 19 } else { 12 }).ok()?,
            Self::Gzip => {
                let mut encoder =
                    flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(9));
                encoder.write_all(bytes).ok()?;
                encoder.finish().ok()?
            }
        };
        (encoded.len() < bytes.len()).then_some(encoded)
    }
}

/// Chooses the encoding for an `Accept-Encoding` field among those that exist (RFC 9110, section 12.5.3).
///
/// The highest weight wins, at equal weights the most liked; `None` is identity, which also answers a client that
/// accepts nothing that exists, since a page in a form it did not ask for helps more than a 406.
#[must_use]
pub fn negotiate(accept: Option<&str>, available: &[Encoding]) -> Option<Encoding> {
    let accept = accept?;
    let mut best: Option<(u16, Encoding)> = None;
    for encoding in Encoding::ALL {
        if !available.contains(&encoding) {
            continue;
        }
        let weight = weight(accept, encoding.name())
            .or_else(|| weight(accept, "*"))
            .unwrap_or(0);
        if weight > 0 && best.is_none_or(|(most, _)| weight > most) {
            best = Some((weight, encoding));
        }
    }
    let (weight_of_best, encoding) = best?;
    let identity = weight(accept, "identity").unwrap_or(0);
    (weight_of_best >= identity).then_some(encoding)
}

/// The weight of a coding in thousandths, if the field names it.
fn weight(accept: &str, coding: &str) -> Option<u16> {
    accept.split(',').find_map(|item| {
        let mut parts = item.split(';').map(str::trim);
        let name = parts.next()?;
        let same = name.eq_ignore_ascii_case(coding)
            || coding == "gzip" && name.eq_ignore_ascii_case("x-gzip");
        if !same {
            return None;
        }
        let quality = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            name.trim().eq_ignore_ascii_case("q").then(|| value.trim())
        });
        Some(quality.map_or(1000, thousandths))
    })
}

/// A qvalue (RFC 9110, section 12.4.2) in thousandths; anything else counts as not acceptable.
fn thousandths(quality: &str) -> u16 {
    let (whole, fraction) = quality.split_once('.').unwrap_or((quality, ""));
    let digits = fraction.len() <= 3 && fraction.bytes().all(|digit| digit.is_ascii_digit());
    match (whole, digits) {
        ("1", true) if fraction.bytes().all(|digit| digit == b'0') => 1000,
        ("0", true) => format!("{fraction:0<3}").parse().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn accept_encoding_is_negotiated_by_weight_then_liking() {
        use Encoding::{Brotli, Gzip, Zstd};
        let all = Encoding::ALL;
        for (accept, expected) in [
            ("gzip, deflate, br, zstd", Some(Brotli)),
            ("br;q=0.5, gzip", Some(Gzip)),
            ("gzip;q=0.2, zstd;q=0.3", Some(Zstd)),
            ("*", Some(Brotli)),
            ("br;q=0, *;q=0.1", Some(Zstd)),
            ("identity, gzip;q=0.5", None),
            ("gzip;q=0", None),
            ("GZIP ; Q=0.9", Some(Gzip)),
            ("gzip;q=2", None),
            ("gzip;q=1.000", Some(Gzip)),
            ("", None),
            ("deflate", None),
        ] {
            assert_eq!(negotiate(Some(accept), &all), expected, "{accept}");
        }
        assert_eq!(negotiate(None, &all), None);
        assert_eq!(negotiate(Some("br, gzip"), &[Gzip]), Some(Gzip));
    }

    #[test]
    fn encodings_give_the_bytes_back() {
        use std::io::Read as _;
        let text = b"the same words again ".repeat(100);
        let mut out = Vec::new();
        let br = Encoding::Brotli.compress(&text).unwrap();
        brotli::BrotliDecompress(&mut &*br, &mut out).unwrap();
        assert_eq!(out, text);
        let zstd = Encoding::Zstd.compress(&text).unwrap();
        assert_eq!(zstd::bulk::decompress(&zstd, text.len()).unwrap(), text);
        let gzip = Encoding::Gzip.compress(&text).unwrap();
        let mut out = Vec::new();
        flate2::read::GzDecoder::new(&*gzip)
            .read_to_end(&mut out)
            .unwrap();
        assert_eq!(out, text);
        assert_eq!(Encoding::Gzip.compress(b"x"), None);
    }
}
