//! Loads handler modules: reads what a file claims, checks who could have written it, and only then runs its code.
//!
//! The file is opened once. That very file is checked (owner, mode), its note is read (`elf`), and it is handed
//! to the dynamic linker as `/proc/self/fd/N`, so nothing can be put in its place in between. Where a signature is
//! asked for, all this is done with a copy in memory that is sealed before its signature is checked (`signed`): nobody
//! can write into that either, not even who may write into the file. Nothing is ever unloaded; a new version of a module
//! runs in a new process.
//!
//! The function table is frozen, so the layouts on both sides are equal whatever the SDK was; that an abi_stable
//! host refuses modules with *fewer* fields than its own therefore never matters here.

mod access;
mod c_door;
mod elf;
mod error;
mod open;
mod signed;

use std::fs::File;
use std::path::{Path, PathBuf};

pub use dhcpmgr_plugin_api::CallError;
use dhcpmgr_plugin_api::note::{NoteInfo, SdkVersion};
use dhcpmgr_plugin_api::root_module::{self, RootModuleRef};
use dhcpmgr_plugin_api::{ApiVersion, DATA_LIMITS, Manifest};
pub use error::LoadError;

use crate::signature::{KeyId, PublicKey};
use dhcpmgr_message::wire;

/// A loaded module. It stays loaded until the process ends.
#[derive(Clone)]
pub struct Module {
    /// What it says of itself; validated.
    pub manifest: Manifest,
    /// The handler API that it needs.
    pub api: ApiVersion,
    /// The SDK that it was built with.
    pub sdk: SdkVersion,
    /// The file it was loaded from, as it was given.
    pub path: PathBuf,
    /// The key that signed it, where a signature was asked for.
    pub signed_by: Option<KeyId>,
    door: Door,
}

/// The functions of a module.
#[derive(Clone, Copy)]
enum Door {
    Rust(RootModuleRef),
    C(c_door::Table),
}

impl Module {
    /// Loads a module. None of its code runs before the file has passed every check that needs none.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        Self::load_signed(path, &[])
    }

    /// Loads a module that one of these keys signed; no keys ask for no signature.
    pub fn load_signed(path: &Path, keys: &[PublicKey]) -> Result<Self, LoadError> {
        Checked::open(path, keys)?.load()
    }

    /// Loads a module as a host with this version of the handler API would.
    pub fn load_for(path: &Path, host: ApiVersion) -> Result<Self, LoadError> {
        Checked::open_for(path, &[], host)?.load()
    }

    /// Makes a handler from its settings as MessagePack; no bytes mean no settings.
    pub fn create(&self, settings: &[u8]) -> Result<Instance, CallError> {
        Ok(Instance(match self.door {
            Door::Rust(functions) => Object::Rust(root_module::Object::create(functions, settings)?),
            Door::C(table) => Object::C(c_door::Object::create(table, settings)?),
        }))
    }
}

/// A module file that passed every check that needs none of its code to run. A worker opens it with the rights that it
/// was started with, gives them up, and only then loads it.
#[derive(Debug)]
pub struct Checked {
    path: PathBuf,
    file: File,
    note: NoteInfo,
    signed_by: Option<KeyId>,
}

impl Checked {
    /// Opens a module file and checks it, and that one of these keys signed it; no keys ask for no signature.
    pub fn open(path: &Path, keys: &[PublicKey]) -> Result<Self, LoadError> {
        Self::open_for(path, keys, ApiVersion::CURRENT)
    }

    fn open_for(path: &Path, keys: &[PublicKey], host: ApiVersion) -> Result<Self, LoadError> {
        let mut file = access::open(path)?;
        let mut signed_by = None;
        if !keys.is_empty() {
            let (copy, by) = signed::copy(path, file, keys)?;
            (file, signed_by) = (copy, Some(by));
        }
        let note = read_note(path, &file, host)?;
        Ok(Self { path: path.to_owned(), file, note, signed_by })
    }

    /// The file that will be loaded where it lies in a file system: not a copy in memory.
    #[must_use]
    pub fn file(&self) -> Option<&File> {
        self.signed_by.is_none().then_some(&self.file)
    }

    /// Runs the module's constructors and asks what it says of itself.
    pub fn load(self) -> Result<Module, LoadError> {
        let Self { path, file, note, signed_by } = self;
        let door = open::functions(&path, file, note.in_c)?;
        let manifest = read_manifest(&path, door)?;
        Ok(Module { manifest, api: note.api, sdk: note.sdk, path, signed_by, door })
    }
}

impl std::fmt::Debug for Module {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { manifest, api, sdk, path, signed_by, door: _ } = self;
        f.debug_struct("Module")
            .field("path", path)
            .field("name", &manifest.name)
            .field("api", &format_args!("{api}"))
            .field("sdk", &format_args!("{sdk}"))
            .field("signed_by", signed_by)
            .finish_non_exhaustive()
    }
}

/// A handler of a loaded module.
#[derive(Debug)]
pub struct Instance(Object);

#[derive(Debug)]
enum Object {
    Rust(root_module::Object),
    C(c_door::Object),
}

impl Instance {
    /// Calls an operation (`dhcpmgr_plugin_api::operation`): MessagePack in, MessagePack out. The answer is not
    /// looked into, but it is no longer than [`DATA_LIMITS`] allows. After a panic the next call starts from the
    /// settings again.
    pub fn call(&mut self, op: u32, input: &[u8]) -> Result<Vec<u8>, CallError> {
        let answer = match &mut self.0 {
            Object::Rust(object) => object.call(op, input)?,
            Object::C(object) => object.call(op, input)?,
        };
        if answer.len() > DATA_LIMITS.bytes {
            return Err(CallError::TooLong { found: answer.len(), limit: DATA_LIMITS.bytes });
        }
        Ok(answer)
    }
}

/// What a module file says of itself without running any of its code, and whether it may be loaded at all: for a host
/// that leaves the loading to a worker.
pub fn inspect(path: &Path) -> Result<NoteInfo, LoadError> {
    read_note(path, &access::open(path)?, ApiVersion::CURRENT)
}

fn read_note(path: &Path, file: &File, host: ApiVersion) -> Result<NoteInfo, LoadError> {
    let note = elf::read_note(file).map_err(|e| LoadError::of_file(path, e))?;
    if !host.accepts(note.api) {
        return Err(LoadError::Version { path: path.to_owned(), needed: note.api, sdk: note.sdk, host });
    }
    if !note.unwinds {
        return Err(LoadError::PanicAborts { path: path.to_owned() });
    }
    Ok(note)
}

fn read_manifest(path: &Path, door: Door) -> Result<Manifest, LoadError> {
    let refused = |why: String| LoadError::Manifest { path: path.to_owned(), why };
    let described = match door {
        Door::Rust(functions) => root_module::describe(functions),
        Door::C(table) => table.describe(),
    };
    let bytes = described.map_err(|e| refused(e.to_string()))?;
    let manifest: Manifest = wire::decode(&bytes).map_err(|e| refused(e.to_string()))?;
    manifest.validate().map_err(|e| refused(e.to_string()))?;
    Ok(manifest)
}
