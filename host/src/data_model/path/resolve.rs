//! What of the living tree a path names.

use std::fmt::Write as _;

use super::super::error::{Fault, code};
use super::super::schema::{Kind, Object, Parameter};
use super::super::value::Value;
use super::expression::{Comparison, Expression};
use super::{Path, Reference, Step};
use crate::config::nearest;

/// The most rows within rows.
const NESTED: usize = 4;
/// References that one path follows.
const MOST_FOLLOWED: usize = 4;

/// The living tree.
pub trait Source {
    /// The numbers of the rows of a table, in order; the place is that of the object it stands in.
    fn rows(&self, table: &'static Object, within: &Place) -> Vec<u32>;

    /// The value of a parameter; `None` when its row is gone.
    fn value(&self, place: &Place, parameter: &'static Parameter) -> Option<Value>;

    /// Parameters that are in no table: what handlers publish.
    fn extra(&self, _place: &Place) -> &[Extra] {
        &[]
    }
}

/// A parameter that is in no table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extra {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: Kind,
    /// Its value.
    pub value: Value,
    /// The handler that takes what is written; `None` where nothing can be.
    pub writes: Option<String>,
    /// One line for the person who reads it.
    pub description: String,
}

/// One object of the living tree: which, and the numbers of the rows that lead to it.
#[derive(Debug, Clone, Copy, Eq)]
pub struct Place {
    /// The object.
    pub object: &'static Object,
    numbers: [u32; NESTED],
    depth: u8,
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        // There is each object once; what stands in it need not be compared.
        std::ptr::eq(self.object, other.object) && self.numbers() == other.numbers()
    }
}

impl Place {
    /// `Device.`
    #[must_use]
    pub fn root() -> Self {
        Self { object: Object::root(), numbers: [0; NESTED], depth: 0 }
    }

    /// The numbers of the rows that lead to it, its own last.
    #[must_use]
    pub fn numbers(&self) -> &[u32] {
        &self.numbers[..usize::from(self.depth)]
    }

    /// Whether it is a place, or stands in it.
    #[must_use]
    pub fn is_below(&self, place: &Self) -> bool {
        self.object.path.starts_with(place.object.path) && self.numbers().starts_with(place.numbers())
    }

    /// An object without rows that stands in it.
    #[must_use]
    pub fn single(&self, object: &'static Object) -> Self {
        Self { object, ..*self }
    }

    /// A row of a table that stands in it.
    #[must_use]
    pub fn row(&self, object: &'static Object, number: u32) -> Self {
        let mut place = Self { object, ..*self };
        // No object of the tables stands in more rows than these; their test says so.
        if let Some(slot) = place.numbers.get_mut(usize::from(place.depth)) {
            *slot = number;
            place.depth += 1;
        }
        place
    }

    /// Its path, with a dot at its end.
    #[must_use]
    pub fn path(&self) -> String {
        let mut out = String::with_capacity(self.object.path.len() + 8);
        let mut numbers = self.numbers().iter();
        for (at, part) in self.object.path.split("{i}").enumerate() {
            if at > 0 {
                push_number(&mut out, numbers.next().copied().unwrap_or_default());
            }
            out.push_str(part);
        }
        out
    }
}

/// Writes a number: without the machinery of formatting, which is most of the time that a path takes.
fn push_number(out: &mut String, number: u32) {
    if number > 9 {
        push_number(out, number / 10);
    }
    out.push(char::from(b'0' + (number % 10) as u8));
}

/// What a path names, one of.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// An object, or a row.
    Object(Place),
    /// A parameter.
    Parameter(Place, &'static Parameter),
    /// A parameter that is in no table.
    Extra(Place, Extra),
    /// A command.
    Command(Place, &'static str),
    /// A table as a whole: where it stands, and which.
    Table(Place, &'static Object),
}

/// Everything that a path names, in order.
///
/// # Errors
/// [`code::NO_PATH`] when nothing can be there, [`code::NO_OBJECT`] when a row is named that is not there,
/// [`code::UNKNOWN_PARAMETER`], [`code::PATH_SYNTAX`]. A search without a match is no error.
pub fn resolve(path: &Path, source: &impl Source) -> Result<Vec<Found>, Fault> {
    Walk { path, source, followed: 0, searching: false }.steps(vec![Place::root()], &path.steps)
}

struct Walk<'a, S> {
    path: &'a Path,
    source: &'a S,
    followed: usize,
    /// Rows were searched for: that one of them has no such row below it is no error.
    searching: bool,
}

impl<S: Source> Walk<'_, S> {
    fn steps(&mut self, from: Vec<Place>, steps: &[Step]) -> Result<Vec<Found>, Fault> {
        let Some((step, rest)) = steps.split_first() else {
            return Ok(from.into_iter().map(Found::Object).collect());
        };
        let name = match step {
            Step::Name(name) => name,
            Step::Follow(reference) => {
                let mut found = Vec::new();
                let mut next = self.follow(&from, reference)?;
                // A list may refer to objects of several kinds.
                while let Some(object) = next.first().map(|place| place.object) {
                    let (alike, others) =
                        next.into_iter().partition(|place| std::ptr::eq(place.object, object));
                    found.extend(self.steps(alike, rest)?);
                    next = others;
                }
                return Ok(found);
            }
            _ => return Err(self.path.fault(code::NO_PATH, "a row is named where there is no table")),
        };
        // All places are of one object.
        let Some(object) = from.first().map(|place| place.object) else { return Ok(Vec::new()) };
        let Some(child) = object.child(name) else {
            return if rest.is_empty() && !self.path.is_object {
                self.leaf(from, object, name)
            } else {
                Err(self.nothing(object, name))
            };
        };
        if !child.table {
            return self.steps(from.iter().map(|place| place.single(child)).collect(), rest);
        }
        let Some((row, rest)) = rest.split_first() else {
            return Ok(from.into_iter().map(|place| Found::Table(place, child)).collect());
        };
        let mut next = Vec::new();
        for place in &from {
            match self.rows(place, child, row) {
                Ok(numbers) => next.extend(numbers.into_iter().map(|number| place.row(child, number))),
                Err(fault) if fault.code == code::NO_OBJECT && self.searching => {}
                Err(fault) => return Err(fault),
            }
        }
        self.searching |= is_search(row, child);
        self.steps(next, rest)
    }

    /// The rows of a table that a step names.
    fn rows(&mut self, within: &Place, table: &'static Object, step: &Step) -> Result<Vec<u32>, Fault> {
        let all = self.source.rows(table, within);
        let missing = |what: String| {
            let there_are = there_are(&self.source.rows(table, within));
            let text = format!("{}{} has no row {what}{there_are}", within.path(), table.name);
            self.path.fault(code::NO_OBJECT, text)
        };
        match step {
            Step::All => Ok(all),
            Step::Number(number) if all.contains(number) => Ok(vec![*number]),
            Step::Number(number) => Err(missing(number.to_string())),
            Step::Alias(alias) => {
                let is = |number: &u32| {
                    let place = within.row(table, *number);
                    table
                        .parameter("Alias")
                        .and_then(|p| self.source.value(&place, p))
                        .is_some_and(|v| v.to_string() == *alias)
                };
                all.into_iter()
                    .find(is)
                    .map(|number| vec![number])
                    .ok_or_else(|| missing(format!("with the alias {alias:?}")))
            }
            Step::Search(expression) => {
                let mut found = Vec::new();
                for number in all {
                    if self.holds(&within.row(table, number), expression)? {
                        found.push(number);
                    }
                }
                // The address of a row must lead to one.
                if found.is_empty() && is_address(expression, table) {
                    return Err(missing("with this key".to_owned()));
                }
                Ok(found)
            }
            Step::Name(_) | Step::Follow(_) => Err(self.path.fault(
                code::NO_PATH,
                format!("{} is a table: a number, *, [search] or [alias] is next", table.name),
            )),
            Step::Any => Err(self.path.fault(
                code::PATH_SYNTAX,
                "{i} stands for rows in general; accepted: a number, *, [search] or [alias]",
            )),
        }
    }

    fn holds(&mut self, row: &Place, expression: &Expression) -> Result<bool, Fault> {
        for comparison in &expression.0 {
            if !self.compare(*row, comparison)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn compare(&mut self, row: Place, comparison: &Comparison) -> Result<bool, Fault> {
        let Some((name, way)) = comparison.path.split_last() else { return Ok(false) };
        let mut places = vec![row];
        for part in way {
            if let Some(reference) = Reference::parse(part) {
                places = self.follow(&places, &reference)?;
                continue;
            }
            for place in &mut places {
                let child = place.object.child(part).filter(|child| !child.table).ok_or_else(|| {
                    let what = format!("{part} does not lead from {} to a single object", place.object.path);
                    self.path.fault(code::PATH_SYNTAX, what)
                })?;
                *place = place.single(child);
            }
        }
        for place in places {
            if self.compare_at(place, name, comparison)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn compare_at(&self, place: Place, name: &str, comparison: &Comparison) -> Result<bool, Fault> {
        let held = if let Some(parameter) = place.object.parameter(name) {
            let Some(value) = self.source.value(&place, parameter) else { return Ok(false) };
            comparison.holds(&parameter.kind, &value)
        } else if let Some(extra) = self.source.extra(&place).iter().find(|extra| extra.name == name) {
            comparison.holds(&extra.kind, &extra.value)
        } else if name.starts_with("X_") {
            // Other rows may have it.
            Ok(false)
        } else {
            return Err(self.unknown(place.object, name));
        };
        held.map_err(|why| self.path.fault(code::PATH_SYNTAX, why))
    }

    /// The objects that a parameter of these refers to, each once; an empty reference leads nowhere.
    fn follow(&mut self, from: &[Place], Reference { name, item }: &Reference) -> Result<Vec<Place>, Fault> {
        self.followed += 1;
        if self.followed > MOST_FOLLOWED * 64 {
            return Err(self.path.fault(code::RESOURCES, "it follows too many references"));
        }
        let mut places = Vec::new();
        for place in from {
            let parameter = place.object.parameter(name).ok_or_else(|| self.unknown(place.object, name))?;
            let value =
                self.source.value(place, parameter).map(|value| value.to_string()).unwrap_or_default();
            let mut targets = value.split(',').map(str::trim).filter(|target| !target.is_empty());
            let targets: Vec<&str> = match item {
                Some(item) => targets.nth(item - 1).into_iter().collect(),
                None => targets.collect(),
            };
            for target in targets {
                // A reference names rows by their numbers, so nothing is followed from here.
                let to = Path::parse(target).and_then(|path| resolve_plain(&path, self.source));
                if let Some(to) = to.ok().filter(|to| !places.contains(to)) {
                    places.push(to);
                }
            }
        }
        Ok(places)
    }

    fn leaf(&self, from: Vec<Place>, object: &'static Object, name: &str) -> Result<Vec<Found>, Fault> {
        if let Some(command) = object.commands.iter().find(|command| **command == name) {
            return Ok(from.into_iter().map(|place| Found::Command(place, command)).collect());
        }
        if let Some(parameter) = object.parameter(name) {
            return Ok(from.into_iter().map(|place| Found::Parameter(place, parameter)).collect());
        }
        let extra: Vec<Found> = from
            .iter()
            .filter_map(|place| {
                let extra = self.source.extra(place).iter().find(|extra| extra.name == name)?;
                Some(Found::Extra(*place, extra.clone()))
            })
            .collect();
        if extra.is_empty() { Err(self.unknown(object, name)) } else { Ok(extra) }
    }

    fn unknown(&self, object: &'static Object, name: &str) -> Fault {
        let (code, kind) = if name.ends_with("()") {
            (code::COMMAND, "command")
        } else {
            (code::UNKNOWN_PARAMETER, "parameter")
        };
        self.path.fault(code, format!("{} has no {kind} {name}{}", object.path, meant(object, name)))
    }

    fn nothing(&self, object: &'static Object, name: &str) -> Fault {
        let accepted: Vec<&str> = object.below().map(|below| below.name).collect();
        let accepted =
            if accepted.is_empty() { String::new() } else { format!("; there is {}", accepted.join(", ")) };
        let meant = meant(object, name);
        self.path.fault(code::NO_PATH, format!("{} has no object {name}{meant}{accepted}", object.path))
    }
}

/// What of an object may have been meant by a name that it has not.
fn meant(object: &'static Object, name: &str) -> String {
    let parameters = object.parameters.iter().map(|parameter| parameter.name);
    let objects = object.below().map(|below| below.name);
    let all: Vec<&str> = parameters.chain(object.commands.iter().copied()).chain(objects).collect();
    let same = all.iter().copied().find(|other| other.eq_ignore_ascii_case(name));
    same.or_else(|| nearest(name, all)).map_or_else(String::new, |near| format!(" (did you mean {near}?)"))
}

/// The rows that a table has, for somebody who named another.
fn there_are(rows: &[u32]) -> String {
    const SHOWN: usize = 8;
    let mut text = String::from(if rows.is_empty() { "; there is none" } else { "; there is " });
    for (at, row) in rows.iter().take(SHOWN).enumerate() {
        let _ = write!(text, "{}{row}", if at == 0 { "" } else { ", " });
    }
    if rows.len() > SHOWN {
        let _ = write!(text, " and {} more", rows.len() - SHOWN);
    }
    text
}

/// Whether a step looks for rows, instead of naming one by its key.
fn is_search(step: &Step, table: &'static Object) -> bool {
    match step {
        Step::All => true,
        Step::Search(expression) => !is_address(expression, table),
        _ => false,
    }
}

/// Whether it names all of a unique key, and nothing else.
fn is_address(expression: &Expression, table: &'static Object) -> bool {
    let Some(names) = expression.names() else { return false };
    table.keys.iter().any(|key| names.len() == key.len() && key.iter().all(|part| names.contains(part)))
}

/// The object of a path of names and numbers only.
fn resolve_plain(path: &Path, source: &impl Source) -> Result<Place, Fault> {
    let mut place = Place::root();
    let mut steps = path.steps.iter();
    let nowhere = || path.fault(code::NO_PATH, "it leads nowhere");
    while let Some(step) = steps.next() {
        let Step::Name(name) = step else { return Err(nowhere()) };
        let child = place.object.child(name).ok_or_else(nowhere)?;
        if !child.table {
            place = place.single(child);
            continue;
        }
        let Some(Step::Number(number)) = steps.next() else { return Err(nowhere()) };
        if !source.rows(child, &place).contains(number) {
            return Err(nowhere());
        }
        place = place.row(child, *number);
    }
    Ok(place)
}

/// Everything at and below a place, `levels` deep (0 for all of it): each parameter with its value, to `each`.
pub fn expand(place: &Place, levels: u32, source: &impl Source, each: &mut impl FnMut(&Place, &str, Value)) {
    for parameter in place.object.parameters {
        if let Some(value) = source.value(place, parameter) {
            each(place, parameter.name, value);
        }
    }
    for Extra { name, value, .. } in source.extra(place) {
        each(place, name, value.clone());
    }
    if levels == 1 {
        return;
    }
    for child in place.object.below() {
        if child.table {
            for number in source.rows(child, place) {
                expand(&place.row(child, number), levels.saturating_sub(1), source, each);
            }
        } else {
            expand(&place.single(child), levels.saturating_sub(1), source, each);
        }
    }
}
