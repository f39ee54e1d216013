//! `dhcpmgr map`: softwire options explained, and whose a port is. All of it is computed here; no daemon is asked.

mod answer;
mod args;
mod batch;
mod source;

use std::fmt::Write as _;

use dhcpmgr_softwire::{
    Field, Input, Ipv6Prefix, Priority, Quirks, Softwire, Trace, decode, decode_priority,
};
use serde::Serialize;

pub use args::{Explain, Lookup, MapAction};
pub use source::Code;

use self::answer::{Answer, Explained, Found, Preferred, Refused};
use super::output::{Failure, put};
use super::render::{self, Row, Style};

pub(super) use self::answer::WAN_MTU;

pub(super) fn map(action: MapAction) -> Result<(), Failure> {
    let right = match action {
        MapAction::Explain(Explain { batch: Some(path), quirks, .. }) => batch::run(&path, &quirks)?,
        MapAction::Explain(arguments) => explain_one(&arguments)?,
        MapAction::Lookup(arguments) => lookup(&arguments)?,
    };
    if right { Ok(()) } else { Err(Failure::Said) }
}

/// What an option turned out to say.
enum Said {
    Softwire(Softwire),
    Priority(Priority),
}

impl Said {
    fn answer(&self) -> Answer {
        match self {
            Self::Softwire(softwire) => Answer::Softwire(Box::new(Explained::from(softwire))),
            Self::Priority(priority) => Answer::Priority(Preferred::from(priority)),
        }
    }
}

fn explain(
    code: Code,
    hex: &str,
    prefix: Option<Ipv6Prefix>,
    quirks: Quirks,
    trace: &mut dyn Trace,
) -> Result<Said, Refused> {
    let bytes = source::bytes(hex).map_err(|no| Refused::new(no.why, Some(no.offset)))?;
    let input = Input::pasted(code.number(), &bytes)?;
    match code {
        Code::Priority => Ok(Said::Priority(decode_priority(input, trace)?)),
        Code::Softwire(kind) => {
            let decoded = decode(kind, input, quirks, trace)?;
            Ok(Said::Softwire(decoded.configure(prefix.as_slice())?))
        }
    }
}

fn explain_one(arguments: &Explain) -> Result<bool, Failure> {
    let Explain { option: Some(code), hex: Some(hex), prefix, quirks, format, .. } = arguments else {
        return Err(Failure::Failed("--option and --hex are needed".to_owned()));
    };
    let quirks = quirks.iter().copied().collect();
    if format.json {
        let answer = explain(*code, hex, *prefix, quirks, &mut ());
        let answer = answer.map_or_else(Answer::Refused, |said| said.answer());
        put(&answer_json(&answer)?)?;
        return Ok(answer.is_ok());
    }
    let mut rows = Rows::default();
    let said = explain(*code, hex, *prefix, quirks, &mut rows);
    let style = Style::of_stdout();
    put(&render::fields(&rows.0, style))?;
    match said {
        Ok(Said::Softwire(softwire)) => put(&render::softwire(&softwire, WAN_MTU, style))?,
        Ok(Said::Priority(priority)) => put(&render::priority(&priority, style))?,
        Err(refused) => return Err(refused.into()),
    }
    Ok(true)
}

fn lookup(arguments: &Lookup) -> Result<bool, Failure> {
    let Lookup { option, hex, prefix, quirks, ipv4, port, format } = arguments;
    let said = explain(*option, hex, *prefix, quirks.iter().copied().collect(), &mut ());
    let softwire = match said {
        Ok(Said::Softwire(softwire)) => softwire,
        Ok(Said::Priority(_)) => {
            return Err(Failure::Failed("option 111 gives nobody an address".to_owned()));
        }
        Err(refused) if format.json => {
            put(&answer_json(&refused)?)?;
            return Ok(false);
        }
        Err(refused) => return Err(refused.into()),
    };
    let own = softwire.customer.map(|edge| edge.ipv4.address());
    let address = ipv4.or(own).ok_or_else(|| {
        Failure::Failed(format!(
            "{} gives the customer no address of its own: name one with --ipv4",
            softwire.kind
        ))
    })?;
    let destination = softwire.destination(address, *port);
    put(&if format.json {
        answer_json(&Found::new(address, *port, &softwire, destination))?
    } else {
        render::destination(address, *port, &softwire, destination)
    })?;
    Ok(true)
}

/// One line of JSON with the fields in their order.
fn answer_json<T: Serialize>(answer: &T) -> Result<String, Failure> {
    let json = serde_json::to_string(answer);
    let json = json.map_err(|_| Failure::Failed("the answer cannot be written as JSON".to_owned()))?;
    Ok(render::escaped_line(&json))
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        Self::Failed(refused.sentence())
    }
}

/// The fields that were read, as they are shown.
#[derive(Default)]
struct Rows(Vec<Row>);

impl Trace for Rows {
    fn field(&mut self, field: Field<'_>) {
        let mut bytes = String::with_capacity(3 * field.bytes.len());
        for (index, byte) in field.bytes.iter().enumerate() {
            // Writing to a String cannot fail.
            let _ = write!(bytes, "{}{byte:02x}", if index == 0 { "" } else { " " });
        }
        let (name, value) = (field.name.to_string(), field.value.to_string());
        self.0.push(Row { offset: field.offset, depth: field.depth, bytes, name, value });
    }
}
