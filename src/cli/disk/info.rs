//! `bootwright disk info`: an image's format, sizes, chain, partition table and filesystems, unmounted.

use std::fmt::Write;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::cli::{Answer, terminal};
use crate::disk::map::{self, Glyphs};
use crate::error::{Context, Result, shown, shown_bytes};
use crate::format::{Disk, FormatInfo, lock};
use crate::fs::usage::Usage;
use crate::image::{Image, Partition, Table};
use crate::size::Size;

/// Cells of the picture of what an image has.
const CELLS: usize = 48;

/// What `disk info` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bootwright disk info demo.img
  bootwright disk info overlay.qcow2
  bootwright disk info --json demo.vmdk | jq '.partitions[].free'

Nothing is mounted and nothing is written. Of a chain, each image has a bar: full where it has data \
itself, shaded where it leaves the disk to the image below.")]
pub struct InfoArgs {
    /// The image, or a block device
    #[arg(value_name = "IMAGE")]
    pub image: PathBuf,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
    /// Draw with ASCII only
    #[arg(long)]
    pub ascii: bool,
}

/// An image of the chain.
struct Layer {
    path: String,
    info: FormatInfo,
    file_size: u64,
    allocated: u64,
    is_in_use: bool,
    cells: Vec<bool>,
}

pub(super) fn run(args: &InfoArgs) -> Result<Answer> {
    let disk = Disk::open(&args.image)?;
    let layers = layers(&disk)?;
    let image = Image::open(&args.image)?;
    let rows: Vec<Row> = image.partitions().iter().map(Row::of).collect();
    match args.json {
        true => {
            terminal::say(serde_json::to_string_pretty(&as_json(&layers, &image, &rows))?)?;
        }
        false => {
            let glyphs = if args.ascii { Glyphs::Ascii } else { Glyphs::Unicode };
            terminal::say(text(&layers, &image, &rows, glyphs).trim_end())?;
        }
    }
    let is_damaged = matches!(image.table(), Table::DamagedGpt(_));
    let is_bad = is_damaged || rows.iter().any(|row| row.problem.is_some());
    Ok(if is_bad { Answer::No } else { Answer::Yes })
}

fn layers(disk: &Disk) -> Result<Vec<Layer>> {
    let (mut layers, mut next) = (Vec::new(), Some(disk));
    while let Some(disk) = next {
        let doing = || format!("reading {}", shown(disk.path()));
        let file = File::open(disk.path()).context(doing)?;
        layers.push(Layer {
            path: shown(disk.path()),
            info: FormatInfo::of(disk),
            file_size: disk.file().len(),
            allocated: file.metadata().context(doing)?.blocks() * 512,
            is_in_use: lock::is_written(&file),
            cells: disk.cells(CELLS).context(doing)?,
        });
        next = disk.backing();
    }
    Ok(layers)
}

/// A partition, or the volume of an image without a table.
struct Row {
    number: Option<u32>,
    name: String,
    type_text: String,
    filesystem: String,
    label: String,
    uuid: String,
    offset: u64,
    size: u64,
    usage: Option<Usage>,
    problem: Option<String>,
}

impl Row {
    fn of(partition: &Partition) -> Row {
        let found = partition.superblock();
        let usage = found.as_ref().map(|found| Usage::of(&partition.window, found));
        let (usage, mut problem) = match usage {
            Some(Ok(usage)) => (usage, None),
            Some(Err(error)) => (None, Some(error.to_string())),
            None => (None, None),
        };
        if partition.is_cut_off() {
            problem = Some("it reaches past the end of the image".into());
        }
        let found = found.unwrap_or_default();
        Row {
            number: partition.number,
            name: shown_bytes(partition.name.as_bytes()),
            type_text: partition.type_text(),
            filesystem: found.fstype.into(),
            label: found.label,
            uuid: found.uuid,
            offset: partition.offset(),
            size: partition.len,
            usage,
            problem,
        }
    }

    fn cells(&self, glyphs: Glyphs) -> [String; 9] {
        let size = |bytes: Option<u64>| bytes.map_or(String::new(), |b| Size(b).to_string());
        let used = self.usage.map(|usage| usage.used);
        [
            self.number.map_or(String::new(), |number| number.to_string()),
            self.name.clone(),
            self.type_text.clone(),
            self.filesystem.clone(),
            Size(self.offset).to_string(),
            Size(self.size).to_string(),
            size(used),
            size(self.usage.map(|usage| usage.free)),
            used.map_or(String::new(), |used| map::bar(used, self.size, glyphs)),
        ]
    }
}

fn text(layers: &[Layer], image: &Image, rows: &[Row], glyphs: Glyphs) -> String {
    let mut text = String::new();
    for (depth, layer) in layers.iter().enumerate() {
        let branch = match (depth, glyphs) {
            (0, _) => "",
            (_, Glyphs::Unicode) => "└─ ",
            (_, Glyphs::Ascii) => "`- ",
        };
        let indent = " ".repeat(3 * depth.saturating_sub(1));
        let (info, allocated) = (&layer.info, Size(layer.allocated));
        let size = Size(info.virtual_size);
        let in_use = if layer.is_in_use { ", in use by a running program" } else { "" };
        let _ = writeln!(
            text,
            "{indent}{branch}{}: {}, a disk of {size}, {allocated} on disk{in_use}",
            layer.path, info.format
        );
        let indent = " ".repeat(3 * depth);
        let _ = writeln!(text, "{indent}{}", map::cells(&layer.cells, glyphs));
        let facts: Vec<_> =
            info.facts.iter().map(|(name, value)| format!("{name} {value}")).collect();
        if !facts.is_empty() {
            let _ = writeln!(text, "{indent}{}", facts.join(", "));
        }
    }
    let _ = writeln!(text, "\n{}", table(image));
    if !rows.is_empty() {
        let heading = ["#", "name", "type", "filesystem", "offset", "size", "used", "free", ""];
        let cells = std::iter::once(heading.map(String::from))
            .chain(rows.iter().map(|row| row.cells(glyphs)));
        text.push_str(&map::columns(&cells.collect::<Vec<_>>(), &[0, 4, 5, 6, 7]));
    }
    for row in rows {
        if let Some(problem) = &row.problem {
            let title = row.number.map_or("the volume".into(), |n| format!("partition {n}"));
            let _ = writeln!(text, "{title}: {problem}");
        }
    }
    text
}

/// What divides the disk, as a line.
fn table(image: &Image) -> String {
    let size = Size(image.window().len());
    match image.table() {
        Table::Gpt(table) => {
            let backup = match &table.source {
                crate::disk::gpt::Source::Primary => String::new(),
                crate::disk::gpt::Source::Backup { primary } => {
                    format!(", read from the backup table: {primary}")
                }
            };
            format!("GPT {}, {size}, {}-byte sectors{backup}", table.disk_guid, table.sector)
        }
        Table::DamagedGpt(error) => format!("a damaged GPT: {error}"),
        Table::Mbr(_) => format!("MBR, {size}"),
        Table::None if image.partitions().is_empty() => {
            format!("{size} without a partition table or a filesystem that is known")
        }
        Table::None => format!("one volume of {size}, without a partition table"),
    }
}

fn as_json(layers: &[Layer], image: &Image, rows: &[Row]) -> Value {
    let layer = |layer: &Layer| {
        let facts =
            layer.info.facts.iter().map(|(name, value)| (name.replace(' ', "_"), json!(value)));
        json!({
            "path": layer.path,
            "format": layer.info.format.name(),
            "virtual_size": layer.info.virtual_size,
            "file_size": layer.file_size,
            "allocated": layer.allocated,
            "in_use": layer.is_in_use,
            "facts": facts.collect::<serde_json::Map<_, _>>(),
        })
    };
    let row = |row: &Row| {
        json!({
            "number": row.number,
            "name": row.name,
            "type": row.type_text,
            "filesystem": row.filesystem,
            "label": row.label,
            "uuid": row.uuid,
            "offset": row.offset,
            "size": row.size,
            "used": row.usage.map(|usage| usage.used),
            "free": row.usage.map(|usage| usage.free),
            "problem": row.problem,
        })
    };
    let table = match image.table() {
        Table::Gpt(table) => json!({
            "kind": "gpt",
            "disk_guid": table.disk_guid.to_string(),
            "sector": table.sector,
            "from_backup": table.source != crate::disk::gpt::Source::Primary,
        }),
        Table::DamagedGpt(error) => json!({ "kind": "gpt", "problem": error.to_string() }),
        Table::Mbr(_) => json!({ "kind": "mbr" }),
        Table::None => Value::Null,
    };
    json!({
        "chain": layers.iter().map(layer).collect::<Vec<_>>(),
        "table": table,
        "partitions": rows.iter().map(row).collect::<Vec<_>>(),
    })
}
