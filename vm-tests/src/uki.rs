//! The sections of a unified kernel image (a PE file; Microsoft PE format, "Section table").

use std::ops::Range;

/// Where the section `name` lies in the file, without the padding.
///
/// # Panics
/// When `image` is no PE file or has no such section.
pub fn section(image: &[u8], name: &str) -> Range<usize> {
    let header = number(image, 0x3c, 4);
    assert_eq!(&image[header..header + 4], b"PE\0\0", "not a PE file");
    let count = number(image, header + 6, 2);
    let table = header + 24 + number(image, header + 20, 2);
    for place in 0..count {
        let entry = table + 40 * place;
        let label = image[entry..entry + 8]
            .split(|byte| *byte == 0)
            .next()
            .unwrap_or_default();
        if label == name.as_bytes() {
            let (virtual_size, raw_size) =
                (number(image, entry + 8, 4), number(image, entry + 16, 4));
            let start = number(image, entry + 20, 4);
            return start..start + virtual_size.min(raw_size);
        }
    }
    panic!("the UKI has no section {name}");
}

/// The kernel command line that was signed.
///
/// # Panics
/// As [`section`] does.
pub fn command_line(image: &[u8]) -> String {
    let text = String::from_utf8_lossy(&image[section(image, ".cmdline")]).into_owned();
    text.trim_end_matches(['\0', '\n', ' ']).to_owned()
}

fn number(image: &[u8], at: usize, width: usize) -> usize {
    image[at..at + width]
        .iter()
        .rev()
        .fold(0, |value, byte| (value << 8) | usize::from(*byte))
}
