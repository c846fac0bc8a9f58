//! Lints of the kernel modules that an initramfs brings.

use super::files::Files;
use super::subject::{Early, Initramfs, Module};
use super::unpack::named;
use super::{Lint, Sight, Subject};
use crate::elf::ElfError;
use crate::kernel::config::Answer;
use crate::kernel::modules::ModuleError;

pub(super) const LINTS: &[Lint] = &[
    Lint::error(
        "initramfs-wrong-kernel-version",
        "the modules of the initramfs are those of this kernel",
        &[],
        "build the initramfs for this kernel: `update-initramfs -u -k VERSION`",
        wrong_folder,
    ),
    Lint::error(
        "module-version-mismatch",
        "every module was built for the kernel that loads it (vermagic)",
        &["disagrees about version of symbol module_layout"],
        "use the modules of this kernel",
        wrong_version,
    ),
    Lint::error(
        "modules-dir-missing",
        "where modprobe loads modules, it finds modules.dep",
        &["modules.dep"],
        "run `depmod -b TREE VERSION` before packing",
        no_modules_dep,
    ),
    Lint::error(
        "module-corrupt",
        "every module is whole",
        &["invalid module format"],
        "copy the module again",
        |subject| {
            damaged(subject, |module| {
                !module.compressed_as_plain
                    && matches!(
                        module.info,
                        Err(ModuleError::Elf(ElfError::Truncated { .. }))
                            | Err(ModuleError::Elf(ElfError::Damaged(_)))
                    )
            })
        },
    ),
    Lint::error(
        "module-compressed",
        "a module that is compressed says so by its name",
        &["Invalid ELF header magic"],
        "decompress the module, or keep its `.zst`, `.xz` or `.gz`",
        |subject| damaged(subject, |module| module.compressed_as_plain),
    ),
    Lint::error(
        "module-signature-rejected",
        "where the kernel wants signed modules, they are signed",
        &["Key was rejected by service"],
        "use the signed modules, do not strip them",
        unsigned,
    ),
    Lint::error(
        "module-unknown-symbol",
        "a module is loaded after those that it needs",
        &["Unknown symbol"],
        "load the modules in the order of modules.dep",
        order,
    ),
];

/// The kernel's release and the initramfs that goes with it.
pub(super) fn pair(subject: &Subject) -> Option<(&str, &Initramfs)> {
    let initramfs = subject.initramfs.here().filter(|initramfs| initramfs.is_whole())?;
    Some((subject.kernel.as_ref()?.release()?, initramfs))
}

fn wrong_folder(subject: &Subject) -> Vec<Sight> {
    let Some((release, initramfs)) = pair(subject) else { return Vec::new() };
    let folders = releases(&initramfs.files);
    if folders.is_empty() || folders.iter().any(|folder| folder == release.as_bytes()) {
        return Vec::new();
    }
    let saw = format!("it has modules for {}, and the kernel is {release}", named(&folders));
    vec![Sight::new(&initramfs.name, saw)]
}

/// The folders of modules: those in `lib/modules` that hold any.
fn releases(files: &Files) -> Vec<Vec<u8>> {
    let names = files.names(b"lib/modules").into_iter();
    let folder = |name: &Vec<u8>| [b"lib/modules/", &name[..]].concat();
    names.filter(|name| !files.names(&folder(name)).is_empty()).collect()
}

fn wrong_version(subject: &Subject) -> Vec<Sight> {
    let Some((release, initramfs)) = pair(subject) else { return Vec::new() };
    let wrong = |module: &&Module| module.info.as_ref().is_ok_and(|info| info.release != release);
    let wrong: Vec<&Module> = initramfs.modules.iter().filter(wrong).collect();
    let Some(Module { path, info: Ok(info), .. }) = wrong.first() else { return Vec::new() };
    let saw = format!(
        "{} of its modules are for another kernel: /{path} is for {}, and the kernel is {release}",
        wrong.len(),
        info.release
    );
    vec![Sight::new(&initramfs.name, saw)]
}

fn no_modules_dep(subject: &Subject) -> Vec<Sight> {
    let Some(initramfs) = subject.initramfs.here().filter(|initramfs| initramfs.is_whole()) else {
        return Vec::new();
    };
    let uses_modprobe = match initramfs.early {
        Early::InitramfsTools | Early::Dracut => true,
        Early::Kernel | Early::Bootwright => false,
        Early::Other => {
            let init = initramfs.files.read(b"init").unwrap_or_default();
            init.starts_with(b"#!") && String::from_utf8_lossy(&init).contains("modprobe ")
        }
    };
    let lacks = |folder: &Vec<u8>| {
        let list = [b"lib/modules/", &folder[..], b"/modules.dep"].concat();
        !initramfs.files.has(&list) && !initramfs.files.has(&[&list[..], b".bin"].concat())
    };
    let folders: Vec<_> = releases(&initramfs.files).into_iter().filter(lacks).collect();
    match uses_modprobe && !folders.is_empty() && !initramfs.modules.is_empty() {
        true => {
            let saw = format!("its modules for {} have no modules.dep", named(&folders));
            vec![Sight::new(&initramfs.name, saw)]
        }
        false => Vec::new(),
    }
}

fn damaged(subject: &Subject, is: impl Fn(&Module) -> bool) -> Vec<Sight> {
    let Some(initramfs) = subject.initramfs.here() else { return Vec::new() };
    let found = initramfs.modules.iter().filter(|module| is(module));
    let say = |module: &Module| {
        let saw = match &module.info {
            _ if module.compressed_as_plain => format!("/{} is compressed", module.path),
            Err(error) => format!("/{}: {error}", module.path),
            Ok(_) => format!("/{} is not as it should be", module.path),
        };
        let sight = Sight::new(&initramfs.name, saw);
        match initramfs.early {
            Early::Bootwright => sight.with(format!("init: loading /{}: ENOEXEC", module.path)),
            _ => sight,
        }
    };
    found.take(1).map(say).collect()
}

fn unsigned(subject: &Subject) -> Vec<Sight> {
    let Some(initramfs) = subject.initramfs.here() else { return Vec::new() };
    let asked = subject.argument("module.sig_enforce").is_some_and(|v| v != "0" && v != "n");
    if !asked && subject.option("MODULE_SIG_FORCE") != Some(&Answer::Yes) {
        return Vec::new();
    }
    let found = initramfs.modules.iter().filter(|module| module.info.is_ok() && !module.signed);
    let say = |module: &Module| {
        Sight::new(
            &initramfs.name,
            format!("/{} has no signature, and the kernel wants one", module.path),
        )
    };
    found.take(1).map(say).collect()
}

/// The modules that are loaded by a list or a script, in order: their paths.
fn load_list(initramfs: &Initramfs) -> Vec<String> {
    let text = |path: &[u8]| initramfs.files.read(path).unwrap_or_default();
    let clean = |path: &str| path.trim_start_matches('/').to_owned();
    if initramfs.early == Early::Bootwright {
        let list = text(b"lib/modules/load-order");
        return String::from_utf8_lossy(&list).lines().map(clean).collect();
    }
    let init = text(b"init");
    if !init.starts_with(b"#!") {
        return Vec::new();
    }
    let init = String::from_utf8_lossy(&init).into_owned();
    init.lines().filter_map(insmod).map(clean).collect()
}

/// The file of a line `insmod FILE`, `busybox insmod FILE` or `/sbin/insmod FILE`.
fn insmod(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace().skip_while(|word| word.ends_with("busybox"));
    let command = words.next()?.rsplit('/').next()?;
    let path = words.next().filter(|_| command == "insmod")?;
    (!path.contains('$')).then_some(path.trim_end_matches(';'))
}

fn order(subject: &Subject) -> Vec<Sight> {
    let Some(initramfs) = subject.initramfs.here() else { return Vec::new() };
    let builtin = subject.kernel.as_ref().and_then(|kernel| kernel.builtin.as_ref());
    let mut loaded: Vec<String> = Vec::new();
    for path in load_list(initramfs) {
        let Some(module) = initramfs.modules.iter().find(|module| module.path == path) else {
            continue;
        };
        let Ok(info) = &module.info else { continue };
        let here = |name: &String| initramfs.modules.iter().any(|m| m.name() == *name);
        let known = |name: &String| here(name) || builtin.is_some_and(|b| !b.contains(name));
        let lacks = info.depends.iter().find(|name| !loaded.contains(name) && known(name));
        if let Some(name) = lacks {
            let saw = format!("/{path} needs {name}, which is not loaded before it");
            return vec![Sight::new(&initramfs.name, saw)];
        }
        loaded.push(module.name());
    }
    Vec::new()
}
