//! Every reader with its seeds, with damaged seeds, and with the inputs that once broke one: the fuzz
//! targets' functions, on stable.

// A crate of its own for cargo-fuzz, where its items are public; the limits are for libFuzzer.
#[allow(dead_code, unreachable_pub)]
#[path = "../fuzz/src/lib.rs"]
mod fuzz;

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;

use fuzz::READERS;

#[test]
fn every_reader_takes_its_seeds() {
    for reader in READERS {
        for seed in (reader.seeds)() {
            (reader.read)(&seed);
        }
    }
}

#[test]
fn what_was_found_once_stays_found() {
    let found = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/found");
    for reader in READERS {
        let Ok(inputs) = fs::read_dir(found.join(reader.name)) else { continue };
        for input in inputs {
            let path = input.expect("the folder is readable").path();
            (reader.read)(&fs::read(&path).expect("the input is readable"));
        }
    }
}

#[test]
fn every_reader_has_a_target_and_every_target_a_reader() {
    let targets = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz_targets");
    let manifest = targets.with_file_name("Cargo.toml");
    let manifest = fs::read_to_string(manifest).expect("the fuzz manifest is there");
    let mut names: Vec<_> = fs::read_dir(&targets)
        .expect("the folder is there")
        .map(|entry| entry.expect("readable").path().with_extension(""))
        .map(|path| path.file_name().expect("a name").to_string_lossy().into_owned())
        .collect();
    names.sort();
    let mut rows: Vec<_> = READERS.iter().map(|reader| reader.name.to_owned()).collect();
    rows.sort();
    assert_eq!(names, rows);
    for name in names {
        assert!(manifest.contains(&format!("[[bin]]\nname = \"{name}\"\n")), "{name}");
        fuzz::read(&name, b"");
    }
}

/// A reader's function, and an input of it.
type Seed = (fn(&[u8]), Vec<u8>);

/// Every seed with its reader, made once.
static SEEDS: LazyLock<Vec<Seed>> = LazyLock::new(|| {
    let seeds = |reader: &fuzz::Reader| {
        let read = reader.read;
        (reader.seeds)().into_iter().map(move |seed| (read, seed)).collect::<Vec<_>>()
    };
    READERS.iter().flat_map(seeds).collect()
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn damaged_seeds_never_panic(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        keep in any::<prop::sample::Index>(),
        seed in any::<prop::sample::Index>(),
    ) {
        let (read, seed) = seed.get(&SEEDS[..]);
        let mut input = seed.clone();
        input.push(0);
        for (at, byte) in damage {
            let at = at.index(input.len());
            input[at] = byte;
        }
        input.truncate(keep.index(input.len()).max(input.len() / 2));
        read(&input);
    }
}
