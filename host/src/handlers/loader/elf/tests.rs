use proptest::prelude::*;

use super::*;

impl ReadAt for Vec<u8> {
    fn size(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let end = start.checked_add(buffer.len()).ok_or(io::ErrorKind::InvalidInput)?;
        buffer.copy_from_slice(self.get(start..end).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// A note with its padding.
fn note(owner: &[u8], kind: u32, descriptor: &[u8], align: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for number in [owner.len() as u32, descriptor.len() as u32, kind] {
        bytes.extend(number.to_ne_bytes());
    }
    bytes.extend(owner);
    bytes.resize(bytes.len().next_multiple_of(align), 0);
    bytes.extend(descriptor);
    bytes.resize(bytes.len().next_multiple_of(align), 0);
    bytes
}

fn ours(align: usize) -> Vec<u8> {
    let descriptor: Vec<u8> = [1u16, 2, 1, 1, 2, 3].iter().flat_map(|n| n.to_ne_bytes()).collect();
    note(note::OWNER, note::KIND, &descriptor, align)
}

/// A shared object of this (64 bit) machine with one note segment, and nothing else.
fn shared_object(notes: &[u8], align: u64) -> Vec<u8> {
    let machine = this_machine();
    let mut file = vec![0; 64 + 56];
    file[..4].copy_from_slice(b"\x7fELF");
    file[4] = machine.class;
    file[5] = machine.order;
    file[16..18].copy_from_slice(&ET_DYN.to_ne_bytes());
    file[18..20].copy_from_slice(&machine.number.unwrap_or_default().to_ne_bytes());
    file[32..40].copy_from_slice(&64u64.to_ne_bytes());
    file[54..56].copy_from_slice(&56u16.to_ne_bytes());
    file[56..58].copy_from_slice(&1u16.to_ne_bytes());
    file[64..68].copy_from_slice(&PT_NOTE.to_ne_bytes());
    file[72..80].copy_from_slice(&120u64.to_ne_bytes());
    file[96..104].copy_from_slice(&(notes.len() as u64).to_ne_bytes());
    file[112..120].copy_from_slice(&align.to_ne_bytes());
    file.extend(notes);
    file
}

#[test]
fn our_note_is_found_among_others_whatever_the_padding() {
    for align in [4, 8] {
        let notes =
            [note(b"GNU\0", 3, &[7; 19], align), note(b"dhcpmgr\0", 2, b"", align), ours(align)].concat();
        let info = read_note(&shared_object(&notes, align as u64)).unwrap();
        assert_eq!(info.api.to_string(), "1.2");
        assert_eq!(info.sdk.to_string(), "1.2.3");
        assert!(info.unwinds);
    }
}

#[test]
fn a_file_that_ends_early_is_damaged_wherever_it_ends() {
    let whole = shared_object(&ours(4), 4);
    for len in 4..whole.len() {
        let error = read_note(&whole[..len].to_vec()).unwrap_err();
        assert!(matches!(error, ElfError::Damaged(_)), "{len} bytes: {error}");
    }
    for len in 0..4 {
        assert!(matches!(read_note(&whole[..len].to_vec()), Err(ElfError::NotElf)));
    }
}

#[test]
fn other_machines_are_named() {
    let mut arm = shared_object(&ours(4), 4);
    arm[18..20].copy_from_slice(&40u16.to_ne_bytes());
    assert!(read_note(&arm).unwrap_err().to_string().starts_with("is built for ARM (64 bit"));
    let mut mips = shared_object(&ours(4), 4);
    (mips[4], mips[5]) = (1, 2);
    mips[18..20].copy_from_slice(&8u16.to_be_bytes());
    assert!(
        read_note(&mips).unwrap_err().to_string().starts_with("is built for MIPS (32 bit, big-endian), this")
    );
}

#[test]
fn an_executable_is_not_a_shared_object() {
    let mut file = shared_object(&ours(4), 4);
    file[16] = 2;
    assert!(matches!(read_note(&file), Err(ElfError::NotShared)));
}

#[test]
fn notes_that_claim_impossible_sizes_are_no_notes_of_ours() {
    for (at, value) in [(0, u32::MAX), (4, u32::MAX), (0, u32::MAX - 11), (4, 1 << 31), (0, 9), (4, 11)] {
        let mut notes = ours(4);
        notes[at..at + 4].copy_from_slice(&value.to_ne_bytes());
        assert!(matches!(read_note(&shared_object(&notes, 4)), Err(ElfError::NoNote)), "{value} at {at}");
    }
}

#[test]
fn a_table_of_program_headers_beyond_reason_is_damaged() {
    for (at, value) in [(32, u64::MAX), (32, u64::MAX - 55), (54, 57), (56, 0), (56, 0xffff)] {
        let mut file = shared_object(&ours(4), 4);
        let bytes = value.to_ne_bytes();
        let len = if at == 32 { 8 } else { 2 };
        file[at..at + len].copy_from_slice(&bytes[..len]);
        assert!(matches!(read_note(&file), Err(ElfError::Damaged(_))), "{value} at {at}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read_note(&bytes);
        let _ = read_note(&shared_object(&bytes, 4));
        let _ = read_note(&shared_object(&bytes, 8));
    }

    #[test]
    fn no_change_of_a_byte_makes_it_panic(at in 0usize..160, value: u8) {
        let mut file = shared_object(&[note(b"GNU\0", 3, &[7; 19], 4), ours(4)].concat(), 4);
        let at = at % file.len();
        file[at] = value;
        let _ = read_note(&file);
    }
}
