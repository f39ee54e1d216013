//! The macro that turns a library into a handler module.

/// Makes the crate a module with this [`Handler`](crate::Handler). Once per crate, in a library with
/// `crate-type = ["cdylib"]`.
///
/// It places two statics: the note that says which API the module needs, and the header that the host looks for.
/// The note asks for the minor version of the SDK in use. A module that uses nothing newer may ask for less, and
/// then also loads in older firmware: `export_handler!(MyHandler, min_minor = 0)`.
///
/// Build with `panic = "unwind"` (cargo's default): the host refuses a module whose panics it cannot catch.
#[macro_export]
macro_rules! export_handler {
    ($handler:ty $(,)?) => {
        $crate::export_handler!($handler, min_minor = $crate::API_MINOR);
    };
    ($handler:ty, min_minor = $minor:expr $(,)?) => {
        const _: () = {
            #[used]
            #[unsafe(link_section = ".note.dhcpmgr")]
            static NOTE: $crate::note::Note = $crate::note::Note::new($minor, cfg!(panic = "unwind"));
            #[cfg(panic = "abort")]
            const _: () = $crate::export::panics_cannot_be_caught();

            // abi_stable's name for the root module of a library.
            #[unsafe(no_mangle)]
            #[allow(non_upper_case_globals)]
            pub static _1as_0lib_1header_0root_bmodule_bloader: $crate::abi_stable::library::LibHeader =
                $crate::entry::header::<$handler>();
        };
    };
}

/// A warning for the author: the compiler prints the note of what is deprecated.
#[doc(hidden)]
#[deprecated(note = "the host refuses a handler module that is built with panic = \"abort\"")]
pub const fn panics_cannot_be_caught() {}
