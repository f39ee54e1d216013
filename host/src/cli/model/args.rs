//! The arguments of the commands about the data model.

use clap::Subcommand;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde::de::DeserializeOwned;

use crate::data_model::subscription::NotifType;
use crate::events::Change;

const GET_HELP: &str = "\
A path that ends with a dot is shown as a tree, any other as PATH=VALUE. Rows are named by number, *, [search] or \
[alias].

Examples:
  dhcpmgr get Device.DHCPv4.Client.1.
  dhcpmgr get 'Device.DHCPv4.Client.*.IPAddress'
  dhcpmgr get 'Device.DHCPv4.Client.[Status==\"Enabled\"].DNSServers' --json | jq -r '.[]'
  dhcpmgr get 'Device.DHCPv4.Client.[wan4].Interface+.Name'
  dhcpmgr get --supported Device.DHCPv6.Client.";

const SET_HELP: &str = "\
All of it is written or nothing; with --partial that holds for each object. What is written is kept in \
/var/lib/dhcpmgr and goes before the configuration files, which are not touched.

Examples:
  dhcpmgr set Device.DHCPv4.Client.1.Enable=false
  dhcpmgr set 'Device.DHCPv6.Client.[wan6].RequestedOptions=23,24,56'";

const ADD_HELP: &str = "\
Prints the path of the new row. Parameters that are not given have the default of the standard.

Examples:
  dhcpmgr add Device.DHCPv4.Client.1.SentOption. Tag=60 Value=61636d65 Enable=true
  dhcpmgr add Device.DHCPv4.Client. Alias=lte4 Interface=wwan0 Enable=true";

const CALL_HELP: &str = "\
Examples:
  dhcpmgr call 'Device.DHCPv4.Client.1.Renew()'
  dhcpmgr call 'Device.DHCPv4.Client.*.Stats.Reset()'";

const WATCH_HELP: &str = "\
Prints what it is now, then what becomes of it. What counts down by itself is not told.

Examples:
  dhcpmgr watch Device.DHCPv4.Client.
  dhcpmgr watch 'Device.DHCPv4.Client.*.DHCPStatus' --json
  dhcpmgr watch Device. --changed address,dns --every 5s
  dhcpmgr watch Device.DHCPv4.Client. --type ObjectCreation,ObjectDeletion";

/// The commands.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum ModelAction {
    /// Read the data model (TR-181)
    #[command(after_help = GET_HELP)]
    Get {
        /// Full or partial paths
        #[arg(value_name = "PATH", required = true)]
        wanted: Vec<String>,
        /// So many levels of objects only; 0 for all
        #[arg(long, value_name = "N", default_value_t = 0)]
        levels: u32,
        /// The rows of tables instead of values
        #[arg(long, conflicts_with = "supported")]
        instances: bool,
        /// What there can be, with types and ranges, instead of what there is
        #[arg(long)]
        supported: bool,
        /// Print JSON: one flat map from path to value
        #[arg(long)]
        json: bool,
    },
    /// Write parameters of the data model
    #[command(after_help = SET_HELP)]
    Set {
        /// Parameters and values
        #[arg(value_name = "PATH=VALUE", required = true)]
        values: Vec<String>,
        /// Write what can be written
        #[arg(long)]
        partial: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Add a row to a table of the data model
    #[command(after_help = ADD_HELP)]
    Add {
        /// The table
        #[arg(value_name = "TABLE")]
        table: String,
        /// Its parameters
        #[arg(value_name = "NAME=VALUE")]
        values: Vec<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Delete rows of the data model
    Del {
        /// Paths of rows
        #[arg(value_name = "ROW", required = true)]
        rows: Vec<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Carry out a command of the data model
    #[command(after_help = CALL_HELP)]
    Call {
        /// Path of the command, with its parentheses
        #[arg(value_name = "COMMAND")]
        command: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show parameters of the data model, and what becomes of them
    #[command(after_help = WATCH_HELP)]
    Watch {
        /// Full or partial paths, of commands too
        #[arg(value_name = "PATH", required = true)]
        wanted: Vec<String>,
        /// Only this; several with commas or several times
        #[arg(long = "type", value_name = "TYPE", value_delimiter = ',', ignore_case = true, value_parser = word_of::<NotifType>(&NotifType::NAMES))]
        types: Vec<NotifType>,
        /// Only what is of these parts of a lease; several with commas or several times
        #[arg(long, value_name = "PART", value_delimiter = ',', value_parser = word_of::<Change>(&Change::NAMES))]
        changed: Vec<Change>,
        /// No more often than this, such as 500ms, 5s or 1m; the latest values count
        #[arg(long, value_name = "TIME", value_parser = interval, default_value = "0s")]
        every: u32,
        /// Print JSON, one object a line
        #[arg(long)]
        json: bool,
    },
    /// How a path may go on, for the completion of shells
    #[command(hide = true)]
    Paths {
        /// What there is of it
        #[arg(default_value = "")]
        prefix: String,
    },
}

/// One of these words, as JSON has it.
fn word_of<T: DeserializeOwned + Clone + Send + Sync + 'static>(
    words: &'static [&'static str],
) -> impl TypedValueParser<Value = T> {
    // The word may be written otherwise; the type knows it as the list has it.
    PossibleValuesParser::new(words).try_map(move |said| {
        let word = words.iter().find(|word| word.eq_ignore_ascii_case(&said)).unwrap_or(&"");
        serde_json::from_value(serde_json::Value::from(*word))
    })
}

/// A time in milliseconds, `500ms`, `5s` or `1m`.
fn interval(text: &str) -> Result<u32, String> {
    let units = [("ms", 1), ("s", 1000), ("m", 60_000)];
    units
        .iter()
        .find_map(|(unit, ms)| text.strip_suffix(unit)?.parse::<u32>().ok()?.checked_mul(*ms))
        .ok_or_else(|| "accepted: a whole number with its unit, such as 500ms, 5s or 1m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_has_a_unit() {
        let read = ["0s", "500ms", "5s", "1m"].map(interval);
        assert_eq!(read, [Ok(0), Ok(500), Ok(5000), Ok(60_000)]);
        for wrong in ["", "5", "s", "-1s", "1.5s", "72000m", "5 s"] {
            assert!(interval(wrong).is_err(), "{wrong}");
        }
    }
}
