//! How a path may go on: what shells offer when somebody presses the key for completion.

use std::time::Duration;

use super::super::link::Link;
use super::super::run::view;
use crate::control::Request;
use crate::data_model::schema::Object;
use crate::paths::Paths;

/// Who presses a key does not wait for a daemon that is stuck.
const PATIENCE: Duration = Duration::from_secs(1);

/// The ways to go on from a prefix, a line each. Numbers of rows need a daemon; everything else is known without.
pub(super) fn complete(paths: &Paths, prefix: &str) -> String {
    let (base, begun) = prefix.rfind('.').map_or(("", prefix), |dot| prefix.split_at(dot + 1));
    let mut lines = String::new();
    for word in next(paths, base) {
        if word.starts_with(begun) {
            lines.push_str(&format!("{base}{word}\n"));
        }
    }
    lines
}

fn next(paths: &Paths, base: &str) -> Vec<String> {
    if base.is_empty() {
        return vec!["Device.".to_owned()];
    }
    let mut object = Object::root();
    let mut parts = base.trim_end_matches('.').split('.').skip(1);
    while let Some(part) = parts.next() {
        let Some(child) = object.child(part) else { return Vec::new() };
        object = child;
        if object.table && parts.next().is_none() {
            let rows = || -> Option<Vec<String>> {
                let request = Request::GetInstances { path: base.to_owned() };
                view(Link::open_for(paths, PATIENCE).ok()?.ask(&request).ok()?).ok()
            };
            let numbers = rows().unwrap_or_default().into_iter().filter_map(|row| {
                let number = row.strip_prefix(base)?.trim_end_matches('.');
                number.parse::<u32>().is_ok().then(|| format!("{number}."))
            });
            return numbers.chain(["*.".to_owned()]).collect();
        }
    }
    let objects = object.below().map(|below| format!("{}.", below.name));
    let parameters = object.parameters.iter().map(|parameter| parameter.name.to_owned());
    let commands = object.commands.iter().map(|command| (*command).to_owned());
    objects.chain(parameters).chain(commands).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_goes_on_as_the_standard_has_it() {
        let paths = Paths::new("/nonexistent");
        assert_eq!(complete(&paths, "Dev"), "Device.\n");
        assert_eq!(complete(&paths, "Device.DHCPv"), "Device.DHCPv4.\nDevice.DHCPv6.\n");
        assert_eq!(
            complete(&paths, "Device.DHCPv4.Client."),
            "Device.DHCPv4.Client.*.\n",
            "no daemon, no numbers"
        );
        assert_eq!(complete(&paths, "Device.DHCPv4.Client.1.IPA"), "Device.DHCPv4.Client.1.IPAddress\n");
        assert_eq!(
            complete(&paths, "Device.DHCPv4.Client.1.Ren"),
            "Device.DHCPv4.Client.1.Renew\nDevice.DHCPv4.Client.1.Renew()\n"
        );
        assert_eq!(complete(&paths, "Device.Nothing.x"), "");
    }
}
