//! Reading the files: the main one, then the drop-ins in the order of their names.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::build;
use super::error::{ConfigError, ConfigErrors};
use super::model::Config;
use super::reader::Report;
use super::source::Source;
use super::tree::{entries, merge};
use crate::order;
use crate::paths::Paths;

/// Largest file that is read.
pub const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// A configuration and where it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// The files that it was read from, in order.
    pub files: Vec<PathBuf>,
}

/// Reads `/etc/dhcpmgr/dhcpmgr.toml` and `/etc/dhcpmgr/conf.d/*.toml`, below the root. The main file must exist;
/// the directory need not.
///
/// # Errors
/// Everything that is wrong in any of the files.
pub fn load(paths: &Paths) -> Result<Loaded, ConfigErrors> {
    let main = paths.config_file();
    let directory = paths.config_drop_ins();
    let mut errors = Vec::new();
    let mut files = vec![main.clone()];
    match drop_ins(&directory) {
        Ok(found) => files.extend(found),
        Err(error) => errors.push(whole_file(&directory, format!("the drop-ins cannot be listed: {error}"))),
    }
    let mut texts = Vec::new();
    for file in &files {
        match read(file) {
            Ok(text) => texts.push((file.clone(), text)),
            Err(why) => errors.push(whole_file(file, why)),
        }
    }
    if !errors.is_empty() {
        return Err(ConfigErrors(errors));
    }
    Ok(Loaded { config: parse(texts)?, files })
}

/// Reads texts, each with the name of its file, as if they were the files of [`load`].
///
/// # Errors
/// Everything that is wrong in any of them.
pub fn parse(texts: Vec<(PathBuf, String)>) -> Result<Config, ConfigErrors> {
    let sources: Vec<Source> = texts.into_iter().map(|(path, text)| Source::new(path, text)).collect();
    let (mut errors, mut tree) = (Vec::new(), Vec::new());
    for (index, source) in sources.iter().enumerate() {
        if let Some(offset) = source.overlong_key() {
            errors.push(syntax(source, offset, "a dotted key has too many parts"));
            continue;
        }
        let (table, wrong) = DeTable::parse_recoverable(source.text());
        for error in wrong {
            // An error without a place is one at the end of the file.
            let offset = error.span().map_or(source.text().len(), |span| span.start);
            errors.push(syntax(source, offset, error.message()));
        }
        merge(&mut tree, entries(index, table.get_ref()));
    }
    // What follows from a syntax error is noise.
    if !errors.is_empty() {
        return Err(ConfigErrors(errors));
    }
    let report = Report::new(&sources);
    let config = build::config(&tree, &report);
    let errors = report.into_errors();
    if errors.is_empty() { Ok(config) } else { Err(ConfigErrors(errors)) }
}

fn syntax(source: &Source, offset: usize, message: &str) -> ConfigError {
    let what = format!("is not TOML: {message}");
    // The parser quotes the text that it stumbled over.
    let what = what.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] });
    ConfigError {
        file: source.path().to_owned(),
        position: Some(source.position(offset)),
        key: String::new(),
        what: what.collect(),
    }
}

fn whole_file(file: &Path, what: String) -> ConfigError {
    ConfigError { file: file.to_owned(), position: None, key: String::new(), what }
}

/// The drop-ins in the order of their names; hidden files and other endings are left alone.
fn drop_ins(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let listing = match std::fs::read_dir(directory) {
        Ok(listing) => listing,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut files = Vec::new();
    for entry in listing {
        let name = entry?.file_name();
        let visible = !name.as_encoded_bytes().starts_with(b".");
        if visible && Path::new(&name).extension().is_some_and(|ending| ending == "toml") {
            files.push(directory.join(name));
        }
    }
    order::sort(&mut files);
    Ok(files)
}

fn read(file: &Path) -> Result<String, String> {
    let cannot = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => {
            "there is no such file; write the configuration there, or name another root with --root DIR"
                .to_owned()
        }
        _ => format!("cannot be read: {error}"),
    };
    let metadata = std::fs::metadata(file).map_err(cannot)?;
    // A pipe or a device in its place would be waited for without end.
    if !metadata.is_file() {
        return Err("is not a plain file".to_owned());
    }
    let mut bytes = Vec::new();
    File::open(file).map_err(cannot)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(format!("is larger than {MAX_FILE_BYTES} bytes"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
        format!("is not UTF-8 text: line {line}, byte {at} of the file")
    })
}
