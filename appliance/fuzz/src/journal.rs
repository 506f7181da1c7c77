//! Lines of the journal, as the machine's unit reads them (Journal Export Format).

#[path = "../../holdfast/src/machine/journal.rs"]
mod parser;

use parser::{Entry, Parser};

/// Most bytes that are kept of a name with its value; a byte that is no text becomes three.
const KEPT: usize = 8 * 1024;

/// However the stream is cut, the same entries are found, before the same end; each is bounded, and read as it is written.
pub(crate) fn journal(bytes: &[u8]) {
    let (entries, whole) = read(bytes, bytes.len());
    for piece in [1, 3, 64, 1000] {
        assert!(
            read(bytes, piece) == (entries.clone(), whole),
            "in pieces of {piece}"
        );
    }
    for entry in entries {
        assert!(entry.priority <= 7, "{entry:?}");
        let most = entry.message.len().max(entry.unit.len());
        assert!(most <= KEPT.saturating_mul(3), "{most} bytes");
        // Written in either form and read, it is the same; but for what would be cut.
        if most < KEPT.saturating_sub(64) {
            let written = [field_with_length, field];
            for write in written {
                let again = read(&export(&entry, write), 17);
                assert!(
                    again == (vec![entry.clone()], true),
                    "{again:?} of {entry:?}"
                );
            }
        }
    }
}

/// How many entries are read of a stream.
#[must_use]
pub fn entries(bytes: &[u8]) -> usize {
    read(bytes, bytes.len()).0.len()
}

/// The entries, and whether the stream is in the format to its end.
fn read(bytes: &[u8], piece: usize) -> (Vec<Entry>, bool) {
    let mut parser = Parser::default();
    let mut entries = Vec::new();
    let mut parts = bytes.chunks(piece.max(1));
    let whole = parts.all(|part| parser.feed(part, |entry| entries.push(entry)).is_ok());
    (entries, whole)
}

type Write = fn(&str, &str) -> Vec<u8>;

fn export(entry: &Entry, write: Write) -> Vec<u8> {
    let unit = match entry.unit.as_str() {
        "kernel" => write("_TRANSPORT", "kernel"),
        unit => write("_SYSTEMD_UNIT", unit),
    };
    let end = b"\n".to_vec();
    [
        write("__REALTIME_TIMESTAMP", &entry.time_us.to_string()),
        write("PRIORITY", &entry.priority.to_string()),
        unit,
        write("MESSAGE", &entry.message),
        end,
    ]
    .concat()
}

/// A line, where the value fits in one.
fn field(name: &str, value: &str) -> Vec<u8> {
    if value.contains('\n') {
        return field_with_length(name, value);
    }
    format!("{name}={value}\n").into_bytes()
}

fn field_with_length(name: &str, value: &str) -> Vec<u8> {
    let length = (value.len() as u64).to_le_bytes();
    [name.as_bytes(), b"\n", &length, value.as_bytes(), b"\n"].concat()
}
