//! One program as all of userspace: a container image's entry point, or a program with its closure,
//! written down for our init on the root filesystem (see [`bootwright_init::run_file`]).
//!
//! Who it runs as and where it is are looked up in the tree, now: a name that nobody has should not
//! be found out by a boot. Left out of what containers get: a network, `/etc/hosts`, `/etc/resolv.conf`,
//! a stop signal (powering off ends it by SIGKILL).

use std::fmt;

use bootwright_init::run_file::{self, GROUPS_MAX, LEN_MAX, WORDS_MAX};

use super::accounts::{self, Account};
use crate::error::{Context, Error, Result, shown_bytes};
use crate::tree::{Content, Kind, Node, Time, Tree, TreePath, oci};

/// Where programs are looked for whose image does not say.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A program, as it is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// What is executed: an absolute path.
    pub path: Vec<u8>,
    /// Its arguments, from its own name on.
    pub arguments: Vec<Vec<u8>>,
    /// Its environment, as `NAME=value`.
    pub environment: Vec<String>,
    /// Where it starts.
    pub folder: String,
    /// Who it runs as.
    pub account: Account,
}

impl Program {
    /// The program that a command names in a tree; user, environment and folder as an image has them.
    ///
    /// # Errors
    /// Where the program or the user is not in the tree.
    pub fn new(tree: &Tree, command: &[Vec<u8>], config: &oci::Config) -> Result<Self> {
        let account = accounts::find(tree, &config.user)?;
        let environment = environment(config, &account);
        let folder = match config.working_dir.as_str() {
            "" => "/".to_owned(),
            folder => folder.to_owned(),
        };
        let name = command.first().filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| Error::new("the command is empty"))?;
        let path = find(tree, name, &environment, &folder)?;
        Ok(Program { path, arguments: command.to_vec(), environment, folder, account })
    }

    /// Places the program's description, and our init that reads it.
    ///
    /// # Errors
    /// Where it says more than init can pass on, or something else is in the way.
    pub fn place(&self, tree: &mut Tree, init: Content, time: Time) -> Result<()> {
        let text = Content::from(self.encode()?);
        let files = [
            (run_file::INIT.as_bytes(), Node::file(0o755, time, init)),
            (run_file::PATH.to_bytes(), Node::file(0o644, time, text)),
        ];
        for (path, node) in files {
            let path = tree.resolve(&TreePath::new(path)?)?;
            tree.replace(path, node).context(|| "placing bootwright's init")?;
        }
        Ok(())
    }

    /// The records that init reads.
    fn encode(&self) -> Result<Vec<u8>> {
        let too_many = |count: usize, what: &str, max: usize| match count > max {
            true => {
                Err(Error::new(format!("{count} {what} are more than init can pass on: {max}")))
            }
            false => Ok(()),
        };
        too_many(self.arguments.len(), "arguments", WORDS_MAX)?;
        too_many(self.environment.len(), "variables", WORDS_MAX)?;
        too_many(self.account.groups.len(), "groups", GROUPS_MAX)?;
        let mut records: Vec<(&str, Vec<u8>)> = vec![("program", self.path.clone())];
        records.extend(self.arguments.iter().map(|word| ("arg", word.clone())));
        records.extend(self.environment.iter().map(|word| ("env", word.clone().into_bytes())));
        records.push(("folder", self.folder.clone().into_bytes()));
        let number = |key, number: u32| (key, number.to_string().into_bytes());
        records.push(number("uid", self.account.user));
        records.push(number("gid", self.account.group));
        records.extend(self.account.groups.iter().map(|&group| number("group", group)));
        let mut text = Vec::new();
        for (key, value) in records {
            if value.contains(&0) {
                return Err(Error::new(format!("`{}` has a NUL byte", shown_bytes(&value))));
            }
            text.extend([key.as_bytes(), b"=", &value[..], b"\0"].concat());
        }
        too_many(text.len(), "bytes of arguments and variables", LEN_MAX)?;
        Ok(text)
    }
}

impl fmt::Display for Program {
    /// `/usr/sbin/nginx -g "daemon off;", as 101:101`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown_bytes(&self.path))?;
        for word in self.arguments.iter().skip(1) {
            match word.iter().any(u8::is_ascii_whitespace) || word.is_empty() {
                true => write!(f, " \"{}\"", shown_bytes(word))?,
                false => write!(f, " {}", shown_bytes(word))?,
            }
        }
        match (self.account.user, self.account.group) {
            (0, 0) => Ok(()),
            (user, group) => write!(f, ", as {user}:{group}"),
        }
    }
}

/// What the image says, and what every container gets beside it.
fn environment(config: &oci::Config, account: &Account) -> Vec<String> {
    let mut environment = config.env.clone();
    let home = account.home.as_deref().unwrap_or("/");
    for (name, value) in [("PATH", PATH), ("HOME", home), ("TERM", "linux")] {
        if variable(&environment, name).is_none() {
            environment.push(format!("{name}={value}"));
        }
    }
    environment
}

fn variable<'a>(environment: &'a [String], name: &str) -> Option<&'a str> {
    environment.iter().find_map(|v| v.strip_prefix(name)?.strip_prefix('='))
}

/// The absolute path of a program by its name, as `execvp` would find it.
fn find(tree: &Tree, name: &[u8], environment: &[String], folder: &str) -> Result<Vec<u8>> {
    let folders = match name.contains(&b'/') {
        true => folder,
        false => variable(environment, "PATH").unwrap_or_default(),
    };
    for folder in folders.split(':') {
        let path = match name.starts_with(b"/") {
            true => name.to_vec(),
            false => [folder.trim_end_matches('/').as_bytes(), b"/", name].concat(),
        };
        if is_program(tree, &path)? {
            return Ok(path);
        }
    }
    let (name, place) = (shown_bytes(name), if name.contains(&b'/') { "" } else { folders });
    Err(match place {
        "" => Error::new(format!("`{name}` is no program of the root filesystem")),
        place => Error::new(format!("the program `{name}` is in none of {place}")),
    })
}

/// Whether a path of the root filesystem leads to an executable file.
///
/// # Errors
/// Where its links make a loop.
pub fn is_program(tree: &Tree, path: &[u8]) -> Result<bool> {
    // `..` is resolved by nobody here; the guest would.
    let Ok(path) = TreePath::new(path) else { return Ok(false) };
    let node = tree.get(&tree.resolve_fully(&path)?);
    let is_program =
        |node: &Node| matches!(node.kind, Kind::File(_)) && node.metadata.mode & 0o111 != 0;
    Ok(node.is_some_and(is_program))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Tree {
        let mut tree = Tree::new(Time::EPOCH);
        for (path, mode, text) in [
            ("usr/bin/app", 0o755, ""),
            ("usr/bin/data", 0o644, ""),
            ("etc/passwd", 0o644, "web:x:33:34::/var/www:/bin/false\n"),
        ] {
            let node = Node::file(mode, Time::EPOCH, Content::from(text.as_bytes().to_vec()));
            tree.insert(TreePath::new(path.as_bytes()).expect("good"), node).expect("free");
        }
        let link = Node::symlink("usr/bin", Time::EPOCH);
        tree.insert(TreePath::new(b"bin").expect("good"), link).expect("free");
        tree
    }

    fn words(words: &[&str]) -> Vec<Vec<u8>> {
        words.iter().map(|word| word.as_bytes().to_vec()).collect()
    }

    fn started(command: &[&str], config: oci::Config) -> Result<Program> {
        Program::new(&sample(), &words(command), &config)
    }

    #[test]
    fn a_container_gets_what_its_image_says() {
        let config = oci::Config {
            user: "web".into(),
            env: vec!["PATH=/opt:/bin".into(), "A=b".into()],
            working_dir: "/srv".into(),
            ..oci::Config::default()
        };
        let program = started(&["app", "-v", "a b"], config).expect("it is there");
        assert_eq!(program.path, b"/bin/app");
        assert_eq!(program.environment, ["PATH=/opt:/bin", "A=b", "HOME=/var/www", "TERM=linux"]);
        assert_eq!(program.to_string(), "/bin/app -v \"a b\", as 33:34");
        let text = program.encode().expect("short");
        let shown = String::from_utf8(text).expect("text").replace('\0', "\n");
        assert_eq!(
            shown,
            "program=/bin/app\narg=app\narg=-v\narg=a b\nenv=PATH=/opt:/bin\nenv=A=b\n\
             env=HOME=/var/www\nenv=TERM=linux\nfolder=/srv\nuid=33\ngid=34\n"
        );
    }

    #[test]
    fn what_init_reads_is_what_was_written() {
        let program = started(&["/usr/bin/app"], oci::Config::default()).expect("it is there");
        let mut tree = sample();
        let init = Content::from(b"init".to_vec());
        program.place(&mut tree, init, Time::EPOCH).expect("free");
        let path = TreePath::new(run_file::PATH.to_bytes()).expect("good");
        let Some(Kind::File(content)) = tree.get(&path).map(|node| &node.kind) else {
            panic!("the file is not there");
        };
        let text = content.read().expect("readable");
        let records: Vec<_> = run_file::records(&text).collect();
        assert_eq!(records[0], run_file::Record::Program(c"/usr/bin/app"));
        assert_eq!(records.last(), Some(&run_file::Record::Group(0)));
    }

    #[test]
    fn what_is_not_there_is_said_now() {
        let said = |command: &[&str]| {
            started(command, oci::Config::default()).expect_err("it cannot start").to_string()
        };
        assert_eq!(said(&[]), "the command is empty");
        assert_eq!(
            said(&["/usr/bin/data"]),
            "`/usr/bin/data` is no program of the root filesystem"
        );
        assert!(said(&["none"]).starts_with("the program `none` is in none of /usr/local/sbin:"));
        let many = vec!["/usr/bin/app"; WORDS_MAX + 1];
        let program = started(&many, oci::Config::default()).expect("it is there");
        assert!(program.encode().is_err());
    }
}
