//! Other programs: run to their end, or kept running and ended by handle.

use std::{
    ffi::OsStr,
    process::{Child, Command},
    sync::{Arc, Mutex},
};

/// Runs `command` to its end and gives back what it wrote to standard output.
///
/// # Panics
/// With everything that it wrote, when it cannot be started or fails.
pub fn run(command: &mut Command) -> String {
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => panic!(
            "{:?} does not start: {error}; is it on PATH?",
            command.get_program()
        ),
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{command:?} failed ({}):\n{text}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

/// Shorthand for [`run`] with a name and arguments.
///
/// # Panics
/// As [`run`] does.
pub fn call<A: AsRef<OsStr>>(program: &str, arguments: impl IntoIterator<Item = A>) -> String {
    run(Command::new(program).args(arguments))
}

/// A child process that ends with its owner.
#[derive(Debug)]
pub struct Running(Watch);

/// Tells whether a child process still runs, and does not keep it.
#[derive(Debug, Clone)]
pub struct Watch(Arc<Mutex<Child>>);

impl Running {
    /// Starts `command`.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(command: &mut Command) -> Self {
        match command.spawn() {
            Ok(child) => Self(Watch(Arc::new(Mutex::new(child)))),
            Err(error) => {
                panic!(
                    "{:?} does not start: {error}; is it on PATH?",
                    command.get_program()
                )
            }
        }
    }

    /// Whether it has ended by itself.
    pub fn ended(&self) -> bool {
        self.0.ended()
    }

    /// For a thread that reads what it writes.
    pub fn watch(&self) -> Watch {
        self.0.clone()
    }
}

impl Watch {
    /// Whether it has ended.
    pub fn ended(&self) -> bool {
        !matches!(self.0.lock().unwrap().try_wait(), Ok(None))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(mut child) = self.0.0.lock() {
            // Errors mean that it has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
