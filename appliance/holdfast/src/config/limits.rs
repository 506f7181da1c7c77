//! `[limits]` of `holdfast.toml`: each key stands for one of [`Limits`], and what is left out keeps its default.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::time::Duration;

use holdfast_server::{Limits, Rate};
use serde::Deserialize;
use toml::Spanned;

use super::error::ConfigError;

type Number = Option<Spanned<u32>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitsTable {
    connections: Number,
    connections_each: Number,
    handshakes_each: Number,
    answers: Number,
    answers_each: Number,
    large: Number,
    large_each: Number,
    small_mib: Number,
    cache_mib: Number,
    streams: Number,
    header_bytes: Number,
    header_fields: Number,
    uri_bytes: Number,
    handshake_s: Number,
    header_s: Number,
    idle_s: Number,
    connection_s: Number,
    least_pace: Number,
    handshake: Option<RateTable>,
    page: Option<RateTable>,
    portal: Option<RateTable>,
    enrol: Option<RateTable>,
    device: Option<RateTable>,
    report: Option<RateTable>,
    sign_in: Option<RateTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RateTable {
    per_minute: Spanned<u32>,
    burst: Spanned<u32>,
}

/// Checks the table; what it leaves out is as in `defaults`.
pub(super) fn limits(
    text: &str,
    table: &LimitsTable,
    defaults: &Limits,
) -> Result<Limits, ConfigError> {
    let mut limits = defaults.clone();
    let number = |field: &Number, range: RangeInclusive<u32>| {
        field.as_ref().map(|v| within(text, v, range)).transpose()
    };
    let count = |to: &mut usize, field: &Number, range: RangeInclusive<u32>| {
        if let Some(value) = number(field, range)? {
            *to = usize::try_from(value).unwrap_or(usize::MAX);
        }
        Ok::<_, ConfigError>(())
    };
    let mib = |to: &mut usize, field: &Number| {
        if let Some(value) = number(field, 1..=4096)? {
            *to = usize::try_from(u64::from(value) << 20).unwrap_or(usize::MAX);
        }
        Ok::<_, ConfigError>(())
    };
    let seconds = |to: &mut Duration, field: &Number, range: RangeInclusive<u32>| {
        if let Some(value) = number(field, range)? {
            *to = Duration::from_secs(value.into());
        }
        Ok::<_, ConfigError>(())
    };
    let rate = |to: &mut Rate, field: &Option<RateTable>| {
        if let Some(table) = field {
            let at_least_one = |field: &Spanned<u32>| {
                let value = within(text, field, 1..=1_000_000_000)?;
                Ok::<_, ConfigError>(NonZeroU32::new(value).unwrap_or(NonZeroU32::MIN))
            };
            to.per_minute = at_least_one(&table.per_minute)?;
            to.burst = at_least_one(&table.burst)?;
        }
        Ok::<_, ConfigError>(())
    };
    // The process may open 4096 files, see `serve/started.rs`.
    count(&mut limits.connections, &table.connections, 16..=3500)?;
    count(
        &mut limits.connections_each,
        &table.connections_each,
        4..=3500,
    )?;
    count(
        &mut limits.handshakes_each,
        &table.handshakes_each,
        4..=3500,
    )?;
    count(&mut limits.answers, &table.answers, 64..=1_000_000)?;
    count(
        &mut limits.answers_each,
        &table.answers_each,
        16..=1_000_000,
    )?;
    count(&mut limits.large, &table.large, 2..=10_000)?;
    count(&mut limits.large_each, &table.large_each, 1..=10_000)?;
    // The share of one is at most the whole.
    limits.connections_each = limits.connections_each.min(limits.connections);
    limits.answers_each = limits.answers_each.min(limits.answers);
    limits.large_each = limits.large_each.min(limits.large);
    mib(&mut limits.small_bytes, &table.small_mib)?;
    mib(&mut limits.cache_bytes, &table.cache_mib)?;
    if let Some(streams) = number(&table.streams, 1..=1000)? {
        limits.streams = streams;
    }
    count(
        &mut limits.header_bytes,
        &table.header_bytes,
        4096..=1_048_576,
    )?;
    count(&mut limits.header_fields, &table.header_fields, 16..=1000)?;
    count(&mut limits.uri_bytes, &table.uri_bytes, 256..=65_000)?;
    seconds(&mut limits.handshake_time, &table.handshake_s, 1..=600)?;
    seconds(&mut limits.header_time, &table.header_s, 1..=600)?;
    seconds(&mut limits.idle_time, &table.idle_s, 1..=3600)?;
    seconds(
        &mut limits.connection_time,
        &table.connection_s,
        10..=604_800,
    )?;
    if let Some(pace) = number(&table.least_pace, 1..=1_048_576)? {
        limits.least_pace = pace.into();
    }
    rate(&mut limits.handshake, &table.handshake)?;
    rate(&mut limits.page, &table.page)?;
    rate(&mut limits.portal, &table.portal)?;
    rate(&mut limits.enrol, &table.enrol)?;
    rate(&mut limits.device, &table.device)?;
    rate(&mut limits.report, &table.report)?;
    rate(&mut limits.sign_in, &table.sign_in)?;
    Ok(limits)
}

/// Every limit in force by its key, with its value as TOML.
#[must_use]
pub fn in_force(limits: &Limits) -> BTreeMap<String, String> {
    let rate = |rate: Rate| {
        let (per_minute, burst) = (rate.per_minute, rate.burst);
        format!("{{ per_minute = {per_minute}, burst = {burst} }}")
    };
    let seconds = |time: Duration| time.as_secs().to_string();
    let mib = |bytes: usize| (bytes >> 20).to_string();
    let all = [
        ("connections", limits.connections.to_string()),
        ("connections_each", limits.connections_each.to_string()),
        ("handshakes_each", limits.handshakes_each.to_string()),
        ("answers", limits.answers.to_string()),
        ("answers_each", limits.answers_each.to_string()),
        ("large", limits.large.to_string()),
        ("large_each", limits.large_each.to_string()),
        ("small_mib", mib(limits.small_bytes)),
        ("cache_mib", mib(limits.cache_bytes)),
        ("streams", limits.streams.to_string()),
        ("header_bytes", limits.header_bytes.to_string()),
        ("header_fields", limits.header_fields.to_string()),
        ("uri_bytes", limits.uri_bytes.to_string()),
        ("handshake_s", seconds(limits.handshake_time)),
        ("header_s", seconds(limits.header_time)),
        ("idle_s", seconds(limits.idle_time)),
        ("connection_s", seconds(limits.connection_time)),
        ("least_pace", limits.least_pace.to_string()),
        ("handshake", rate(limits.handshake)),
        ("page", rate(limits.page)),
        ("portal", rate(limits.portal)),
        ("enrol", rate(limits.enrol)),
        ("device", rate(limits.device)),
        ("report", rate(limits.report)),
        ("sign_in", rate(limits.sign_in)),
    ];
    let all = all.into_iter();
    all.map(|(key, value)| (key.to_owned(), value)).collect()
}

fn within(text: &str, v: &Spanned<u32>, range: RangeInclusive<u32>) -> Result<u32, ConfigError> {
    let value = *v.get_ref();
    if range.contains(&value) {
        return Ok(value);
    }
    let (least, most) = range.into_inner();
    Err(ConfigError::at(
        text,
        v.span(),
        "this limit cannot be set to that",
        &format!(
            "choose a number from {least} to {most}, or leave the line out; the page on limits says what it means"
        ),
    ))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::Config;
    use super::*;

    fn parse(table: &str) -> Result<Limits, ConfigError> {
        let origin = "[origin]\nsite = \"https://a.example\"\nportal = \"https://b.example\"\n";
        Config::parse(&format!("{origin}{table}")).map(|config| config.limits)
    }

    #[test]
    fn what_is_left_out_keeps_its_default() {
        assert_eq!(parse("").unwrap(), Limits::default());
        assert_eq!(parse("[limits]").unwrap(), Limits::default());
        let set = parse("[limits]\nidle_s = 5\npage = { per_minute = 60, burst = 9 }\n").unwrap();
        assert_eq!(set.idle_time, Duration::from_secs(5));
        assert_eq!((set.page.per_minute.get(), set.page.burst.get()), (60, 9));
        assert_eq!(set.portal, Limits::default().portal);
    }

    #[test]
    fn what_is_told_of_the_limits_in_force_sets_the_same() {
        for memory in [0, 160 << 20, 256 << 20, 1 << 40] {
            let limits = Limits::for_memory(memory);
            let lines = in_force(&limits).into_iter();
            let lines: Vec<_> = lines
                .map(|(key, value)| format!("{key} = {value}\n"))
                .collect();
            let table = format!("[limits]\n{}", lines.concat());
            assert_eq!(parse(&table).unwrap(), limits, "{table}");
        }
    }

    #[test]
    fn what_is_set_stands_on_a_small_machine_too() {
        let origin = "[origin]\nsite = \"https://a.example\"\nportal = \"https://b.example\"\n";
        let small = Limits::for_memory(160 << 20);
        let text = format!("{origin}[limits]\nconnections = 900\n");
        let set = Config::parse_with(&text, &small).unwrap().limits;
        let expected = Limits {
            connections: 900,
            ..small.clone()
        };
        assert_eq!(set, expected);
        assert_ne!(small, Limits::default());
        assert_eq!(Config::parse_with(origin, &small).unwrap().limits, small);
    }

    #[test]
    fn the_share_of_one_is_at_most_the_whole() {
        let set = parse("[limits]\nlarge = 3\nlarge_each = 9\nconnections = 100\nanswers = 200\n");
        let set = set.unwrap();
        assert_eq!((set.large, set.large_each), (3, 3));
        assert_eq!((set.connections_each, set.answers_each), (100, 200));
    }

    #[test]
    fn every_limit_can_be_set() {
        let number = |name: &str| format!("{name} = 600\n");
        let names = [
            "connections",
            "connections_each",
            "handshakes_each",
            "answers",
            "answers_each",
            "large",
            "large_each",
            "small_mib",
            "cache_mib",
            "streams",
            "header_fields",
            "uri_bytes",
            "handshake_s",
            "header_s",
            "idle_s",
            "connection_s",
            "least_pace",
        ];
        let mut table: String = names.map(number).concat();
        table.push_str("header_bytes = 6000\n");
        for rate in [
            "handshake",
            "page",
            "portal",
            "enrol",
            "device",
            "report",
            "sign_in",
        ] {
            table.push_str(&format!("{rate} = {{ per_minute = 600, burst = 600 }}\n"));
        }
        let set = parse(&format!("[limits]\n{table}")).unwrap();
        let six = NonZeroU32::new(600).unwrap();
        let rate = Rate {
            per_minute: six,
            burst: six,
        };
        let time = Duration::from_secs(600);
        let expected = Limits {
            connections: 600,
            connections_each: 600,
            handshakes_each: 600,
            answers: 600,
            answers_each: 600,
            large: 600,
            large_each: 600,
            small_bytes: 600 << 20,
            cache_bytes: 600 << 20,
            streams: 600,
            header_bytes: 6000,
            header_fields: 600,
            uri_bytes: 600,
            handshake_time: time,
            header_time: time,
            idle_time: time,
            connection_time: time,
            least_pace: 600,
            handshake: rate,
            page: rate,
            portal: rate,
            enrol: rate,
            device: rate,
            report: rate,
            sign_in: rate,
        };
        assert_eq!(set, expected);
    }

    #[test]
    fn a_limit_that_would_lock_everybody_out_is_refused() {
        for table in [
            "connections = 0",
            "idle_s = 0",
            "header_bytes = 100",
            "page = { per_minute = 0, burst = 1 }",
            "page = { per_minute = 1 }",
            "page = 1",
            "conections = 100",
            "streams = -1",
        ] {
            let error = parse(&format!("[limits]\n{table}\n")).unwrap_err();
            assert!(error.to_string().contains("line 5"), "{error}");
        }
        let error = parse("[limits]\nstreams = 0\n").unwrap_err().to_string();
        assert!(error.contains("choose a number from 1 to 1000"), "{error}");
    }
}
