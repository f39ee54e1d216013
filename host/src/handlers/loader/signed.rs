//! Takes a copy of a module file that nobody can change any more, and checks the signature of that.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};

use super::LoadError;
use crate::signature::{self, KeyId, PublicKey};

/// Largest module that is copied, bytes. Real ones have some hundred kilobytes.
const MOST_MODULE: u64 = 32 << 20;
/// Largest signature file, bytes: four lines, two of which are comments.
const MOST_SIGNATURE: u64 = 8 << 10;
/// `MFD_NOEXEC_SEAL`: mapped it may be, as any module, and never executed as a program. Since Linux 6.3.
const NOT_A_PROGRAM: MFdFlags = MFdFlags::from_bits_retain(8);

/// The copy, and the key that signed it.
pub(super) fn copy(path: &Path, file: File, accepted: &[PublicKey]) -> Result<(File, KeyId), LoadError> {
    let read = |source: io::Error| LoadError::Read { path: path.to_owned(), source };
    let refused = |why: String| LoadError::Signature { path: path.to_owned(), why };
    let mut content = Vec::new();
    file.take(MOST_MODULE + 1).read_to_end(&mut content).map_err(read)?;
    if content.len() as u64 > MOST_MODULE {
        return Err(refused(format!("has more than {MOST_MODULE} bytes, too many for one with a signature")));
    }
    // Behind any symbolic links: who changes a link changes both.
    let name = signature::beside(&path.canonicalize().map_err(read)?);
    let text = match text(&name) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(refused(format!(
                "is not signed: there is no {}; sign it with `minisign -Sm`, or set public_keys = [] for its handler",
                name.display()
            )));
        }
        Err(error) => {
            return Err(refused(format!("has a signature that cannot be read: {}: {error}", name.display())));
        }
    };
    let mut sealed = sealed(&content).map_err(read)?;
    // Out of the copy, now that nothing can be written into it: whatever became of it before is found too.
    content.clear();
    sealed.rewind().and_then(|()| sealed.read_to_end(&mut content)).map_err(read)?;
    let by = signature::verify(&content, &text, accepted)
        .map_err(|why| refused(format!("is not accepted: {} {why}", name.display())))?;
    Ok((sealed, by))
}

fn text(name: &Path) -> io::Result<String> {
    let file = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(name)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut text = String::new();
    file.take(MOST_SIGNATURE).read_to_string(&mut text)?;
    Ok(text)
}

/// A file in memory with this content for ever.
fn sealed(content: &[u8]) -> io::Result<File> {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let made = match memfd_create(c"dhcpmgr-module", flags | NOT_A_PROGRAM) {
        Err(Errno::EINVAL) => memfd_create(c"dhcpmgr-module", flags),
        other => other,
    };
    let mut file = File::from(made?);
    file.write_all(content)?;
    let all =
        SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_SEAL;
    fcntl(&file, FcntlArg::F_ADD_SEALS(all))?;
    Ok(file)
}
