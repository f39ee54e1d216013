//! `dhcpmgr map explain --batch`: a line in, a line out, whatever the line holds.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use dhcpmgr_softwire::{Quirk, Quirks};
use serde::Deserialize;
use serde_json::Value;

use super::answer::{Answer, Refused};
use super::source::{self, Code};
use super::{answer_json, explain};
use crate::cli::output::Failure;

/// The longest line, bytes: the longest option with a separator after each digit, and room.
const LONGEST_LINE: u64 = 512 * 1024;

/// One line. Other fields are the test suite's own.
#[derive(Deserialize)]
struct Line {
    option: Value,
    hex: String,
    #[serde(default)]
    prefix: Option<String>,
    #[serde(default)]
    quirks: Vec<String>,
}

/// Answers every line; says whether all of them were right.
pub(super) fn run(path: &Path, quirks: &[Quirk]) -> Result<bool, Failure> {
    let unread = |error: io::Error| Failure::Failed(format!("{}: {error}", path.display()));
    let input: Box<dyn Read> = if path.as_os_str() == "-" {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(path).map_err(unread)?)
    };
    let (mut input, mut out) = (BufReader::new(input), io::BufWriter::new(io::stdout().lock()));
    let (mut line, mut all_right) = (Vec::new(), true);
    while next_line(&mut input, &mut line).map_err(unread)? {
        let answer = answer(&line, quirks).unwrap_or_else(Answer::Refused);
        all_right &= answer.is_ok();
        out.write_all(answer_json(&answer)?.as_bytes())?;
    }
    out.flush()?;
    Ok(all_right)
}

/// Reads a line without its end, at most one byte more than is accepted. `false` at the end of the file.
fn next_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let read = input.by_ref().take(LONGEST_LINE + 1).read_until(b'\n', line)?;
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if read as u64 > LONGEST_LINE {
        input.skip_until(b'\n')?;
    }
    Ok(read > 0)
}

fn answer(line: &[u8], quirks: &[Quirk]) -> Result<Answer, Refused> {
    let refused = |why: String| Refused::new(why, None);
    if line.len() as u64 > LONGEST_LINE {
        return Err(refused(format!("the line is longer than {LONGEST_LINE} bytes")));
    }
    let line: Line = serde_json::from_slice(line).map_err(|error| {
        refused(format!("the line is no object with \"option\", \"hex\" and \"prefix\": {error}"))
    })?;
    let code = code(&line.option).map_err(refused)?;
    let named = line.quirks.iter().map(|name| name.parse::<Quirk>().map_err(|error| (name, error)));
    let named: Vec<_> = named
        .collect::<Result<_, _>>()
        .map_err(|(name, error)| refused(format!("quirk {name:?} {error}")))?;
    let prefix = line.prefix.as_deref().map(source::prefix).transpose();
    let prefix = prefix.map_err(|why| refused(format!("the prefix {why}")))?;
    let quirks: Quirks = quirks.iter().copied().chain(named).collect();
    explain(code, &line.hex, prefix, quirks, &mut ()).map(|explained| explained.answer())
}

fn code(option: &Value) -> Result<Code, String> {
    match option {
        Value::Number(number) => match number.as_u64() {
            Some(number) => Code::of(number),
            None => Err(format!("option {number} is no option")),
        },
        Value::String(text) => text.parse().map_err(|why| format!("\"option\" {why}")),
        _ => Err("\"option\" must be the number of an option: 94, 95, 96, 64 or 111".to_owned()),
    }
}
