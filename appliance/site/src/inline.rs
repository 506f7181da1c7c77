//! Hashes of the inline scripts of an HTML page, for its Content-Security-Policy.
//!
//! A small scanner, not a parser: where it reads a page otherwise than a browser does, a script is not run; nothing
//! that the author did not push can ever run by it.

use data_encoding::BASE64;

use crate::digest::Digest;

/// Most inline scripts of a page that are allowed to run.
pub const MAX_SCRIPTS: usize = 48;

/// CSP source expressions (`sha256-…`) of the inline scripts of `html`, sorted, without repeats.
#[must_use]
pub fn script_hashes(html: &str) -> Vec<String> {
    let lower = html.to_ascii_lowercase();
    let mut hashes = Vec::new();
    let mut at = 0_usize;
    while let Some((tag_end, has_source)) = next_script(&lower, &mut at) {
        let Some(rest) = lower.get(tag_end..) else {
            break;
        };
        let Some(length) = rest.find("</script") else {
            break;
        };
        let end = tag_end.saturating_add(length);
        if !has_source && let Some(text) = html.get(tag_end..end) {
            // A browser hashes the text of the parsed document, where line ends are LF alone (HTML, section 13.2.3.5).
            let text = text.replace("\r\n", "\n").replace('\r', "\n");
            hashes.push(format!(
                "sha256-{}",
                BASE64.encode(Digest::of(text.as_bytes()).as_bytes())
            ));
        }
        at = end;
    }
    hashes.sort();
    hashes.dedup();
    hashes
}

/// The end of the next `<script …>` start tag at or after `at`, and whether it has a `src`.
fn next_script(lower: &str, at: &mut usize) -> Option<(usize, bool)> {
    loop {
        let rest = lower.get(*at..)?;
        let open = rest.find('<')?;
        let tag = rest.get(open..)?;
        if tag.starts_with("<!--") {
            let end = tag.find("-->")?;
            *at = at
                .saturating_add(open)
                .saturating_add(end)
                .saturating_add(3);
            continue;
        }
        let after = tag
            .strip_prefix("<script")
            .and_then(|rest| rest.chars().next());
        if after.is_some_and(|c| c == '>' || c == '/' || c.is_ascii_whitespace()) {
            let (length, attributes) = start_tag(tag)?;
            let end = at.saturating_add(open).saturating_add(length);
            return Some((end, attributes.iter().any(|name| name == "src")));
        }
        *at = at.saturating_add(open).saturating_add(1);
    }
}

/// Length of the start tag at the beginning of `tag`, and the names of its attributes.
fn start_tag(tag: &str) -> Option<(usize, Vec<String>)> {
    let mut names = Vec::new();
    let mut name = String::new();
    let mut quote = None;
    let mut in_value = false;
    for (at, c) in tag.char_indices().skip("<script".len()) {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') if in_value => quote = Some(c),
            (None, '>') => {
                names.push(name);
                return Some((at.saturating_add(1), names));
            }
            (None, '=') => in_value = true,
            (None, _) if c.is_ascii_whitespace() || c == '/' && !in_value => {
                names.push(std::mem::take(&mut name));
                in_value = false;
            }
            (None, _) if !in_value => name.push(c),
            (None, _) => {}
        }
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn hash(text: &str) -> String {
        format!(
            "sha256-{}",
            BASE64.encode(Digest::of(text.as_bytes()).as_bytes())
        )
    }

    #[test]
    fn inline_scripts_are_hashed_and_others_are_not() {
        let html = "<head><script src=\"a.js\"></script><!-- <script>no()</script> --><SCRIPT type='x>y'>\r\nyes()\n</SCRIPT>\
                    <script async src=b.js></script><scripty>no</scripty><script>two()</script>";
        let mut expected = vec![hash("\nyes()\n"), hash("two()")];
        expected.sort();
        assert_eq!(script_hashes(html), expected);
    }

    #[test]
    fn odd_markup_ends_the_scan_without_harm() {
        for html in [
            "<script",
            "<script a='",
            "<!--",
            "<script>x",
            "<",
            "é<script>é</script",
        ] {
            let _ = script_hashes(html);
        }
        assert_eq!(script_hashes("é<script>é</script>"), [hash("é")]);
    }
}
