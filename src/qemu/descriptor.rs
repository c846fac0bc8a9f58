//! QEMU's firmware descriptors: one JSON file says what one firmware is and needs.
//!
//! Follows QEMU's `docs/interop/firmware.json`. Left out: firmware that is mapped into memory or
//! loaded as a kernel, and firmware without a variable store of its own.

use std::path::Path;

use serde::Deserialize;

use crate::arch::Arch;
use crate::error::{Context, Result};

/// The fields that decide; unknown ones are ignored, as the format grows with QEMU.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Descriptor {
    #[serde(default)]
    pub(super) description: String,
    #[serde(default)]
    interface_types: Vec<String>,
    mapping: Mapping,
    #[serde(default)]
    targets: Vec<Target>,
    #[serde(default)]
    features: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Mapping {
    device: String,
    mode: Option<String>,
    executable: Option<FlashFile>,
    nvram_template: Option<FlashFile>,
}

#[derive(Debug, Deserialize)]
struct FlashFile {
    filename: String,
}

#[derive(Debug, Deserialize)]
struct Target {
    architecture: String,
    #[serde(default)]
    machines: Vec<String>,
}

/// Features that a plain machine does not offer, and what that means.
const UNMET: [(&str, &str); 2] = [
    ("requires-smm", "it needs SMM, which this machine does not emulate"),
    ("enrolled-keys", "Secure Boot keys are enrolled: it starts only signed loaders"),
];

impl Descriptor {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let doing = || "reading the descriptor";
        let text = std::fs::read(path).context(doing)?;
        serde_json::from_slice(&text).context(doing)
    }

    /// The paths of code and variable store, as written, or why this firmware does not suit the
    /// machine.
    pub(super) fn files(&self, arch: &Arch) -> Result<(&str, &str), String> {
        if !self.interface_types.iter().any(|t| t == "uefi") {
            return Err(format!("its interface is {}, not uefi", self.interface_types.join(", ")));
        }
        if !self.targets.iter().any(|target| target.suits(arch)) {
            return Err(format!("it is not for the machine {} of {}", arch.machine, arch.name));
        }
        let unmet = UNMET.iter().find(|(name, _)| self.features.iter().any(|f| f == name));
        if let Some((_, reason)) = unmet {
            return Err((*reason).into());
        }
        self.mapping.files()
    }
}

impl Mapping {
    fn files(&self) -> Result<(&str, &str), String> {
        if self.device != "flash" {
            return Err(format!("it is mapped as {}, not as flash", self.device));
        }
        if let Some(mode) = self.mode.as_deref().filter(|&mode| mode != "split") {
            return Err(format!("its flash is {mode}, not split into code and variables"));
        }
        match (&self.executable, &self.nvram_template) {
            (Some(code), Some(vars)) => Ok((&code.filename, &vars.filename)),
            (None, _) => Err("it names no executable".into()),
            (_, None) => Err("it names no variable store".into()),
        }
    }
}

impl Target {
    /// Descriptors name concrete machine types (`pc-q35-7.2`) by pattern; ours is the alias.
    fn suits(&self, arch: &Arch) -> bool {
        let alias = arch.machine;
        let names = [alias.into(), format!("pc-{alias}-9.0"), format!("{alias}-9.0")];
        let suits = |pattern: &String| names.iter().any(|name| matches(pattern, name));
        self.architecture == arch.name && self.machines.iter().any(suits)
    }
}

/// Whether a name matches a pattern in which `*` stands for any text and `?` for one byte.
fn matches(pattern: &str, name: &str) -> bool {
    fn bytes(pattern: &[u8], name: &[u8]) -> bool {
        match (pattern, name) {
            ([], []) => true,
            ([b'*', rest @ ..], _) => (0..=name.len()).any(|n| bytes(rest, &name[n..])),
            ([b'?', rest @ ..], [_, after @ ..]) => bytes(rest, after),
            ([p, rest @ ..], [n, after @ ..]) => p == n && bytes(rest, after),
            _ => false,
        }
    }
    // Bounded work whatever the file holds: no real pattern has more than two stars.
    pattern.bytes().filter(|&b| b == b'*').count() <= 4
        && bytes(pattern.as_bytes(), name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::X86_64;

    fn descriptor(edit: impl Fn(&mut serde_json::Value)) -> Descriptor {
        let mut json = serde_json::json!({
            "description": "d", "interface-types": ["uefi"], "tags": [],
            "mapping": {"device": "flash",
                "executable": {"filename": "/c", "format": "raw"},
                "nvram-template": {"filename": "/v", "format": "raw"}},
            "targets": [{"architecture": "x86_64", "machines": ["pc-i440fx-*", "pc-q35-*"]}],
            "features": ["acpi-s3", "secure-boot"],
        });
        edit(&mut json);
        serde_json::from_value(json).expect("it is a descriptor")
    }

    #[test]
    fn a_plain_firmware_suits() {
        assert_eq!(descriptor(|_| {}).files(&X86_64), Ok(("/c", "/v")));
        let split = descriptor(|json| json["mapping"]["mode"] = "split".into());
        assert!(split.files(&X86_64).is_ok());
    }

    #[test]
    fn what_does_not_suit_says_why() {
        let table: [(&str, serde_json::Value, &str); 7] = [
            ("/features", serde_json::json!(["requires-smm"]), "SMM"),
            ("/features", serde_json::json!(["enrolled-keys"]), "signed"),
            ("/interface-types", serde_json::json!(["bios"]), "bios"),
            ("/targets/0/architecture", "aarch64".into(), "not for the machine"),
            ("/targets/0/machines", serde_json::json!(["microvm"]), "not for the machine"),
            ("/mapping/device", "memory".into(), "memory"),
            ("/mapping/nvram-template", serde_json::Value::Null, "variable store"),
        ];
        for (path, value, reason) in table {
            let edit = |json: &mut serde_json::Value| {
                *json.pointer_mut(path).expect("the field is there") = value.clone();
            };
            let why = descriptor(edit).files(&X86_64).expect_err(path);
            assert!(why.contains(reason), "{path}: {why}");
        }
    }

    #[test]
    fn patterns_match_as_globs() {
        assert!(matches("pc-q35-*", "pc-q35-9.0") && matches("q35", "q35") && matches("*", "q35"));
        assert!(!matches("pc-i440fx-*", "pc-q35-9.0") && !matches("q3", "q35"));
        assert!(!matches(&"*a".repeat(1000), &"a".repeat(1000)));
    }
}
