//! A password as `/etc/shadow` has it: SHA-512 crypt (`$6$`, Ulrich Drepper, "Unix crypt using SHA-256
//! and SHA-512").
//!
//! The salt is derived from what the seed says otherwise, so that the same seed is the same bytes; never
//! from the password, since a salt that depends on it would let guesses be tried at the speed of one hash.

use std::fmt;
use std::io::Read;

use sha_crypt::{PasswordHasher, ShaCrypt};
use sha2::{Digest, Sha256};

use crate::error::{Context, Error, Result};

/// Bytes of a salt: sixteen characters.
const SALT_LEN: usize = 12;
/// The longest password that is hashed.
const LENGTH_MAX: usize = 512;

/// A password in the clear. Nothing prints it.
pub struct Password(Vec<u8>);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

impl Password {
    /// Reads the first and only line.
    ///
    /// # Errors
    /// Where there is none, there are several, or it cannot be read; without a word of what was read.
    pub fn read(from: impl Read) -> Result<Self> {
        let mut bytes = Vec::new();
        from.take(LENGTH_MAX as u64 + 3)
            .read_to_end(&mut bytes)
            .context(|| "reading the password")?;
        let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let why = match line {
            [] => "the password is empty",
            line if line.len() > LENGTH_MAX => "the password has more than 512 bytes",
            line if line.iter().any(|b| matches!(b, b'\n' | b'\r')) => {
                "the password is more than one line"
            }
            line if line.contains(&0) => "the password has a NUL byte",
            line => return Ok(Password(line.to_vec())),
        };
        Err(Error::new(why))
    }

    /// Its hash, with a salt that is a function of `salt`.
    ///
    /// # Errors
    /// Where the hash function refuses it, which it has no reason to.
    pub fn hash(&self, salt: &[&str]) -> Result<String> {
        let mut digest = Sha256::new().chain_update("salt of a seed's password");
        for part in salt {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        let salt = digest.finalize();
        let hash = ShaCrypt::SHA512.hash_password_with_salt(&self.0, &salt[..SALT_LEN]);
        // Its own error could say more than is good.
        Ok(hash.map_err(|_| Error::new("hashing the password failed"))?.to_string())
    }
}

/// Whether a text is a hash that `/etc/shadow` may have, and no password in the clear.
pub fn is_hash(text: &str) -> bool {
    let fields: Vec<_> = text.split('$').collect();
    let is_crypt = matches!(&fields[..], ["", id, .., hash] if !id.is_empty() && hash.len() >= 13);
    // A lock, or no password that any text is.
    is_crypt || matches!(text, "*" | "!" | "!!" | "!*")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Command, find_in_path};

    fn password(text: &str) -> Password {
        Password::read(text.as_bytes()).expect("a password")
    }

    #[test]
    fn the_salt_depends_on_all_but_the_password() {
        let salt = |text: &str, of: &[&str]| {
            let hash = password(text).hash(of).expect("hashed");
            assert!(hash.starts_with("$6$rounds=5000$") && is_hash(&hash), "{hash}");
            hash.split('$').nth(3).expect("a salt").to_owned()
        };
        assert_eq!(salt("one", &["alice"]), salt("two", &["alice"]));
        assert_eq!(salt("one", &["alice"]).len(), 16);
        assert!(salt("one", &["alice"]) != salt("one", &["bob"]));
        assert!(salt("one", &["a", "b"]) != salt("one", &["ab"]));
    }

    #[test]
    fn the_systems_own_crypt_agrees() {
        let Some(perl) = find_in_path("perl") else {
            eprintln!("skipped: no perl");
            return;
        };
        let text = "correct horse, Ümläute and 'quotes'";
        let hash = password(&format!("{text}\n")).hash(&["web1", "alice"]).expect("hashed");
        let script = "print crypt($ARGV[0], $ARGV[1])";
        let said = Command::new(perl).args(["-e", script, text, &hash]).run().expect("it runs");
        assert_eq!(String::from_utf8_lossy(&said), hash);
    }

    #[test]
    fn what_is_no_password_is_refused_without_saying_it() {
        for (text, why) in [
            ("", "empty"),
            ("\n", "empty"),
            ("hunter2\nhunter3\n", "more than one line"),
            ("hunter\0two", "NUL byte"),
            (&"h".repeat(513), "more than 512"),
        ] {
            let error = Password::read(text.as_bytes()).expect_err("refused").to_string();
            assert!(error.contains(why) && !error.contains("hunter"), "{error}");
        }
        assert_eq!(format!("{:?}", password("hunter2")), "Password");
    }

    #[test]
    fn hashes_are_told_from_passwords() {
        for hash in ["$6$salt$0123456789abcdef", "$y$j9T$salt$0123456789abcdef", "*", "!"] {
            assert!(is_hash(hash), "{hash}");
        }
        for text in ["hunter2", "$ecret", "$6$", "a$b$0123456789abcdef"] {
            assert!(!is_hash(text), "{text}");
        }
    }
}
