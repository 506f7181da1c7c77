//! What is typed on a terminal: a pseudo-terminal of the kernel, with somebody at its other side.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use holdfast_secrets::{Belongs, Cost, KeyRing, Passphrase, RootKey, Suite};
use rustix::termios::{LocalModes, Termios, tcgetattr};

use super::super::error::MachineError;
use super::super::terminal::Terminal;
use super::super::unlock::{Around, Data, Opened, ask};
use crate::config::Name;

const PHRASE: &str = "six wörds that nobody would guess";
const SITE: &str = "www.example.org";
/// Until a question must have come.
const LIMIT: Duration = Duration::from_secs(60);
/// As cheap as Argon2 allows: what it costs is not what is tested.
const CHEAP: Cost = Cost {
    memory: 8,
    passes: 1,
};

/// Somebody at a terminal.
struct Person {
    relay: Child,
    keys: Option<ChildStdin>,
    seen: Arc<Mutex<String>>,
    terminal: PathBuf,
    /// How much of what was seen was answered.
    answered: usize,
    _folder: tempfile::TempDir,
}

impl Person {
    /// Compiles the other side (the linker of this very test is a compiler of C), and sits down.
    fn sit_down() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (source, program) = (folder.path().join("pty.c"), folder.path().join("pty"));
        fs::write(&source, include_str!("../../../tests/terminal/pty.c")).unwrap();
        let compiler = Command::new("cc")
            .args(["-O1", "-Wall", "-Werror", "-o"])
            .args([&program, &source])
            .status()
            .unwrap();
        assert!(compiler.success());
        let mut relay = Command::new(&program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let keys = relay.stdin.take();
        let mut output = BufReader::new(relay.stdout.take().unwrap());
        let mut name = String::new();
        output.read_line(&mut name).unwrap();
        let seen = Arc::new(Mutex::new(String::new()));
        let screen = Arc::clone(&seen);
        thread::spawn(move || {
            let mut buffer = [0; 1024];
            while let Ok(length @ 1..) = output.read(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..length]);
                screen.lock().unwrap().push_str(&text);
            }
        });
        Self {
            relay,
            keys,
            seen,
            terminal: PathBuf::from(name.trim_end()),
            answered: 0,
            _folder: folder,
        }
    }

    fn seen(&self) -> String {
        self.seen.lock().unwrap().clone()
    }

    /// Waits for `text`, behind what was waited for before.
    fn wait(&mut self, text: &str) {
        let end = Instant::now() + LIMIT;
        loop {
            let seen = self.seen();
            if let Some(at) = seen[self.answered..].find(text) {
                self.answered += at + text.len();
                return;
            }
            assert!(Instant::now() < end, "no `{text}` behind: {seen}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn press(&mut self, keys: &[u8]) {
        let stdin = self.keys.as_mut().unwrap();
        stdin.write_all(keys).unwrap();
        stdin.flush().unwrap();
    }

    fn modes(&self) -> Termios {
        tcgetattr(File::open(&self.terminal).unwrap()).unwrap()
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        drop(self.keys.take());
        // It has ended by itself, or does now.
        let _ = self.relay.kill();
        let _ = self.relay.wait();
    }
}

/// What modes are, as a text that can be compared.
fn told(modes: &Termios) -> String {
    format!("{modes:?}")
}

/// Asks beside the test; what was waited for in seconds is counted in `waited`, and not waited.
fn asking(
    person: &Person,
    data: Data,
    waited: &Arc<AtomicU64>,
) -> thread::JoinHandle<Result<Opened, MachineError>> {
    let path = person.terminal.clone();
    let waited = Arc::clone(waited);
    thread::spawn(move || {
        let mut terminal = Terminal::open(&path)?;
        let around = Around {
            alive: &|| (),
            pause: &|time| {
                waited.fetch_add(time.as_secs(), Ordering::Relaxed);
            },
        };
        ask(&mut terminal, SITE, &data, &around)
    })
}

/// How the asking ended.
fn ended(asked: thread::JoinHandle<Result<Opened, MachineError>>) -> Result<Opened, MachineError> {
    let end = Instant::now() + LIMIT;
    while !asked.is_finished() {
        assert!(Instant::now() < end, "it still asks");
        thread::sleep(Duration::from_millis(5));
    }
    asked.join().unwrap()
}

/// A key file that a passphrase opens, and a recovery key.
fn keys(folder: &Path) -> String {
    let phrase = Passphrase::new(PHRASE, CHEAP).unwrap();
    let ring = KeyRing::with(None, None, vec![Box::new(phrase)], Suite::Aes256Gcm);
    ring.attach(&folder.join("store.keys"), Belongs::New)
        .unwrap();
    ring.new_recovery_key().unwrap().to_string()
}

#[test]
fn what_opens_the_data_is_asked_for_until_it_is_right_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    keys(folder.path());
    let mut person = Person::sit_down();
    let before = told(&person.modes());
    assert!(person.modes().local_modes.contains(LocalModes::ECHO));
    let waited = Arc::new(AtomicU64::new(0));
    let asked = asking(&person, Data::look(folder.path()).unwrap(), &waited);
    let question = format!("Passphrase or recovery key for the data of {SITE}: ");

    person.wait(&question);
    assert!(!person.modes().local_modes.contains(LocalModes::ECHO));
    person.press(b"the-wrong-passphrase-7713\r");
    person.wait("wrong, try 1. Ask again in 1 s");
    person.wait(&question);
    // Ctrl-S does not stop the terminal for all who write to it; it is a character like others that are none.
    person.press(b"\x13six words that nobody would gues\n");
    person.wait("no character");
    person.wait(&question);
    person.press(b"taken-back-by-control-c-5521\x03");
    person.wait(&question);
    person.press(b"taken-back-by-control-d-8802\x04");
    person.wait(&question);
    person.press(b"\r");
    person.wait(&question);
    person.press(&[&b"long-line-4419"[..], &[b'x'; 3000], b"\r"].concat());
    person.wait("longer than 1024 bytes");
    person.wait(&question);
    // More than the kernel keeps of a line.
    person.press(&[&b"long-line-4419"[..], &[b'x'; 9000], b"\r"].concat());
    person.wait("longer than 1024 bytes");
    person.wait(&question);
    person.press(b"short\r");
    person.wait("wrong, try 2. Ask again in 2 s");
    person.wait(&question);
    // Backspace takes back a whole character, whichever of its two codes the person's terminal sends.
    let line = format!("killed-by-control-u-3307\x15{PHRASE}xß\x7f\x08\r\n");
    person.press(line.as_bytes());
    let opened = ended(asked).unwrap();
    assert_eq!((opened.name, opened.wrong), (Name::Passphrase, 2));
    assert_eq!(*opened.text, PHRASE);
    assert_eq!(waited.load(Ordering::Relaxed), 3);
    assert_eq!(told(&person.modes()), before);

    // It is a terminal that shows: what is typed now is seen, behind all that was not.
    person.press(b"shown again\r");
    person.wait("shown again");
    let seen = person.seen();
    for typed in [
        "wrong-passphrase",
        "nobody",
        "taken-back",
        "long-line",
        "short",
        "killed-by",
        "gues",
    ] {
        assert!(!seen.contains(typed), "`{typed}` is shown: {seen}");
    }
}

#[test]
fn the_recovery_key_is_taken_for_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let recovery = keys(folder.path());
    let mut person = Person::sit_down();
    let asked = asking(&person, Data::look(folder.path()).unwrap(), &Arc::default());
    person.wait(": ");
    person.press(format!("{}\r", recovery.to_lowercase().replace('-', " ")).as_bytes());
    let opened = ended(asked).unwrap();
    assert_eq!((opened.name, opened.wrong), (Name::RecoveryKey, 0));
}

#[test]
fn a_first_passphrase_is_long_enough_and_typed_twice() {
    let folder = tempfile::tempdir().unwrap();
    let mut person = Person::sit_down();
    let asked = asking(&person, Data::look(folder.path()).unwrap(), &Arc::default());
    let first = format!("New passphrase for the data of {SITE}, which is empty now: ");
    let again = "The same once more: ";
    person.wait(&first);
    person.press(b"too short\r");
    person.wait("fewer than 12 characters");
    person.wait(&first);
    person.press(format!("{PHRASE}\r").as_bytes());
    person.wait(again);
    person.press(b"six words that somebody guesses\r");
    person.wait("something else; begin again");
    person.wait(&first);
    person.press(format!("{PHRASE}\r\n").as_bytes());
    person.wait(again);
    // Return alone is no answer.
    person.press(b"\r");
    person.wait(again);
    person.press(format!("{PHRASE}\r\n").as_bytes());
    let opened = ended(asked).unwrap();
    assert_eq!((opened.name, &**opened.text), (Name::Passphrase, PHRASE));
    assert!(!person.seen().contains("nobody") && !person.seen().contains("somebody"));
}

#[test]
fn what_was_typed_before_the_question_is_not_its_answer() {
    let folder = tempfile::tempdir().unwrap();
    keys(folder.path());
    let mut person = Person::sit_down();
    // The terminal of the kernel has it, before anybody asks.
    person.press(format!("{PHRASE}\r").as_bytes());
    person.wait("guess");
    let asked = asking(&person, Data::look(folder.path()).unwrap(), &Arc::default());
    person.wait("www.example.org: ");
    thread::sleep(Duration::from_millis(300));
    assert!(!asked.is_finished() && !person.seen().contains("trying it"));
    person.press(format!("{PHRASE}\r").as_bytes());
    assert_eq!(ended(asked).unwrap().wrong, 0);
}

#[test]
fn without_somebody_to_ask_it_is_refused_with_the_way_out() {
    let refused = |path: &Path| match Terminal::open(path) {
        Ok(_) => panic!("{} is taken for a terminal", path.display()),
        Err(error) => error.to_string(),
    };
    for path in ["/dev/null", "/nowhere/console"] {
        let why = refused(Path::new(path));
        assert!(
            why.contains(path) && why.contains("holdfast.passphrase"),
            "{why}"
        );
    }
    // Who hangs up is not waited for.
    let folder = tempfile::tempdir().unwrap();
    keys(folder.path());
    let mut person = Person::sit_down();
    let asked = asking(&person, Data::look(folder.path()).unwrap(), &Arc::default());
    person.wait(": ");
    drop(person);
    let why = ended(asked).unwrap_err().to_string();
    assert!(why.contains("console went away"), "{why}");
}

#[test]
fn a_passphrase_is_made_for_empty_data_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (store, keys_at) = (
        folder.path().join("store.redb"),
        folder.path().join("store.keys"),
    );
    let look = || Data::look(folder.path());
    assert!(matches!(look(), Ok(Data::New)));
    fs::write(&store, "").unwrap();
    assert!(matches!(look(), Ok(Data::New)), "nothing was ever stored");
    fs::write(&store, "something").unwrap();
    let why = look().unwrap_err().to_string();
    assert!(why.contains("key file") && why.contains("missing"), "{why}");

    // A name that leads elsewhere, or to nothing that can be read, is not followed.
    let elsewhere = tempfile::tempdir().unwrap();
    keys(elsewhere.path());
    symlink(elsewhere.path().join("store.keys"), &keys_at).unwrap();
    assert!(look().unwrap_err().to_string().contains("cannot read"));
    fs::remove_file(&keys_at).unwrap();
    fs::create_dir(&keys_at).unwrap();
    assert!(look().unwrap_err().to_string().contains("regular file"));
    fs::remove_dir(&keys_at).unwrap();

    // Nobody can type a root key.
    let root = RootKey::from_bytes(&[7; 32]).unwrap();
    let ring = KeyRing::new(root, Suite::Aes256Gcm);
    ring.attach(&keys_at, Belongs::New).unwrap();
    let why = look().unwrap_err().to_string();
    assert!(why.contains("holdfast.root-key"), "{why}");
    ring.destroy().unwrap();
    let why = look().unwrap_err().to_string();
    assert!(why.contains("destroyed on demand"), "{why}");
}
