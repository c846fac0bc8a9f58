//! A kernel's configuration, `config-RELEASE` or `.config`: what is built in, a module, or absent.
//!
//! Source: `Documentation/kbuild/kconfig.rst` and what `make olddefconfig` writes: one `CONFIG_NAME=value`
//! or `# CONFIG_NAME is not set` a line. Strings and numbers are kept as they are written.

use std::collections::BTreeMap;

/// The largest configuration; real ones have less than a tenth.
pub const CONFIG_MAX: usize = 4 << 20;

/// What a configuration says about an option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// `=y`: built in.
    Yes,
    /// `=m`: a module.
    Module,
    /// Not set, or never heard of: the same to Kconfig.
    No,
    /// A string (without its quotes) or a number.
    Value(String),
}

/// Why text is not a kernel configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Larger than any.
    #[error("it has {0} bytes, more than a kernel configuration has")]
    TooLarge(usize),
    /// Something else than an option, a comment or nothing.
    #[error("line {0} is no option of a kernel configuration")]
    Line(usize),
}

/// A kernel configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Config {
    /// What is set, by its name without `CONFIG_`.
    options: BTreeMap<String, Answer>,
}

impl Config {
    /// Reads a configuration.
    ///
    /// # Errors
    /// Where it is too large, or a line is no option.
    pub fn parse(text: &[u8]) -> Result<Self, ConfigError> {
        if text.len() > CONFIG_MAX {
            return Err(ConfigError::TooLarge(text.len()));
        }
        let mut options = BTreeMap::new();
        for (number, line) in String::from_utf8_lossy(text).lines().enumerate() {
            let line = line.trim();
            // "is not set" says no more than silence does.
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let option = line.strip_prefix("CONFIG_").and_then(|l| l.split_once('='));
            let (name, value) = option.ok_or(ConfigError::Line(number + 1))?;
            options.insert(name.into(), answer(value));
        }
        Ok(Config { options })
    }

    /// What it says about an option; the name may have its `CONFIG_` or not.
    pub fn get(&self, name: &str) -> &Answer {
        let name = name.strip_prefix("CONFIG_").unwrap_or(name);
        self.options.get(name).unwrap_or(&Answer::No)
    }
}

fn answer(value: &str) -> Answer {
    match value {
        "y" => Answer::Yes,
        "m" => Answer::Module,
        "n" => Answer::No,
        _ => {
            let inner = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
            Answer::Value(inner.unwrap_or(value).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_built_in_modules_absent_or_values() {
        let text = b"# Linux\nCONFIG_EXT4_FS=y\nCONFIG_VFAT_FS=m\n# CONFIG_XFS_FS is not set\n\n\
            CONFIG_LOCALVERSION=\"-test\"\nCONFIG_NR_CPUS=64\r\n";
        let config = Config::parse(text).expect("a configuration");
        assert_eq!(config.get("EXT4_FS"), &Answer::Yes);
        assert_eq!(config.get("CONFIG_VFAT_FS"), &Answer::Module);
        assert_eq!(config.get("XFS_FS"), &Answer::No);
        assert_eq!(config.get("LOCALVERSION"), &Answer::Value("-test".into()));
        assert_eq!(config.get("NR_CPUS"), &Answer::Value("64".into()));
    }

    #[test]
    fn what_is_no_configuration_says_where() {
        assert_eq!(Config::parse(b"CONFIG_A=y\n<html>"), Err(ConfigError::Line(2)));
        assert_eq!(
            Config::parse(&vec![b'#'; CONFIG_MAX + 1]),
            Err(ConfigError::TooLarge(CONFIG_MAX + 1))
        );
        assert_eq!(Config::parse(&[0xff, 0, 1]), Err(ConfigError::Line(1)));
    }
}
