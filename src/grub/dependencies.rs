//! Which modules of GRUB need which: `moddep.lst` beside the modules.
//!
//! A line is a module, a colon, and the modules whose symbols it uses. GRUB loads the modules of a core
//! image in their order, so what is needed comes first.

use std::collections::{BTreeMap, BTreeSet};

/// The modules and all that they need, each behind what it needs.
pub(super) fn closure<'a>(list: &'a str, wanted: &[&'a str]) -> Vec<&'a str> {
    let lines = list.lines().filter_map(|line| line.split_once(':'));
    let needs = lines.map(|(name, needs)| (name.trim(), needs)).collect();
    let mut found = Found { needs, seen: BTreeSet::new(), order: Vec::new() };
    wanted.iter().for_each(|module| found.add(module));
    found.order
}

struct Found<'a> {
    needs: BTreeMap<&'a str, &'a str>,
    seen: BTreeSet<&'a str>,
    order: Vec<&'a str>,
}

impl<'a> Found<'a> {
    fn add(&mut self, module: &'a str) {
        // A circle, which no build of GRUB has, ends here.
        if self.seen.insert(module) {
            // Last first, as GRUB's own tools do: the same modules give the same image.
            let needs = self.needs.get(module).copied().unwrap_or_default();
            needs.split_whitespace().rev().for_each(|needed| self.add(needed));
            self.order.push(module);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_comes_first_and_once() {
        let list = "normal: terminal boot\nlinux: boot\nboot:\nterminal:\nloop: loop\n";
        let order = closure(list, &["part_gpt", "normal", "linux", "loop"]);
        assert_eq!(order, ["part_gpt", "boot", "terminal", "normal", "linux", "loop"]);
    }
}
