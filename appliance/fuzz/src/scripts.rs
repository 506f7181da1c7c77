//! Inline scripts of a page.

use holdfast_site::fuzz::{MAX_SCRIPTS, script_hashes};

const FIRST: &str = "<script>first</script>";

/// Hashes are well formed, sorted, without repeats, and there are none where there is no script.
pub(crate) fn inline_scripts(bytes: &[u8]) {
    let Ok(html) = std::str::from_utf8(bytes) else {
        return;
    };
    let hashes = script_hashes(html);
    for hash in &hashes {
        let value = hash.strip_prefix("sha256-");
        assert!(value.is_some_and(|value| value.len() == 44), "{hash:?}");
    }
    assert!(hashes.is_sorted() && hashes.windows(2).all(|pair| pair.first() != pair.last()));
    let folded = html.to_ascii_lowercase();
    let starts = folded.matches("<script").count();
    assert!(
        hashes.len() <= starts,
        "{} hashes of {starts} scripts",
        hashes.len()
    );
    // Text, and a whole script, before a page change nothing of what is found in it.
    assert_eq!(script_hashes(&format!("text {html}")), hashes);
    let mut more = hashes;
    more.extend(script_hashes(FIRST));
    more.sort();
    more.dedup();
    if more.len() <= MAX_SCRIPTS {
        assert_eq!(script_hashes(&format!("{FIRST}{html}")), more);
    }
}
