//! What an image needs of its kernel's configuration, held against it before anything is booted.
//!
//! The table is `kernel-configs/uefi-vm.config`: an option, the answers that do, and the reason a line.

use super::config::{Answer, Config};

const TABLE: &str = include_str!("../../kernel-configs/uefi-vm.config");

/// One option that an image needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requirement {
    /// The option, with its `CONFIG_`.
    pub option: &'static str,
    /// Whether a module does too, which the initramfs then brings.
    pub module_will_do: bool,
    /// Why it is needed.
    pub reason: &'static str,
}

/// All requirements, in the table's order.
pub fn all() -> impl Iterator<Item = Requirement> {
    let lines = TABLE.lines().filter(|line| line.starts_with("CONFIG_"));
    lines.filter_map(|line| {
        let (left, reason) = line.split_once('#')?;
        let mut words = left.split_whitespace();
        let option = words.next()?;
        Some(Requirement { option, module_will_do: words.any(|w| w == "m"), reason: reason.trim() })
    })
}

/// What a kernel of this configuration lacks.
pub fn unmet(config: &Config) -> Vec<Requirement> {
    let met = |r: &Requirement| match config.get(r.option) {
        Answer::Yes => true,
        Answer::Module => r.module_will_do,
        Answer::No | Answer::Value(_) => false,
    };
    all().filter(|requirement| !met(requirement)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_read_and_has_a_reason() {
        let lines = TABLE.lines().filter(|line| line.starts_with("CONFIG_")).count();
        assert_eq!(all().count(), lines);
        assert!(all().all(|r| r.reason.len() > 5));
    }

    #[test]
    fn a_kernel_without_the_efi_stub_is_found_out_and_modules_do_where_they_may() {
        let mut text: String = all().map(|r| format!("{}=y\n", r.option)).collect();
        text = text.replace("CONFIG_VIRTIO_BLK=y", "CONFIG_VIRTIO_BLK=m");
        let config = |text: &str| Config::parse(text.as_bytes()).expect("a configuration");
        assert_eq!(unmet(&config(&text)), []);
        let lacking = unmet(&config(&text.replace("CONFIG_EFI_STUB=y", "CONFIG_EFI_STUB=m")));
        assert_eq!(lacking.iter().map(|r| r.option).collect::<Vec<_>>(), ["CONFIG_EFI_STUB"]);
    }
}
