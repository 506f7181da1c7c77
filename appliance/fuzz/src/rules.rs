//! `_redirects` and `_headers`: what is kept can neither split a header nor send a visitor round for ever unseen.

use holdfast_site::fuzz::Outcome;
use holdfast_site::{
    HeaderRules, Redirects, RequestPath, header_class, parse_headers, parse_redirects,
};

/// The paths that every rule is asked for, besides its own pattern.
const PATHS: &[&str] = &["/", "/a", "/blog/2026/x.html", "/news/", "/caf%C3%A9/%20"];

fn is_one_line(text: &str) -> bool {
    !text.contains(|c: char| c.is_control())
}

/// The rules are kept as they are read, and a `Location` is one line of ASCII that leads where the rule says.
pub(crate) fn redirects(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(rules) = parse_redirects(text) else {
        return;
    };
    let lines = text.lines().count().max(1);
    assert!(rules.iter().all(|(line, _)| (1..=lines).contains(line)));
    let rules: Vec<_> = rules.into_iter().map(|(_, rule)| rule).collect();
    let Ok(table) = Redirects::build(rules.clone()) else {
        return;
    };
    assert!(table.rules().eq(&rules), "the rules come back changed");
    let froms = rules.iter().map(|rule| rule.from.as_str());
    for raw in froms.chain(PATHS.iter().copied()) {
        let Ok(path) = RequestPath::decode(raw) else {
            continue;
        };
        for query in [None, Some("a=b"), Some("id=1&a=%0d%0a")] {
            for is_page in [false, true] {
                match table.find(&path, query, is_page) {
                    Some(Outcome::Redirect {
                        status,
                        location,
                        rule,
                    }) => {
                        assert!(matches!(status, 301 | 302 | 303 | 307 | 308), "{status}");
                        assert!(
                            location.is_ascii() && is_one_line(&location),
                            "{location:?}"
                        );
                        assert!(!location.contains([' ', '"', '<']), "{location:?}");
                        assert!(rules.iter().any(|kept| kept.from == rule));
                        let by_path = location.starts_with('/') && !location.starts_with("//");
                        assert!(by_path || location.contains("://"), "{location:?}");
                    }
                    Some(Outcome::Page { status, path }) => {
                        assert!(matches!(status, 200 | 404 | 410), "{status}");
                        let dots = path.split('/').any(|s| matches!(s, "." | ".."));
                        assert!(!dots && is_one_line(&path), "{path:?}");
                    }
                    None => {}
                }
            }
        }
    }
}

/// Every name is one that a site may set, every value one line; what is read is kept, and found for its own path.
pub(crate) fn headers(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(parsed) = parse_headers(text) else {
        return;
    };
    let rules: Vec<_> = parsed.rules.into_iter().map(|(_, rule)| rule).collect();
    let Ok(table) = HeaderRules::build(rules.clone()) else {
        return;
    };
    assert!(table.rules().eq(&rules), "the rules come back changed");
    let own = rules.iter().map(|rule| rule.path.as_str());
    for path in own.chain(PATHS.iter().copied()) {
        for (name, value) in table.fields(path) {
            assert!(header_class(name).is_some(), "`{name}` is not for a site");
            assert_eq!(name, name.to_ascii_lowercase());
            assert!(!matches!(
                name,
                "set-cookie" | "strict-transport-security" | "location"
            ));
            assert!(value.is_ascii() && is_one_line(value), "{name}: {value:?}");
        }
        if let Some(kind) = parsed.types.find(path) {
            assert!(kind.is_ascii() && is_one_line(kind), "{kind:?}");
        }
    }
}
