//! The system call filter, from the table in `seccomp.json`.
//!
//! Two filters, of which the kernel takes the strictest answer: `absent` answers as a kernel without the call would,
//! `allow` lets pass what is listed and ends the process at anything else, which is what an intruder's code meets.
//!
//! Each entry names in `needed_by` the path of `hardening/tests/sandbox.rs` that needs it: with the entry taken out, that
//! path ends by the kernel. An entry with `only_in` is for builds with debug assertions alone. seccompiler knows neither
//! field, so they are taken off first.

use std::io::Cursor;

use seccompiler::{BpfProgram, TargetArch, apply_filter, compile_from_json, sock_filter};
use serde_json::Value;

use crate::Error;

pub(crate) const TABLE: &str = include_str!("seccomp.json");

/// The strictest last: it forbids to install more.
const ORDER: [&str; 2] = ["absent", "allow"];

/// Puts the filters in force, in their order.
pub(crate) fn restrict(filters: &[BpfProgram]) -> Result<(), Error> {
    for filter in filters {
        apply_filter(filter).map_err(|e| Error::SystemCalls(e.to_string()))?;
    }
    Ok(())
}

/// The filters in their order, `without` one entry of `allow`.
pub(crate) fn compile(without: Option<usize>) -> Result<Vec<BpfProgram>, Error> {
    let wrong = |e: &dyn std::fmt::Display| Error::Table(e.to_string());
    let mut table: Value = serde_json::from_str(TABLE).map_err(|e| wrong(&e))?;
    for name in ORDER {
        let entries = table
            .pointer_mut(&format!("/{name}/filter"))
            .and_then(Value::as_array_mut)
            .ok_or_else(|| wrong(&format_args!("it has no filter `{name}`")))?;
        let mut at = 0..entries.len();
        entries.retain(|entry| {
            let at = at.next();
            let for_debug = entry.get("only_in").is_some_and(|kind| kind == "debug");
            let left_out = name == "allow" && without.is_some() && at == without;
            !left_out && (!for_debug || cfg!(debug_assertions))
        });
        for entry in entries.iter_mut().filter_map(Value::as_object_mut) {
            entry.retain(|field, _| field != "needed_by" && field != "only_in");
        }
    }
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(|e| wrong(&e))?;
    let mut filters =
        compile_from_json(Cursor::new(table.to_string()), arch).map_err(|e| wrong(&e))?;
    let taken = ORDER.map(|name| filters.remove(name));
    let taken: Option<Vec<_>> = taken.into_iter().collect();
    taken.ok_or_else(|| wrong(&"a filter is missing"))
}

/// Hexadecimal digits of one instruction: its code (4), both jumps (2 each), its operand (8).
const DIGITS: usize = 16;

/// The filters as text, for the command line of a child: the instructions in hexadecimal, a colon between filters.
pub(crate) fn to_text(filters: &[BpfProgram]) -> String {
    let texts: Vec<String> = filters
        .iter()
        .map(|filter| {
            filter
                .iter()
                .map(|i| format!("{:04x}{:02x}{:02x}{:08x}", i.code, i.jt, i.jf, i.k))
                .collect()
        })
        .collect();
    texts.join(":")
}

/// Reads what [`to_text`] wrote.
pub(crate) fn from_text(text: &str) -> Result<Vec<BpfProgram>, Error> {
    let filters: Option<Vec<_>> = text.split(':').map(program).collect();
    filters
        .filter(|filters| filters.len() == ORDER.len())
        .ok_or_else(|| Error::Table("the filters that were passed are cut or malformed".to_owned()))
}

fn program(text: &str) -> Option<BpfProgram> {
    let whole = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let words = text.as_bytes().chunks(DIGITS).map(|word| {
        let word = std::str::from_utf8(word).ok()?;
        let (code, rest) = word.split_at_checked(4)?;
        let (jt, rest) = rest.split_at_checked(2)?;
        let (jf, k) = rest.split_at_checked(2)?;
        Some(sock_filter {
            code: u16::from_str_radix(code, 16).ok()?,
            jt: u8::from_str_radix(jt, 16).ok()?,
            jf: u8::from_str_radix(jf, 16).ok()?,
            k: u32::from_str_radix(k, 16).ok().filter(|_| k.len() == 8)?,
        })
    });
    words.collect::<Option<_>>().filter(|_| whole)
}

#[cfg(test)]
mod tests;
