//! odhcp6c keeps no file either: the variables of its script, in which `OPTION_1` is its DUID as the server sent it
//! back, or its command line with `-c DUID`. Neither says which IAIDs it used, and versions of it differ in that.

use super::{Found, ParseError, duid, text};

pub(super) fn parse(bytes: &[u8]) -> Result<Found, ParseError> {
    let mut found = Found::default();
    let hex = match text::arguments(bytes, "odhcp6c") {
        Some(arguments) => {
            found.interface = arguments.last().and_then(|name| name.parse().ok());
            text::options(&arguments, "-c", "--client-id").first().map(|hex| (*hex).to_owned())
        }
        None => {
            let variables = text::variables(bytes);
            let value = |name| text::value(&variables, name);
            found.interface = value("INTERFACE").and_then(|name| name.parse().ok());
            for (name, what) in [("ADDRESSES", "addresses"), ("PREFIXES", "prefixes")] {
                if value(name).is_some() {
                    let why =
                        "their IAID is not in the variables of odhcp6c, and another one is another lease";
                    found.notes.push(format!("its last {what} are not imported: {why}"));
                }
            }
            value("OPTION_1").map(str::to_owned)
        }
    };
    if let Some(hex) = hex {
        let bytes = text::hex(&hex).ok_or_else(|| ParseError::Value("its DUID is not hex".to_owned()))?;
        found.duid = Some(duid(bytes)?);
    }
    Ok(found)
}
