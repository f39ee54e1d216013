//! The door for modules in C: makes the table of `plugin-api/c/dhcpmgr_plugin.h` look like the functions of any other
//! module. Nothing above the loader knows which language a module is written in.
//!
//! A module is trusted to run in this process, and not to be right: what it claims of sizes, texts and its own table is
//! checked, and a write beyond a buffer is noticed where it is small. What is worse is what workers are for.
#![allow(unsafe_code)]

use std::ffi::{c_char, c_void};
use std::fmt;

use dhcpmgr_message::wire;
use dhcpmgr_plugin_api::{CallError, DATA_LIMITS};
use libloading::os::unix::Library;

/// The one symbol of a module in C.
const SYMBOL: &[u8] = b"dhcpmgr_plugin_v1\0";
/// Room for the text of an error, bytes.
const ERROR_BYTES: usize = 1024;
/// Characters of a module's own words that are kept.
const MAX_TEXT: usize = 512;
/// What stands behind each buffer, to see that it was not written over.
const GUARD: [u8; 16] = *b"dhcpmgr guard \xa5\x5a";
/// A MessagePack map without entries: what no settings are.
const NO_SETTINGS: &[u8] = &[0x80];

const OK: i32 = 0;
const UNSUPPORTED: i32 = 1;
const TOO_SMALL: i32 = 4;

/// `dhcpmgr_answer`
#[repr(C)]
struct Answer {
    size: u32,
    capacity: u32,
    data: *mut u8,
    length: u32,
    error_capacity: u32,
    error: *mut c_char,
}

/// `dhcpmgr_plugin`, as a file may have it.
#[repr(C)]
#[derive(Clone, Copy)]
struct Plugin {
    size: u32,
    flags: u32,
    describe: Option<Describe>,
    create: Option<Create>,
    call: Option<Call>,
    destroy: Option<Destroy>,
}

type Describe = unsafe extern "C" fn(*mut Answer) -> i32;
type Create = unsafe extern "C" fn(*const u8, u32, *mut *mut c_void, *mut Answer) -> i32;
type Call = unsafe extern "C" fn(*mut c_void, u32, *const u8, u32, *mut Answer) -> i32;
type Destroy = unsafe extern "C" fn(*mut c_void);

/// The functions of a module in C. They stay where they are: no module is ever unloaded.
#[derive(Clone, Copy)]
pub(super) struct Table {
    describe: Describe,
    create: Create,
    call: Call,
    destroy: Destroy,
}

impl Table {
    /// Takes the table of a library; the error says what is wrong with it.
    pub(super) fn of(library: &Library) -> Result<Self, String> {
        // SAFETY: of a symbol that is data its address is taken, as a pointer; nothing is read here.
        let symbol = unsafe { library.get::<*const Plugin>(SYMBOL) };
        let table = *symbol.map_err(|_| "it does not export dhcpmgr_plugin_v1".to_owned())?;
        if table.is_null() || !table.is_aligned() {
            return Err("dhcpmgr_plugin_v1 is not where a table could be".to_owned());
        }
        // SAFETY: the symbol is the table's, whose first field, the size, is in it however short the table is. Its note
        // says that the file is a module in C, so the symbol means what the header says.
        let size = unsafe { (&raw const (*table).size).read() };
        let expected = size_of::<Plugin>();
        if usize::try_from(size).is_ok_and(|size| size < expected) {
            return Err(format!("its table has {size} bytes, at least {expected} are needed"));
        }
        // SAFETY: the table has the fields that its size says, and function pointers that are absent are `None`.
        Self::whole(unsafe { table.read() })
    }

    fn whole(plugin: Plugin) -> Result<Self, String> {
        let missing = |name: &str| format!("its function {name} is NULL");
        Ok(Self {
            describe: plugin.describe.ok_or_else(|| missing("describe"))?,
            create: plugin.create.ok_or_else(|| missing("create"))?,
            call: plugin.call.ok_or_else(|| missing("call"))?,
            destroy: plugin.destroy.ok_or_else(|| missing("destroy"))?,
        })
    }

    /// The manifest as MessagePack.
    pub(super) fn describe(self) -> Result<Vec<u8>, CallError> {
        let mut room = Room::new(wire::LIMITS.bytes);
        // SAFETY: `ask` hands over an answer whose buffers are as large as it says, for this call only.
        room.ask(0, |answer| unsafe { (self.describe)(answer) })
    }
}

/// A handler of a module in C.
pub(super) struct Object {
    table: Table,
    handler: *mut c_void,
    /// Kept from call to call: only the pages that answers reach take memory.
    room: Room,
}

// SAFETY: the header says that calls may come from different threads, one at a time, and nothing else has the pointer.
unsafe impl Send for Object {}

impl Object {
    /// Makes a handler from its settings as MessagePack; no bytes mean no settings.
    pub(super) fn create(table: Table, settings: &[u8]) -> Result<Self, CallError> {
        let settings = if settings.is_empty() { NO_SETTINGS } else { settings };
        let size = size_of_input(settings)?;
        let mut room = Room::new(DATA_LIMITS.bytes);
        let mut handler = std::ptr::null_mut();
        // SAFETY: `ask` hands over an answer whose buffers are as large as it says; pointer and size of the settings are
        // those of a slice, and `handler` is a place for a pointer. All of them outlive the call.
        room.ask(0, |answer| unsafe { (table.create)(settings.as_ptr(), size, &raw mut handler, answer) })?;
        Ok(Self { table, handler, room })
    }

    /// Calls an operation.
    pub(super) fn call(&mut self, operation: u32, input: &[u8]) -> Result<Vec<u8>, CallError> {
        let size = size_of_input(input)?;
        let Self { table, handler, room } = self;
        // SAFETY: the handler came from `create` of this table, `drop` has not run, and `&mut self` keeps other calls
        // out. Answer and input are as large as is said and outlive the call.
        room.ask(operation, |answer| unsafe {
            (table.call)(*handler, operation, input.as_ptr(), size, answer)
        })
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        // SAFETY: the handler came from `create` of this table, and this is the last use of it.
        unsafe { (self.table.destroy)(self.handler) }
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Object").field(&self.handler).finish()
    }
}

fn size_of_input(input: &[u8]) -> Result<u32, CallError> {
    u32::try_from(input.len())
        .map_err(|_| CallError::Failed("was not asked: the input is too long".to_owned()))
}

/// The buffers for answers and errors, each with a guard behind it.
struct Room {
    answer: Vec<u8>,
    error: Vec<u8>,
}

impl Room {
    fn new(capacity: usize) -> Self {
        let guarded = |capacity: usize| {
            let mut bytes = vec![0; capacity + GUARD.len()];
            bytes[capacity..].copy_from_slice(&GUARD);
            bytes
        };
        Self { answer: guarded(capacity), error: guarded(ERROR_BYTES) }
    }

    /// Calls a function that writes an answer, and believes what can be believed of it.
    fn ask(&mut self, operation: u32, call: impl FnOnce(*mut Answer) -> i32) -> Result<Vec<u8>, CallError> {
        self.error[0] = 0;
        let capacity = self.answer.len() - GUARD.len();
        // Both are constants of some kilobytes.
        let narrow = |size: usize| u32::try_from(size).unwrap_or(u32::MAX);
        let mut answer = Answer {
            size: narrow(size_of::<Answer>()),
            capacity: narrow(capacity),
            data: self.answer.as_mut_ptr(),
            length: 0,
            error_capacity: narrow(ERROR_BYTES),
            error: self.error.as_mut_ptr().cast(),
        };
        let status = call(&raw mut answer);
        // The pointers in it are not looked at again, whatever they are now.
        let length = usize::try_from(answer.length).unwrap_or(usize::MAX);
        for (what, buffer) in [("answer", &mut self.answer), ("error", &mut self.error)] {
            let guard = buffer.len() - GUARD.len();
            if buffer[guard..] != GUARD {
                buffer[guard..].copy_from_slice(&GUARD);
                return Err(CallError::Broken(format!("it wrote beyond the buffer of its {what}")));
            }
        }
        match status {
            OK => self.answer[..capacity].get(..length).map(<[u8]>::to_vec).ok_or_else(|| {
                CallError::Broken(format!(
                    "it says that it wrote {length} bytes where {capacity} fit; return DHCPMGR_TOO_SMALL then"
                ))
            }),
            UNSUPPORTED => Err(CallError::Unsupported(operation)),
            TOO_SMALL if length > capacity => Err(CallError::TooLong { found: length, limit: capacity }),
            TOO_SMALL => Err(CallError::Broken(format!(
                "it says that an answer of {length} bytes does not fit where {capacity} do"
            ))),
            _ => Err(CallError::Failed(self.words())),
        }
    }

    /// What the module wrote as its error: one line of bounded length, with an end of string or without.
    fn words(&self) -> String {
        let text = &self.error[..ERROR_BYTES];
        let end = text.iter().position(|&byte| byte == 0).unwrap_or(text.len());
        let text = String::from_utf8_lossy(&text[..end]);
        let line: String =
            text.chars().take(MAX_TEXT).map(|c| if c.is_control() { ' ' } else { c }).collect();
        if line.trim().is_empty() { "the handler failed and did not say why".to_owned() } else { line }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_structs_are_those_of_the_header() {
        use std::mem::offset_of;
        let pointer = size_of::<*const ()>();
        assert_eq!(
            [
                offset_of!(Answer, size),
                offset_of!(Answer, capacity),
                offset_of!(Answer, data),
                offset_of!(Answer, length),
                offset_of!(Answer, error_capacity),
                offset_of!(Answer, error),
                size_of::<Answer>(),
            ],
            [0, 4, 8, 8 + pointer, 12 + pointer, 16 + pointer, 16 + 2 * pointer]
        );
        assert_eq!(
            [
                offset_of!(Plugin, size),
                offset_of!(Plugin, flags),
                offset_of!(Plugin, describe),
                offset_of!(Plugin, create),
                offset_of!(Plugin, call),
                offset_of!(Plugin, destroy),
                size_of::<Plugin>(),
            ],
            [0, 4, 8, 8 + pointer, 8 + 2 * pointer, 8 + 3 * pointer, 8 + 4 * pointer]
        );
    }

    fn answered(status: i32, fill: impl Fn(&mut Answer, &mut [u8])) -> Result<Vec<u8>, CallError> {
        let mut room = Room::new(64);
        room.ask(7, |answer| {
            // SAFETY: `ask` hands over a good pointer to its own struct, whose buffers hold what it says and a guard.
            unsafe {
                let text = std::slice::from_raw_parts_mut((*answer).error.cast::<u8>(), ERROR_BYTES);
                fill(&mut *answer, text);
            }
            status
        })
    }

    #[test]
    fn an_answer_is_what_was_written() {
        let write = |answer: &mut Answer, _: &mut [u8]| {
            // SAFETY: 64 bytes are there.
            unsafe { answer.data.write_bytes(7, 3) };
            answer.length = 3;
        };
        assert_eq!(answered(OK, write), Ok(vec![7; 3]));
    }

    #[test]
    fn lies_about_sizes_are_told_as_such() {
        let claim = |length| move |answer: &mut Answer, _: &mut [u8]| answer.length = length;
        assert!(matches!(answered(OK, claim(65)), Err(CallError::Broken(_))));
        assert!(matches!(answered(OK, claim(u32::MAX)), Err(CallError::Broken(_))));
        assert_eq!(answered(TOO_SMALL, claim(65)), Err(CallError::TooLong { found: 65, limit: 64 }));
        assert!(matches!(answered(TOO_SMALL, claim(64)), Err(CallError::Broken(_))));
        assert!(matches!(answered(TOO_SMALL, claim(0)), Err(CallError::Broken(_))));
    }

    #[test]
    fn a_write_beyond_a_buffer_is_noticed() {
        // SAFETY: the guard is behind the 64 bytes, in the same allocation.
        let overrun = |answer: &mut Answer, _: &mut [u8]| unsafe { answer.data.add(64).write(1) };
        let told = answered(OK, overrun).unwrap_err().to_string();
        assert!(told.ends_with("it wrote beyond the buffer of its answer"), "{told}");
    }

    #[test]
    fn an_error_is_one_line_whether_it_has_an_end_or_not() {
        let text = |words: &'static [u8]| {
            move |_: &mut Answer, text: &mut [u8]| text[..words.len()].copy_from_slice(words)
        };
        let failed = |text: &str| Err(CallError::Failed(text.to_owned()));
        assert_eq!(answered(2, text(b"no such\nserver\0old")), failed("no such server"));
        assert_eq!(answered(-99, text(b"x\xff\0")), failed("x\u{fffd}"));
        assert_eq!(answered(3, text(b"\0")), failed("the handler failed and did not say why"));
        let endless = answered(2, |_: &mut Answer, text: &mut [u8]| text.fill(b'a'));
        assert_eq!(endless, failed(&"a".repeat(MAX_TEXT)));
        assert_eq!(answered(UNSUPPORTED, |_, _| {}), Err(CallError::Unsupported(7)));
    }

    #[test]
    fn pointers_that_the_module_changed_are_not_followed() {
        let change = |answer: &mut Answer, _: &mut [u8]| {
            answer.data = std::ptr::null_mut();
            answer.error = std::ptr::dangling_mut();
            answer.capacity = u32::MAX;
            answer.length = 2;
        };
        assert_eq!(answered(OK, change), Ok(vec![0, 0]));
    }
}
