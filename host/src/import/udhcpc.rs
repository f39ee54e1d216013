//! udhcpc keeps no file of its own. What there is: the variables that its script was given, which many scripts write
//! down, and the command line that it was started with.

use super::{Found, ParseError, client_id, leased, text};

/// Option 61 in the variables, when the server has sent it back (RFC 6842).
const CLIENT_ID: &str = "opt61";

pub(super) fn parse(bytes: &[u8]) -> Result<Found, ParseError> {
    match text::arguments(bytes, "udhcpc") {
        Some(arguments) => command_line(&arguments),
        None => variables(bytes),
    }
}

fn variables(bytes: &[u8]) -> Result<Found, ParseError> {
    let variables = text::variables(bytes);
    let value = |name| text::value(&variables, name);
    let id = value(CLIENT_ID).map(|hex| {
        text::hex(hex).ok_or_else(|| ParseError::Value(format!("opt61={} is not hex", shown(hex))))
    });
    Ok(Found {
        interface: value("interface").and_then(|name| name.parse().ok()),
        client_id: id.transpose()?.map(client_id).transpose()?,
        address: value("ip").and_then(leased),
        server: value("serverid").and_then(leased),
        ..Found::default()
    })
}

fn command_line(arguments: &[String]) -> Result<Found, ParseError> {
    let mut found = Found {
        interface: text::options(arguments, "-i", "--interface").first().and_then(|name| name.parse().ok()),
        address: text::options(arguments, "-r", "--request").first().and_then(|text| leased(text)),
        ..Found::default()
    };
    // udhcpc sends the first of several.
    if let Some(value) = text::options(arguments, "-x", "--xopt").into_iter().find_map(of_option_61) {
        let wrong = || ParseError::Value(format!("-x 61:{} is not hex", shown(value)));
        let bytes = match value.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
            Some(text) => text.as_bytes().to_vec(),
            // A missing digit is a leading zero of the last byte for udhcpc; nobody means that.
            None => text::hex(value).ok_or_else(wrong)?,
        };
        found.client_id = Some(client_id(bytes)?);
    } else if arguments.iter().any(|argument| argument == "-C" || argument == "--clientid-none") {
        found
            .notes
            .push("it was started with -C and sends no client-id; dhcpmgr always sends one".to_owned());
    }
    Ok(found)
}

fn of_option_61(argument: &str) -> Option<&str> {
    let (code, value) = argument.split_once(':')?;
    let code = match code.strip_prefix("0x") {
        Some(digits) => u8::from_str_radix(digits, 16),
        None => code.parse(),
    };
    (code == Ok(61)).then_some(value)
}

fn shown(text: &str) -> String {
    text.chars().take(40).flat_map(char::escape_default).collect()
}
