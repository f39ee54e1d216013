//! The rows of SentOption and ReqOption: options of the configuration files, of handlers and of the client program, and
//! what was added, changed and deleted through the data model.

use dhcpmgr_message::Bytes;
use serde::{Deserialize, Serialize};

use crate::flat::FlatMap;

/// The most rows that one table may have of its own.
pub const MOST: usize = 64;

/// What is kept of one such table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptionTable {
    /// The last number that was given.
    #[serde(default)]
    pub last: u32,
    /// Rows in the order in which they came. One whose option is asked for by nobody any more stays, and is not shown.
    #[serde(default)]
    pub rows: Vec<OptionRow>,
}

/// What is kept of one row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptionRow {
    /// Its number.
    pub number: u32,
    /// Its alias.
    pub alias: String,
    /// The option that it stands for, where that is not its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<u16>,
    /// It was deleted: its option is neither sent nor requested for the configuration files.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// What was written of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable: Option<bool>,
    /// Likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<u16>,
    /// Likewise; SentOption only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Bytes>,
}

/// Whose an option is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// The data model's.
    Model,
    /// The configuration files'.
    Files,
    /// Somebody's who cannot be told otherwise: a handler's, or the client program's.
    Other(String),
}

/// An option that is there without the data model: its value, and whose it is.
pub type Given = FlatMap<u16, (Bytes, Owner)>;

/// A row as it is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionView {
    /// Its number.
    pub number: u32,
    /// Its alias.
    pub alias: String,
    /// Whether it is sent, or requested.
    pub enable: bool,
    /// Its code.
    pub tag: u16,
    /// What is sent; empty for one that is requested.
    pub value: Bytes,
    /// Whose it is.
    pub owner: Owner,
}

impl OptionRow {
    fn is_written(&self) -> bool {
        self.deleted || self.enable.is_some() || self.tag.is_some() || self.value.is_some()
    }

    fn view(&self, given: &Given) -> Option<OptionView> {
        let (tag, value, owner, enable) = match self.origin {
            None => (self.tag?, Bytes::default(), Owner::Model, false),
            Some(code) => {
                let (value, owner) = given.get(&code)?;
                let shown = !self.deleted || matches!(owner, Owner::Other(_));
                shown.then(|| (code, value.clone(), owner.clone(), true))?
            }
        };
        // What nobody may change is as it is given.
        if matches!(owner, Owner::Other(_)) {
            return Some(OptionView {
                number: self.number,
                alias: self.alias.clone(),
                enable,
                tag,
                value,
                owner,
            });
        }
        Some(OptionView {
            number: self.number,
            alias: self.alias.clone(),
            enable: self.enable.unwrap_or(enable),
            tag: self.tag.unwrap_or(tag),
            value: self.value.clone().unwrap_or(value),
            owner,
        })
    }
}

impl OptionTable {
    /// Whether nothing was written of it.
    #[must_use]
    pub fn follows_the_files(&self) -> bool {
        !self.rows.iter().any(OptionRow::is_written)
    }

    /// Gives a row to every option that has none.
    pub fn settle(&mut self, given: &Given) {
        for code in given.keys() {
            let stands_for_it = |row: &OptionRow| row.origin == Some(*code);
            // Only what was written says another code than its own.
            let says_it = |row: &OptionRow| {
                row.is_written() && row.view(given).is_some_and(|view| view.tag == *code && view.enable)
            };
            if !self.rows.iter().any(stands_for_it) && !self.rows.iter().any(says_it) {
                self.push(OptionRow { origin: Some(*code), ..OptionRow::default() });
            }
        }
    }

    /// Adds a row; gives its number.
    pub fn push(&mut self, row: OptionRow) -> u32 {
        self.last += 1;
        let number = self.last;
        let alias = if row.alias.is_empty() { format!("cpe-{number}") } else { row.alias.clone() };
        self.rows.push(OptionRow { number, alias, ..row });
        number
    }

    /// The rows that there are.
    #[must_use]
    pub fn views(&self, given: &Given) -> Vec<OptionView> {
        let views: Vec<_> = self.rows.iter().filter_map(|row| row.view(given)).collect();
        // What the operator says goes before what a handler or the program would say.
        let said =
            |tag: u16| views.iter().any(|v| v.enable && v.tag == tag && !matches!(v.owner, Owner::Other(_)));
        let hidden: Vec<bool> =
            views.iter().map(|view| matches!(view.owner, Owner::Other(_)) && said(view.tag)).collect();
        views.into_iter().zip(hidden).filter_map(|(view, hidden)| (!hidden).then_some(view)).collect()
    }

    /// What is sent, or requested, with what was written here: the files' options, changed.
    #[must_use]
    pub fn in_force(&self, files: &FlatMap<u16, Bytes>) -> FlatMap<u16, Bytes> {
        let given: Given = files.iter().map(|(code, value)| (*code, (value.clone(), Owner::Files))).collect();
        let mut options = files.clone();
        for row in self.rows.iter().filter(|row| row.is_written()) {
            if let Some(code) = row.origin {
                options.remove(&code);
            }
        }
        for row in self.rows.iter().filter(|row| row.is_written()) {
            if let Some(view) = row.view(&given).filter(|view| view.enable) {
                options.insert(view.tag, view.value);
            }
        }
        options
    }

    /// The row of this number.
    pub fn row(&mut self, number: u32) -> Option<&mut OptionRow> {
        self.rows.iter_mut().find(|row| row.number == number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(codes: &[u16]) -> FlatMap<u16, Bytes> {
        codes.iter().map(|code| (*code, Bytes(vec![1]))).collect()
    }

    fn given(codes: &[u16]) -> Given {
        files(codes).into_iter().map(|(code, value)| (code, (value, Owner::Files))).collect()
    }

    #[test]
    fn what_is_not_written_follows_the_files() {
        let mut table = OptionTable::default();
        table.settle(&given(&[60, 61]));
        assert_eq!(
            table.views(&given(&[60, 61])).iter().map(|v| (v.number, v.tag)).collect::<Vec<_>>(),
            [(1, 60), (2, 61)]
        );
        assert_eq!(table.in_force(&files(&[60, 61])), files(&[60, 61]));
        // 61 goes, 77 comes, 61 comes back under its number.
        table.settle(&given(&[60, 77]));
        assert_eq!(table.views(&given(&[60, 77])).iter().map(|v| v.number).collect::<Vec<_>>(), [1, 3]);
        table.settle(&given(&[60, 61, 77]));
        assert_eq!(
            table.views(&given(&[60, 61, 77])).iter().map(|v| v.number).collect::<Vec<_>>(),
            [1, 2, 3]
        );
    }

    #[test]
    fn what_is_written_goes_before_the_files() {
        let mut table = OptionTable::default();
        table.settle(&given(&[60, 61, 62]));
        table.row(1).unwrap().enable = Some(false);
        table.row(2).unwrap().deleted = true;
        table.row(3).unwrap().tag = Some(77);
        let number = table.push(OptionRow {
            tag: Some(99),
            enable: Some(true),
            value: Some(Bytes(vec![9])),
            ..OptionRow::default()
        });
        assert_eq!(number, 4);
        let mut expected = files(&[77]);
        expected.insert(99, Bytes(vec![9]));
        assert_eq!(table.in_force(&files(&[60, 61, 62])), expected);
        let shown: Vec<_> =
            table.views(&given(&[60, 61, 62])).iter().map(|v| (v.number, v.tag, v.enable)).collect();
        assert_eq!(shown, [(1, 60, false), (3, 77, true), (4, 99, true)]);
    }

    #[test]
    fn what_a_handler_asks_for_is_shown_as_it_is() {
        let mut table = OptionTable::default();
        let asked = Given::from([(43, (Bytes::default(), Owner::Other("handler acme".to_owned())))]);
        table.settle(&asked);
        table.row(1).unwrap().deleted = true;
        assert!(table.views(&asked)[0].enable);
        assert!(table.in_force(&FlatMap::new()).is_empty(), "and it is not asked for a second time");
    }
}
