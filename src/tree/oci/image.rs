//! What an image says about itself (image-spec 1.1, "Image Configuration", "Image Index", "Manifest").

use serde::{Deserialize, Serialize};

use crate::tree::Source;

/// A container image: its root filesystem and how it wants to be started.
#[derive(Debug, Clone)]
pub struct Image {
    /// Its root filesystem.
    pub source: Source,
    /// How it wants to be started.
    pub config: Config,
    /// For which machine it is.
    pub platform: Platform,
}

/// How a container of the image is started.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Config {
    /// Name or number of the user, perhaps `:` and a group; empty is root.
    pub user: String,
    /// Environment, as `NAME=value`.
    #[serde(deserialize_with = "or_default")]
    pub env: Vec<String>,
    /// The program and its first arguments.
    #[serde(deserialize_with = "or_default")]
    pub entrypoint: Vec<String>,
    /// The arguments after those, or the program where there is no entry point.
    #[serde(deserialize_with = "or_default")]
    pub cmd: Vec<String>,
    /// Where it starts; empty is the root.
    pub working_dir: String,
    /// The signal that asks it to end; empty is SIGTERM.
    pub stop_signal: String,
}

/// Docker writes `null` for lists that are not set.
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl Config {
    /// The whole command: entry point and arguments.
    pub fn command(&self) -> Vec<String> {
        [&self.entrypoint[..], &self.cmd].concat()
    }
}

/// For which machine an image is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Platform {
    /// Go's name of the architecture, such as `amd64`.
    pub architecture: String,
    /// Go's name of the operating system.
    pub os: String,
    /// The variant of the architecture, such as `v8`.
    pub variant: String,
}

/// What a manifest or index points at.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    #[serde(default)]
    pub(super) media_type: String,
    pub(super) digest: String,
    pub(super) size: u64,
    pub(super) platform: Option<Platform>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) annotations: std::collections::BTreeMap<String, String>,
}

/// A list of images, perhaps for several machines.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Index {
    pub(super) manifests: Vec<Descriptor>,
}

/// One image.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Manifest {
    pub(super) config: Descriptor,
    pub(super) layers: Vec<Descriptor>,
}

/// The configuration as it is stored.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct StoredConfig {
    #[serde(flatten)]
    pub(super) platform: Platform,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) config: Config,
    #[serde(default)]
    pub(super) rootfs: RootFs,
}

/// The layers as they are when they are not compressed.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct RootFs {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) diff_ids: Vec<String>,
}

/// An entry of `manifest.json`, as `docker save` writes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Saved {
    pub(super) config: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) repo_tags: Vec<String>,
    pub(super) layers: Vec<String>,
}
