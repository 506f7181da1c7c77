//! Content types, and which of them are worth compressing.

/// The content type of a path by its extension; text is declared UTF-8, unknown is bytes.
#[must_use]
pub fn content_type(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    let extension = name
        .rsplit_once('.')
        .map_or("", |(_, extension)| extension)
        .to_ascii_lowercase();
    let known = match extension.as_str() {
        // mime_guess follows older registrations for these; browsers want the standard ones (WHATWG HTML, RFC 9239).
        "js" | "mjs" => "text/javascript",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        "webmanifest" => "application/manifest+json",
        "map" => "application/json",
        "xml" => "application/xml",
        _ => mime_guess::from_ext(&extension)
            .first_raw()
            .unwrap_or("application/octet-stream"),
    };
    if known.starts_with("text/") {
        format!("{known}; charset=utf-8")
    } else {
        known.to_owned()
    }
}

/// Whether the type is one that compression shrinks.
#[must_use]
pub fn is_compressible(content_type: &str) -> bool {
    let essence = content_type
        .split(';')
        .next()
        .unwrap_or(content_type)
        .trim();
    essence.starts_with("text/")
        || essence.ends_with("+json")
        || essence.ends_with("+xml")
        || matches!(
            essence,
            "application/json"
                | "application/xml"
                | "application/javascript"
                | "application/wasm"
                | "application/rtf"
                | "font/ttf"
                | "font/otf"
                | "image/bmp"
                | "image/x-icon"
                | "image/vnd.microsoft.icon"
        )
}

/// Whether the type is HTML.
#[must_use]
pub fn is_html(content_type: &str) -> bool {
    content_type.starts_with("text/html")
}

/// Whether the type is that of a script (WHATWG MIME Sniffing, section 4.6), as far as files have it.
#[must_use]
pub fn is_script(content_type: &str) -> bool {
    content_type.starts_with("text/javascript")
        || content_type.starts_with("application/javascript")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_those_that_browsers_want() {
        assert_eq!(content_type("/a/index.html"), "text/html; charset=utf-8");
        assert_eq!(content_type("/x.js"), "text/javascript; charset=utf-8");
        assert_eq!(content_type("/x.svg"), "image/svg+xml");
        assert_eq!(content_type("/x.woff2"), "font/woff2");
        assert_eq!(content_type("/CNAME"), "application/octet-stream");
        assert!(is_compressible("image/svg+xml") && !is_compressible("font/woff2"));
    }
}
