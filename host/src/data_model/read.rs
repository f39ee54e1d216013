//! Reading: what paths name, with its values; rows; what can be there.

use super::door::{Flat, Supported};
use super::error::{Fault, code};
use super::path::{Found, Path, Place, Source, Step, expand, resolve};
use super::schema::{Access, Object};
use super::tables::OBJECTS;

/// Everything that these paths name, each once.
pub fn get(source: &impl Source, paths: &[String], levels: u32) -> Result<Flat, Fault> {
    let mut values = Vec::new();
    let mut seen = std::collections::HashSet::new();
    // One path names nothing twice.
    let several = paths.len() > 1;
    let mut take = |prefix: &str, name: &str, value| {
        let path = [prefix, name].concat();
        if !several || seen.insert(path.clone()) {
            values.push((path, value));
        }
    };
    for text in paths {
        let path = Path::parse(text)?;
        let mut at: Option<(Place, String)> = None;
        let mut each = |place: &Place, name: &str, value| {
            // Parameters of an object follow each other: its path is written once.
            if at.as_ref().is_none_or(|(last, _)| last != place) {
                at = Some((*place, place.path()));
            }
            if let Some((_, prefix)) = &at {
                take(prefix, name, value);
            }
        };
        for found in resolve(&path, source).map_err(Fault::when_read)? {
            match found {
                Found::Parameter(place, parameter) => {
                    if let Some(value) = source.value(&place, parameter) {
                        each(&place, parameter.name, value);
                    }
                }
                Found::Extra(place, extra) => each(&place, &extra.name, extra.value),
                Found::Object(place) => expand(&place, levels, source, &mut each),
                Found::Table(within, table) => {
                    for number in source.rows(table, &within) {
                        expand(&within.row(table, number), levels, source, &mut each);
                    }
                }
                Found::Command(..) => {
                    return Err(Fault::new(
                        code::UNKNOWN_PARAMETER,
                        text,
                        "is a command, which has no value",
                    ));
                }
            }
        }
    }
    Ok(Flat(values))
}

/// The rows of a table, and those in them.
pub fn instances(source: &impl Source, text: &str) -> Result<Vec<String>, Fault> {
    let path = Path::parse(&format!("{}.", text.trim_end_matches('.')))?;
    let mut rows = Vec::new();
    for found in resolve(&path, source)? {
        match found {
            Found::Table(within, table) => {
                for number in source.rows(table, &within) {
                    nested(source, &within.row(table, number), &mut rows);
                }
            }
            _ => {
                return Err(Fault::new(
                    code::NOT_A_TABLE,
                    text,
                    "is not a table; accepted: such as Device.DHCPv4.Client.",
                ));
            }
        }
    }
    Ok(rows)
}

fn nested(source: &impl Source, place: &Place, rows: &mut Vec<String>) {
    if place.object.table {
        rows.push(place.path());
    }
    for child in place.object.below() {
        if child.table {
            for number in source.rows(child, place) {
                nested(source, &place.row(child, number), rows);
            }
        } else {
            nested(source, &place.single(child), rows);
        }
    }
}

/// What can be at and below a path; rows of any number, or `{i}`. What clients have besides the tables is `published`.
pub fn supported(text: &str, published: &[Supported]) -> Result<Vec<Supported>, Fault> {
    let path = Path::parse(text)?;
    let mut object = Object::root();
    let mut leaf = None;
    let mut steps = path.steps.iter().peekable();
    while let Some(step) = steps.next() {
        let nothing = || Fault::new(code::NO_PATH, text, "nothing of the kind can be there");
        let Step::Name(name) = step else { return Err(nothing()) };
        match object.child(name) {
            Some(child) => object = child,
            None if steps.peek().is_none() => leaf = Some(name.as_str()),
            None => return Err(nothing()),
        }
        if object.table {
            steps.next_if(|step| !matches!(step, Step::Name(_) | Step::Follow(_)));
        }
    }
    let mut all = Vec::new();
    for object in OBJECTS.iter().filter(|other| other.path.starts_with(object.path)) {
        describe(object, &mut all);
        let own =
            |item: &&Supported| item.path.strip_prefix(object.path).is_some_and(|name| !name.contains('.'));
        all.extend(published.iter().filter(own).cloned());
    }
    if let Some(name) = leaf {
        let wanted = format!("{}{name}", object.path);
        all.retain(|item| item.path == wanted);
        if all.is_empty() {
            return Err(Fault::new(
                code::UNKNOWN_PARAMETER,
                text,
                format!("{} has no parameter {name}", object.path),
            ));
        }
    }
    Ok(all)
}

fn describe(object: &'static Object, all: &mut Vec<Supported>) {
    let keys: Vec<String> = object.keys.iter().map(|key| key.join("+")).collect();
    all.push(Supported {
        path: object.path.to_owned(),
        kind: if object.table { "table" } else { "object" }.to_owned(),
        writable: object.writable,
        detail: if keys.is_empty() { String::new() } else { format!("unique: {}", keys.join(", ")) },
    });
    for parameter in object.parameters {
        all.push(Supported {
            path: format!("{}{}", object.path, parameter.name),
            kind: parameter.kind.name().to_owned(),
            writable: parameter.access != Access::Read,
            detail: parameter.kind.accepted(),
        });
    }
    for command in object.commands {
        all.push(Supported {
            path: format!("{}{command}", object.path),
            kind: "command".to_owned(),
            writable: true,
            detail: String::new(),
        });
    }
}
