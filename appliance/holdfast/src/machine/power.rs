//! The power button, as the kernel's input devices report it.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, kill_process};

/// Bytes of a `struct input_event` on 64-bit Linux: two times eight for the time, then type, code and value.
const EVENT_BYTES: usize = 24;
/// `EV_KEY` and `KEY_POWER` (`linux/input-event-codes.h`).
const KEY: u16 = 1;
const POWER: u16 = 116;

/// The open input devices, by path.
#[derive(Debug, Default)]
pub struct Buttons {
    devices: BTreeMap<PathBuf, File>,
}

impl Buttons {
    /// Opens devices that came up since the last call. One that cannot be opened is tried again the next time.
    pub fn refresh(&mut self) {
        let Ok(entries) = fs::read_dir("/dev/input") else {
            return;
        };
        for entry in entries.flatten() {
            let is_event = entry.file_name().to_string_lossy().starts_with("event");
            if is_event && !self.devices.contains_key(&entry.path()) {
                let flags = (OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC).bits();
                let opened = OpenOptions::new()
                    .read(true)
                    .custom_flags(i32::try_from(flags).unwrap_or_default())
                    .open(entry.path());
                if let Ok(device) = opened {
                    self.devices.insert(entry.path(), device);
                }
            }
        }
    }

    /// The open devices, to wait for.
    pub fn files(&self) -> impl Iterator<Item = &File> {
        self.devices.values()
    }

    /// Reads what has come in: whether the power button was pressed. A device that is gone is closed.
    pub fn pressed(&mut self) -> bool {
        let mut pressed = false;
        self.devices.retain(|_, device| {
            let mut buffer = [0; EVENT_BYTES * 32];
            loop {
                match device.read(&mut buffer) {
                    Ok(0) => return false,
                    Ok(length) => pressed |= holds_press(buffer.get(..length).unwrap_or(&[])),
                    Err(e) => return e.kind() == std::io::ErrorKind::WouldBlock,
                }
            }
        });
        pressed
    }
}

/// Whether any of the events is the power key going down.
fn holds_press(events: &[u8]) -> bool {
    events.chunks_exact(EVENT_BYTES).any(|event| {
        let field = |at: usize| -> Option<u16> {
            Some(u16::from_le_bytes(*event.get(at..)?.first_chunk()?))
        };
        field(16) == Some(KEY) && field(18) == Some(POWER) && field(20) == Some(1)
    })
}

/// How the machine is to stop. PID 1 stops every unit in order either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Start again.
    Reboot,
    /// Switch off.
    PowerOff,
}

/// Asks PID 1 for an orderly stop (systemd(1), "Signals"). SIGPWR starts `sigpwr.target`, which in the image is
/// `poweroff.target`; SIGINT starts `ctrl-alt-del.target`, which is `reboot.target`. systemd's own SIGRTMIN+4 and +5 are
/// out of reach of safe code.
///
/// # Errors
/// When PID 1 may not be signalled.
pub fn ask(stop: Stop) -> rustix::io::Result<()> {
    let signal = match stop {
        Stop::Reboot => Signal::INT,
        Stop::PowerOff => Signal::POWER,
    };
    kill_process(Pid::INIT, signal)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn only_the_power_key_going_down_counts() {
        let mut event = [0; EVENT_BYTES];
        event[16] = 1;
        event[18] = 116;
        assert!(!holds_press(&event), "released");
        event[20] = 1;
        assert!(holds_press(&event));
        assert!(holds_press(&[[0; EVENT_BYTES], event].concat()));
        assert!(!holds_press(&event[..23]), "torn");
        event[18] = 30;
        assert!(!holds_press(&event), "another key");
    }
}
