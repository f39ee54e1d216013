//! Reads the note of a module out of its ELF file, and makes sure that the dynamic linker can map what the file
//! claims to hold. Not an ELF library: what the loader does not need is not read.
//!
//! The file may be hostile or cut short: every number is checked before it is used, and nothing large is read.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use dhcpmgr_plugin_api::note::{self, NoteInfo};

/// Largest note segment that is looked into. Real ones have some hundred bytes.
const MAX_NOTES: u64 = 64 * 1024;
/// Most program headers. Real modules have about ten.
const MAX_SEGMENTS: u16 = 128;

const ET_DYN: u16 = 3;
const PT_LOAD: u32 = 1;
const PT_NOTE: u32 = 4;

/// Why a file is no module that this machine could load.
#[derive(Debug, thiserror::Error)]
pub(super) enum ElfError {
    #[error("cannot be read: {0}")]
    Read(#[from] io::Error),
    #[error("is not a shared object; give the .so file that cargo built")]
    NotElf,
    #[error("is an ELF file, but not a shared object; build it with crate-type = [\"cdylib\"]")]
    NotShared,
    #[error("is built for {found}, this machine is {machine}; build it for this machine", machine = describe(&this_machine()))]
    Machine { found: String },
    #[error("is damaged: {0}; copy it again")]
    Damaged(String),
    #[error(
        "is no handler module: it lacks the note of export_handler! (DHCPMGR_EXPORT in C); is it the right file?"
    )]
    NoNote,
}

/// Something to read at an offset: a file, or bytes in a test.
pub(super) trait ReadAt {
    fn size(&self) -> io::Result<u64>;
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
}

impl ReadAt for File {
    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.read_exact_at(buffer, offset)
    }
}

/// What a machine can load: class (32 or 64 bit), byte order and `e_machine`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Machine {
    class: u8,
    order: u8,
    /// `None`: an architecture that we have no number for; the dynamic linker will know.
    number: Option<u16>,
}

fn this_machine() -> Machine {
    let number = match std::env::consts::ARCH {
        "x86" => Some(3),
        "mips" => Some(8),
        "powerpc" => Some(20),
        "arm" => Some(40),
        "x86_64" => Some(62),
        "aarch64" => Some(183),
        "riscv32" | "riscv64" => Some(243),
        _ => None,
    };
    Machine {
        class: if cfg!(target_pointer_width = "64") { 2 } else { 1 },
        order: if cfg!(target_endian = "little") { 1 } else { 2 },
        number,
    }
}

fn describe(machine: &Machine) -> String {
    let name = match machine.number {
        Some(3) => "x86",
        Some(8) => "MIPS",
        Some(20) => "PowerPC",
        Some(40) => "ARM",
        Some(62) => "x86-64",
        Some(183) => "AArch64",
        Some(243) => "RISC-V",
        Some(other) => return format!("machine number {other}"),
        None => "an unnamed machine",
    };
    let bits = if machine.class == 2 { 64 } else { 32 };
    let order = if machine.order == 1 { "little" } else { "big" };
    format!("{name} ({bits} bit, {order}-endian)")
}

/// The note of a module file.
pub(super) fn read_note(file: &impl ReadAt) -> Result<NoteInfo, ElfError> {
    let size = file.size()?;
    let segments = read_segments(file, size)?;
    for segment in &segments {
        // The linker maps these whole, and touching a page beyond the end of the file is SIGBUS.
        if matches!(segment.kind, PT_LOAD | PT_NOTE)
            && segment.offset.checked_add(segment.size).is_none_or(|end| end > size)
        {
            let (at, len) = (segment.offset, segment.size);
            return Err(ElfError::Damaged(format!(
                "it has {size} bytes, but its headers promise {len} at offset {at}"
            )));
        }
    }
    for segment in segments.iter().filter(|s| s.kind == PT_NOTE && s.size <= MAX_NOTES) {
        let mut notes = vec![0; usize::try_from(segment.size).unwrap_or_default()];
        file.read_at(&mut notes, segment.offset)?;
        if let Some(info) = find_note(&notes, if segment.align == 8 { 8 } else { 4 }) {
            return Ok(info);
        }
    }
    Err(ElfError::NoNote)
}

/// A program header.
struct Segment {
    kind: u32,
    offset: u64,
    size: u64,
    align: u64,
}

fn read_segments(file: &impl ReadAt, size: u64) -> Result<Vec<Segment>, ElfError> {
    let this = this_machine();
    let wide = this.class == 2;
    let mut header = [0; 64];
    let header = &mut header[..if wide { 64 } else { 52 }];
    let cut = || ElfError::Damaged(format!("it has only {size} bytes"));
    let available = usize::try_from(size).unwrap_or(usize::MAX).min(header.len());
    file.read_at(&mut header[..available], 0)?;
    if !header.starts_with(b"\x7fELF") {
        return Err(ElfError::NotElf);
    }
    if available < header.len() {
        return Err(cut());
    }
    let found = Machine { class: header[4], order: header[5], number: None };
    if (found.class, found.order) != (this.class, this.order) {
        let swapped = [header[18], header[19]];
        let number = if found.order == 1 { u16::from_le_bytes(swapped) } else { u16::from_be_bytes(swapped) };
        return Err(ElfError::Machine { found: describe(&Machine { number: Some(number), ..found }) });
    }
    let number = half(header, 18)?;
    if this.number.is_some_and(|mine| mine != number) {
        return Err(ElfError::Machine { found: describe(&Machine { number: Some(number), ..found }) });
    }
    if half(header, 16)? != ET_DYN {
        return Err(ElfError::NotShared);
    }
    let (table, entry, count) = if wide {
        (xword(header, 32)?, half(header, 54)?, half(header, 56)?)
    } else {
        (u64::from(word(header, 28)?), half(header, 42)?, half(header, 44)?)
    };
    let expected = if wide { 56 } else { 32 };
    if entry != expected || count == 0 || count > MAX_SEGMENTS {
        return Err(ElfError::Damaged(format!("it claims {count} program headers of {entry} bytes")));
    }
    let mut bytes = vec![0; usize::from(entry) * usize::from(count)];
    if table.checked_add(bytes.len() as u64).is_none_or(|end| end > size) {
        return Err(cut());
    }
    file.read_at(&mut bytes, table)?;
    bytes.chunks_exact(usize::from(entry)).map(|entry| segment(entry, wide)).collect()
}

fn segment(entry: &[u8], wide: bool) -> Result<Segment, ElfError> {
    Ok(if wide {
        Segment {
            kind: word(entry, 0)?,
            offset: xword(entry, 8)?,
            size: xword(entry, 32)?,
            align: xword(entry, 48)?,
        }
    } else {
        Segment {
            kind: word(entry, 0)?,
            offset: word(entry, 4)?.into(),
            size: word(entry, 16)?.into(),
            align: word(entry, 28)?.into(),
        }
    })
}

/// Our note among those of a segment; each is three words, the owner and the descriptor, both padded.
fn find_note(mut notes: &[u8], align: usize) -> Option<NoteInfo> {
    loop {
        let owner_size = usize::try_from(word(notes, 0).ok()?).ok()?;
        let descriptor_size = usize::try_from(word(notes, 4).ok()?).ok()?;
        let kind = word(notes, 8).ok()?;
        let descriptor_at = 12usize.checked_add(owner_size)?.checked_next_multiple_of(align)?;
        let end = descriptor_at.checked_add(descriptor_size)?;
        let owner = notes.get(12..12usize.checked_add(owner_size)?)?;
        let descriptor = notes.get(descriptor_at..end)?;
        if owner == note::OWNER && kind == note::KIND {
            return NoteInfo::read(descriptor);
        }
        notes = notes.get(end.checked_next_multiple_of(align)?..)?;
    }
}

fn bytes<const N: usize>(from: &[u8], at: usize) -> Result<[u8; N], ElfError> {
    let cut = || ElfError::Damaged("a header is cut short".to_owned());
    from.get(at..).and_then(|rest| rest.first_chunk()).copied().ok_or_else(cut)
}

fn half(from: &[u8], at: usize) -> Result<u16, ElfError> {
    bytes(from, at).map(u16::from_ne_bytes)
}

fn word(from: &[u8], at: usize) -> Result<u32, ElfError> {
    bytes(from, at).map(u32::from_ne_bytes)
}

fn xword(from: &[u8], at: usize) -> Result<u64, ElfError> {
    bytes(from, at).map(u64::from_ne_bytes)
}

#[cfg(test)]
mod tests;
