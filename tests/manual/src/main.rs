//! Writes manual pages and shell completions below a root, where a package would put them. A program of its own, so
//! that `cargo xtask` need not wait for the daemon to be compiled.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Command, Parser};
use clap_complete::Shell;

/// Writes the manual pages and shell completions below ROOT
#[derive(Parser)]
struct Arguments {
    /// Where usr/share is
    root: PathBuf,
}

/// Section 8: system administration.
const SECTION: &str = "8";

fn main() -> ExitCode {
    let Arguments { root } = Arguments::parse();
    match write(&root) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("manual pages below {}: {error}", root.display());
            ExitCode::FAILURE
        }
    }
}

fn write(root: &Path) -> io::Result<()> {
    let pages = root.join("usr/share/man/man8");
    fs::create_dir_all(&pages)?;
    for command in [dhcpmgr::cli::command(), dhcpmgr::cli::daemon_command()] {
        let words = command.get_name().to_owned();
        page(&pages, command, &words)?;
    }
    let completions = [
        (Shell::Bash, "bash-completion/completions"),
        (Shell::Zsh, "zsh/vendor-completions"),
        (Shell::Fish, "fish/vendor_completions.d"),
    ];
    for (shell, place) in completions {
        let place = root.join("usr/share").join(place);
        fs::create_dir_all(&place)?;
        let file = clap_complete::generate_to(shell, &mut dhcpmgr::cli::command(), "dhcpmgr", &place)?;
        if shell == Shell::Bash {
            let text = fs::read_to_string(&file)?;
            fs::write(file, text + PATHS)?;
        }
    }
    Ok(())
}

/// Paths of the data model, which only the program knows. What the shell would take for something else is quoted,
/// unless a quote is open already.
const PATHS: &str = r#"
_dhcpmgr_paths() {
    local word="${COMP_WORDS[COMP_CWORD]}" verb="" root="" at fits quoted=""
    for ((at = 1; at < COMP_CWORD; at++)); do
        case "${COMP_WORDS[at]}" in
            --root) root="${COMP_WORDS[++at]}" ;;
            -*) ;;
            *) verb="${COMP_WORDS[at]}"; break ;;
        esac
    done
    case "$verb" in
        get|set) fits='[^)]$' ;;
        add|del) fits='[.]$' ;;
        call) fits='[.)]$' ;;
        watch) fits='$' ;;
        *) _dhcpmgr "$@"; return ;;
    esac
    case "$word" in
        [\'\"]*) quoted=1; word="${word:1}" ;;
        *) word="${word//\\/}" ;;
    esac
    if [[ "$word" != Device.* && "Device." != "$word"* ]]; then
        _dhcpmgr "$@"
        return
    fi
    COMPREPLY=()
    while IFS= read -r at; do
        [[ "$at" =~ $fits ]] || continue
        [[ -n "$quoted" ]] || printf -v at %q "$at"
        COMPREPLY+=("$at")
    done < <(dhcpmgr --root "${root:-/}" paths "$word" 2>/dev/null)
    compopt -o nospace 2>/dev/null
}
complete -F _dhcpmgr_paths -o nosort -o bashdefault -o default dhcpmgr
"#;

/// One page for a command and one for each below it, named as git names its own: `dhcpmgr-config-reload` for the
/// words `dhcpmgr config reload`.
fn page(directory: &Path, command: Command, words: &str) -> io::Result<()> {
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        page(directory, below.clone(), &format!("{words} {}", below.get_name()))?;
    }
    let name = words.replace(' ', "-");
    let command = command.display_name(name.clone()).bin_name(words).disable_help_subcommand(true);
    let man = clap_mangen::Man::new(command).title(name.to_uppercase()).section(SECTION).manual("dhcpmgr");
    let mut text = Vec::new();
    man.render(&mut text)?;
    fs::write(directory.join(format!("{name}.{SECTION}")), text)
}

#[cfg(test)]
mod tests {
    use super::write;

    #[test]
    fn every_command_has_a_page_and_every_shell_its_completions() {
        let root = tempfile::tempdir().unwrap();
        write(root.path()).unwrap();
        for (page, synopsis) in [
            ("dhcpmgrd.8", "\\fBdhcpmgrd\\fR"),
            ("dhcpmgr-import.8", "\\fBdhcpmgr import\\fR"),
            ("dhcpmgr-status.8", "\\fBdhcpmgr status\\fR"),
            ("dhcpmgr-config-reload.8", "\\fBdhcpmgr config reload\\fR"),
        ] {
            let text = std::fs::read_to_string(root.path().join("usr/share/man/man8").join(page)).unwrap();
            assert!(text.contains(synopsis), "{page}: {text}");
        }
        for file in ["bash-completion/completions/dhcpmgr.bash", "zsh/vendor-completions/_dhcpmgr"] {
            assert!(root.path().join("usr/share").join(file).is_file(), "{file}");
        }
    }
}
