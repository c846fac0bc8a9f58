//! cloud-init NoCloud seeds: a volume labelled `cidata` with `user-data`, `meta-data` and, where given,
//! `network-config` and `vendor-data`; what is generated of them; and what keeps cloud-init from
//! reading them, found before a guest is started.
//!
//! Source: cloud-init's documentation of the NoCloud datasource and of the user-data formats, checked
//! against 22.4 (Debian 12). Left out: seeds by HTTP, config drives, user-data in gzip.

pub mod check;
pub mod login;
pub mod password;
mod volume;
pub mod yaml;

pub use volume::{Found, Volume, read};

use serde::Serialize;
use sha2::{Digest, Sha256};

/// The label by which cloud-init finds the volume.
pub const LABEL: &str = "cidata";

/// A file of a seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// What the instance is to do.
    UserData,
    /// Who the instance is.
    MetaData,
    /// Its network, in version 1 or 2.
    NetworkConfig,
    /// As user-data, from whoever runs the machines.
    VendorData,
}

impl Part {
    /// All of them.
    pub const ALL: [Part; 4] =
        [Part::UserData, Part::MetaData, Part::NetworkConfig, Part::VendorData];

    /// The name that it has on the volume, and nothing else.
    pub const fn name(self) -> &'static str {
        match self {
            Part::UserData => "user-data",
            Part::MetaData => "meta-data",
            Part::NetworkConfig => "network-config",
            Part::VendorData => "vendor-data",
        }
    }

    /// Whether cloud-init ignores a volume without it.
    pub const fn is_required(self) -> bool {
        matches!(self, Part::UserData | Part::MetaData)
    }
}

/// A file of a seed and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Which it is.
    pub part: Part,
    /// How messages call it: a path, or its name where it was generated.
    pub origin: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// `meta-data` for a seed without one. The instance-id is a function of the other files, so that a
/// seed that changes is another instance, which cloud-init sets up anew, and one that does not is not.
pub fn meta_data(others: &[File], hostname: Option<&str>) -> File {
    let mut hash = Sha256::new().chain_update(hostname.unwrap_or_default());
    for file in others {
        // Lengths tell where one ends and the next begins.
        hash.update(file.part.name());
        hash.update((file.bytes.len() as u64).to_le_bytes());
        hash.update(&file.bytes);
    }
    let digest = hash.finalize();
    let id: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let mut text = format!("instance-id: iid-{id}\n");
    if let Some(hostname) = hostname {
        text.push_str(&format!("local-hostname: {}\n", yaml::quoted(hostname)));
    }
    File { part: Part::MetaData, origin: Part::MetaData.name().into(), bytes: text.into_bytes() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user_data(text: &str) -> File {
        File { part: Part::UserData, origin: String::new(), bytes: text.into() }
    }

    #[test]
    fn the_instance_id_changes_when_anything_does_and_only_then() {
        let id = |text: &str, hostname| {
            let file = meta_data(&[user_data(text)], hostname);
            String::from_utf8(file.bytes).expect("text")
        };
        assert_eq!(id("a", None), id("a", None));
        let all = [id("a", None), id("b", None), id("a", Some("web1")), id("a", Some("web2"))];
        assert!((1..4).all(|n| !all[..n].contains(&all[n])));
        assert!(all[2].ends_with("\nlocal-hostname: \"web1\"\n"), "{}", all[2]);
    }
}
