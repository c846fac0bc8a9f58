//! Whether a sandbox can run, found before a guest runs into it.

use super::{Record, Sandbox, Store};
use crate::error::{Context, Error, Result, shown};

/// How long a chain is followed: a record can be edited, and no loop goes on for ever.
const CHAIN_MAX: usize = 200;

impl Sandbox {
    /// Whether it can run: what it stands on is what it was, and nobody stands on it.
    ///
    /// # Errors
    /// Where it cannot, with what to do.
    pub fn check(&self, store: &Store) -> Result<()> {
        let doing = || format!("running the sandbox {}", self.name);
        self.refuse_interrupted().context(doing)?;
        let hint = format!(
            "run one of them, or put another on it: `bootwright overlay {} NAME`",
            self.name
        );
        store.refuse_base(&self.disk(), &hint).context(doing)?;
        self.check_bases(store).context(doing)
    }

    /// Whether everything below it is what it was.
    pub(super) fn check_bases(&self, store: &Store) -> Result<()> {
        let (all, mut sandbox) = (store.readable()?, self);
        for _ in 0..CHAIN_MAX {
            let Record { base, stamp, .. } = &sandbox.record;
            if let Some(difference) = stamp.difference(base)? {
                let text = format!(
                    "{} has changed since {} was put on it: {difference}",
                    shown(base),
                    sandbox.name
                );
                return Err(Error::new(text).hint(format!(
                    "put the image back, or start over on it with `bootwright overlay reset {}`, \
                     which drops what the guest wrote",
                    sandbox.name
                )));
            }
            match all.iter().find(|other| other.disk() == *base) {
                Some(below) => sandbox = below,
                None => return Ok(()),
            }
        }
        Err(Error::new(format!("its chain has over {CHAIN_MAX} sandboxes")))
    }
}
