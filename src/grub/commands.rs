//! Which module brings which command of GRUB.
//!
//! GRUB's own list is `command.lst` beside its modules, which an image need not have; these are the
//! commands that configurations use. Commands of the core (`set`, `insmod`, `ls` in rescue mode) are in
//! every image.

/// A command and its module, sorted by command.
const COMMANDS: [(&str, &str); 94] = [
    (".", "configfile"),
    ("[", "test"),
    ("acpi", "acpi"),
    ("authenticate", "normal"),
    ("background_color", "gfxterm_background"),
    ("background_image", "gfxterm_background"),
    ("blocklist", "blocklist"),
    ("boot", "boot"),
    ("break", "normal"),
    ("cat", "minicmd"),
    ("chainloader", "chain"),
    ("clear", "normal"),
    ("cmp", "cmp"),
    ("configfile", "configfile"),
    ("continue", "normal"),
    ("cpuid", "cpuid"),
    ("cryptomount", "cryptodisk"),
    ("date", "date"),
    ("echo", "echo"),
    ("eval", "eval"),
    ("exit", "minicmd"),
    ("export", "normal"),
    ("extract_entries_configfile", "configfile"),
    ("false", "true"),
    ("file", "file"),
    ("fwsetup", "efifwsetup"),
    ("gettext", "gettext"),
    ("halt", "halt"),
    ("hashsum", "hashsum"),
    ("help", "minicmd"),
    ("hexdump", "hexdump"),
    ("initrd", "linux"),
    ("initrd16", "linux16"),
    ("initrdefi", "linuxefi"),
    ("keymap", "keylayouts"),
    ("keystatus", "keystatus"),
    ("legacy_configfile", "legacycfg"),
    ("linux", "linux"),
    ("linux16", "linux16"),
    ("linuxefi", "linuxefi"),
    ("list_env", "loadenv"),
    ("load_env", "loadenv"),
    ("loadfont", "font"),
    ("loopback", "loopback"),
    ("ls", "ls"),
    ("lsefi", "lsefi"),
    ("lsmod", "minicmd"),
    ("lspci", "lspci"),
    ("md5sum", "hashsum"),
    ("menuentry", "normal"),
    ("module", "multiboot"),
    ("module2", "multiboot2"),
    ("multiboot", "multiboot"),
    ("multiboot2", "multiboot2"),
    ("nativedisk", "nativedisk"),
    ("net_bootp", "net"),
    ("net_dhcp", "net"),
    ("normal", "normal"),
    ("normal_exit", "normal"),
    ("parttool", "parttool"),
    ("password", "password"),
    ("password_pbkdf2", "password_pbkdf2"),
    ("probe", "probe"),
    ("read", "read"),
    ("reboot", "reboot"),
    ("regexp", "regexp"),
    ("return", "normal"),
    ("rmmod", "minicmd"),
    ("save_env", "loadenv"),
    ("search", "search"),
    ("search.file", "search_fs_file"),
    ("search.fs_label", "search_label"),
    ("search.fs_uuid", "search_fs_uuid"),
    ("serial", "serial"),
    ("setparams", "normal"),
    ("setpci", "setpci"),
    ("sha1sum", "hashsum"),
    ("sha256sum", "hashsum"),
    ("sha512sum", "hashsum"),
    ("shift", "normal"),
    ("sleep", "sleep"),
    ("smbios", "smbios"),
    ("source", "configfile"),
    ("submenu", "normal"),
    ("terminal_input", "terminal"),
    ("terminal_output", "terminal"),
    ("terminfo", "terminfo"),
    ("test", "test"),
    ("time", "time"),
    ("tr", "tr"),
    ("true", "true"),
    ("trust", "pgp"),
    ("verify_detached", "pgp"),
    ("videoinfo", "videoinfo"),
];

/// The commands that are in every core image.
const CORE: [&str; 4] = ["insmod", "ls", "set", "unset"];

/// The module that brings a command; `None` for one of the core, and for one that is not known here.
pub fn module_of(command: &str) -> Option<&'static str> {
    if CORE.contains(&command) {
        return None;
    }
    let found = COMMANDS.binary_search_by_key(&command, |&(name, _)| name).ok()?;
    Some(COMMANDS[found].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_answers() {
        assert!(COMMANDS.is_sorted());
        assert_eq!(module_of("linux"), Some("linux"));
        assert_eq!(module_of("["), Some("test"));
        assert_eq!(module_of("set"), None);
        assert_eq!(module_of("load_video"), None);
    }
}
