//! Search expressions: `Enable==true&&Status=="Enabled"`, what stands between the brackets of a path.

use std::fmt;

use super::super::schema::Kind;
use super::super::value::Value;
use super::{Reference, is_name};

/// The most comparisons in one.
const MOST: usize = 16;

/// Comparisons that must all hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expression(pub Vec<Comparison>);

/// One comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// The parameter, seen from the row; the last is its name, those before lead to it, with a `+` for a reference;
    /// of several that a list refers to, one must do.
    pub path: Vec<String>,
    /// How it is compared.
    pub operator: Operator,
    /// With what.
    pub constant: Constant,
}

/// How values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `~=`: a list has it.
    Contains,
    /// `<=`
    AtMost,
    /// `>=`
    AtLeast,
    /// `<`
    Less,
    /// `>`
    More,
}

/// In the order in which they are looked for: the longer ones first.
const OPERATORS: [(&str, Operator); 7] = [
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("~=", Operator::Contains),
    ("<=", Operator::AtMost),
    (">=", Operator::AtLeast),
    ("<", Operator::Less),
    (">", Operator::More),
];

/// What a value is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Constant {
    /// Between quotes.
    Text(String),
    /// Without.
    Bare(String),
}

impl Expression {
    /// Reads one; an error says what is accepted.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut comparisons = Vec::new();
        let mut rest = text;
        loop {
            let (comparison, after) = comparison(rest)?;
            comparisons.push(comparison);
            if comparisons.len() > MOST {
                return Err(format!("a search has at most {MOST} comparisons"));
            }
            rest = match after.strip_prefix("&&") {
                Some(after) => after,
                None if after.is_empty() => return Ok(Self(comparisons)),
                None => return Err(format!("{after:?} is in the way; accepted: && and another comparison")),
            };
        }
    }

    /// The parameters of the row itself that it says are equal to something, when it says nothing else.
    #[must_use]
    pub fn names(&self) -> Option<Vec<&str>> {
        self.0
            .iter()
            .map(|c| match (c.path.as_slice(), c.operator) {
                ([name], Operator::Equal) => Some(name.as_str()),
                _ => None,
            })
            .collect()
    }
}

/// The first comparison, and the rest after it.
fn comparison(text: &str) -> Result<(Comparison, &str), String> {
    let accepted = "accepted: NAME==VALUE, with == != ~= < > <= >=, and text between double quotes";
    let end = text.find(['=', '!', '~', '<', '>', '"', '&']).unwrap_or(text.len());
    let (left, rest) = text.split_at(end);
    let path: Vec<String> = left.trim().split('.').map(str::to_owned).collect();
    let last = path.len() - 1;
    let right = |(at, name): (usize, &String)| is_name(name) || at < last && Reference::parse(name).is_some();
    if path.len() > 8 || !path.iter().enumerate().all(right) {
        return Err(format!("{left:?} is not the name of a parameter; {accepted}"));
    }
    let operator = OPERATORS.iter().find_map(|(word, operator)| Some((rest.strip_prefix(word)?, *operator)));
    let (rest, operator) =
        operator.ok_or_else(|| format!("{left:?} is compared with nothing; {accepted}"))?;
    let rest = rest.trim_start();
    let (constant, rest) = if let Some(quoted) = rest.strip_prefix('"') {
        let (inside, rest) = quoted.split_once('"').ok_or("a double quote is not closed")?;
        (Constant::Text(unescaped(inside)?), rest)
    } else {
        let end = rest.find('&').unwrap_or(rest.len());
        let (bare, rest) = rest.split_at(end);
        let bare = bare.trim();
        let ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b':' | b'.' | b'+');
        if bare.is_empty() || !bare.bytes().all(ok) {
            return Err(format!("{bare:?} is no value; {accepted}"));
        }
        (Constant::Bare(bare.to_owned()), rest)
    };
    Ok((Comparison { path, operator, constant }, rest.trim_start()))
}

/// `%22` is a quote, `%25` a percent sign.
fn unescaped(text: &str) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut parts = text.split('%');
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let (plain, rest) = if let Some(rest) = part.strip_prefix("22") {
            ('"', rest)
        } else if let Some(rest) = part.strip_prefix("25") {
            ('%', rest)
        } else {
            return Err(
                "% stands alone; accepted: %22 for a double quote and %25 for a percent sign".to_owned()
            );
        };
        out.push(plain);
        out.push_str(rest);
    }
    Ok(out)
}

impl Comparison {
    /// Whether it holds for a value; an error when values of this kind are not compared so.
    pub fn holds(&self, kind: &Kind, value: &Value) -> Result<bool, String> {
        let refuse = |why: &str| Err(format!("{self}: {why}"));
        if self.operator == Operator::Contains {
            let (Kind::List { .. } | Kind::Numbers, Value::Text(list)) = (kind, value) else {
                return refuse("~= asks whether a list has something, and this is no list");
            };
            let (Constant::Text(wanted) | Constant::Bare(wanted)) = &self.constant;
            return Ok(list.split(',').any(|item| item == wanted && !list.is_empty()));
        }
        match (kind, &self.constant) {
            (Kind::Boolean, Constant::Bare(word)) => {
                let wanted = match word.as_str() {
                    "true" | "1" => true,
                    "false" | "0" => false,
                    _ => return refuse("a boolean is true, false, 1 or 0"),
                };
                self.equal(*value == Value::Boolean(wanted))
            }
            (Kind::Int { .. } | Kind::Unsigned { .. } | Kind::Long, Constant::Bare(digits)) => {
                let Ok(wanted) = digits.parse::<i128>() else {
                    return refuse("this is compared with a whole number");
                };
                let found = match value {
                    Value::Int(n) => i128::from(*n),
                    Value::Unsigned(n) => i128::from(*n),
                    Value::Boolean(_) | Value::Text(_) => return Ok(false),
                };
                Ok(match self.operator {
                    Operator::AtMost => found <= wanted,
                    Operator::AtLeast => found >= wanted,
                    Operator::Less => found < wanted,
                    Operator::More => found > wanted,
                    _ => return self.equal(found == wanted),
                })
            }
            (Kind::DateTime, Constant::Bare(wanted)) => {
                // RFC 3339 in UTC sorts as text.
                let found = value.to_string();
                Ok(match self.operator {
                    Operator::AtMost => found <= *wanted,
                    Operator::AtLeast => found >= *wanted,
                    Operator::Less => found < *wanted,
                    Operator::More => found > *wanted,
                    _ => return self.equal(found == *wanted),
                })
            }
            (Kind::Boolean | Kind::Int { .. } | Kind::Unsigned { .. } | Kind::Long, Constant::Text(_)) => {
                refuse("this is not text; write it without quotes")
            }
            (_, Constant::Bare(_)) => refuse("text stands between double quotes"),
            (Kind::Hex { .. }, Constant::Text(wanted)) => {
                self.equal(value.to_string().eq_ignore_ascii_case(wanted))
            }
            (_, Constant::Text(wanted)) => self.equal(value.to_string() == *wanted),
        }
    }

    fn equal(&self, is: bool) -> Result<bool, String> {
        match self.operator {
            Operator::Equal => Ok(is),
            Operator::NotEqual => Ok(!is),
            _ => Err(format!("{self}: only == and != can be asked of this")),
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operator = OPERATORS.iter().find(|(_, o)| *o == self.operator).map_or("", |(word, _)| word);
        write!(f, "{}{operator}", self.path.join("."))?;
        match &self.constant {
            Constant::Text(text) => write!(f, "\"{}\"", text.replace('%', "%25").replace('"', "%22")),
            Constant::Bare(word) => f.write_str(word),
        }
    }
}
