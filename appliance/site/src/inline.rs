//! Hashes of the inline scripts of an HTML page, for its Content-Security-Policy.
//!
//! The markup is read as the tokenizer of HTML (section 13.2.5) reads it, with the few states that decide where a script
//! begins and ends. Where it reads a page otherwise than a browser does, a script is not run; nothing that the author did
//! not push can ever run by it.

mod markup;
mod script;

use data_encoding::BASE64;

use crate::digest::Digest;
use markup::{Markup, Token};

/// Most inline scripts of a page that are allowed to run.
pub const MAX_SCRIPTS: usize = 48;

/// CSP source expressions (`sha256-…`) of the inline scripts of `html`, sorted, without repeats.
///
/// Left out are scripts with a source, blocks of data (`type="application/ld+json"`), to which no policy applies, and what
/// only looks like a script: in comments, attributes, `textarea`, `title`, `style`, `noscript` and other raw text. The
/// content of `template` is included, since scripts may bring it into the page.
#[must_use]
pub fn script_hashes(html: &str) -> Vec<String> {
    let mut markup = Markup::new(html);
    let mut hashes = Vec::new();
    while let Some(Token { tag, text, foreign }) = markup.next_script() {
        if script::runs_inline(&tag, foreign) {
            hashes.push(source(&script::text(text, foreign)));
        }
    }
    hashes.sort();
    hashes.dedup();
    hashes
}

/// The source expression of a script's text (CSP level 3, section 2.3.1).
fn source(text: &str) -> String {
    let hash = Digest::of(text.as_bytes());
    format!("sha256-{}", BASE64.encode(hash.as_bytes()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hashes_of(texts: &[&str]) -> Vec<String> {
        let mut hashes: Vec<_> = texts.iter().map(|text| source(text)).collect();
        hashes.sort();
        hashes
    }

    #[track_caller]
    fn runs(html: &str, texts: &[&str]) {
        assert_eq!(script_hashes(html), hashes_of(texts), "{html}");
    }

    #[test]
    fn inline_scripts_are_hashed_and_others_are_not() {
        runs(
            "<head><script src=\"a.js\"></script><!-- <script>no()</script> --><SCRIPT type='module'>\r\nyes()\n</SCRIPT>\
             <script async src=b.js></script><scripty>no</scripty><script>two()</script>",
            &["\nyes()\n", "two()"],
        );
        runs("<script src>x()</script><script SRC=''>y()</script>", &[]);
        runs(
            "<script/>a()</script><script\n>b()</script\n>",
            &["a()", "b()"],
        );
        runs(
            "<script>same()</script><script>same()</script>",
            &["same()"],
        );
        runs(
            "<template><script>cloned()</script></template>",
            &["cloned()"],
        );
        runs("<script></script>", &[""]);
    }

    #[test]
    fn the_hash_of_a_known_page_is_the_one_that_browsers_compute() {
        // The example of CSP level 3, section 8.3: `doSomething();`.
        assert_eq!(
            script_hashes("<script>doSomething();</script>"),
            ["sha256-RFWPLDbv2BY+rCkDzsE+0fr8ylGr2R2faWMhq4lfEQc="]
        );
    }

    #[test]
    fn data_blocks_are_no_scripts() {
        for kind in [
            "application/ld+json",
            "text/template",
            "text/javascript; charset=utf-8",
            "x>y",
            "text/babel",
        ] {
            runs(&format!("<script type=\"{kind}\">x</script>"), &[]);
        }
        for kind in [
            "",
            "text/javascript",
            " Text/JavaScript ",
            "application/javascript",
            "module",
            "importmap",
            "speculationrules",
            "text/ecmascript",
            // A character reference is not decoded here: taken for a script, which does no harm.
            "text&#47;javascript",
        ] {
            runs(&format!("<script type=\"{kind}\">x</script>"), &["x"]);
        }
        runs("<script language=javascript>x</script>", &["x"]);
        runs("<script language=vbscript>x</script>", &[]);
        runs(
            "<script type=text/javascript language=vbscript>x</script>",
            &["x"],
        );
    }

    #[test]
    fn what_only_looks_like_a_script_is_none() {
        for html in [
            "<textarea><script>x</script></textarea>",
            "<title><script>x</script></title>",
            "<style><script>x</script></style>",
            "<noscript><script>x</script></noscript>",
            "<iframe><script>x</script></iframe>",
            "<xmp><script>x</script></xmp>",
            "<noembed><script>x</script></noembed>",
            "<noframes><script>x</script></noframes>",
            "<plaintext><script>x</script>",
            "<a title='<script>x</script>'>t</a>",
            "<a title=\"<script>x</script>\">t</a>",
            "<!-- a -- > <script>x</script> -->",
            "<!-- <!-- <script>x</script> -->",
            "<?php <script",
            "< script>x</script>",
            "</script><textarea></script><script>x</script>",
            "<script>never closed",
        ] {
            runs(html, &[]);
        }
        // What is left of a page after one of them counts again.
        for before in [
            "<TEXTAREA><script>no</TEXTAREA>",
            "<title>a</titles><script>no</title >",
            "<style>a</style/>",
            "<!-->",
            "<!--->",
            "<!-- a --!>",
            "<!doctype html>",
            "<!bogus>",
            "<?xml?>",
            "</>",
            "</ bogus>",
            "<a b='>'>",
            "<a b=c'>",
            "<",
            "<3",
            "a < b",
        ] {
            runs(&format!("{before}<script>yes()</script>"), &["yes()"]);
        }
    }

    #[test]
    fn a_script_ends_where_html_says() {
        // HTML, sections 13.2.5.20 to 13.2.5.31: script data, escaped, and double escaped.
        runs("<script>a('</scripty>')</script>b", &["a('</scripty>')"]);
        runs("<script><!-- a\n//--></script>", &["<!-- a\n//-->"]);
        runs("<script><!-- a </script> -->", &["<!-- a "]);
        runs(
            "<script><!-- <script> a </script> b --></script>c",
            &["<!-- <script> a </script> b -->"],
        );
        runs(
            "<script><!-- <script> a --> b </script>c",
            &["<!-- <script> a --> b "],
        );
        runs("<script><!--><script></script>", &["<!--><script>"]);
        runs("<script><!---><script></script>", &["<!---><script>"]);
        runs("<script>a</SCRIPT foo=bar>", &["a"]);
    }

    #[test]
    fn the_text_is_that_of_the_parsed_document() {
        // Line ends are LF alone (section 13.2.3.5), and NUL is replaced (section 13.2.5.4).
        runs("<script>a\r\nb\rc\nd</script>", &["a\nb\nc\nd"]);
        runs("<script>a\0b</script>", &["a\u{fffd}b"]);
        runs("<script>&amp;&lt;</script>", &["&amp;&lt;"]);
        runs("é<script>é</script>", &["é"]);
    }

    #[test]
    fn scripts_in_svg_are_read_by_its_rules() {
        runs("<svg><script>a()</script></svg>", &["a()"]);
        runs("<svg><script href='x.js'>a()</script></svg>", &[]);
        runs("<svg><script xlink:href='x.js'>a()</script></svg>", &[]);
        runs(
            "<svg><script><![CDATA[ a() < b ]]></script></svg>",
            &[" a() < b "],
        );
        runs("<svg><style><script>a()</script></style></svg>", &["a()"]);
        runs("<svg><title><script>a()</script></title></svg>", &["a()"]);
        runs("<svg/><style><script>a()</script></style>", &[]);
        // An HTML element ends the foreign content (section 13.2.6.5).
        runs("<svg><p><style><script>a()</script></style>", &[]);
        runs("<svg><![CDATA[ > <script>a()</script> ]]></svg>", &[]);
        runs("<![CDATA[ > <script>a()</script> ]]>", &["a()"]);
        runs(
            "<svg><foreignObject><style><script>a()</script></style></foreignObject></svg>",
            &[],
        );
    }

    #[test]
    fn odd_markup_ends_the_scan_without_harm() {
        for html in [
            "<script",
            "<script a='",
            "<!--",
            "<!-",
            "<script>x",
            "<",
            "</",
            "</s",
            "<a =",
            "<a/",
            "<svg><![CDATA[",
            "é<script>é</script",
        ] {
            assert_eq!(script_hashes(html), Vec::<String>::new(), "{html}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_scanned(html in "(<|>|/|!|--|'|\"|=| |script|style|title|svg|p|src|é|\\[CDATA\\[|\\]\\]>|a|\0|\r){0,40}") {
            let hashes = script_hashes(&html);
            prop_assert!(hashes.len() <= html.len() / 8);
        }

        /// Around a script may stand whatever is balanced; the script is found.
        #[test]
        fn a_script_is_found_among_others(text in "[a-z <>&'\"=/]{0,30}") {
            prop_assume!(!text.contains("<!--"));
            let html = format!("<!doctype html><title>t</title><!-- c --><p title='>'>a</p><script>{text}</script><p>");
            let expected = text.find("</script").is_none();
            if expected {
                prop_assert_eq!(script_hashes(&html), [source(&text)]);
            }
        }
    }
}
