//! The repository's workflow: `cargo xtask VERB`.
fn main() {}
