//! The rows of the result: a table for people, JSON for programs.

use std::path::PathBuf;

use serde::Serialize;

use crate::Failure;

/// Which way a figure is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Rates.
    Higher,
    /// Sizes and times.
    Lower,
}

/// One line of the result. `ratio` is 1 or more where ours is better.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// What was measured, with its unit.
    pub name: String,
    /// The program that ours is measured against, by name and version, on the rows that are a race.
    pub peer: Option<String>,
    /// Our figure.
    pub ours: f64,
    /// The figure of the peer.
    pub theirs: Option<f64>,
    /// Ours against theirs.
    pub ratio: Option<f64>,
}

impl Row {
    /// A comparison.
    pub fn versus(
        name: &str,
        peer: Option<String>,
        ours: f64,
        theirs: f64,
        better: Better,
    ) -> Self {
        let ratio = match better {
            Better::Higher => ours / theirs,
            Better::Lower => theirs / ours,
        };
        Self {
            name: name.to_owned(),
            peer,
            ours,
            theirs: Some(theirs),
            ratio: ratio.is_finite().then_some(ratio),
        }
    }

    /// A figure of ours alone.
    pub fn alone(name: &str, ours: f64) -> Self {
        Self {
            name: name.to_owned(),
            peer: None,
            ours,
            theirs: None,
            ratio: None,
        }
    }
}

/// All rows so far. They are written after each one, so that an interrupted run leaves what it has.
#[derive(Serialize)]
pub struct Rows {
    rows: Vec<Row>,
    #[serde(skip)]
    file: Option<PathBuf>,
}

impl Rows {
    /// No rows yet; they go to `file` as well, if there is one.
    pub fn new(file: Option<PathBuf>) -> Self {
        Self {
            rows: Vec::new(),
            file,
        }
    }

    /// Takes a row in and shows it.
    pub fn add(&mut self, row: Row) -> Result<(), Failure> {
        println!("{}", line(&row));
        self.rows.push(row);
        self.write()
    }

    /// The whole table.
    pub fn finish(self) -> Result<(), Failure> {
        println!(
            "\n{:<50} {:>11} {:>11} {:>7}",
            "", "ours", "theirs", "ratio"
        );
        for row in &self.rows {
            println!("{}", line(row));
        }
        self.write()
    }

    fn write(&self) -> Result<(), Failure> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        std::fs::write(file, text).map_err(|error| {
            format!(
                "cannot write {}: {error}; name a file in a folder that you may write to with --json",
                file.display()
            )
            .into()
        })
    }
}

fn line(row: &Row) -> String {
    let theirs = row.theirs.map(figure).unwrap_or_default();
    let ratio = row.ratio.map(|ratio| format!("{ratio:.2}"));
    format!(
        "{:<50} {:>11} {:>11} {:>7}",
        row.name,
        figure(row.ours),
        theirs,
        ratio.unwrap_or_default()
    )
}

/// Three digits are enough for what varies by some per cent.
fn figure(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_of_one_or_more_means_that_ours_is_better() {
        let rate = Row::versus(
            "rate",
            Some("nginx".to_owned()),
            300.0,
            200.0,
            Better::Higher,
        );
        let size = Row::versus("size", None, 20.0, 30.0, Better::Lower);
        assert_eq!((rate.ratio, size.ratio), (Some(1.5), Some(1.5)));
        assert_eq!(Row::versus("x", None, 1.0, 0.0, Better::Higher).ratio, None);
    }

    #[test]
    fn the_file_holds_the_rows_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("rows.json");
        let mut rows = Rows::new(Some(file.clone()));
        rows.add(Row::alone("files/s", 2.5)).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        let row = serde_json::json!({ "name": "files/s", "peer": null, "ours": 2.5, "theirs": null, "ratio": null });
        assert_eq!(read, serde_json::json!({ "rows": [row] }));
    }
}
