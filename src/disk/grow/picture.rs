//! A plan as a picture: the disk before and after, and what happens to each part.

use std::fmt;

use serde::Serialize;

use super::{Filesystem, Plan};
use crate::disk::map::Glyphs;
use crate::size::Size;

/// Cells of a bar.
const CELLS: u64 = 48;

/// A plan that prints.
#[derive(Debug)]
pub struct Picture<'a> {
    plan: &'a Plan,
    glyphs: Glyphs,
}

/// A plan for programs. Sizes are in bytes.
#[derive(Debug, Serialize)]
pub struct Summary {
    size_before: u64,
    size_after: u64,
    partition: Option<u32>,
    partition_before: u64,
    partition_after: u64,
    filesystem: Option<&'static str>,
    filesystem_before: Option<u64>,
    filesystem_after: Option<u64>,
    /// Whether the filesystem changes through its journal.
    journaled: Option<bool>,
    /// Why the filesystem stays as it is.
    note: Option<&'static str>,
}

impl Plan {
    /// The picture, drawn with these glyphs.
    pub fn picture(&self, glyphs: Glyphs) -> Picture<'_> {
        Picture { plan: self, glyphs }
    }

    /// The same for programs.
    pub fn summary(&self) -> Summary {
        let growth = match &self.filesystem {
            Filesystem::Grows(_, growth) => Some(growth),
            _ => None,
        };
        Summary {
            size_before: self.sizes.0,
            size_after: self.sizes.1,
            partition: self.last.number,
            partition_before: self.before(),
            partition_after: self.last.len,
            filesystem: match &self.filesystem {
                Filesystem::Grows(name, _) | Filesystem::Full(name) => Some(name),
                Filesystem::Stays(name, _) => *name,
            },
            filesystem_before: growth.map(|growth| growth.sizes().0),
            filesystem_after: growth.map(|growth| growth.sizes().1),
            journaled: growth.map(|growth| growth.is_journaled()),
            note: match &self.filesystem {
                Filesystem::Stays(_, note) => Some(note),
                _ => None,
            },
        }
    }

    /// Bytes of the last part before.
    fn before(&self) -> u64 {
        self.parts.last().map_or(0, |part| part.len)
    }
}

impl fmt::Display for Picture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = self.plan;
        let (before, after) = plan.sizes;
        let mut ranges: Vec<_> = plan.parts.iter().map(|part| (part.offset, part.end())).collect();
        writeln!(f, "before  {}  {}", self.bar(&ranges, before, after), Size(before))?;
        ranges.pop();
        ranges.push((plan.last.offset, plan.last.end()));
        writeln!(f, "after   {}  {}", self.bar(&ranges, after, after), Size(after))?;
        writeln!(f)?;
        let name = match plan.last.number {
            Some(number) => format!("partition {number}"),
            None => "the volume".into(),
        };
        let width = name.chars().count().max("filesystem".len());
        writeln!(f, "{:width$}  {}", "disk", arrow(before, after))?;
        if plan.last.number.is_some() {
            writeln!(f, "{name:width$}  {}", arrow(plan.before(), plan.last.len))?;
        }
        match &plan.filesystem {
            Filesystem::Grows(fstype, growth) => {
                let ((before, after), (groups, more)) = (growth.sizes(), growth.groups());
                writeln!(
                    f,
                    "{fstype:width$}  {}, {groups} -> {more} groups",
                    arrow(before, after)
                )?;
                if !growth.is_journaled() {
                    let note = "no journal that can be used: do not interrupt the last moment, or \
                                run `e2fsck -f` on the partition";
                    writeln!(f, "{:width$}  {note}", "note")?;
                }
                Ok(())
            }
            Filesystem::Full(fstype) => writeln!(f, "{fstype:width$}  fills its partition"),
            Filesystem::Stays(Some(fstype), note) => writeln!(f, "{fstype:width$}  {note}"),
            Filesystem::Stays(None, note) => writeln!(f, "{:width$}  {note}", "content"),
        }
    }
}

fn arrow(before: u64, after: u64) -> String {
    match before == after {
        true => format!("{}, as it is", Size(before)),
        false => format!("{} -> {} (+{})", Size(before), Size(after), Size(after - before)),
    }
}

impl Picture<'_> {
    /// The parts of a disk as cells, each part at least one, in the scale of the larger disk.
    fn bar(&self, parts: &[(u64, u64)], size: u64, scale: u64) -> String {
        let (full, other, room, ends) = match self.glyphs {
            Glyphs::Unicode => ('█', '▓', '░', ('▕', '▏')),
            Glyphs::Ascii => ('#', '=', '.', ('[', ']')),
        };
        let cell =
            |at: u64| (u128::from(at) * u128::from(CELLS) / u128::from(scale.max(1))) as usize;
        let len = cell(size).max(parts.len());
        let mut cells = vec![room; len];
        let mut from = 0;
        for (index, (start, end)) in parts.iter().enumerate() {
            let left = parts.len() - index - 1;
            let first = cell(*start).max(from).min(len - 1 - left);
            // A cell that is begun is drawn: the tables at the end are nothing to see.
            let end = (cell(end - 1) + 1).max(first + 1).min(len - left);
            cells[first..end].fill(if index % 2 == 0 { other } else { full });
            from = end;
        }
        let bar: String = cells.into_iter().collect();
        let pad = " ".repeat((CELLS as usize).saturating_sub(len));
        format!("{}{bar}{}{pad}", ends.0, ends.1)
    }
}
