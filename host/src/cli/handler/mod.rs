//! `dhcpmgr handler`: what handlers do, asked of the daemon, and what their authors need, for which there is none.

mod args;
mod check;
mod new;

pub use args::{Check, HandlerAction, New};

use super::output::Failure;
use super::render;
use super::run::{show, tell};
use crate::control::Request;
use crate::paths::Paths;

pub(super) fn handler(paths: &Paths, action: HandlerAction) -> Result<(), Failure> {
    match action {
        HandlerAction::List { format } => {
            show(paths, &Request::Handlers, format.json, |list: &Vec<_>, style| render::handlers(list, style))
        }
        HandlerAction::Reset { name } => tell(paths, &Request::HandlerReset { handler: name }),
        HandlerAction::New(order) => new::new(&order),
        HandlerAction::Check(order) => check::check(&order),
    }
}
