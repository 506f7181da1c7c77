//! Measures the server against named peers.
fn main() {}
