//! Checks of cloud-config: are its keys known, and are their values of the right kind?
//!
//! Source: cloud-init's module reference.

use super::{Check, Document, Sight};
use crate::seed::yaml::{Node, Value};

/// Keys whose value is a mapping, a list, a boolean or a single value.
const MAPPINGS: &str = "ansible apk_repos apt autoinstall ca_certs chef chpasswd device_aliases disk_setup \
    drivers fan growpart grub_dpkg keyboard landscape lxd mcollective ntp phone_home power_state puppet \
    random_seed resolv_conf rh_subscription rsyslog salt_minion snap spacewalk ssh ssh_keys \
    ssh_publish_hostkeys swap ubuntu_advantage ubuntu_pro updates vendor_data wireguard yum_repos zypper";
const LISTS: &str = "bootcmd fs_setup mount_default_fields mounts packages runcmd \
    ssh_fp_console_blacklist ssh_genkeytypes ssh_import_id ssh_key_console_blacklist write_files \
    ssh_authorized_keys";
const BOOLEANS: &str = "allow_public_ssh_keys apt_reboot_if_required apt_update apt_upgrade \
    disable_ec2_metadata disable_root manage_resolv_conf migrate no_ssh_fingerprints \
    package_reboot_if_required package_update package_upgrade prefer_fqdn_over_hostname \
    preserve_hostname ssh_deletekeys ssh_quiet_keygen create_hostname_file";
const SCALARS: &str = "authkey_hash byobu_by_default disable_root_opts final_message fqdn hostname locale \
    locale_configfile password timezone yum_repo_dir";
/// Keys whose value may be of several kinds, and those of the datasource and of cloud-init itself.
const OTHERS: &str = "apt_pipelining ca-certs cloud_config_modules cloud_final_modules \
    cloud_init_modules cloud_type datasource datasource_list debug def_log_file groups grub-dpkg log_cfgs \
    manage_etc_hosts merge_how merge_type mount_default_fields network output package_mirrors reporting \
    resize_rootfs ssh_pwauth syslog_fix_perms system_info user users vendor_data2 warnings";

/// How a key may differ from a known one that was probably meant.
const DISTANCE_MAX: usize = 2;

pub(super) const CHECKS: &[Check] = &[
    Check::error(
        "not-a-mapping",
        "cloud-config is keys and their values",
        "write `key: value`, with a blank behind the colon",
        |document| match document.root() {
            Some(root) if root.is_null() => Vec::new(),
            Some(root) if !matches!(root.value, Value::Mapping(_)) => {
                let saw = format!("cloud-config is {}, so all of it is ignored", root.kind());
                vec![Sight::of(root, saw)]
            }
            _ => Vec::new(),
        },
    ),
    Check::error(
        "unknown-key",
        "every key is one that a module of cloud-init reads",
        "correct the key; what no module reads is ignored without a word",
        unknown_key,
    )
    .warning(),
    Check::error(
        "wrong-kind",
        "values are of the kind that their module expects",
        "write lists with a hyphen a line, mappings as `key: value`",
        wrong_kind,
    ),
    Check::error(
        "permissions",
        "permissions of files that are written are octal",
        "quote it with its leading zero, as in '0644'",
        |document| {
            let files = document.root().and_then(|root| root.get("write_files"));
            let files = files.map(Node::elements).unwrap_or_default().iter();
            files.filter_map(|file| permissions(file.get("permissions")?)).collect()
        },
    ),
];

fn words(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.split_whitespace()
}

fn all_keys() -> impl Iterator<Item = &'static str> {
    [MAPPINGS, LISTS, BOOLEANS, SCALARS, OTHERS].into_iter().flat_map(words)
}

fn unknown_key(document: &Document) -> Vec<Sight> {
    let entries = document.root().map(Node::entries).unwrap_or_default();
    let sight = |(key, _): &(Node, Node)| {
        let name = key.text()?;
        if all_keys().any(|known| known == name) {
            return None;
        }
        let shown = name.escape_debug();
        let near = all_keys().map(|known| (distance(name, known), known)).min();
        let saw = match near {
            Some((distance, known)) if distance <= DISTANCE_MAX => {
                format!("no module reads `{shown}`; `{known}` is one that is read")
            }
            _ => format!("no module reads `{shown}`"),
        };
        Some(Sight::of(key, saw))
    };
    entries.iter().filter_map(sight).collect()
}

/// In how many places two words differ (Levenshtein); words that are much longer differ in many.
fn distance(a: &str, b: &str) -> usize {
    if a.len().abs_diff(b.len()) > DISTANCE_MAX {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let cost = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

fn wrong_kind(document: &Document) -> Vec<Sight> {
    let entries = document.root().map(Node::entries).unwrap_or_default();
    let sight = |(key, value): &(Node, Node)| {
        let name = key.text()?;
        let is_in = |list: &'static str| words(list).any(|known| known == name);
        let wanted = match &value.value {
            Value::Alias => return None,
            _ if value.is_null() => return None,
            Value::Mapping(_) if is_in(MAPPINGS) => return None,
            Value::List(_) if is_in(LISTS) => return None,
            Value::Scalar { .. } if is_in(SCALARS) => return None,
            _ if is_in(BOOLEANS) && value.boolean().is_some() => return None,
            _ if is_in(MAPPINGS) => "a mapping",
            _ if is_in(LISTS) => "a list",
            _ if is_in(SCALARS) => "a single value",
            _ if is_in(BOOLEANS) => "true or false",
            _ => return None,
        };
        Some(Sight::of(value, format!("`{name}` is {}, and should be {wanted}", value.kind())))
    };
    entries.iter().filter_map(sight).collect()
}

/// YAML 1.1 reads `0644` as octal, and `644` as six hundred and forty-four.
fn permissions(node: &Node) -> Option<Sight> {
    let Value::Scalar { text, is_plain } = &node.value else { return None };
    let is_octal = text.starts_with('0') && text.chars().all(|c| ('0'..='7').contains(&c));
    let is_number = text.chars().all(|c| c.is_ascii_digit());
    match is_octal || (!is_plain && is_number) {
        true => None,
        false if is_number => {
            Some(Sight::of(node, format!("`{text}` is taken for a decimal number")))
        }
        false => Some(Sight::of(node, format!("`{}` is no octal number", text.escape_debug()))),
    }
}
