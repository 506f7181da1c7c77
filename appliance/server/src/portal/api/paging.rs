//! Lists a page at a time: what comes behind a number, and the number behind which to go on. What is added or removed
//! meanwhile moves nothing.

use url::form_urlencoded;

use super::table::Paged;
use super::types::Page;
use crate::rejection::Rejection;

/// Items of one page, unless the query says how many.
const USUAL: usize = 50;
/// Most items of one page.
const MOST: usize = 100;

/// What a query may say.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) after: Option<String>,
    pub(super) limit: usize,
}

impl Query {
    /// Reads a query: nothing, but for lists.
    pub(super) fn parse(query: Option<&str>, paged: Option<Paged>) -> Result<Self, Rejection> {
        let mut read = Self {
            after: None,
            limit: 0,
        };
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            match (name.as_ref(), paged) {
                ("after", Some(by)) if read.after.is_none() && is_number(by, &value) => {
                    read.after = Some(value.into_owned());
                }
                ("limit", Some(_)) if read.limit == 0 => read.limit = limit(&value)?,
                (_, Some(_)) => {
                    let why = "A list takes `after`, from the `next` of the page before, and `limit`, 1 to 100, each once.";
                    return Err(Rejection::Refused(why.to_owned()));
                }
                (_, None) => {
                    let why = "This address takes no query. Leave it out.";
                    return Err(Rejection::Refused(why.to_owned()));
                }
            }
        }
        if read.limit == 0 {
            read.limit = USUAL;
        }
        Ok(read)
    }

    /// This page of items that are all there.
    pub(super) fn page<T>(&self, mut all: Vec<T>, number: impl Fn(&T) -> String) -> Page<T> {
        all.retain(|item| {
            self.after
                .as_ref()
                .is_none_or(|after| number(item) > *after)
        });
        all.sort_by_cached_key(&number);
        self.first(all, number)
    }

    /// This page of items that begin behind `after`, in order, one more than the page has if there are.
    pub(super) fn first<T>(&self, mut items: Vec<T>, number: impl Fn(&T) -> String) -> Page<T> {
        let more = items.len() > self.limit;
        items.truncate(self.limit);
        let next = items.last().filter(|_| more).map(number);
        Page { items, next }
    }
}

fn limit(text: &str) -> Result<usize, Rejection> {
    let digits = (1..=3).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_digit());
    let limit = digits.then(|| text.parse().ok()).flatten();
    limit
        .filter(|limit| (1..=MOST).contains(limit))
        .ok_or_else(|| {
            let why = "`limit` is a whole number from 1 to 100.";
            Rejection::Refused(why.to_owned())
        })
}

fn is_number(by: Paged, text: &str) -> bool {
    let hex =
        |length| text.len() == length && data_encoding::HEXLOWER.decode(text.as_bytes()).is_ok();
    match by {
        Paged::Person => hex(32),
        Paged::Number => hex(16),
        Paged::Role => {
            let letter = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
            (1..=32).contains(&text.len()) && text.bytes().all(letter)
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_query_says_where_to_go_on_and_how_far() {
        let number = "0123456789abcdef";
        let good = Query::parse(
            Some(&format!("limit=100&after={number}")),
            Some(Paged::Number),
        );
        let good = good.unwrap();
        assert_eq!((good.after.as_deref(), good.limit), (Some(number), 100));
        assert_eq!(Query::parse(None, None).unwrap().limit, USUAL);
        for (query, by) in [
            ("limit=0", Some(Paged::Role)),
            ("limit=101", Some(Paged::Role)),
            ("limit=+1", Some(Paged::Role)),
            ("limit=", Some(Paged::Role)),
            ("limit=1&limit=2", Some(Paged::Role)),
            ("after=", Some(Paged::Role)),
            ("after=A", Some(Paged::Role)),
            ("after=a&after=b", Some(Paged::Role)),
            ("after=a", Some(Paged::Number)),
            ("after=0123456789abcdef", Some(Paged::Person)),
            ("other=1", Some(Paged::Role)),
            ("after=a", None),
            ("limit=1", None),
            ("x", None),
        ] {
            let refused = Query::parse(Some(query), by);
            assert!(matches!(refused, Err(Rejection::Refused(_))), "{query}");
        }
    }

    #[test]
    fn pages_meet_every_item_once() {
        let all: Vec<String> = (0..25_u8).rev().map(|n| format!("{n:02}")).collect();
        let (mut after, mut seen) = (None, Vec::new());
        loop {
            let query = Query { after, limit: 10 };
            let page = query.page(all.clone(), String::clone);
            seen.extend(page.items);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let mut sorted = all;
        sorted.sort();
        assert_eq!(seen, sorted);
        let whole = Query {
            after: None,
            limit: 25,
        };
        assert_eq!(whole.page(seen, String::clone).next, None);
    }
}
