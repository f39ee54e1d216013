//! What a client writes, standard output and error together, through a FIFO that outlives the daemon.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

/// The longest line of a client that is kept.
const LONGEST_LINE: usize = 400;
/// Lines that are kept of what is read at once: the last ones.
const MOST_LINES: usize = 64;
/// What is read in one go.
const PIECE: usize = 4096;
/// The most that is read at once, in case the client writes as fast as it is read.
const MOST_BYTES: usize = 16 * PIECE;

/// The daemon's end.
///
/// It is read when somebody wants to know, not when it is written: a wake-up for each line would cost more than the
/// lease. Until then the kernel keeps the first lines, and the client loses what does not fit.
///
/// The client has its end open for reading as well, and not blocking: it is a reader itself, so no write of it ever
/// ends in SIGPIPE, and none waits, whether a daemon listens, stands still or is dead. The next daemon opens the same
/// FIFO and hears the client again.
#[derive(Debug)]
pub struct Output {
    fifo: Option<File>,
    /// The beginning of a line that is not whole yet.
    begun: Vec<u8>,
}

impl Output {
    /// A new FIFO in place of what is there, and the client's end of it. It holds this many bytes until somebody reads.
    pub(super) fn create(path: &Path, capacity: usize) -> io::Result<(Self, File)> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR)?,
        }
        let theirs = open(path, OpenOptions::new().read(true).write(true))?;
        // Where the kernel does not allow it, more is kept than is needed.
        let _ = fcntl(&theirs, FcntlArg::F_SETPIPE_SZ(i32::try_from(capacity).unwrap_or(i32::MAX)));
        Ok((Self::open(path)?, theirs))
    }

    fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { fifo: Some(open(path, OpenOptions::new().read(true))?), begun: Vec::new() })
    }

    /// The FIFO that a running client writes to. When it is gone, the client runs on unheard.
    pub(super) fn resume(path: &Path) -> Self {
        Self::open(path).unwrap_or_else(|error| {
            tracing::warn!(
                "what the client writes is not heard until it is started again: {}: {error}",
                path.display()
            );
            Self { fifo: None, begun: Vec::new() }
        })
    }

    /// What the client has written since the last time: whole lines, shortened and without control characters.
    pub fn lines(&mut self) -> Vec<String> {
        let mut lines = VecDeque::new();
        let mut buffer = [0; PIECE];
        let mut left = MOST_BYTES;
        while let Some(fifo) = self.fifo.as_mut().filter(|_| left > 0) {
            let Ok(length @ 1..) = fifo.read(&mut buffer) else { break };
            left = left.saturating_sub(length);
            for piece in buffer[..length].split_inclusive(|byte| *byte == b'\n') {
                let room = (LONGEST_LINE + 1).saturating_sub(self.begun.len());
                self.begun.extend(&piece[..piece.len().min(room)]);
                if piece.ends_with(b"\n") {
                    if lines.len() == MOST_LINES {
                        lines.pop_front();
                    }
                    lines.push_back(printable(&std::mem::take(&mut self.begun)));
                }
            }
            // A FIFO gives all that it has.
            if length < PIECE {
                break;
            }
        }
        lines.into()
    }

    /// The same when the client has ended: what it began to write is a line too.
    pub fn last_lines(&mut self) -> Vec<String> {
        let mut lines = self.lines();
        let begun = std::mem::take(&mut self.begun);
        if !begun.is_empty() {
            lines.push(printable(&begun));
        }
        lines
    }
}

fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let file = options.custom_flags((OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW).bits()).open(path)?;
    if file.metadata()?.file_type().is_fifo() { Ok(file) } else { Err(io::Error::other("it is not a FIFO")) }
}

fn printable(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(&line[..line.len().min(LONGEST_LINE)]);
    text.trim_end().chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn fifo() -> (tempfile::TempDir, Output, File) {
        let directory = tempfile::tempdir().unwrap();
        let (output, writer) = Output::create(&directory.path().join("wan4.out"), PIECE).unwrap();
        (directory, output, writer)
    }

    #[test]
    fn lines_are_whole_however_they_were_written() {
        let (_directory, mut output, mut writer) = fifo();
        writer.write_all(b"one\ntw").unwrap();
        assert_eq!(output.lines(), ["one"]);
        assert_eq!(output.lines(), [""; 0]);
        writer.write_all(b"o\n\nthree").unwrap();
        assert_eq!(output.lines(), ["two", ""]);
        assert_eq!(output.last_lines(), ["three"]);
    }

    #[test]
    fn lines_are_shortened_and_cleaned() {
        let (_directory, mut output, mut writer) = fifo();
        writer.write_all(format!("a\u{1b}[31mb{}\nnext\n", "x".repeat(3000)).as_bytes()).unwrap();
        let lines = output.lines();
        assert!(lines[0].starts_with("a\u{fffd}[31mbxxx"), "{lines:?}");
        assert_eq!(lines[0].chars().count(), LONGEST_LINE);
        assert_eq!(lines[1..], ["next"]);
    }

    #[test]
    fn a_client_that_nobody_hears_neither_waits_nor_dies_and_what_fits_is_kept() {
        let (directory, output, mut writer) = fifo();
        drop(output);
        let mut written = 0;
        let error = loop {
            match writer.write_all(format!("line {written}\n").as_bytes()) {
                Ok(()) => written += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        let mut next = Output::resume(&directory.path().join("wan4.out"));
        let lines = next.lines();
        assert_eq!(lines.len(), MOST_LINES);
        assert_eq!(lines.last(), Some(&format!("line {}", written - 1)));
        writer.write_all(b"heard again\n").unwrap();
        assert_eq!(next.lines(), ["heard again"]);
    }

    #[test]
    fn what_is_no_fifo_is_replaced_at_a_start_and_not_read_at_an_adoption() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("wan4.out");
        fs::write(directory.path().join("secret"), "secret\n").unwrap();
        std::os::unix::fs::symlink("secret", &path).unwrap();
        assert!(Output::open(&path).is_err());
        assert_eq!(Output::resume(&path).lines(), [""; 0]);
        Output::create(&path, PIECE).unwrap();
        assert!(fs::symlink_metadata(&path).unwrap().file_type().is_fifo());
        assert_eq!(fs::read_to_string(directory.path().join("secret")).unwrap(), "secret\n");
    }
}
