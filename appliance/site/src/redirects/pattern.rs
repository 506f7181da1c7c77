//! What a rule matches: segments, placeholders, a splat at the end.

use crate::error::Fault;
use crate::path::RequestPath;

/// The name that the splat is captured under.
pub(super) const SPLAT: &str = "splat";

/// One segment of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    /// Decoded text that must be equal.
    Literal(String),
    /// `:name`: one segment, never empty.
    Placeholder(String),
}

/// A path with placeholders. A slash at the end of pattern or path makes no difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    pub(super) segments: Vec<Segment>,
    /// Whether any further segments, or none, follow.
    pub(super) splat: bool,
}

/// What a pattern captured, by name.
pub(super) type Captures = Vec<(String, String)>;

impl Pattern {
    pub(super) fn parse(from: &str) -> Result<Self, Fault> {
        if from.contains("://") {
            return Err(Fault::new(
                format!("`{from}` names a host"),
                "write only the path: a site has one host name",
            ));
        }
        let Some(rest) = from.strip_prefix('/') else {
            return Err(Fault::new(
                format!("`{from}` does not begin with `/`"),
                "write the path from the site's root, such as `/old`",
            ));
        };
        if from.contains(['?', '#']) {
            return Err(Fault::new(
                format!("`{from}` holds a query or a fragment"),
                "write a query as a condition of its own, such as `/old id=:id /new/:id`; fragments never reach a server",
            ));
        }
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let mut pattern = Self {
            segments: Vec::new(),
            splat: false,
        };
        if rest.is_empty() {
            return Ok(pattern);
        }
        for text in rest.split('/') {
            pattern.push(from, text)?;
        }
        let reserved = matches!(pattern.segments.first(), Some(Segment::Literal(first)) if first.eq_ignore_ascii_case(".holdfast"));
        if reserved {
            return Err(Fault::new(
                format!("`{from}` is a path that Holdfast keeps for itself"),
                "choose another path",
            ));
        }
        Ok(pattern)
    }

    fn push(&mut self, from: &str, text: &str) -> Result<(), Fault> {
        if self.splat || text != "*" && text.contains('*') {
            return Err(Fault::new(
                format!("`{from}` has a `*` that is not its last segment"),
                "end the path with `/*`, or use `:name` for a segment in the middle",
            ));
        }
        if text == "*" {
            self.splat = true;
            return Ok(());
        }
        if let Some(name) = text.strip_prefix(':') {
            if !is_name(name) || name == SPLAT {
                return Err(Fault::new(
                    format!("`{text}` is no name for a placeholder"),
                    "use a letter, then letters, digits and `_`; `:splat` is what `*` matched",
                ));
            }
            if self.names().any(|known| known == name) {
                return Err(Fault::new(
                    format!("`{text}` comes twice in `{from}`"),
                    "give each placeholder a name of its own",
                ));
            }
            self.segments.push(Segment::Placeholder(name.to_owned()));
            return Ok(());
        }
        self.segments.push(Segment::Literal(literal(text)?));
        Ok(())
    }

    /// The names of its placeholders.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let placeholders = self.segments.iter().filter_map(|segment| match segment {
            Segment::Placeholder(name) => Some(name.as_str()),
            Segment::Literal(_) => None,
        });
        placeholders.chain(self.splat.then_some(SPLAT))
    }

    /// The one path that it matches, without a slash at the end, if there is only one.
    pub(super) fn exact(&self) -> Option<String> {
        let mut path = String::new();
        for segment in &self.segments {
            let Segment::Literal(text) = segment else {
                return None;
            };
            path.push('/');
            path.push_str(text);
        }
        (!self.splat).then_some(path)
    }

    /// Matches a request's path. What the splat captures keeps its slash at the end.
    pub(super) fn matches(&self, request: &RequestPath) -> Option<Captures> {
        let stem = request.stem();
        let mut rest = stem.strip_prefix('/');
        let mut captures = Captures::new();
        for segment in &self.segments {
            let (text, after) = match rest?.split_once('/') {
                Some((text, after)) => (text, Some(after)),
                None => (rest?, None),
            };
            match segment {
                Segment::Literal(wanted) if wanted != text => return None,
                Segment::Literal(_) => {}
                Segment::Placeholder(name) => captures.push((name.clone(), text.to_owned())),
            }
            rest = after;
        }
        if !self.splat {
            return rest.is_none().then_some(captures);
        }
        let mut text = rest.unwrap_or_default().to_owned();
        if request.is_folder() && !text.is_empty() {
            text.push('/');
        }
        captures.push((SPLAT.to_owned(), text));
        Some(captures)
    }
}

/// Whether this names a placeholder.
pub(super) fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A segment as a request's path decodes it.
fn literal(text: &str) -> Result<String, Fault> {
    let decoded = RequestPath::decode(&format!("/{text}")).map_err(|error| {
        Fault::new(
            format!("the segment `{text}` {error}"),
            "write the path as a browser's address line shows it",
        )
    })?;
    let stem = decoded.stem();
    Ok(stem.strip_prefix('/').unwrap_or(stem).to_owned())
}
