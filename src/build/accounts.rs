//! Users and groups of a root filesystem: its `/etc/passwd` and `/etc/group` (passwd(5), group(5)), for
//! what is decided when the image is built. Left out: shadow files, NSS.

use crate::error::{Context, Error, Result};
use crate::tree::{Kind, Tree, TreePath};

/// Both files together, in bytes: far above what any system has.
const LEN_MAX: u64 = 16 << 20;

/// Who a program runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// User number.
    pub user: u32,
    /// Group number.
    pub group: u32,
    /// Supplementary groups, sorted.
    pub groups: Vec<u32>,
    /// Home folder, where there is an entry for the user.
    pub home: Option<String>,
}

/// An entry of `/etc/passwd`.
struct User {
    name: String,
    uid: u32,
    gid: u32,
    home: String,
}

/// An entry of `/etc/group`.
struct Group {
    name: String,
    gid: u32,
    members: Vec<String>,
}

/// Finds an account by what a container image calls its user: empty for root, a name or a number, and
/// perhaps a group behind a colon (image-spec 1.1, "config.User").
///
/// # Errors
/// Where a name is not in the tree's files, or they cannot be read.
pub fn find(tree: &Tree, wanted: &str) -> Result<Account> {
    let (name, group) = wanted.split_once(':').map_or((wanted, None), |(u, g)| (u, Some(g)));
    let name = if name.is_empty() { "0" } else { name };
    let users = users(tree).context(|| "reading its /etc/passwd")?;
    let all_groups = groups(tree).context(|| "reading its /etc/group")?;
    let number = name.parse::<u32>().ok();
    let entry = users.iter().find(|u| number.map_or(u.name == name, |number| u.uid == number));
    let user = number.or(entry.map(|u| u.uid)).ok_or_else(|| unknown("user", name, "passwd"))?;
    let mut account = Account {
        user,
        group: entry.map_or(0, |u| u.gid),
        groups: Vec::new(),
        home: entry.map(|u| u.home.clone()),
    };
    match group {
        Some(wanted) => {
            let entry = all_groups.iter().find(|g| g.name == wanted).map(|g| g.gid);
            let group = wanted.parse().ok().or(entry);
            account.group = group.ok_or_else(|| unknown("group", wanted, "group"))?;
        }
        // A group that was named is the only one, as with containers.
        None => {
            let is_member = |g: &&Group| entry.is_some_and(|u| g.members.contains(&u.name));
            account.groups = all_groups.iter().filter(is_member).map(|g| g.gid).collect();
            account.groups.sort_unstable();
            account.groups.dedup();
        }
    }
    Ok(account)
}

fn unknown(what: &str, name: &str, file: &str) -> Error {
    Error::new(format!("the {what} `{}` is not in its /etc/{file}", name.escape_debug()))
}

fn users(tree: &Tree) -> Result<Vec<User>> {
    let user = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        let (uid, gid) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(User { name, uid, gid, home: fields.nth(1)?.to_owned() })
    };
    Ok(text(tree, b"etc/passwd")?.lines().filter_map(user).collect())
}

fn groups(tree: &Tree) -> Result<Vec<Group>> {
    let group = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        let gid = fields.nth(1)?.parse().ok()?;
        let members = fields.next()?.split(',').map(|m| m.trim().to_owned()).collect();
        Some(Group { name, gid, members })
    };
    Ok(text(tree, b"etc/group")?.lines().filter_map(group).collect())
}

/// A text file of the tree; none is empty, as a container image without accounts has it.
fn text(tree: &Tree, path: &[u8]) -> Result<String> {
    let path = tree.resolve_fully(&TreePath::new(path)?)?;
    match tree.get(&path).map(|node| &node.kind) {
        Some(Kind::File(content)) if content.len() <= LEN_MAX => {
            Ok(String::from_utf8_lossy(&content.read()?).into_owned())
        }
        Some(Kind::File(_)) => Err(Error::new("it is larger than any system's")),
        _ => Ok(String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Content, Node, Time};

    fn sample() -> Tree {
        let mut tree = Tree::new(Time::EPOCH);
        for (path, text) in [
            (
                "etc/passwd",
                "root:x:0:0:root:/root:/bin/sh\nweb:x:33:33::/var/www:/bin/false\nbad\n",
            ),
            ("etc/group", "root:x:0:\nweb:x:33:\ntty:x:5:web,root\nssl:x:4:web\n"),
        ] {
            let node = Node::file(0o644, Time::EPOCH, Content::from(text.as_bytes().to_vec()));
            tree.insert(TreePath::new(path.as_bytes()).expect("good"), node).expect("free");
        }
        tree
    }

    fn account(user: u32, group: u32, groups: &[u32], home: Option<&str>) -> Account {
        Account { user, group, groups: groups.into(), home: home.map(str::to_owned) }
    }

    #[test]
    fn users_are_names_or_numbers_with_a_group_or_their_own() {
        for (wanted, expected) in [
            ("", account(0, 0, &[5], Some("/root"))),
            ("web", account(33, 33, &[4, 5], Some("/var/www"))),
            ("33", account(33, 33, &[4, 5], Some("/var/www"))),
            ("web:tty", account(33, 5, &[], Some("/var/www"))),
            ("7:8", account(7, 8, &[], None)),
            ("7", account(7, 0, &[], None)),
        ] {
            assert_eq!(find(&sample(), wanted).expect("found"), expected, "{wanted}");
        }
    }

    #[test]
    fn a_name_that_nobody_has_is_named() {
        let said = |wanted| find(&sample(), wanted).expect_err("unknown").to_string();
        assert_eq!(said("www"), "the user `www` is not in its /etc/passwd");
        assert_eq!(said("web:x"), "the group `x` is not in its /etc/group");
        let empty = Tree::new(Time::EPOCH);
        assert_eq!(find(&empty, "").expect("root needs no file"), account(0, 0, &[], None));
    }
}
