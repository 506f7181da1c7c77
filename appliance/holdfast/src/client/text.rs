//! Text that came from elsewhere, made fit for a terminal.

/// Most characters that are shown of one text.
const SHOWN: usize = 2000;

/// The text without what could steer a terminal or reorder what is read: control characters (Unicode category Cc), line
/// and paragraph separators, and the marks of bidirectional text (UAX #9, section 2).
pub fn plain(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().filter(|c| !steers(*c)).take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_a_server_cannot_steer_the_terminal() {
        let text = "a\u{1b}[2J\u{9b}1m\r\nb\u{202e}\u{7}c \u{e9}";
        assert_eq!(plain(text), "a[2J1mbc \u{e9}");
        assert_eq!(plain(&"x".repeat(5000)).len(), SHOWN);
    }
}
