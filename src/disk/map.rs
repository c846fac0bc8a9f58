//! A layout as a small map for people: one line a partition, with a bar of how full it is.

use std::fmt;

use super::layout::{Layout, Partition};
use crate::size::Size;

/// Cells of a bar.
const BAR_CELLS: u64 = 10;

/// What bars are drawn with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Glyphs {
    /// Block elements.
    Unicode,
    /// For terminals and logs that have nothing else.
    Ascii,
}

/// A layout that prints as a map.
#[derive(Debug, Clone, Copy)]
pub struct Map<'a> {
    layout: &'a Layout,
    glyphs: Glyphs,
}

impl Layout {
    /// The map, drawn with these glyphs; the layout's own `Display` uses Unicode.
    pub fn map(&self, glyphs: Glyphs) -> Map<'_> {
        Map { layout: self, glyphs }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.map(Glyphs::Unicode).fmt(f)
    }
}

impl fmt::Display for Map<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let layout = self.layout;
        let (size, sector) = (Size(layout.size()), layout.sector());
        writeln!(f, "GPT {}, {size}, {sector}-byte sectors", layout.disk_guid())?;
        let heading = ["#", "name", "type", "filesystem", "offset", "size", "used", ""];
        let mut rows = vec![heading.map(String::from)];
        rows.extend(layout.partitions().iter().map(|p| self.row(p)));
        f.write_str(&columns(&rows, &[0, 4, 5, 6]))
    }
}

/// Rows as columns that are as wide as they have to be; those with these indices are numbers.
pub fn columns<const N: usize>(rows: &[[String; N]], numbers: &[usize]) -> String {
    let widths: [usize; N] =
        std::array::from_fn(|i| rows.iter().map(|r| r[i].chars().count()).max().unwrap_or(0));
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().enumerate().map(|(i, cell)| match numbers.contains(&i) {
            true => format!("{cell:>0$}", widths[i]),
            false => format!("{cell:<0$}", widths[i]),
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// How full something is; anything used shows as one cell, and only a full one as all.
pub fn bar(used: u64, size: u64, glyphs: Glyphs) -> String {
    let exact = u128::from(used) * u128::from(BAR_CELLS) / u128::from(size.max(1));
    let filled = (exact as usize).max(usize::from(used > 0)).min(BAR_CELLS as usize);
    let all: Vec<_> = (0..BAR_CELLS as usize).map(|cell| cell < filled).collect();
    cells(&all, glyphs)
}

/// A bar of cells, each full or not.
pub fn cells(full: &[bool], glyphs: Glyphs) -> String {
    let [start, yes, no, end] = match glyphs {
        Glyphs::Unicode => ["▕", "█", "░", "▏"],
        Glyphs::Ascii => ["[", "#", ".", "]"],
    };
    let cells: String = full.iter().map(|full| if *full { yes } else { no }).collect();
    format!("{start}{cells}{end}")
}

impl Map<'_> {
    fn row(&self, p: &Partition) -> [String; 8] {
        let mut type_name = p.type_name.map_or_else(|| p.type_guid.to_string(), String::from);
        let attributes = p.attributes.to_string();
        if !attributes.is_empty() {
            type_name.push_str(&format!(" [{attributes}]"));
        }
        [
            p.number.to_string(),
            // A name is the image's, not ours: what would move the cursor is escaped.
            p.name.chars().flat_map(shown).collect(),
            type_name,
            p.filesystem.clone(),
            Size(p.offset).to_string(),
            Size(p.size).to_string(),
            Size(p.used).to_string(),
            bar(p.used, p.size, self.glyphs),
        ]
    }
}

fn shown(c: char) -> Vec<char> {
    match c.is_control() {
        true => c.escape_default().collect(),
        false => vec![c],
    }
}
