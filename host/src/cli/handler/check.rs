//! `dhcpmgr handler check`: arguments and a file in, a verdict out.

use std::path::Path;
use std::time::Duration;

use dhcpmgr_message::Bytes;
use dhcpmgr_plugin_api::Settings;

use super::args::Check;
use crate::cli::output::{Failure, put};
use crate::cli::render::{self, Style, json_line};
use crate::config::{Grant, MAX_FILE_BYTES};
use crate::handlers::check;

pub(super) fn check(arguments: &Check) -> Result<(), Failure> {
    let fail = |what: &str, error: std::io::Error| Failure::Failed(format!("{what}: {error}"));
    let seed = match arguments.seed {
        Some(seed) => seed,
        // Short enough to be typed again.
        None => {
            crate::random::bytes::<4>().map(u32::from_ne_bytes).map_err(|e| fail("/dev/urandom", e))?.into()
        }
    };
    let order = check::Order {
        exe: std::env::current_exe().map_err(|e| fail("this program cannot be found", e))?,
        module: arguments.module.clone(),
        settings: arguments.settings.as_deref().map(settings).transpose()?.unwrap_or_default(),
        public_keys: arguments.public_keys.clone(),
        grants: Grant::THIRD_PARTY.into_iter().chain(arguments.grants.iter().copied()).collect(),
        deadline: Duration::from_millis(arguments.deadline),
        time: Duration::from_secs(arguments.seconds),
        seed,
    };
    let report = check::check(&order).map_err(|e| fail("the module cannot be checked", e))?;
    if arguments.format.json {
        let report = serde_json::to_value(&report);
        put(&json_line(&report.map_err(|e| Failure::Failed(e.to_string()))?))?;
    } else {
        put(&render::check(&report, Style::of_stdout()))?;
    }
    if report.ok { Ok(()) } else { Err(Failure::Said) }
}

/// Reads the settings as the configuration would hand them over.
fn settings(file: &Path) -> Result<Bytes, Failure> {
    let fail = |why: String| Failure::Failed(format!("{}: {why}", file.display()));
    let size = std::fs::metadata(file).map_err(|e| fail(format!("cannot be read: {e}")))?.len();
    if size > MAX_FILE_BYTES {
        return Err(fail(format!("is larger than {MAX_FILE_BYTES} bytes")));
    }
    let text = std::fs::read_to_string(file).map_err(|e| fail(format!("cannot be read: {e}")))?;
    let table: toml::Table =
        toml::from_str(&text).map_err(|e| fail(format!("is not TOML: {}", e.message())))?;
    let plain =
        toml::Value::Table(table.into_iter().map(|(key, value)| (key, without_dates(value))).collect());
    let settings = Settings::of(&plain).map_err(|e| fail(e.to_string()))?;
    Ok(Bytes(settings.as_bytes().to_vec()))
}

/// Dates and times are text, as in the configuration.
fn without_dates(value: toml::Value) -> toml::Value {
    match value {
        toml::Value::Datetime(date) => toml::Value::String(date.to_string()),
        toml::Value::Array(values) => toml::Value::Array(values.into_iter().map(without_dates).collect()),
        toml::Value::Table(table) => {
            toml::Value::Table(table.into_iter().map(|(key, value)| (key, without_dates(value))).collect())
        }
        other => other,
    }
}
