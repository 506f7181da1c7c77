//! Lines of the journal as journald forwards them (`ForwardToSocket=` in journald.conf(5)): the Journal Export Format over
//! a stream.
//!
//! An entry is a row of fields, ended by an empty line. A field is `NAME=VALUE` and a line feed; or, where the value holds
//! control characters, the name alone on a line, the length as 64 bits little endian, the bytes, and a line feed. The
//! values are whatever programs wrote, so every length is bounded: what is longer than [`KEPT`] is cut, what is not the
//! format ends the connection, and journald opens another.

/// Most bytes that are kept of a name with its value.
const KEPT: usize = 8 * 1024;
/// Longest name of a field.
const LONGEST_NAME: usize = 64;
/// Longest value that is passed over; journald's own lines are far shorter.
const LONGEST: u64 = 64 * 1024 * 1024;

/// An entry, as far as it is of use here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// Microseconds since 1970.
    pub time_us: u64,
    /// The unit that wrote it; `kernel`, or `other`.
    pub unit: String,
    /// Urgency, 0 to 7.
    pub priority: u8,
    /// The text.
    pub message: String,
}

/// The stream is not in the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

/// Reads the stream, in pieces of any size.
#[derive(Debug, Default)]
pub struct Parser {
    state: State,
    fields: Fields,
}

#[derive(Debug)]
enum State {
    /// In a line; `cut` once it is longer than is kept.
    Line { text: Vec<u8>, cut: bool },
    /// In the length of this field's value.
    Length { name: Vec<u8>, bytes: Vec<u8> },
    /// In a value with so many bytes to come.
    Value {
        name: Vec<u8>,
        value: Vec<u8>,
        left: u64,
    },
    /// Behind a value.
    End,
}

impl Default for State {
    fn default() -> Self {
        Self::Line {
            text: Vec::new(),
            cut: false,
        }
    }
}

/// What was read of an entry that has not ended.
#[derive(Debug, Default)]
struct Fields {
    message: Option<String>,
    unit: Option<String>,
    transport: Option<String>,
    priority: Option<u8>,
    time_us: Option<u64>,
    any: bool,
}

impl Parser {
    /// Reads a piece; each entry that is whole goes to `take`.
    ///
    /// # Errors
    /// [`Malformed`]: nothing more can be made of the stream.
    pub fn feed(&mut self, mut bytes: &[u8], mut take: impl FnMut(Entry)) -> Result<(), Malformed> {
        while !bytes.is_empty() {
            bytes = self.step(bytes, &mut take)?;
        }
        Ok(())
    }

    /// Reads up to the end of what it is in; gives back the rest.
    fn step<'a>(
        &mut self,
        bytes: &'a [u8],
        take: &mut impl FnMut(Entry),
    ) -> Result<&'a [u8], Malformed> {
        match &mut self.state {
            State::Line { text, cut } => {
                let end = bytes.iter().position(|byte| *byte == b'\n');
                let (part, rest) = bytes
                    .split_at_checked(end.unwrap_or(bytes.len()))
                    .ok_or(Malformed)?;
                keep(text, part, cut);
                let Some((_, rest)) = rest.split_first() else {
                    return Ok(rest);
                };
                let (text, cut) = (std::mem::take(text), *cut);
                self.state = self.fields.line(text, cut, take)?;
                Ok(rest)
            }
            State::Length {
                name,
                bytes: length,
            } => {
                let missing = 8_usize.saturating_sub(length.len()).min(bytes.len());
                let (part, rest) = bytes.split_at_checked(missing).ok_or(Malformed)?;
                length.extend_from_slice(part);
                if let Some(length) = length.first_chunk::<8>() {
                    let left = u64::from_le_bytes(*length);
                    if left > LONGEST {
                        return Err(Malformed);
                    }
                    self.state = State::Value {
                        name: std::mem::take(name),
                        value: Vec::new(),
                        left,
                    };
                    // An empty value has no byte that would end it.
                    self.end_of_value();
                }
                Ok(rest)
            }
            State::Value { value, left, .. } => {
                let length = usize::try_from(*left)
                    .unwrap_or(usize::MAX)
                    .min(bytes.len());
                let (part, rest) = bytes.split_at_checked(length).ok_or(Malformed)?;
                keep(value, part, &mut false);
                *left = left.saturating_sub(u64::try_from(length).unwrap_or(u64::MAX));
                self.end_of_value();
                Ok(rest)
            }
            State::End => match bytes.split_first() {
                Some((b'\n', rest)) => {
                    self.state = State::default();
                    Ok(rest)
                }
                _ => Err(Malformed),
            },
        }
    }

    fn end_of_value(&mut self) {
        if let State::Value {
            name,
            value,
            left: 0,
        } = &self.state
        {
            self.fields.field(name, value);
            self.state = State::End;
        }
    }
}

/// Keeps what fits.
fn keep(kept: &mut Vec<u8>, part: &[u8], cut: &mut bool) {
    let room = KEPT.saturating_sub(kept.len());
    kept.extend(part.iter().take(room));
    *cut |= part.len() > room;
}

impl Fields {
    /// A whole line: a field, the name of one, or the end of the entry.
    fn line(
        &mut self,
        text: Vec<u8>,
        cut: bool,
        take: &mut impl FnMut(Entry),
    ) -> Result<State, Malformed> {
        if text.is_empty() {
            if self.any {
                take(std::mem::take(self).entry());
            }
            return Ok(State::default());
        }
        if let Some(at) = text.iter().position(|byte| *byte == b'=') {
            let (name, value) = text.split_at_checked(at).ok_or(Malformed)?;
            if !is_name(name) {
                return Err(Malformed);
            }
            self.field(name, value.get(1..).unwrap_or_default());
            return Ok(State::default());
        }
        if cut || !is_name(&text) {
            return Err(Malformed);
        }
        Ok(State::Length {
            name: text,
            bytes: Vec::new(),
        })
    }

    /// Names with an underscore before them are journald's own; the others are the program's word.
    fn field(&mut self, name: &[u8], value: &[u8]) {
        let text = || String::from_utf8_lossy(value).into_owned();
        let number = || {
            std::str::from_utf8(value)
                .ok()
                .and_then(|text| text.parse().ok())
        };
        self.any = true;
        match name {
            b"MESSAGE" if self.message.is_none() => self.message = Some(text()),
            b"_SYSTEMD_UNIT" => self.unit = Some(text()),
            b"_TRANSPORT" => self.transport = Some(text()),
            b"PRIORITY" => {
                self.priority = number()
                    .and_then(|priority| u8::try_from(priority).ok())
                    .filter(|priority| *priority <= 7);
            }
            b"__REALTIME_TIMESTAMP" => self.time_us = number(),
            _ => {}
        }
    }

    fn entry(self) -> Entry {
        let kernel = self.transport.as_deref() == Some("kernel");
        let unit = if kernel {
            "kernel".to_owned()
        } else {
            self.unit.unwrap_or_else(|| "other".to_owned())
        };
        Entry {
            time_us: self.time_us.unwrap_or(0),
            unit,
            priority: self.priority.unwrap_or(6),
            message: self.message.unwrap_or_default(),
        }
    }
}

fn is_name(name: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
    (1..=LONGEST_NAME).contains(&name.len()) && name.iter().all(plain)
}

// By its path, since `appliance/fuzz` takes this file in as well.
#[cfg(test)]
#[path = "journal/tests.rs"]
mod tests;
