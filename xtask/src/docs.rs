//! `cargo xtask docs`: writes the pages of `doc/` that come from tables. They are kept in the
//! repository, and a test compares them.

use std::fs;

use bootwright::cli::Answer;
use bootwright::error::{Context, Result, shown};
use bootwright::{diagnosis, lint};

pub(crate) fn run() -> Result<Answer> {
    let pages = [
        ("doc/symptoms.md", diagnosis::document::symptoms_markdown()),
        ("doc/lints.md", lint::document()),
    ];
    for (page, text) in pages {
        let path = crate::root().join(page);
        fs::write(&path, text).context(|| format!("writing {}", shown(&path)))?;
        println!("wrote {page}");
    }
    Ok(Answer::Yes)
}
