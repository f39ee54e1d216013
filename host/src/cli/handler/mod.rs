//! `dhcpmgr handler`: what handlers do, asked of the daemon, and what their authors need, for which there is none.

mod args;
mod check;
mod new;

pub use args::{Check, HandlerAction, New, OneHandler};

use super::link::Link;
use super::output::{Failure, put};
use super::render;
use super::render::{Style, json_line};
use super::run::{show, tell, view};
use crate::control::Request;
use crate::paths::Paths;

pub(super) fn handler(paths: &Paths, action: HandlerAction) -> Result<(), Failure> {
    match action {
        HandlerAction::List { format } => {
            show(paths, &Request::Handlers, format.json, |list: &Vec<_>, style| render::handlers(list, style))
        }
        HandlerAction::Show { one, format } => one_handler(paths, &one.name, format.json),
        HandlerAction::Reload(one) => tell(paths, &Request::HandlerReload { handler: one.name }),
        HandlerAction::Quarantine(one) => tell(paths, &Request::HandlerQuarantine { handler: one.name }),
        HandlerAction::Release(one) => tell(paths, &Request::HandlerReset { handler: one.name }),
        HandlerAction::New(order) => new::new(paths, &order),
        HandlerAction::Check(order) => check::check(&order),
    }
}

/// The row of one handler, which for JSON is what the daemon said.
fn one_handler(paths: &Paths, name: &str, json: bool) -> Result<(), Failure> {
    let answer = Link::open(paths)?.ask(&Request::Handlers)?;
    let rows = answer.as_array().map(Vec::as_slice).unwrap_or_default();
    let Some(row) = rows.iter().find(|row| row["name"] == name) else {
        let names: Vec<_> = rows.iter().filter_map(|row| row["name"].as_str()).collect();
        return Err(Failure::Failed(format!(
            "no handler is named \"{name}\"; there are: {}",
            names.join(", ")
        )));
    };
    if json {
        return put(&json_line(row));
    }
    put(&render::handler(&view(row.clone())?, Style::of_stdout()))
}
