//! Writes man pages and shell completions below a directory, from the command lines themselves: `cargo xtask install`
//! runs it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap_complete::Shell;
use dhcpmgr::cli;

fn main() -> io::Result<()> {
    let root = PathBuf::from(std::env::args_os().nth(1).ok_or_else(|| io::Error::other("usage: pages DIR"))?);
    let man = root.join("usr/share/man");
    for (section, mut command) in [("1", cli::command()), ("8", cli::daemon_command())] {
        command.build();
        pages(&man.join(format!("man{section}")), section, &command)?;
    }
    for (shell, directory, file) in [
        (Shell::Bash, "bash-completion/completions", "dhcpmgr"),
        (Shell::Zsh, "zsh/site-functions", "_dhcpmgr"),
        (Shell::Fish, "fish/vendor_completions.d", "dhcpmgr.fish"),
    ] {
        let directory = root.join("usr/share").join(directory);
        fs::create_dir_all(&directory)?;
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut cli::command(), "dhcpmgr", &mut text);
        fs::write(directory.join(file), text)?;
    }
    Ok(())
}

/// The page of a command, and of each of its subcommands: `dhcpmgr-handler-list.1`.
fn pages(directory: &Path, section: &str, command: &clap::Command) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).replace(' ', "-");
    let mut text = Vec::new();
    let page = clap_mangen::Man::new(command.clone()).section(section).source("dhcpmgr").manual("dhcpmgr");
    page.title(name.to_uppercase()).render(&mut text)?;
    fs::write(directory.join(format!("{name}.{section}")), text)?;
    let shown = command.get_subcommands().filter(|c| !c.is_hide_set() && c.get_name() != "help");
    shown.into_iter().try_for_each(|subcommand| pages(directory, section, subcommand))
}
