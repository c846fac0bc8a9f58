//! A disk image or a volume: its format, its table, its partitions with their filesystems, and what it boots.

use super::item::shown_size;
use super::{Item, content, optical, seed};
use crate::disk::gpt::Source;
use crate::error::{Result, shown_bytes};
use crate::fs::superblock::Superblock;
use crate::fs::{Entry, FileSystem};
use crate::image::{Boot, BootEntry, Format, Image, Located, Origin, Partition, Table};
use crate::tree::TreePath;
use crate::volume::Window;

/// The most names of a directory that are shown.
const NAMES_MAX: usize = 32;

/// The largest file that is looked into where it lies on a filesystem: kernels, loaders, archives.
const FILE_MAX: u64 = 512 << 20;

/// The configurations of loaders that are lists of settings, on an ESP.
const SETTINGS: [&str; 2] = ["loader/loader.conf", "EFI/refind/refind.conf"];

/// The longest of them that is read, and the most lines of one that are shown.
const SETTINGS_MAX: u64 = 256 << 10;
const LINES_MAX: usize = 24;

/// The label of a cloud-init NoCloud volume, in either case.
const SEED_LABEL: &str = "cidata";

pub(super) fn inspect(image: &Image, depth: usize) -> Result<Item> {
    let (format, table) = (image.format(), image.table());
    let is_volume = matches!(table, Table::None) && format.format == Format::Raw;
    let mut item = match image.partitions() {
        [only] if is_volume => filesystem(&only.window, only.len, depth, &[])?,
        _ => Item::new("disk-image").fact("format", format.format.to_string()),
    };
    if format.format != Format::Raw {
        item = item.fact("virtual size", shown_size(format.virtual_size));
        for (name, value) in &format.facts {
            item = item.fact(name, value.as_str());
        }
    }
    item = match table {
        Table::Gpt(table) => {
            let item = item.fact("table", "GPT").fact("disk GUID", table.disk_guid.to_string());
            let item = item.fact("sector size", table.sector);
            match &table.source {
                Source::Primary => item,
                Source::Backup { primary } => {
                    item.problem(format!("read from the backup table: {primary}"))
                }
            }
        }
        Table::DamagedGpt(error) => item.problem(format!("its partition table: {error}")),
        Table::Mbr(_) => item.fact("table", "MBR"),
        Table::None => item,
    };
    // An ISO that can be written to a stick has a partition table too.
    if let Some(disc) = image.as_disc() {
        let parts = image.partitions();
        let volume = filesystem(disc.window(), disc.window().len(), depth, parts)?;
        let is_partition = parts.iter().any(is_the_disc);
        item = item.child(if is_partition { volume } else { add_boot(volume, &disc, depth)? });
    }
    if !is_volume {
        for found in image.partitions() {
            item = item.child(partition(found, depth)?);
        }
    }
    add_boot(item, image, depth)
}

/// Whether it is the whole of a hybrid ISO.
fn is_the_disc(partition: &Partition) -> bool {
    partition.offset() == 0 && partition.fstype() == Some("iso9660")
}

fn partition(partition: &Partition, depth: usize) -> Result<Item> {
    let number = partition.number.map_or(String::new(), |number| number.to_string());
    let name = match partition.name.is_empty() {
        true => number,
        false => format!("{number} `{}`", shown_bytes(partition.name.as_bytes())),
    };
    let mut item = Item::new("partition").named(name).at(partition.offset(), partition.len);
    item = item.fact("type", partition.type_text());
    item = match partition.type_guid {
        Some(guid) => item.fact("type GUID", guid.to_string()),
        None => item,
    };
    item = match partition.unique_guid {
        Some(guid) => item.fact("PARTUUID", guid.to_string()),
        None => item,
    };
    item = item.fact("attributes", partition.attributes.to_string());
    if partition.mbr.is_some_and(|(_, active)| active) {
        item = item.fact("active", true);
    }
    if partition.is_cut_off() {
        item = item.problem("it reaches past the end of the image");
    }
    if is_the_disc(partition) {
        return Ok(item.fact("holds", "the ISO 9660 filesystem above"));
    }
    Ok(item.child(filesystem(&partition.window, partition.len, depth, &[])?))
}

/// What a partition or volume of `len` bytes holds, with the names in its root directory; `parts` are
/// the partitions that lie in it.
fn filesystem(window: &Window, len: u64, depth: usize, parts: &[Partition]) -> Result<Item> {
    let Some(found) = Superblock::probe(window) else { return Ok(Item::new("unknown")) };
    let is_seed = found.label.eq_ignore_ascii_case(SEED_LABEL);
    let item = Item::new(if is_seed { "cloud-init-seed" } else { kind(&found) });
    let mut item = item.fact("filesystem", found.fstype);
    item = item.fact("label", found.label).fact("UUID", found.uuid);
    if let Some(size) = found.size {
        item = item.fact("bytes", size);
        if size > len {
            item = item.problem(format!(
                "its end is missing: it has {size} bytes, and what holds it {len}"
            ));
        }
    }
    for (name, value) in found.facts {
        item = item.fact(name, value);
    }
    let system = match FileSystem::open(window) {
        Ok(Some(system)) => system,
        Ok(None) => return Ok(item),
        Err(error) => return Ok(item.problem(error.to_string())),
    };
    item = root(item, &system);
    if is_seed {
        item = seed::describe(item, &system);
    }
    match &system {
        FileSystem::Iso9660(iso) => optical::add(item, iso, (window, parts), depth),
        _ => Ok(item),
    }
}

fn kind(found: &Superblock) -> &'static str {
    match found.fstype {
        known @ ("ext2" | "ext3" | "ext4" | "vfat" | "squashfs" | "erofs" | "iso9660") => known,
        _ => "filesystem",
    }
}

/// Adds the names in the root directory, and of FAT what there is to know about it.
fn root(mut item: Item, system: &FileSystem) -> Item {
    if let FileSystem::Fat(fat) = system {
        let cluster = fat.cluster_size;
        item = item.fact("FAT", fat.kind.to_string()).fact("cluster size", cluster);
    }
    match system.list(&TreePath::root()) {
        Ok(entries) => item.fact("root directory", names(&entries)),
        Err(error) => item.problem(error.to_string()),
    }
}

fn names(entries: &[Entry]) -> Vec<String> {
    let shown = |entry: &Entry| {
        let name = shown_bytes(&entry.name);
        if entry.is_directory() { format!("{name}/") } else { name }
    };
    let mut names: Vec<_> = entries.iter().take(NAMES_MAX).map(shown).collect();
    if entries.len() > NAMES_MAX {
        names.push(format!("and {} more", entries.len() - NAMES_MAX));
    }
    names
}

/// What it boots: loaders, configurations, menu entries with their files.
fn add_boot(mut item: Item, image: &Image, depth: usize) -> Result<Item> {
    let boot = match image.boot() {
        Ok(boot) => boot,
        Err(error) => return Ok(item.problem(error.to_string())),
    };
    if let Some(esp) = image.esp() {
        for (path, _) in &boot.loaders {
            item = item.child(file(esp, path, depth)?);
        }
        for path in SETTINGS {
            item = settings(item, esp, path);
        }
    }
    for config in &boot.configs {
        let mut found = Item::new("config-file").named(format!("/{}", config.path));
        found = found.fact("on", place(image, config.partition));
        found.size = Some(config.text.len() as u64);
        if let Some(script) = &config.script {
            found = found.fact("menu entries", script.entries().len() as u64);
            for (line, complaint) in &script.complaints {
                found = found.problem(format!("line {line}: {complaint}"));
            }
        }
        item = item.child(found);
    }
    for entry in &boot.entries {
        item = item.child(boot_entry(entry, &boot, image, depth)?);
    }
    Ok(item)
}

/// Adds a list of settings that is there.
fn settings(item: Item, esp: &Partition, path: &str) -> Item {
    let read = || -> Result<Option<Vec<u8>>> {
        let Some(system) = esp.filesystem()? else { return Ok(None) };
        let path = system.resolve(&TreePath::new(path.as_bytes())?)?;
        match system.entry(&path)? {
            Some(entry) if entry.is_file() => system.read(&path, SETTINGS_MAX).map(Some),
            _ => Ok(None),
        }
    };
    let found = Item::new("config-file").named(format!("/{path}"));
    match read() {
        Ok(None) => item,
        Ok(Some(bytes)) => {
            let lines = bytes.split(|&b| b == b'\n').map(|line| line.trim_ascii());
            let lines = lines.filter(|line| !line.is_empty() && !line.starts_with(b"#"));
            let lines: Vec<_> = lines.take(LINES_MAX).map(shown_bytes).collect();
            let mut found = found.fact("on", esp.title()).fact("sets", lines.join("\n"));
            found.size = Some(bytes.len() as u64);
            item.child(found)
        }
        Err(error) => item.child(found.problem(error.to_string())),
    }
}

fn boot_entry(entry: &BootEntry, boot: &Boot, image: &Image, depth: usize) -> Result<Item> {
    let mut item = Item::new("boot-entry").named(shown_bytes(entry.title.as_bytes()));
    let config = |index: usize| boot.configs.get(index).map_or("", |config| &config.path);
    item = match entry.origin {
        Origin::Grub { config: index, line } => {
            item.fact("from", format!("/{} line {line}", config(index)))
        }
        Origin::Bls { config: index } => item.fact("from", format!("/{}", config(index))),
        Origin::Uki => item,
    };
    item = item.fact("arguments", entry.arguments.as_str());
    for located in entry.kernel.iter().chain(&entry.initramfs) {
        item = add_located(item, located, image, depth)?;
    }
    Ok(item)
}

/// A file that an entry names; a unified kernel image stands among the loaders already.
fn add_located(item: Item, located: &Located, image: &Image, depth: usize) -> Result<Item> {
    let name = shown_bytes(located.named.as_bytes());
    match &located.found {
        None => Ok(item.problem(format!("{name} is on no filesystem of this image"))),
        Some((index, path, _)) => {
            let found = match image.partitions().get(*index) {
                Some(partition) => {
                    file(partition, &String::from_utf8_lossy(path.as_bytes()), depth)?
                }
                None => Item::new("unknown"),
            };
            Ok(item.child(found.fact("on", place(image, *index))))
        }
    }
}

fn place(image: &Image, index: usize) -> String {
    image.partitions().get(index).map(Partition::title).unwrap_or_default()
}

/// Looks into a file on a filesystem.
fn file(partition: &Partition, path: &str, depth: usize) -> Result<Item> {
    let read = || -> Result<Option<Vec<u8>>> {
        let Some(system) = partition.filesystem()? else { return Ok(None) };
        Ok(Some(system.read(&TreePath::new(path.as_bytes())?, FILE_MAX)?))
    };
    let name = format!("/{}", path.trim_start_matches('/'));
    match read() {
        Ok(Some(bytes)) => content(&name, &Window::from(bytes), depth + 1),
        Ok(None) => Ok(Item::new("file").named(name)),
        Err(error) => Ok(Item::new("file").named(name).problem(error.to_string())),
    }
}
