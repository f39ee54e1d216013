//! The result: a row for each number that the project promises, with what it must be.

use std::path::Path;

use dhcpmgr_lab::{Error, Result};
use serde_json::{Value, json};

/// One number.
struct Row {
    what: String,
    unit: &'static str,
    measured: f64,
    /// The same of the floor, in the same run.
    floor: Option<f64>,
    /// The bound, on the number itself or on its ratio to the floor.
    bound: Bound,
}

/// What a number must keep to.
#[derive(Clone, Copy)]
pub(super) enum Bound {
    /// At most this.
    AtMost(f64),
    /// At least this.
    AtLeast(f64),
    /// At most so many times the floor.
    TimesFloor(f64),
    /// For information.
    None,
}

/// All of them.
#[derive(Default)]
pub(super) struct Table {
    rows: Vec<Row>,
    failures: Vec<(String, String)>,
}

impl Row {
    fn ratio(&self) -> Option<f64> {
        self.floor.filter(|floor| *floor > 0.0).map(|floor| self.measured / floor)
    }

    fn kept(&self) -> Option<bool> {
        match self.bound {
            Bound::AtMost(most) => Some(self.measured <= most),
            Bound::AtLeast(least) => Some(self.measured >= least),
            Bound::TimesFloor(times) => Some(self.ratio().is_some_and(|ratio| ratio <= times)),
            Bound::None => None,
        }
    }

    fn must(&self) -> String {
        match self.bound {
            Bound::AtMost(most) => format!("≤ {most}"),
            Bound::AtLeast(least) => format!("≥ {least}"),
            Bound::TimesFloor(times) => format!("≤ {times} × floor"),
            Bound::None => String::new(),
        }
    }

    fn json(&self) -> Value {
        json!({
            "what": self.what, "unit": self.unit, "measured": self.measured, "floor": self.floor,
            "ratio": self.ratio(), "must": self.must(), "kept": self.kept(),
        })
    }
}

impl Table {
    /// A number on its own.
    pub(super) fn add(&mut self, what: &str, unit: &'static str, measured: f64, bound: Bound) {
        self.rows.push(Row { what: what.to_owned(), unit, measured, floor: None, bound });
    }

    /// A number beside the floor's.
    pub(super) fn beside(&mut self, what: &str, unit: &'static str, measured: f64, floor: f64, bound: Bound) {
        self.rows.push(Row { what: what.to_owned(), unit, measured, floor: Some(floor), bound });
    }

    /// A part that could not be measured.
    pub(super) fn failed(&mut self, part: &str, error: &Error) {
        eprintln!("{part} could not be measured: {error}");
        self.failures.push((part.to_owned(), error.to_string()));
    }

    /// Prints the table and writes the JSON; an error when something was not measured. A bound that is not kept is
    /// said and is no error: the machine may be busy.
    pub(super) fn finish(&self, file: &Path) -> Result {
        println!("{:<52} {:>11} {:>11} {:>7}  {:<16} kept", "", "dhcpmgr", "floor", "ratio", "must be");
        for row in &self.rows {
            let number = |value: f64| format!("{value:.2} {}", row.unit);
            let floor = row.floor.map(number).unwrap_or_default();
            let ratio = row.ratio().map(|ratio| format!("{ratio:.2}")).unwrap_or_default();
            let kept = row.kept().map_or("", |kept| if kept { "yes" } else { "NO" });
            println!(
                "{:<52} {:>11} {floor:>11} {ratio:>7}  {:<16} {kept}",
                row.what,
                number(row.measured),
                row.must()
            );
        }
        let failures: Vec<Value> =
            self.failures.iter().map(|(part, error)| json!({"part": part, "error": error})).collect();
        let rows: Vec<Value> = self.rows.iter().map(Row::json).collect();
        let text = serde_json::to_string_pretty(&json!({"rows": rows, "not_measured": failures}))?;
        std::fs::write(file, text + "\n")?;
        println!("written to {}", file.display());
        if self.failures.is_empty() { Ok(()) } else { Err(Error::new("not everything could be measured")) }
    }
}
