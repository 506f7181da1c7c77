//! `holdfast logs`.

use std::io::Write as _;

use holdfast_server::machine::LogLine;
use holdfast_server::protocol::LogItem;
use http::StatusCode;
use time::OffsetDateTime;
use time::macros::format_description;

use super::failure::Refused;
use super::text::plain;
use crate::Failure;
use crate::cli::LogsArgs;

/// Writes the log to standard output.
pub fn follow(args: &LogsArgs) -> Result<(), Failure> {
    let mut last = None;
    let written = super::block_on(async {
        let mut connection = super::connect(&args.client).await?;
        loop {
            let route = route(args, last);
            let take = |line: &[u8]| write(line, args.client.json, &mut last);
            connection.lines(&route, take).await?;
            if !args.follow {
                return Ok(());
            }
        }
    });
    match written {
        // Who reads this (`| head`) has had enough.
        Err(error) if is_closed_pipe(&*error) => Ok(()),
        written => written,
    }
}

fn route(args: &LogsArgs, last: Option<u64>) -> String {
    let mut route = match last {
        Some(number) => format!("/v1/logs?after={number}"),
        None => format!("/v1/logs?lines={}", args.lines),
    };
    if let Some(unit) = &args.unit {
        // What is no unit's name comes back as a problem.
        let plain: String = unit.chars().filter(char::is_ascii_graphic).collect();
        route.push_str(&format!("&unit={}", plain.replace(['&', '#', '%'], "")));
    }
    if args.follow {
        route.push_str("&follow=1");
    }
    route
}

fn write(line: &[u8], json: bool, last: &mut Option<u64>) -> Result<(), Failure> {
    let item = serde_json::from_slice(line)
        .map_err(|_| "the appliance answered in another form; use the `holdfast` of its version")?;
    let line = match item {
        LogItem::Line(line) => line,
        // The answer had begun well.
        LogItem::Problem(why) => return Err(Refused::new(StatusCode::OK, plain(&why)).into()),
    };
    *last = Some(line.number);
    let text = if json {
        serde_json::to_string(&line)?
    } else {
        text(&line)
    };
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()?;
    Ok(())
}

/// One line for people: time, unit, text; what is a warning or worse says so.
fn text(line: &LogLine) -> String {
    let shape =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    let nanos = i128::from(line.time_us).saturating_mul(1000);
    let time = OffsetDateTime::from_unix_timestamp_nanos(nanos)
        .ok()
        .and_then(|time| time.format(&shape).ok());
    let mark = match line.priority {
        0..=3 => "error: ",
        4 => "warning: ",
        _ => "",
    };
    format!(
        "{}  {}  {mark}{}",
        time.unwrap_or_default(),
        plain(&line.unit),
        plain(&line.message)
    )
}

fn is_closed_pipe(error: &(dyn std::error::Error + 'static)) -> bool {
    let error = error.downcast_ref::<std::io::Error>();
    error.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_cannot_steer_the_terminal() {
        let line = LogLine {
            number: 1,
            time_us: 1_750_000_000_123_456,
            unit: "a\u{1b}[2J".to_owned(),
            priority: 3,
            message: "x\ny\u{9b}".to_owned(),
        };
        assert_eq!(text(&line), "2025-06-15T15:06:40.123Z  a[2J  error: xy");
    }
}
