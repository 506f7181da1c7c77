//! Content encodings, and making them on the workstation. Which one a request gets is for the server to negotiate.

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

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

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
