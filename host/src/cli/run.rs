//! What each subcommand does.

use std::process::ExitCode;

use dhcpmgr_message::ClientName;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::args::{Action, Arguments, ConfigAction};
use super::link::Link;
use super::output::{Failure, complain, exit, put};
use super::render::{self, Style, json_line};
use crate::config::{self, ConfigError};
use crate::control::{Request, views};
use crate::paths::Paths;

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    exit(act(arguments))
}

fn act(arguments: &Arguments) -> Result<(), Failure> {
    let paths = arguments.paths();
    match arguments.action.clone() {
        Action::Status { format } => show(&paths, &Request::Status, format.json, render::status),
        Action::Lease { client: Some(client), format } if format.json => one_lease(&paths, client),
        Action::Lease { client, format } => {
            show(&paths, &Request::Lease { client }, format.json, |leases: &Vec<_>, style| {
                render::leases(leases, style)
            })
        }
        Action::Events { client, follow, json } => events(&paths, client, follow, json),
        Action::Metrics => metrics(&paths),
        Action::Why { one, format } => {
            show(&paths, &Request::Why { client: one.client }, format.json, render::why)
        }
        Action::Renew(one) => tell(&paths, &Request::Renew { client: one.client }),
        Action::Release(one) => tell(&paths, &Request::Release { client: one.client }),
        Action::Restart(one) => tell(&paths, &Request::Restart { client: one.client }),
        Action::Enable(one) => tell(&paths, &Request::Enable { client: one.client }),
        Action::Disable(one) => tell(&paths, &Request::Disable { client: one.client }),
        Action::Handler(action) => super::handler::handler(&paths, action),
        Action::Config(ConfigAction::Show { format }) => {
            show(&paths, &Request::ConfigShow, format.json, render::config)
        }
        Action::Config(ConfigAction::Check { format }) => check(&paths, format.json),
        Action::Config(ConfigAction::Reload) => reload(&paths),
        Action::Import(import) => super::import::import(&paths, import),
        Action::Map(action) => super::map::map(action),
        Action::Model(action) => super::model::act(&paths, action),
    }
}

/// Asks for a view and shows it. JSON is what the daemon said, so that fields that are new to us are not lost.
pub(super) fn show<T: DeserializeOwned>(
    paths: &Paths,
    request: &Request,
    json: bool,
    render: impl FnOnce(&T, Style) -> String,
) -> Result<(), Failure> {
    let answer = Link::open(paths)?.ask(request)?;
    if json {
        return put(&json_line(&answer));
    }
    put(&render(&view(answer)?, Style::of_stdout()))
}

/// The lease of one client as JSON, `null` when it has none.
fn one_lease(paths: &Paths, client: ClientName) -> Result<(), Failure> {
    let name = client.to_string();
    let answer = Link::open(paths)?.ask(&Request::Lease { client: Some(client) })?;
    let row = answer.as_array().into_iter().flatten().find(|row| row["client"] == name.as_str());
    put(&json_line(row.map_or(&Value::Null, |row| &row["lease"])))
}

/// Asks for something to be done and prints the sentence of the daemon.
pub(super) fn tell(paths: &Paths, request: &Request) -> Result<(), Failure> {
    match Link::open(paths)?.ask(request)? {
        Value::String(sentence) => put(&format!("{}\n", render::plain(&sentence))),
        _ => Ok(()),
    }
}

fn metrics(paths: &Paths) -> Result<(), Failure> {
    put(&view::<String>(Link::open(paths)?.ask(&Request::Metrics)?)?)
}

fn events(paths: &Paths, client: Option<ClientName>, follow: bool, json: bool) -> Result<(), Failure> {
    let mut link = Link::open(paths)?;
    if let Some(name) = &client {
        known(name, &view(link.ask(&Request::Status)?)?)?;
    }
    let style = Style::of_stdout();
    link.events(&Request::Events { client, follow }, |event| {
        put(&if json { json_line(&event) } else { render::event(&view(event)?, style) })
    })
}

/// A slip in the name would wait for ever for events that cannot come.
fn known(name: &ClientName, status: &views::Status) -> Result<(), Failure> {
    if status.clients.iter().any(|client| client.name == *name) {
        return Ok(());
    }
    let names: Vec<_> = status.clients.iter().map(|client| client.name.as_str()).collect();
    Err(Failure::Failed(format!("no client is called \"{name}\"; configured: {}", names.join(", "))))
}

fn reload(paths: &Paths) -> Result<(), Failure> {
    let reload: views::Reload = view(Link::open(paths)?.ask(&Request::ConfigReload)?)?;
    if reload.changes.is_empty() {
        return put("nothing differs\n");
    }
    put(&reload.changes.iter().map(|change| format!("{}\n", render::plain(change))).collect::<String>())
}

fn check(paths: &Paths, json: bool) -> Result<(), Failure> {
    match config::load(paths) {
        Ok(loaded) => {
            let (clients, handlers) = (loaded.config.clients.len(), loaded.config.handlers.len());
            if json {
                let files: Vec<_> = loaded.files.iter().map(|file| file.display().to_string()).collect();
                let handlers: Vec<_> = loaded.config.handlers.iter().map(|handler| &handler.name).collect();
                let clients: Vec<_> = loaded.config.clients.keys().collect();
                let answer = json!({"ok": true, "files": files, "clients": clients, "handlers": handlers});
                return put(&json_line(&answer));
            }
            let files: String = loaded.files.iter().map(|file| format!("  {}\n", file.display())).collect();
            put(&format!(
                "the configuration is right: {}, {}, read from\n{files}",
                render::count(clients, "client"),
                render::count(handlers, "handler")
            ))
        }
        Err(errors) => {
            if json {
                let errors: Vec<Value> = errors.0.iter().map(error_json).collect();
                put(&json_line(&json!({"ok": false, "errors": errors})))?;
            } else {
                errors.0.iter().for_each(|error| complain(&error.to_string()));
                complain(&format!("dhcpmgr: {}", render::count(errors.0.len(), "mistake")));
            }
            Err(Failure::Said)
        }
    }
}

fn error_json(error: &ConfigError) -> Value {
    let (line, column) = error.position.unzip();
    json!({
        "file": error.file.display().to_string(),
        "line": line,
        "column": column,
        "key": error.key,
        "error": error.what,
    })
}

pub(super) fn view<T: DeserializeOwned>(answer: Value) -> Result<T, Failure> {
    serde_json::from_value(answer).map_err(|error| {
        Failure::Failed(format!(
            "the daemon's answer is not understood ({error}); are dhcpmgr and dhcpmgrd of the same version? --json \
             shows it as it is"
        ))
    })
}
