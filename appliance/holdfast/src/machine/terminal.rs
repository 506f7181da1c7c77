//! The console as something to type at: one line at a time, shown to nobody.
//!
//! The kernel keeps the line (termios(3), canonical mode), so that backspace, Ctrl-U and Ctrl-W work as everywhere. Signals and flow
//! control are off: nothing that is typed may stop the console for the status page, which other processes write.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios, tcflush,
    tcgetattr, tcsetattr,
};
use zeroize::Zeroizing;

use super::error::MachineError;

/// What the kernel keeps of a line at the most, its end included (n_tty of the kernel).
const LINE: usize = 4096;
/// Longest line that is taken, in bytes.
pub const MOST: usize = 1024;
/// Ctrl-C and Ctrl-D end a line, and what was typed before them is forgotten.
const ABANDON: [u8; 2] = [0x03, 0x04];
const BACKSPACE: char = '\u{8}';
/// How often the caller is told that there is still nothing, in seconds.
const PATIENCE: Timespec = Timespec {
    tv_sec: 30,
    tv_nsec: 0,
};

/// A terminal on which typing is not shown. It is as it was before when this is dropped.
pub struct Terminal {
    file: File,
    before: Termios,
}

/// A line.
#[derive(Debug, PartialEq, Eq)]
pub enum Typed {
    /// Something.
    Text(Zeroizing<String>),
    /// Return alone, or taken back by Ctrl-C.
    Nothing,
    /// Not something that a person types, and why.
    Unusable(&'static str),
}

impl Terminal {
    /// Opens the terminal at `path`. From here on nothing that is typed there is shown.
    ///
    /// # Errors
    /// There is none, or it is no terminal.
    pub fn open(path: &Path) -> Result<Self, MachineError> {
        Self::quiet(path).map_err(|error| MachineError::Console {
            problem: format!(
                "`unlock = \"console\"`, and nobody can type at {}: {error}",
                path.display()
            ),
            fix: "give the machine its first serial port (ttyS0, COM1), or pass holdfast.passphrase as a credential",
        })
    }

    fn quiet(path: &Path) -> io::Result<Self> {
        // A serial port may wait for a carrier when it is opened; it does not where nothing may wait.
        let flags = OFlags::NOCTTY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(i32::try_from(flags.bits()).unwrap_or_default())
            .open(path)?;
        fcntl_setfl(&file, OFlags::empty())?;
        let before = tcgetattr(&file)?;
        tcsetattr(&file, OptionalActions::Now, &modes(&before))?;
        Ok(Self { file, before })
    }

    /// Forgets what was typed until now, asks, and waits for a line, however long that takes; `alive` is called before and
    /// about twice a minute meanwhile.
    ///
    /// # Errors
    /// The terminal went away.
    pub fn ask(&mut self, question: &str, alive: &dyn Fn()) -> io::Result<Typed> {
        tcflush(&self.file, QueueSelector::IFlush)?;
        self.say(question)?;
        loop {
            alive();
            let mut fds = [PollFd::new(&self.file, PollFlags::IN)];
            match poll(&mut fds, Some(&PATIENCE)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => break,
                Err(error) => return Err(error.into()),
            }
        }
        // One read is one line in this mode.
        let mut bytes = Zeroizing::new(vec![0; LINE]);
        let length = self.file.read(&mut bytes)?;
        if length == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        // The line's own end is not shown either.
        self.say("\n")?;
        Ok(read(bytes.get(..length).unwrap_or(&[])))
    }

    /// Writes to the terminal.
    ///
    /// # Errors
    /// It went away.
    pub fn say(&mut self, text: &str) -> io::Result<()> {
        self.file.write_all(text.as_bytes())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A terminal that went away needs neither.
        let _ = tcflush(&self.file, QueueSelector::IFlush);
        let _ = tcsetattr(&self.file, OptionalActions::Now, &self.before);
    }
}

/// Lines, without echo, signals and flow control; Return is the end of a line whichever way it is sent.
fn modes(before: &Termios) -> Termios {
    let mut modes = before.clone();
    modes.local_modes.remove(
        LocalModes::ECHO
            | LocalModes::ECHOE
            | LocalModes::ECHOK
            | LocalModes::ECHONL
            | LocalModes::ISIG,
    );
    modes
        .local_modes
        .insert(LocalModes::ICANON | LocalModes::IEXTEN);
    modes.input_modes.remove(
        InputModes::INLCR
            | InputModes::IGNCR
            | InputModes::ISTRIP
            | InputModes::PARMRK
            | InputModes::INPCK
            | InputModes::BRKINT
            | InputModes::IXON
            | InputModes::IXOFF
            | InputModes::IXANY,
    );
    modes
        .input_modes
        .insert(InputModes::ICRNL | InputModes::IUTF8 | InputModes::IGNBRK);
    // Zero is no character (_POSIX_VDISABLE): an end of file is not typed.
    modes.special_codes[SpecialCodeIndex::VEOF] = 0;
    modes.special_codes[SpecialCodeIndex::VEOL] = ABANDON[0];
    modes.special_codes[SpecialCodeIndex::VEOL2] = ABANDON[1];
    modes
}

/// What a line says. Some terminals send another character for backspace than the kernel expects, so that is done here too.
fn read(line: &[u8]) -> Typed {
    let text = match line.split_last() {
        Some((b'\n', text)) => text,
        Some((end, _)) if ABANDON.contains(end) => return Typed::Nothing,
        _ => return Typed::Unusable(TOO_LONG),
    };
    if text.len() > MOST {
        return Typed::Unusable(TOO_LONG);
    }
    let Ok(text) = std::str::from_utf8(text) else {
        return Typed::Unusable("That is not UTF-8 text.");
    };
    let mut typed = Zeroizing::new(String::with_capacity(MOST));
    for character in text.chars() {
        match character {
            BACKSPACE => drop(typed.pop()),
            c if c.is_control() && c != '\t' => {
                return Typed::Unusable("A key was pressed that gives no character.");
            }
            c => typed.push(c),
        }
    }
    if typed.trim().is_empty() {
        return Typed::Nothing;
    }
    Typed::Text(typed)
}

const TOO_LONG: &str = "That is longer than 1024 bytes.";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn text(line: &[u8]) -> String {
        match read(line) {
            Typed::Text(text) => text.to_string(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_line_is_what_was_typed_and_nothing_that_steers() {
        assert_eq!(text(b"six words\n"), "six words");
        assert_eq!(text("größe\tx\n".as_bytes()), "größe\tx");
        assert_eq!(text("six wörxd\u{8}\u{8}ds\n".as_bytes()), "six wörds");
        assert_eq!(text("ö\u{8}\u{8}x\n".as_bytes()), "x");
        for nothing in [&b"\n"[..], b"  \n", b"abc\x03", b"abc\x04", b"a\x08\n"] {
            assert_eq!(read(nothing), Typed::Nothing, "{nothing:?}");
        }
        for odd in [&b"a\x1b[A\n"[..], b"a\0\n", b"\xff\xfe\n", b"no end"] {
            assert!(matches!(read(odd), Typed::Unusable(_)), "{odd:?}");
        }
        let fits = [&[b'x'; MOST][..], b"\n"].concat();
        assert_eq!(text(&fits).len(), MOST);
        let long = [&[b'x'; MOST + 1][..], b"\n"].concat();
        assert_eq!(read(&long), Typed::Unusable(TOO_LONG));
    }
}
