//! Rules that would send a browser from one to the next for ever are refused before they are stored.
//!
//! Each redirect is followed with what is known of the path it leads to: literal segments, and holes for what will have
//! been captured. A hole takes the place of any text, so a chain that this finds may need a path that nobody asks for;
//! it is refused all the same, since a browser that does ask would be sent round.

use std::collections::{HashMap, HashSet};

use super::pattern::{Captures, Pattern, Segment};
use super::rule::{Rule, Wanted};
use super::table::Redirects;
use super::target::{Part, Target, Template};
use crate::error::Fault;
use crate::path::decode_percent;

/// Redirects in a row after which browsers give up (Fetch standard, section 4.4).
const MAX_CHAIN: usize = 20;
/// Comparisons of a path with a rule, for all rules together.
const BUDGET: u64 = 5_000_000;
/// Rules that are followed from a place to the next, for all rules together: each makes a new place.
const STEPS: u64 = 50_000;
/// Most places that are remembered as safe: memory for more than the targets of all rules.
const MAX_SAFE: usize = 20_000;
/// Stands in symbolic text for one segment's unknown text; no path holds control characters.
const HOLE: char = '\u{0}';
/// Stands for any number of unknown segments.
const TAIL: char = '\u{1}';

/// A path with holes, and what is known of its query.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Place {
    /// `None`: one segment of unknown text.
    segments: Vec<Option<String>>,
    /// Whether any number of unknown segments follow.
    tail: bool,
    /// `None`: any query. A parameter's value may be unknown too.
    query: Option<Vec<(String, Option<String>)>>,
}

impl Redirects {
    /// Checks the rules against each other and against the pages of the version.
    ///
    /// # Errors
    /// The number (from 0) of the first that leads to no page, or to a chain without end, and why.
    pub fn check(&self, is_page: &dyn Fn(&str) -> bool) -> Result<(), (usize, Fault)> {
        let mut walk = Walk {
            table: self,
            is_page,
            by_first: HashMap::new(),
            wild: Vec::new(),
            budget: BUDGET,
            steps: STEPS,
            trail: Vec::new(),
            safe: HashSet::new(),
        };
        for (number, rule) in self.rules.iter().enumerate() {
            match rule.pattern.segments.first() {
                Some(Segment::Literal(first)) => {
                    let same: &mut Vec<_> = walk.by_first.entry(first).or_default();
                    same.push(number);
                }
                _ => walk.wild.push(number),
            }
        }
        for (number, rule) in self.rules.iter().enumerate() {
            let checked = if rule.is_redirect() {
                walk.start(rule)
            } else {
                leads_to_a_page(rule, is_page)
            };
            checked.map_err(|fault| (number, fault))?;
        }
        Ok(())
    }
}

fn leads_to_a_page(rule: &Rule, is_page: &dyn Fn(&str) -> bool) -> Result<(), Fault> {
    let fixed = rule.target.path.is_fixed();
    let path = rule.target.page(&Captures::new()).unwrap_or_default();
    if fixed && !is_page(&path) {
        return Err(Fault::new(
            format!(
                "`{}` is no page of the site, and status {} serves one",
                rule.wire.to, rule.wire.status
            ),
            "name a file of the folder that is pushed",
        ));
    }
    Ok(())
}

struct Walk<'a> {
    table: &'a Redirects,
    is_page: &'a dyn Fn(&str) -> bool,
    /// Rules by their first segment, where that is a literal.
    by_first: HashMap<&'a str, Vec<usize>>,
    /// Rules that begin with anything else.
    wild: Vec<usize>,
    budget: u64,
    steps: u64,
    /// The places on the way to the present one, each with how it was reached.
    trail: Vec<(Place, Step)>,
    /// Places from which every way ends.
    safe: HashSet<Place>,
}

impl Walk<'_> {
    fn start(&mut self, rule: &Rule) -> Result<(), Fault> {
        let never = rule
            .pattern
            .exact()
            .is_some_and(|path| (self.is_page)(&path) && !rule.wire.force);
        if never {
            return Ok(());
        }
        let from = Place {
            segments: rule
                .pattern
                .segments
                .iter()
                .map(|segment| match segment {
                    Segment::Literal(text) => Some(text.clone()),
                    Segment::Placeholder(_) => None,
                })
                .collect(),
            tail: rule.pattern.splat,
            query: None,
        };
        let Some(Met { next, step, .. }) = meet(rule, &from) else {
            return Ok(());
        };
        self.trail = vec![(from, Step::default())];
        next.map_or(Ok(()), |next| self.follow(next, step))
    }

    fn follow(&mut self, place: Place, step: Step) -> Result<(), Fault> {
        if self.safe.contains(&place) {
            return Ok(());
        }
        let before = self.trail.iter().position(|(known, _)| *known == place);
        if let Some(before) = before {
            let round = self.trail.iter().skip(before.saturating_add(1));
            let mut steps = round.map(|(_, step)| step).chain([&step]);
            // A path that only loses segments comes to an end.
            if steps.clone().all(|step| !step.grows) && steps.any(|step| step.taken > 0) {
                return Ok(());
            }
        }
        if before.is_some() || self.trail.len() > MAX_CHAIN {
            self.trail.push((place, step));
            return Err(self.endless());
        }
        let known = place.known();
        let page = known.as_ref().is_some_and(|path| (self.is_page)(path));
        let numbers = self.candidates(&place, known.as_deref());
        self.trail.push((place.clone(), step));
        for number in numbers {
            let Some(rule) = self.table.rules.get(number) else {
                continue;
            };
            if page && !rule.wire.force {
                continue;
            }
            self.budget = self.budget.checked_sub(1).ok_or_else(tangled)?;
            let Some(met) = meet(rule, &place) else {
                continue;
            };
            if let Some(next) = met.next {
                self.steps = self.steps.checked_sub(1).ok_or_else(tangled)?;
                self.follow(next, met.step)?;
            }
            if met.covers {
                break;
            }
        }
        self.trail.pop();
        if self.safe.len() < MAX_SAFE {
            self.safe.insert(place);
        }
        Ok(())
    }

    /// The numbers of rules that may match, in their order.
    fn candidates(&self, place: &Place, known: Option<&str>) -> Vec<usize> {
        let none = Vec::new();
        let first = match place.segments.first() {
            Some(Some(first)) => Some(first.as_str()),
            // Without any segment nothing but the root and `/*` match.
            None if !place.tail => None,
            _ => return (0..self.table.rules.len()).collect(),
        };
        let same = first
            .and_then(|first| self.by_first.get(first))
            .unwrap_or(&none);
        let Some(path) = known else {
            return merge([same, &self.wild, &none]);
        };
        let exact = self.table.exact.get(path).unwrap_or(&none);
        let is_pattern = |number: &&usize| self.table.patterns.binary_search(number).is_ok();
        let patterns: Vec<_> = same.iter().filter(is_pattern).copied().collect();
        merge([exact, &patterns, &self.wild])
    }

    fn endless(&self) -> Fault {
        let shown = self.trail.iter().take(4).map(|(place, _)| place.shown());
        Fault::new(
            format!(
                "visitors would be sent on without end: {} …",
                shown.collect::<Vec<_>>().join(" → ")
            ),
            "lead it to a page, or write a rule that ends the chain (`… /404.html 404`) before it",
        )
    }
}

fn tangled() -> Fault {
    Fault::new(
        "the rules lead to each other in too many ways to follow",
        "lead each rule to its last target at once",
    )
}

/// Ascending lists as one.
fn merge(lists: [&[usize]; 3]) -> Vec<usize> {
    let mut all = lists.concat();
    all.sort_unstable();
    all.dedup();
    all
}

/// What one redirect does to the unknown segments at the end of a path.
#[derive(Clone, Copy, Debug, Default)]
struct Step {
    /// How many of them the pattern names by itself.
    taken: usize,
    /// Whether the target repeats them or puts more behind them.
    grows: bool,
}

/// A rule that may match at a place.
struct Met {
    /// Where it leads; nowhere if it ends the way.
    next: Option<Place>,
    /// Whether it matches whatever the holes are.
    covers: bool,
    step: Step,
}

fn meet(rule: &Rule, place: &Place) -> Option<Met> {
    let (mut captures, mut covers) = unify(&rule.pattern, place)?;
    for (name, wanted) in &rule.conditions {
        covers = false;
        let value = match &place.query {
            None => None,
            Some(known) => known.iter().find(|(key, _)| key == name)?.1.clone(),
        };
        match wanted {
            Wanted::Value(text) if value.as_ref().is_some_and(|value| value != text) => {
                return None;
            }
            Wanted::Value(_) => {}
            Wanted::Captured(name) => {
                captures.push((name.clone(), value.unwrap_or_else(|| HOLE.to_string())));
            }
        }
    }
    if !rule.is_redirect() || rule.target.origin.is_some() {
        return Some(Met {
            next: None,
            covers,
            step: Step::default(),
        });
    }
    let passed = if rule.conditions.is_empty() {
        place.query.clone()
    } else {
        Some(Vec::new())
    };
    let path = symbolic(&rule.target.path, &captures);
    let behind = path.split_once(TAIL).map_or("", |(_, behind)| behind);
    let mixed = path
        .split('/')
        .any(|s| s.contains(TAIL) && s.len() > TAIL.len_utf8());
    let step = Step {
        taken: rule
            .pattern
            .segments
            .len()
            .saturating_sub(place.segments.len()),
        grows: mixed || behind.contains(|c| c != '/'),
    };
    let next = Some(Place::of(&path, &rule.target, &captures, passed));
    Some(Met { next, covers, step })
}

/// What the pattern captures of the place, in symbolic text, and whether it matches whatever the holes are.
fn unify(pattern: &Pattern, place: &Place) -> Option<(Captures, bool)> {
    let mut captures = Captures::new();
    let mut covers = true;
    let mut rest = place.segments.iter();
    for segment in &pattern.segments {
        let found = match rest.next() {
            Some(found) => found.as_deref(),
            None if place.tail => {
                covers = false;
                None
            }
            None => return None,
        };
        match (segment, found) {
            (Segment::Literal(wanted), Some(text)) if wanted != text => return None,
            (Segment::Literal(_), Some(_)) => {}
            (Segment::Literal(_), None) => covers = false,
            (Segment::Placeholder(name), found) => {
                let text = found.map_or_else(|| HOLE.to_string(), str::to_owned);
                captures.push((name.clone(), text));
            }
        }
    }
    if pattern.splat {
        let mut texts: Vec<String> = rest
            .map(|found| found.clone().unwrap_or_else(|| HOLE.to_string()))
            .collect();
        if place.tail {
            texts.push(TAIL.to_string());
        }
        captures.push((super::pattern::SPLAT.to_owned(), texts.join("/")));
        return Some((captures, covers));
    }
    if rest.next().is_some() {
        return None;
    }
    Some((captures, covers && !place.tail))
}

impl Place {
    fn of(
        path: &str,
        target: &Target,
        captures: &Captures,
        passed: Option<Vec<(String, Option<String>)>>,
    ) -> Self {
        let mut segments = Vec::new();
        let mut tail = false;
        for text in path.split('/') {
            if text.contains(TAIL) {
                tail = true;
                break;
            }
            match text {
                "" => {}
                text if text.contains(HOLE) => segments.push(None),
                text => segments.push(Some(text.to_owned())),
            }
        }
        let own = target.query.as_ref().map(|own| {
            let text = symbolic(own, captures);
            let pairs = text.split('&').map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                let known = !value.contains([HOLE, TAIL]);
                (name.to_owned(), known.then(|| value.to_owned()))
            });
            pairs.collect()
        });
        Self {
            segments,
            tail,
            query: own.or(passed),
        }
    }

    /// The path, where all of it is known.
    fn known(&self) -> Option<String> {
        let mut path = String::new();
        for segment in &self.segments {
            path.push('/');
            path.push_str(segment.as_deref()?);
        }
        (!self.tail).then_some(path)
    }

    fn shown(&self) -> String {
        let segments = self.segments.iter().map(|s| s.as_deref().unwrap_or("…"));
        let tail = self.tail.then_some("*");
        let all: Vec<_> = segments.chain(tail).collect();
        format!("`/{}`", all.join("/"))
    }
}

fn symbolic(template: &Template, captures: &Captures) -> String {
    let mut text = String::new();
    for part in &template.0 {
        match part {
            Part::Literal(literal) => {
                text.push_str(&decode_percent(literal).unwrap_or_else(|_| literal.clone()));
            }
            Part::Capture(name) => {
                let found = captures.iter().find(|(known, _)| known == name);
                text.push_str(found.map_or("", |(_, value)| value));
            }
        }
    }
    text
}
