//! The user-data that is generated: a host name, and who may log in.

use super::password::Password;
use super::yaml::quoted;
use super::{File, Part};
use crate::error::{Error, Result};

/// What a user-data is made of.
#[derive(Debug, Default)]
pub struct Login {
    /// The name of the host.
    pub hostname: Option<String>,
    /// A user to create; without one, keys and password are those of the image's default user.
    pub user: Option<String>,
    /// SSH public keys, a line each.
    pub keys: Vec<String>,
    /// The password, for the console.
    pub password: Option<Password>,
    /// What goes into the password's salt, too.
    pub salt: String,
}

/// The longest user name that useradd takes.
const USER_MAX: usize = 32;

impl Login {
    /// The file.
    ///
    /// # Errors
    /// Where a name is none that a host or a user may have, or a key is no public key.
    pub fn user_data(&self) -> Result<File> {
        self.check()?;
        let mut text = String::from("#cloud-config\n");
        if let Some(hostname) = &self.hostname {
            text.push_str(&format!("hostname: {}\n", quoted(hostname)));
        }
        let hash = self.hash()?;
        text.push_str(&match &self.user {
            Some(user) => self.of_user(user, hash.as_deref()),
            None => self.of_default_user(hash.as_deref()),
        });
        if text.lines().count() == 1 {
            // Nothing to do is a mapping, too.
            text.push_str("{}\n");
        }
        let origin = Part::UserData.name().into();
        Ok(File { part: Part::UserData, origin, bytes: text.into_bytes() })
    }

    fn hash(&self) -> Result<Option<String>> {
        let of = |text: &Option<String>| text.clone().unwrap_or_default();
        let (hostname, user, keys) = (of(&self.hostname), of(&self.user), self.keys.join("\n"));
        let hash = |password: &Password| password.hash(&[&self.salt, &hostname, &user, &keys]);
        self.password.as_ref().map(hash).transpose()
    }

    /// A user beside the image's default one, who may become root as that one may.
    fn of_user(&self, user: &str, hash: Option<&str>) -> String {
        let mut text = format!(
            "users:\n  - default\n  - name: {}\n    shell: /bin/bash\n    sudo: \"ALL=(ALL) NOPASSWD:ALL\"\n",
            quoted(user)
        );
        if let Some(hash) = hash {
            // A password is locked unless it is said not to be.
            text.push_str(&format!(
                "    lock_passwd: false\n    hashed_passwd: {}\n",
                quoted(hash)
            ));
        }
        text.push_str(&self.key_list("    "));
        text
    }

    fn of_default_user(&self, hash: Option<&str>) -> String {
        let mut text = self.key_list("");
        if let Some(hash) = hash {
            // Without this the first login is made to change the password.
            text.push_str(&format!("password: {}\nchpasswd:\n  expire: false\n", quoted(hash)));
        }
        text
    }

    fn key_list(&self, indent: &str) -> String {
        if self.keys.is_empty() {
            return String::new();
        }
        let key = |key: &String| format!("{indent}  - {}\n", quoted(key));
        format!("{indent}ssh_authorized_keys:\n{}", self.keys.iter().map(key).collect::<String>())
    }

    fn check(&self) -> Result<()> {
        if let Some(hostname) = self.hostname.as_deref().filter(|name| !is_hostname(name)) {
            return Err(Error::new(format!("`{}` is no host name", hostname.escape_debug()))
                .hint("letters, digits and hyphens, in parts of at most 63 with dots between"));
        }
        if let Some(user) = self.user.as_deref().filter(|name| !is_user(name)) {
            return Err(Error::new(format!("`{}` is no user name", user.escape_debug()))
                .hint("a small letter, then small letters, digits, hyphens and _, at most 32"));
        }
        self.keys.iter().try_for_each(|key| check_key(key))
    }
}

/// Refuses what is no public key.
///
/// # Errors
/// Where it is none; without a word of what it is.
pub fn check_key(line: &str) -> Result<()> {
    if is_public_key(line) {
        return Ok(());
    }
    Err(match line.contains("PRIVATE KEY") {
        true => Error::new("it is a private key, which must stay where it is")
            .hint("the public one is in the file beside it that ends with .pub"),
        false => Error::new("it is no public key of SSH")
            .hint("one starts with its type, such as ssh-ed25519, and has it on one line"),
    })
}

/// Whether a host may be called so (RFC 1123 §2.1).
pub fn is_hostname(name: &str) -> bool {
    let is_label = |label: &str| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        (1..=63).contains(&label.len())
            && label.chars().all(is_plain)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

/// Whether Debian's useradd takes the name.
fn is_user(name: &str) -> bool {
    let is_first = |c: char| c.is_ascii_lowercase() || c == '_';
    let is_next = |c: char| is_first(c) || c.is_ascii_digit() || c == '-';
    name.len() <= USER_MAX && name.starts_with(is_first) && name.chars().all(is_next)
}

/// Types of public keys, as sshd(8) lists them under AUTHORIZED_KEYS FILE FORMAT.
const KEY_TYPES: [&str; 4] = ["ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-"];

/// Whether a line is a public key: its type, perhaps behind options, and its data.
pub fn is_public_key(line: &str) -> bool {
    let is_type = |word: &str| KEY_TYPES.iter().any(|start| word.starts_with(start));
    let mut words = line.split_whitespace().skip_while(|word| !is_type(word));
    let has_data = |data: &str| data.len() > 32 && data.is_ascii();
    !line.contains('\n') && words.next().is_some() && words.next().is_some_and(has_data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::yaml::{self, Node};

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1y5dXcmCkTlmaxfxRsv0BLuNSkOlsBb8J4rCsAsY3x a@b";

    fn text(login: &Login) -> String {
        String::from_utf8(login.user_data().expect("valid").bytes).expect("text")
    }

    #[test]
    fn a_user_with_a_password_can_log_in() {
        let login = Login {
            hostname: Some("web1".into()),
            user: Some("alice".into()),
            keys: vec![KEY.into()],
            password: Some(Password::read(&b"hunter2\n"[..]).expect("a password")),
            salt: String::new(),
        };
        let text = text(&login);
        assert!(
            text.starts_with("#cloud-config\nhostname: \"web1\"\n") && !text.contains("hunter2")
        );
        let root = yaml::parse(&text).expect("YAML");
        let user = &root.get("users").expect("there").elements()[1];
        assert_eq!(user.get("lock_passwd").and_then(Node::boolean), Some(false));
        let hash = user.get("hashed_passwd").and_then(Node::text).expect("there");
        assert!(crate::seed::password::is_hash(hash));
        let keys = user.get("ssh_authorized_keys").expect("there").elements();
        assert_eq!(keys[0].text(), Some(KEY));
    }

    #[test]
    fn without_a_user_it_is_the_default_one_and_without_anything_a_mapping() {
        let password = Some(Password::read(&b"x"[..]).expect("a password"));
        let text_of_default = text(&Login { password, ..Login::default() });
        let root = yaml::parse(&text_of_default).expect("YAML");
        let expire = root.get("chpasswd").and_then(|node| node.get("expire"));
        assert_eq!(expire.and_then(Node::boolean), Some(false));
        assert_eq!(text(&Login::default()), "#cloud-config\n{}\n");
    }

    #[test]
    fn what_is_no_name_and_no_key_is_refused() {
        let said = |login: Login| login.user_data().expect_err("refused").to_string();
        let hostname = |name: &str| Login { hostname: Some(name.into()), ..Login::default() };
        for name in ["", "a_b", "-a", "a..b", &"a".repeat(64)] {
            assert!(said(hostname(name)).ends_with("is no host name"), "{name}");
        }
        for name in ["Alice", "1a", "a b", ""] {
            let login = Login { user: Some(name.into()), ..Login::default() };
            assert!(said(login).ends_with("is no user name"), "{name}");
        }
        let keys = |key: &str| Login { keys: vec![key.into()], ..Login::default() };
        assert!(said(keys("-----BEGIN OPENSSH PRIVATE KEY-----")).contains("private key"));
        assert!(said(keys("ssh-ed25519 short")).contains("no public key"));
        assert!(is_public_key(&format!("no-pty,command=\"x y\" {KEY}")));
    }
}
