//! `holdfast site diff`.

use std::collections::BTreeSet;
use std::path::Path;

use holdfast_server::protocol::VersionItem;
use holdfast_site::{
    Entry, HeaderRule, Known, Manifest, Options, PagePath, RedirectRule, prepare_with, scan,
};
use serde::Serialize;

use super::connect::Connection;
use super::site::{list, manifest};
use super::text::plain;
use crate::Failure;
use crate::cli::DiffArgs;

/// What differs. Rules are told as text, in the order in which they are written.
#[derive(Debug, Serialize, PartialEq, Eq)]
struct Diff {
    from: String,
    to: String,
    added: Vec<String>,
    removed: Vec<String>,
    changed: Vec<String>,
    redirects: Rules,
    headers: Rules,
}

#[derive(Debug, Serialize, PartialEq, Eq)]
struct Rules {
    added: Vec<String>,
    removed: Vec<String>,
    /// The same rules in another order, which can change what they do.
    reordered: bool,
}

/// One side of a comparison.
enum Side {
    Version(u64),
    Folder(String),
}

impl Side {
    fn parse(text: &str) -> Self {
        text.parse()
            .map_or_else(|_| Self::Folder(text.to_owned()), Self::Version)
    }

    fn shown(&self) -> String {
        match self {
            Self::Version(number) => format!("version {number}"),
            Self::Folder(path) => path.clone(),
        }
    }
}

/// Shows what differs.
pub fn run(args: &DiffArgs) -> Result<(), Failure> {
    let diff = super::block_on(async {
        let mut connection = super::connect(&args.client).await?;
        let versions = list(&mut connection).await?;
        let (from, to) = sides(args, &versions)?;
        let old = read(&mut connection, &versions, &from).await?;
        let new = read(&mut connection, &versions, &to).await?;
        Ok(Diff::of((from.shown(), &old), (to.shown(), &new)))
    })?;
    if args.client.json {
        println!("{}", serde_json::to_string(&diff)?);
    } else {
        diff.print();
    }
    Ok(())
}

fn sides(args: &DiffArgs, versions: &[VersionItem]) -> Result<(Side, Side), Failure> {
    let number = |is: fn(&VersionItem) -> bool, why: &'static str| {
        let found = versions.iter().find(|item| is(item));
        found
            .map(|item| Side::Version(item.version))
            .ok_or(Failure::from(why))
    };
    let live = || {
        number(
            |item| item.live,
            "no version is live yet; push with `holdfast site push DIR`",
        )
    };
    let before = || {
        number(
            |item| item.before,
            "no version was live before this one; name two versions, or a folder",
        )
    };
    let from = args.from.as_deref().map(Side::parse);
    let to = args.to.as_deref().map(Side::parse);
    Ok(match (from, to) {
        (None, _) => (before()?, live()?),
        (Some(Side::Folder(path)), None) => (live()?, Side::Folder(path)),
        (Some(version), None) => (version, live()?),
        (Some(from), Some(to)) => (from, to),
    })
}

async fn read(
    connection: &mut Connection,
    versions: &[VersionItem],
    side: &Side,
) -> Result<Manifest, Failure> {
    match side {
        Side::Version(number) => {
            let found = versions.iter().find(|item| item.version == *number);
            let item = found.ok_or_else(|| {
                format!(
                    "there is no version {number}; `holdfast site versions` lists those that exist"
                )
            })?;
            manifest(connection, item).await
        }
        Side::Folder(path) => {
            let options = Options {
                threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
                compress: false,
                known: &Known::default(),
                origin: None,
                progress: &|_| {},
            };
            Ok(prepare_with(&scan(Path::new(path))?, &options)?.manifest)
        }
    }
}

impl Diff {
    fn of((from, old): (String, &Manifest), (to, new): (String, &Manifest)) -> Self {
        let missing = |of: &Manifest, other: &Manifest| {
            let paths = of.entries().map(|(path, _)| path);
            paths
                .filter(|path| other.entry(path.as_str()).is_none())
                .map(PagePath::to_string)
                .collect()
        };
        let is_changed = |(path, entry): &(&PagePath, &Entry)| {
            // Another compression of the same file is no change.
            new.entry(path.as_str()).is_some_and(|other| {
                other.identity != entry.identity || other.content_type != entry.content_type
            })
        };
        let changed = old.entries().filter(is_changed);
        Self {
            from,
            to,
            added: missing(new, old),
            removed: missing(old, new),
            changed: changed.map(|(path, _)| path.to_string()).collect(),
            redirects: Rules::of(
                old.redirects().rules().map(redirect),
                new.redirects().rules().map(redirect),
            ),
            headers: Rules::of(
                old.headers().rules().map(header),
                new.headers().rules().map(header),
            ),
        }
    }

    fn print(&self) {
        println!("{} → {}", plain(&self.from), plain(&self.to));
        let lists = [
            ("+", &self.added),
            ("-", &self.removed),
            ("~", &self.changed),
        ];
        for (mark, paths) in lists {
            for path in paths {
                println!("{mark} {}", plain(path));
            }
        }
        for (name, rules) in [("_redirects", &self.redirects), ("_headers", &self.headers)] {
            for (mark, texts) in [("+", &rules.added), ("-", &rules.removed)] {
                for text in texts {
                    println!("{mark} {name}: {}", plain(text));
                }
            }
            if rules.reordered {
                println!("~ {name}: another order");
            }
        }
        println!(
            "{} added, {} removed, {} changed",
            self.added.len(),
            self.removed.len(),
            self.changed.len()
        );
    }
}

impl Rules {
    fn of(old: impl Iterator<Item = String>, new: impl Iterator<Item = String>) -> Self {
        let (old, new): (Vec<_>, Vec<_>) = (old.collect(), new.collect());
        let missing = |of: &[String], other: &[String]| {
            let other: BTreeSet<_> = other.iter().collect();
            let gone = of.iter().filter(|text| !other.contains(text));
            gone.cloned().collect::<Vec<_>>()
        };
        let (added, removed) = (missing(&new, &old), missing(&old, &new));
        let reordered = added.is_empty() && removed.is_empty() && old != new;
        Self {
            added,
            removed,
            reordered,
        }
    }
}

fn redirect(rule: &RedirectRule) -> String {
    let mut text = rule.from.clone();
    for (name, value) in &rule.query {
        text.push_str(&format!(" {name}={value}"));
    }
    let force = if rule.force { "!" } else { "" };
    text.push_str(&format!(" {} {}{force}", rule.to, rule.status));
    text
}

fn header(rule: &HeaderRule) -> String {
    let gone = rule.remove.iter().map(|name| format!("! {name}"));
    let set = rule
        .set
        .iter()
        .map(|(name, value)| format!("{name}: {value}"));
    let fields: Vec<_> = gone.chain(set).collect();
    format!("{} [{}]", rule.path, fields.join("; "))
}
