//! `dhcpmgr get | set | add | del | call | watch`: the data model from the shell.

mod args;
mod paths;

use serde_json::Value as Json;

use crate::flat::FlatMap;
use crate::order;
pub use args::ModelAction;

use super::link::Link;
use super::output::{Failure, complain, put};
use super::render::{self, Style, json_line, plain};
use super::run::view;
use crate::control::Request;
use crate::data_model::Value;
use crate::data_model::door::{Changed, Flat, Supported};
use crate::data_model::notice::Notice;
use crate::data_model::subscription::Subscription;
use crate::paths::Paths;

/// Does it.
pub(super) fn act(paths: &Paths, action: ModelAction) -> Result<(), Failure> {
    match action {
        ModelAction::Get { wanted, supported: true, json, .. } => supported(paths, wanted, json),
        ModelAction::Get { wanted, instances: true, json, .. } => instances(paths, wanted, json),
        ModelAction::Get { wanted, levels, json, .. } => get(paths, wanted, levels, json),
        ModelAction::Set { values, partial, json } => {
            let values = assignments(&values)?;
            change(paths, &Request::Set { values, allow_partial: partial }, json, false)
        }
        ModelAction::Add { table, values, json } => {
            let values = assignments(&values)?;
            change(paths, &Request::Add { path: table, values }, json, true)
        }
        ModelAction::Del { rows, json } => change(paths, &Request::Delete { paths: rows }, json, false),
        ModelAction::Call { command, json } => {
            change(paths, &Request::Operate { call: command }, json, false)
        }
        ModelAction::Watch { wanted, types, changed, every, json } => {
            let wanted = Subscription {
                references: wanted,
                types,
                changed,
                interval_ms: every,
                ..Subscription::default()
            };
            watch(paths, wanted, json)
        }
        ModelAction::Paths { prefix } => put(&paths::complete(paths, &prefix)),
    }
}

fn get(paths: &Paths, wanted: Vec<String>, levels: u32, json: bool) -> Result<(), Failure> {
    // What is to be looked at stands in a tree; what is to be used in a script, on lines.
    let is_tree = wanted.iter().any(|path| path.ends_with('.') || path == "Device");
    let answer = Link::open(paths)?.ask(&Request::Get { paths: wanted, levels })?;
    if json {
        return put(&json_line(&answer));
    }
    let mut flat: Flat = view(answer)?;
    // JSON has lost the order of the tree.
    order::sort_by(&mut flat.0, |a, b| natural(&a.0, &b.0));
    if is_tree {
        return put(&render::tree(&flat, Style::of_stdout()));
    }
    put(&flat
        .0
        .iter()
        .map(|(path, value)| format!("{}={}\n", plain(path), plain(&value.to_string())))
        .collect::<String>())
}

/// Row 10 comes after row 9; parameters before objects.
fn natural(a: &str, b: &str) -> std::cmp::Ordering {
    let key = |path: &str| -> Vec<(bool, u32, String)> {
        let mut parts = path.split('.').peekable();
        let mut keys = Vec::new();
        while let Some(part) = parts.next() {
            keys.push((parts.peek().is_some(), part.parse().unwrap_or(0), part.to_owned()));
        }
        keys
    };
    key(a).cmp(&key(b))
}

fn instances(paths: &Paths, wanted: Vec<String>, json: bool) -> Result<(), Failure> {
    let mut link = Link::open(paths)?;
    let mut all: Vec<String> = Vec::new();
    for path in wanted {
        all.extend(view::<Vec<String>>(link.ask(&Request::GetInstances { path })?)?);
    }
    if json {
        return put(&json_line(&Json::from(all)));
    }
    put(&all.iter().map(|row| format!("{}\n", plain(row))).collect::<String>())
}

fn supported(paths: &Paths, wanted: Vec<String>, json: bool) -> Result<(), Failure> {
    let mut link = Link::open(paths)?;
    let mut all: Vec<Supported> = Vec::new();
    for path in wanted {
        all.extend(view::<Vec<Supported>>(link.ask(&Request::GetSupported { path })?)?);
    }
    if json {
        return put(&json_line(&serde_json::to_value(&all).map_err(|e| Failure::Failed(e.to_string()))?));
    }
    put(&render::supported(&all, Style::of_stdout()))
}

fn change(paths: &Paths, request: &Request, json: bool, say: bool) -> Result<(), Failure> {
    let answer = Link::open(paths)?.ask(request)?;
    let changed: Changed = view(answer.clone())?;
    if json {
        put(&json_line(&answer))?;
    } else if say {
        put(&changed.paths.iter().map(|path| format!("{}\n", plain(path))).collect::<String>())?;
    }
    if changed.failed.is_empty() {
        return Ok(());
    }
    if !json {
        changed.failed.iter().for_each(|fault| complain(&format!("dhcpmgr: {fault}")));
    }
    Err(Failure::Said)
}

fn watch(paths: &Paths, wanted: Subscription, json: bool) -> Result<(), Failure> {
    let style = Style::of_stdout();
    Link::open(paths)?.events(&Request::Watch(wanted), |line| {
        put(&if json { json_line(&line) } else { render::notice(&view::<Notice>(line)?, style) })
    })
}

/// `PATH=VALUE`; an equals sign between brackets belongs to a search.
fn assignments(words: &[String]) -> Result<FlatMap<String, Value>, Failure> {
    words
        .iter()
        .map(|word| {
            let mut depth = 0;
            let at = word.char_indices().find_map(|(at, c)| {
                match c {
                    '[' => depth += 1,
                    ']' => depth -= 1,
                    '=' if depth == 0 => return Some(at),
                    _ => {}
                }
                None
            });
            match at {
                Some(at) => Ok((word[..at].to_owned(), Value::from(&word[at + 1..]))),
                None => Err(Failure::Failed(format!("{word:?} has no value; accepted: NAME=VALUE"))),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_equals_sign_of_a_search_is_no_assignment() {
        let word = "Device.DHCPv4.Client.[Alias==\"a=b\"].Enable=true".to_owned();
        let values = assignments(&[word]).unwrap();
        assert_eq!(values["Device.DHCPv4.Client.[Alias==\"a=b\"].Enable"], Value::from("true"));
        assert!(assignments(&["Enable".to_owned()]).is_err());
    }

    #[test]
    fn rows_are_in_the_order_of_their_numbers_and_parameters_come_first() {
        let mut paths = ["A.C.10.X", "A.C.9.Y.1.Z", "A.C.9.Z", "A.B"];
        order::sort_by(&mut paths, |a, b| natural(a, b));
        assert_eq!(paths, ["A.B", "A.C.9.Z", "A.C.9.Y.1.Z", "A.C.10.X"]);
    }
}
