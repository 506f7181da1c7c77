//! Checking that encodings give their files back: what a client pushed as brotli of a page must be that page.
//!
//! A decoder's output is hashed as it comes and never kept. It is cut off at the file's length, so that a small blob
//! cannot become a large one (a decompression bomb); windows are those that HTTP allows.

use std::collections::HashMap;
use std::io::{self, BufRead, Read};
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::{Buf as _, Bytes};
use sha2::{Digest as _, Sha256};

use crate::blobs;
use crate::digest::{BlobRef, Digest};
use crate::encoding::Encoding;
use crate::error::Error;
use crate::manifest::Manifest;
use crate::versions::Site;

/// Bytes of output at once.
const PIECE: usize = 64 * 1024;
/// The largest window of zstd in HTTP, 8 MiB, as a power of two (RFC 9659, section 3).
const ZSTD_WINDOW_LOG: u32 = 23;

/// An encoding of a file: both blobs, and by what.
type Pair = (BlobRef, Encoding, BlobRef);

impl Site {
    /// Checks each encoding that no stored version names for the same file: those were checked when it was committed.
    pub(crate) fn check_encodings(&self, manifest: &Manifest) -> Result<(), Error> {
        let mut unknown: HashMap<Pair, &str> = pairs(manifest).collect();
        if let Some(live) = self.live() {
            for (pair, _) in pairs(&live.manifest).filter(|_| self.was_checked(live.version)) {
                unknown.remove(&pair);
            }
        }
        for (_, version) in self.versions()?.iter().rev() {
            if unknown.is_empty() {
                break;
            }
            // A version whose list is damaged vouches for nothing, and keeps no other from being pushed.
            if version.format >= crate::manifest::FORMAT
                && let Ok(known) = self.manifest(version)
            {
                for (pair, _) in pairs(&known) {
                    unknown.remove(&pair);
                }
            }
        }
        // By path, so that the same push is always refused for the same file.
        let mut unknown: Vec<_> = unknown.into_iter().collect();
        unknown.sort_unstable_by_key(|(pair, path)| (*path, pair.1));
        for ((identity, encoding, encoded), path) in unknown {
            let refused = |reason| Error::Encoding {
                encoding: encoding.name(),
                path: path.to_owned(),
                digest: encoded.sha256.to_string(),
                reason,
            };
            let reader = self.stored(encoded.sha256)?;
            let decoded = decodes_to(encoding, Stored::new(reader), identity, &self.closing);
            decoded.map_err(|why| match why {
                Why::Wrong(reason) => refused(reason),
                Why::Site(error) => *error,
            })?;
        }
        Ok(())
    }

    fn was_checked(&self, version: u64) -> bool {
        self.version(version)
            .is_ok_and(|found| found.format >= crate::manifest::FORMAT)
    }
}

fn pairs(manifest: &Manifest) -> impl Iterator<Item = (Pair, &str)> {
    manifest.entries().flat_map(|(path, entry)| {
        let encodings = entry.encodings.iter();
        encodings.map(move |(encoding, blob)| ((entry.identity, *encoding, *blob), path.as_str()))
    })
}

/// Why an encoding is not taken.
#[derive(Debug)]
enum Why {
    Wrong(&'static str),
    Site(Box<Error>),
}

const OTHER: Why = Why::Wrong("does not give the file back");
const LONGER: Why = Why::Wrong("gives more bytes than the file has");
const BROKEN: Why = Why::Wrong("cannot be decoded");
const REST: Why = Why::Wrong("has bytes behind its end");

/// Decodes all of `encoded` and compares with the file by length and hash.
fn decodes_to(
    encoding: Encoding,
    mut encoded: Stored,
    identity: BlobRef,
    closing: &AtomicBool,
) -> Result<(), Why> {
    let mut output = Output {
        hasher: Sha256::new(),
        left: identity.length,
        closing,
    };
    let decoded = match encoding {
        Encoding::Brotli => brotli_to(&mut encoded, &mut output),
        Encoding::Zstd => zstd_to(&mut encoded, &mut output),
        Encoding::Gzip => {
            let mut decoder = flate2::bufread::GzDecoder::new(&mut encoded);
            output.take_all(&mut decoder)
        }
    };
    // A blob that could not be read says nothing about the encoding.
    if let Some(error) = encoded.failed.take() {
        return Err(Why::Site(Box::new(error)));
    }
    decoded?;
    if !encoded.fill_buf().map_err(|_| BROKEN)?.is_empty() {
        return Err(REST);
    }
    let hash = Digest::from(<[u8; 32]>::from(output.hasher.finalize()));
    if output.left != 0 || hash != identity.sha256 {
        return Err(OTHER);
    }
    Ok(())
}

fn zstd_to(encoded: &mut Stored, output: &mut Output<'_>) -> Result<(), Why> {
    let decoder = zstd::stream::read::Decoder::with_buffer(encoded);
    let mut decoder = decoder.map_err(|_| BROKEN)?.single_frame();
    decoder
        .window_log_max(ZSTD_WINDOW_LOG)
        .map_err(|_| BROKEN)?;
    output.take_all(&mut decoder)
}

/// Without large windows, which RFC 7932 does not know and which could take a gigabyte.
fn brotli_to(encoded: &mut Stored, output: &mut Output<'_>) -> Result<(), Why> {
    use brotli::enc::StandardAlloc;
    use brotli::{BrotliDecompressStream, BrotliResult, BrotliState};
    let alloc = StandardAlloc::default;
    let mut state = BrotliState::new_strict(alloc(), alloc(), alloc());
    let mut piece = vec![0; PIECE];
    let mut total = 0;
    loop {
        let input = encoded.fill_buf().map_err(|_| BROKEN)?;
        let (mut input_left, mut input_used) = (input.len(), 0);
        let (mut output_left, mut output_used) = (piece.len(), 0);
        let result = BrotliDecompressStream(
            &mut input_left,
            &mut input_used,
            input,
            &mut output_left,
            &mut output_used,
            &mut piece,
            &mut total,
            &mut state,
        );
        let ended = input.is_empty();
        encoded.consume(input_used);
        output.take(piece.get(..output_used).unwrap_or_default())?;
        match result {
            BrotliResult::ResultSuccess => return Ok(()),
            BrotliResult::ResultFailure => return Err(BROKEN),
            BrotliResult::NeedsMoreInput if ended => return Err(BROKEN),
            BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => {}
        }
    }
}

/// What came out so far.
struct Output<'a> {
    hasher: Sha256,
    /// Bytes that may still come.
    left: u64,
    /// Whether to give up, since the process is to end.
    closing: &'a AtomicBool,
}

impl Output<'_> {
    fn take(&mut self, bytes: &[u8]) -> Result<(), Why> {
        self.left = self.left.checked_sub(bytes.len() as u64).ok_or(LONGER)?;
        self.hasher.update(bytes);
        if self.closing.load(Ordering::Relaxed) {
            return Err(Why::Site(Box::new(Error::Stopping)));
        }
        Ok(())
    }

    fn take_all(&mut self, decoder: &mut impl Read) -> Result<(), Why> {
        let mut piece = vec![0; PIECE];
        loop {
            match decoder.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(length) => self.take(piece.get(..length).unwrap_or_default())?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(BROKEN),
            }
        }
    }
}

/// A blob as a reader; it holds one chunk.
struct Stored {
    reader: blobs::Reader,
    position: u64,
    chunk: Bytes,
    failed: Option<Error>,
}

impl Stored {
    fn new(reader: blobs::Reader) -> Self {
        Self {
            reader,
            position: 0,
            chunk: Bytes::new(),
            failed: None,
        }
    }
}

impl BufRead for Stored {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.chunk.is_empty() {
            self.chunk = self.reader.read_at(self.position).map_err(|error| {
                self.failed = Some(error);
                io::Error::other("the blob cannot be read")
            })?;
            self.position = self.position.saturating_add(self.chunk.len() as u64);
        }
        Ok(&self.chunk)
    }

    fn consume(&mut self, length: usize) {
        self.chunk.advance(length.min(self.chunk.len()));
    }
}

impl Read for Stored {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.fill_buf()?.read(into)?;
        self.consume(length);
        Ok(length)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn text() -> Vec<u8> {
        b"the same words again ".repeat(20_000)
    }

    fn check(encoding: Encoding, encoded: &[u8], identity: &[u8]) -> Result<(), &'static str> {
        let reader = blobs::Reader::whole(Bytes::copy_from_slice(encoded));
        let open = AtomicBool::new(false);
        match decodes_to(encoding, Stored::new(reader), BlobRef::of(identity), &open) {
            Ok(()) => Ok(()),
            Err(Why::Wrong(reason)) => Err(reason),
            Err(Why::Site(error)) => unreachable!("{error}"),
        }
    }

    #[test]
    fn encoding_is_taken_only_if_it_gives_exactly_the_file() {
        let text = text();
        let mut other = text.clone();
        other.truncate(text.len().checked_sub(1).unwrap());
        other.push(b'!');
        for encoding in Encoding::ALL {
            let encoded = encoding.compress(&text).unwrap();
            assert_eq!(check(encoding, &encoded, &text), Ok(()));
            assert_eq!(
                check(encoding, &encoded, &other),
                Err("does not give the file back")
            );
            let shorter = text.get(1..).unwrap();
            assert_eq!(
                check(encoding, &encoded, shorter),
                Err("gives more bytes than the file has")
            );
            let longer = [&text[..], b"!"].concat();
            assert!(check(encoding, &encoded, &longer).is_err());
            let behind = [&encoded[..], b"behind"].concat();
            assert!(check(encoding, &behind, &text).is_err(), "{encoding:?}");
            let cut = encoded
                .get(..encoded.len().checked_sub(4).unwrap())
                .unwrap();
            assert!(check(encoding, cut, &text).is_err(), "{encoding:?}");
            assert!(check(encoding, b"not encoded", &text).is_err());
            assert!(check(encoding, b"", &text).is_err());
        }
        let gzip = Encoding::Gzip.compress(&text).unwrap();
        assert!(check(Encoding::Brotli, &gzip, &text).is_err());
    }

    #[test]
    fn decompression_bomb_is_cut_off_at_the_length_of_the_file() {
        // 32 MiB of zeros as some kilobytes.
        let zeros = vec![0; 32 << 20];
        let file = b"a small page";
        for encoding in [Encoding::Zstd, Encoding::Gzip] {
            let bomb = match encoding {
                Encoding::Zstd => zstd::bulk::compress(&zeros, 1).unwrap(),
                _ => {
                    use std::io::Write as _;
                    let level = flate2::Compression::fast();
                    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
                    encoder.write_all(&zeros).unwrap();
                    encoder.finish().unwrap()
                }
            };
            let mut output = Output {
                hasher: Sha256::new(),
                left: file.len() as u64,
                closing: &AtomicBool::new(false),
            };
            let reader = blobs::Reader::whole(Bytes::from(bomb.clone()));
            let mut stored = Stored::new(reader);
            let cut = match encoding {
                Encoding::Zstd => zstd_to(&mut stored, &mut output),
                _ => output.take_all(&mut flate2::bufread::GzDecoder::new(&mut stored)),
            };
            assert!(matches!(
                cut,
                Err(Why::Wrong("gives more bytes than the file has"))
            ));
            // Not even one piece of it was taken.
            assert_eq!(output.left, file.len() as u64);
        }
    }

    #[test]
    fn check_is_given_up_when_the_process_is_to_end() {
        let text = text();
        let encoded = Encoding::Gzip.compress(&text).unwrap();
        let reader = blobs::Reader::whole(Bytes::from(encoded));
        let closing = AtomicBool::new(true);
        let given_up = decodes_to(
            Encoding::Gzip,
            Stored::new(reader),
            BlobRef::of(&text),
            &closing,
        );
        let Err(Why::Site(error)) = given_up else {
            unreachable!("it went on")
        };
        assert!(matches!(*error, Error::Stopping));
    }

    #[test]
    fn windows_that_http_does_not_allow_are_refused() {
        // RFC 9659, section 3: more than 8 MiB.
        let large: Vec<u8> = (0..240_u8).flat_map(|n| vec![n; 50_000]).collect();
        let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(24).unwrap();
        std::io::Write::write_all(&mut encoder, &large).unwrap();
        let encoded = encoder.finish().unwrap();
        assert_eq!(
            check(Encoding::Zstd, &encoded, &large),
            Err("cannot be decoded")
        );
        // RFC 7932, section 9.1, reserves the first byte that begins a stream with a large window.
        assert!(check(Encoding::Brotli, &[0x11, 0x1e, 0, 0, 0], &large).is_err());
    }
}
