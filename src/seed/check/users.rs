//! Checks of users: can they log in?

use super::{Check, Document, Sight};
use crate::seed::login::is_public_key;
use crate::seed::password::is_hash;
use crate::seed::yaml::{Node, Value};

/// Keys of a user (module "Users and Groups").
const KEYS: &str = "name snapuser create_groups expiredate gecos groups homedir inactive lock-passwd \
    lock_passwd no_create_home no_log_init no_user_group passwd hashed_passwd plain_text_passwd \
    primary_group primary-group selinux_user selinux-user shell ssh_authorized_keys ssh-authorized-keys \
    ssh_import_id ssh-import-id ssh_redirect_user sudo system uid no-create-home no-log-init no-user-group \
    doas";
/// Those that set a password.
const PASSWORDS: [&str; 3] = ["passwd", "hashed_passwd", "plain_text_passwd"];

pub(super) const CHECKS: &[Check] = &[
    Check::error(
        "users-without-default",
        "the image's default user is still there",
        "add `- default` as the first entry of `users`, where the default user is wanted",
        |document| {
            let Some((key, value)) = document.root().and_then(|root| root.entry("users")) else {
                return Vec::new();
            };
            let is_default = |user: &Node| user.text() == Some("default");
            // `users: []` says that there is to be none.
            match value.elements() {
                [] => Vec::new(),
                users if users.iter().any(is_default) => Vec::new(),
                _ => vec![Sight::of(key, "`users` has no `default`, so the default user is not made")],
            }
        },
    )
    .warning(),
    Check::error(
        "user-key",
        "every key of a user is one that cloud-init reads",
        "correct the key; others are ignored",
        user_key,
    )
    .warning(),
    Check::error(
        "password-locked",
        "a user who has a password can log in with it",
        "add `lock_passwd: false`: passwords are locked unless that is said",
        |document| {
            let locked = |user: &Node| {
                let is_open = user.get("lock_passwd").or_else(|| user.get("lock-passwd"));
                let is_open = is_open.and_then(Node::boolean) == Some(false);
                let (key, _) = password_of(user).filter(|_| !is_open)?;
                Some(Sight::of(key, "the user has a password, which is locked"))
            };
            users(document).filter_map(locked).collect()
        },
    )
    .warning(),
    Check::error(
        "password-not-hashed",
        "a password hash is a hash",
        "give a hash (`openssl passwd -6` makes one), or call the key plain_text_passwd",
        |document| {
            let plain = |user: &Node| {
                let hashes = ["passwd", "hashed_passwd"].into_iter();
                let hash = hashes.filter_map(|key| user.get(key)).find(|hash| !hash.is_null())?;
                // Nothing of what may be a password is said.
                let is_plain = !hash.text().is_some_and(is_hash);
                is_plain.then(|| Sight::of(hash, "this is no password hash, so no password is right"))
            };
            users(document).filter_map(plain).collect()
        },
    ),
    Check::error(
        "password-in-the-clear",
        "no password stands in the seed as it is typed",
        "give a hash instead (`--password-file` makes one): whoever reads the seed reads the password",
        plain_passwords,
    )
    .warning(),
    Check::error(
        "password-expires",
        "the first login does not ask for another password",
        "add `chpasswd: {expire: false}`",
        |document| {
            let Some(root) = document.root() else { return Vec::new() };
            let chpasswd = root.get("chpasswd");
            let expires = chpasswd.and_then(|node| node.get("expire")).and_then(Node::boolean);
            let sets = chpasswd.is_some_and(|c| c.get("list").or_else(|| c.get("users")).is_some());
            let entry = root.entry("password").or_else(|| root.entry("chpasswd").filter(|_| sets));
            match entry {
                Some((key, _)) if expires != Some(false) => {
                    vec![Sight::of(key, "the password is to be changed at the first login")]
                }
                _ => Vec::new(),
            }
        },
    )
    .warning(),
    Check::error(
        "ssh-keys-not-a-list",
        "SSH keys are a list",
        "write each key on a line of its own, behind a hyphen",
        |document| {
            let scalar = |node: &Node| matches!(node.value, Value::Scalar { .. }) && !node.is_null();
            let lists = key_lists(document).filter(|node| scalar(node));
            lists.map(|node| Sight::of(node, "the keys are a single value")).collect()
        },
    ),
    Check::error(
        "ssh-key",
        "every SSH key is a public key on one line",
        "give the line of the .pub file as it is",
        |document| {
            let keys = key_lists(document).flat_map(Node::elements);
            let bad = keys.filter(|key| !key.text().is_some_and(is_public_key));
            bad.map(|key| match key.text() {
                Some(text) if text.contains("PRIVATE KEY") => {
                    Sight::of(key, "this is a private key, which nobody else may have")
                }
                _ => Sight::of(key, "this is no public key, so nobody logs in with it"),
            })
            .collect()
        },
    ),
];

/// The users that are described: `users` may be a list, or `user` one that changes the default.
fn users(document: &Document) -> impl Iterator<Item = &Node> {
    let root = document.root();
    let of = |key: &str| root.and_then(|root| root.get(key));
    let listed = of("users").map(Node::elements).unwrap_or_default();
    listed.iter().chain(of("user")).filter(|user| !user.entries().is_empty())
}

fn password_of(user: &Node) -> Option<&(Node, Node)> {
    PASSWORDS.iter().find_map(|key| user.entry(key)).filter(|(_, value)| !value.is_null())
}

fn user_key(document: &Document) -> Vec<Sight> {
    let keys = users(document).flat_map(Node::entries).map(|(key, _)| key);
    let is_unknown = |key: &&Node| {
        let name = key.text().unwrap_or_default();
        !KEYS.split_whitespace().any(|known| known == name)
    };
    let sight = |key: &Node| {
        let name = key.text().unwrap_or_default().escape_debug().to_string();
        let saw = match &name[..] {
            "password" => "a user has no `password`: it is `hashed_passwd`".into(),
            _ => format!("no user has a `{name}`"),
        };
        Sight::of(key, saw)
    };
    keys.filter(is_unknown).map(sight).collect()
}

fn plain_passwords(document: &Document) -> Vec<Sight> {
    let mut sights: Vec<_> = users(document)
        .filter_map(|user| user.entry("plain_text_passwd"))
        .filter(|(_, value)| !value.is_null())
        .map(|(key, _)| Sight::of(key, "the password stands here as it is typed"))
        .collect();
    let password = document.root().and_then(|root| root.entry("password"));
    if let Some((key, value)) = password
        && !value.is_null()
        && !value.text().is_some_and(is_hash)
    {
        sights.push(Sight::of(key, "the password stands here as it is typed"));
    }
    sights
}

/// All values of `ssh_authorized_keys`.
fn key_lists(document: &Document) -> impl Iterator<Item = &Node> {
    let top = document.root().and_then(|root| root.get("ssh_authorized_keys"));
    let names = ["ssh_authorized_keys", "ssh-authorized-keys"];
    let of_users = users(document).flat_map(move |user| names.map(|name| user.get(name)));
    top.into_iter().chain(of_users.flatten())
}
