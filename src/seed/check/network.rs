//! Checks of network-config: is it one of the two versions, as the seed has them?

use super::{Check, Sight};
use crate::seed::yaml::{Node, Value};

/// Kinds of devices of version 2 that cloud-init hands on.
const DEVICES: [&str; 9] = [
    "ethernets",
    "bonds",
    "bridges",
    "vlans",
    "wifis",
    "tunnels",
    "vrfs",
    "modems",
    "dummy-devices",
];

pub(super) const CHECKS: &[Check] = &[
    Check::error(
        "network-version",
        "network-config says which version it is of, and it is 1 or 2",
        "add `version: 2` at the top",
        |document| {
            let Some(root) = document.root().filter(|root| !root.is_null()) else { return Vec::new() };
            let config = config(root);
            match config.get("version") {
                Some(version) if ["1", "2"].map(Some).contains(&version.text()) => Vec::new(),
                Some(version) => vec![Sight::of(version, "there are versions 1 and 2")],
                None => {
                    let saw = "network-config has no version, so cloud-init ignores it";
                    vec![Sight::of(config, saw)]
                }
            }
        },
    ),
    Check::error(
        "network-key",
        "network-config begins with its version, not with `network:`",
        "take `network:` away and indent the rest less: `network:` is for user-data and netplan",
        |document| match document.root().and_then(|root| root.entry("network")) {
            Some((key, _)) => {
                let saw = "everything is below `network:`: cloud-init up to 22.4 (Debian 12) ignores that";
                vec![Sight::of(key, saw)]
            }
            None => Vec::new(),
        },
    )
    .warning(),
    Check::error(
        "network-devices",
        "network-config configures something",
        "version 2 has `ethernets:` and the like, version 1 a list below `config:`",
        |document| {
            let Some(root) = document.root() else { return Vec::new() };
            let config = config(root);
            let is_list = config.get("config").is_some_and(|c| matches!(c.value, Value::List(_)));
            let is_off = config.get("config").and_then(Node::text) == Some("disabled");
            let has_devices = DEVICES.iter().any(|kind| config.get(kind).is_some());
            let saw = match config.get("version").and_then(Node::text) {
                Some("1") if !is_list && !is_off => "version 1 has a list below `config`",
                Some("2") if !has_devices => "there is no device in it",
                _ => return Vec::new(),
            };
            vec![Sight::of(config, saw)]
        },
    )
    .warning(),
];

/// What is below `network`, where somebody wrote that.
fn config(root: &Node) -> &Node {
    root.get("network").unwrap_or(root)
}
