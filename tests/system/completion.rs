//! What bash offers when somebody presses the key for completion in the middle of a path.

use std::path::Path;
use std::time::{Duration, Instant};

use dhcpmgr_lab::{Binaries, Error, Lab, Result, lab_or_skip};

use crate::given::bound;

/// Sources the completions as bash would, and says what is offered for these words, the last of which is not finished.
const SCRIPT: &str = r#"
set -u
root="$1" cli="$2"; shift 2
dhcpmgr() { "$cli" "$@"; }
source "$root/usr/share/bash-completion/completions/dhcpmgr.bash"
COMP_WORDS=(dhcpmgr "$@") COMP_CWORD=$# COMPREPLY=()
_dhcpmgr_paths dhcpmgr "${!#}" "${COMP_WORDS[COMP_CWORD - 1]}"
((${#COMPREPLY[@]} == 0)) || printf '%s\n' "${COMPREPLY[@]}"
"#;

fn offered(lab: &Lab, manual: &Path, cli: &Path, words: &[&str]) -> Result<Vec<String>> {
    let (manual, cli) = (manual.display().to_string(), cli.display().to_string());
    let arguments = [&["-c", SCRIPT, "bash", manual.as_str(), cli.as_str()], words].concat();
    let output = lab.gateway.output("bash", &arguments)?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() || !said.is_empty() {
        return Err(Error::new(format!("{words:?}: {}: {said}", output.status)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
}

#[test]
fn bash_completes_paths_with_the_rows_of_the_daemon_and_without_one_all_the_same() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, mut daemon) = bound(&lab)?;
    let manual = lab.dir().join("manual");
    lab.gateway.command(
        &Binaries::program("dhcpmgr-manual")?.display().to_string(),
        &[&manual.display().to_string()],
    )?;
    let (root, cli) = (daemon.root().display().to_string(), daemon.root().join("usr/bin/dhcpmgr"));
    let offered =
        |words: &[&str]| offered(&lab, &manual, &cli, &[&["--root", root.as_str()], words].concat());

    assert_eq!(offered(&["get", ""])?, ["Device."]);
    assert_eq!(offered(&["get", "Device.DHC"])?, ["Device.DHCPv4.", "Device.DHCPv6."]);
    let rows = offered(&["get", "Device.DHCPv4.Client."])?;
    assert_eq!(
        rows,
        ["Device.DHCPv4.Client.1.", r"Device.DHCPv4.Client.\*."],
        "a star is no pattern for files"
    );
    assert_eq!(offered(&["get", r"Device.DHCPv4.Client.\*.IPA"])?, [r"Device.DHCPv4.Client.\*.IPAddress"]);
    assert_eq!(offered(&["get", "'Device.DHCPv4.Client.*.IPA"])?, ["Device.DHCPv4.Client.*.IPAddress"]);
    assert_eq!(offered(&["call", "Device.DHCPv4.Client.1.Ren"])?, [r"Device.DHCPv4.Client.1.Renew\(\)"]);
    assert_eq!(offered(&["get", "Device.DHCPv4.Client.1.Ren"])?, ["Device.DHCPv4.Client.1.Renew"]);
    assert_eq!(offered(&["add", "Device.DHCPv4.Client.1.S"])?.len(), 2, "SentOption and Stats");
    assert_eq!(offered(&["get", "Device.Nothing."])?, [""; 0]);
    assert!(offered(&["sta"])?.contains(&"status".to_owned()), "all else is as it was");
    assert!(offered(&["get", "--le"])?.contains(&"--levels".to_owned()));

    daemon.stop()?;
    let began = Instant::now();
    assert_eq!(offered(&["get", "Device.DHCPv4.Client."])?, [r"Device.DHCPv4.Client.\*."]);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    Ok(())
}
