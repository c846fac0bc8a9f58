//! Specs as text, and what they come to.

use super::*;
use crate::build::root::Wish;
use crate::source::{Kind, Mode, Owner};

fn refusal(text: &str) -> String {
    Spec::parse(text).expect_err("refused").to_string()
}

#[test]
fn what_is_of_another_kind_is_said_in_plain_words() {
    for (text, says) in [
        ("formats = \"raw\"", "expected a list, as in"),
        ("[root]\nsize = 5", "expected a text in quotes"),
        ("[loader]\nmenu-timeout = \"a\"", "expected a number"),
        ("[kernel]\nimage = 5", "expected a path in quotes"),
        (
            "[root]\nchanges = [{ mkdir = { path = \"/a\" }, remove = { path = \"/b\" } }]",
            "has one key",
        ),
    ] {
        assert!(refusal(text).contains(says), "{}", refusal(text));
    }
}

#[test]
fn nothing_said_is_the_demo() {
    let spec = Spec::parse("").expect("empty is fine");
    assert_eq!(spec, Spec::default());
    let (recipe, options) = resolve(&spec, None).expect("sound");
    assert!(recipe.words.is_empty() && recipe.latest.is_none());
    assert_eq!((recipe.wish, options.time), (Wish::Auto, 315_532_800));
    assert_eq!((options.root, options.root_filesystem), (None, RootFilesystem::Ext4));
}

#[test]
fn a_program_of_a_sysroot_keeps_its_name_wherever_the_spec_lies() {
    let words = |sysroot: &str| {
        let text = format!("[root]\nsources = [\"elf:bin/app\"]\n{sysroot}");
        let spec = Spec::parse(&text).expect("sound").below(Path::new("specs"));
        (spec.root.sources[0].path.clone(), spec.root.sysroot)
    };
    assert_eq!(words("sysroot = \"tree\""), ("bin/app".into(), "specs/tree".into()));
    assert_eq!(words("").0, Path::new("specs/bin/app"));
}

#[test]
fn every_key_reaches_the_build() {
    let text = r#"
        output = "out.img"
        size = "2G"
        seed = "a"
        [esp]
        size = "64M"
        [root]
        sources = ["base.tar", "dir:overlay", "/abs"]
        on-conflict = "replace"
        owners = "1000:0"
        exclude = [".git"]
        run = ["/bin/app", "-v"]
        size = "auto+1G"
        legacy-bios-bootable = true
        changes = [
            { write = { path = "/etc/hostname", text = "demo" } },
            { add = { from = "motd", path = "/etc/motd" } },
            { chmod = { path = "/root", mode = "0700", recurse = true } },
            { chown = { path = "/srv", owner = "33:33" } },
        ]
        [kernel]
        append = ["quiet", "panic=1"]
        [loader]
        menu-timeout = 3
    "#;
    let spec = Spec::parse(text).expect("sound").below(Path::new("/specs"));
    assert_eq!(spec.output.as_deref(), Some(Path::new("/specs/out.img")));
    let (recipe, options) = resolve(&spec, Some(7)).expect("sound");
    let paths: Vec<_> = recipe.words.iter().map(|word| word.path.as_path()).collect();
    assert_eq!(paths, ["/specs/base.tar", "/specs/overlay", "/abs"].map(Path::new));
    assert_eq!(recipe.words[1].kind, Some(Kind::Dir));
    assert_eq!(recipe.on_conflict, Conflict::Replace);
    assert_eq!(recipe.wish, Wish::Run(vec!["/bin/app".into(), "-v".into()]));
    let (path, from) = ("/etc/motd".into(), "/specs/motd".into());
    assert_eq!(recipe.changes[1], Change::Add { from, path });
    let (path, mode) = ("/root".into(), Mode(0o700));
    assert_eq!(recipe.changes[2], Change::Chmod { path, mode, recurse: true });
    let (path, owner) = ("/srv".into(), Owner(33, 33));
    assert_eq!(recipe.changes[3], Change::Chown { path, owner, recurse: false });
    assert_eq!((options.time, &options.append[..]), (7, "quiet panic=1"));
    assert_eq!((options.disk, options.menu_timeout), (Some(2 << 30), 3));
    assert_eq!(options.esp, FilesystemSize::Exact(64 * MIB));
    assert!(options.legacy_bios_bootable);
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let said = refusal("seed = \"a\"\nsees = \"b\"\n");
    assert!(said.starts_with("line 2, column 1: unknown field `sees`"), "{said}");
    let said = refusal("[root]\nsize = \"big\"\n");
    assert!(said.starts_with("line 2, column 8: `big` is not a size"), "{said}");
    let said = refusal("[root]\nchanges = [{ chmod = { path = \"/\", mode = \"rwx\" } }]\n");
    assert!(said.contains("`rwx` is no mode"), "{said}");
    let said = refusal("[root]\nchanges = [{ chmod = { path = \"/\", mod = \"0755\" } }]\n");
    assert!(said.contains("mod, available keys: path, mode"), "{said}");
    let said = refusal("[root]\nchanges = [{ rename = { path = \"/\" } }]\n");
    assert!(said.contains("unknown variant `rename`"), "{said}");
    assert!(refusal("a = [").starts_with("line 1, column "));
    let both = Spec::parse("[root]\ninit = \"/sbin/init\"\nrun = [\"x\"]\n").expect("readable");
    assert!(resolve(&both, None).is_err());
}
