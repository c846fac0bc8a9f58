//! The root filesystem of an image: what the sources give, the changes on top, what every root needs,
//! and what runs on it.

use std::fmt;

use bootwright_init::run_file;

use super::program::{Program, is_program};
use crate::arch::X86_64;
use crate::error::{Context, Error, Result, shown_bytes};
use crate::source::{Change, Reading, Start, Taken, Word};
use crate::tree::merge::Conflict;
use crate::tree::{Content, Node, Notice, Time, Tree, TreePath, oci};

/// What `/init` and every init mount, and where programs put what is temporary (Filesystem Hierarchy
/// Standard 3.0 §3.2).
const MOUNT_POINTS: &[(&str, u16)] =
    &[("dev", 0o755), ("proc", 0o555), ("run", 0o755), ("sys", 0o555), ("tmp", 0o1777)];

/// What `/init` looks for where `init=` is not given, in its order, which is the kernel's.
const INITS: [&str; 4] = ["/sbin/init", "/etc/init", "/bin/init", "/bin/sh"];

/// Names of inits that run in containers too: such an image is a whole system.
const WHOLE_SYSTEMS: [&[u8]; 2] = [b"init", b"systemd"];

/// How a root filesystem is made.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// Its sources, in order; none is the demo.
    pub words: Vec<Word>,
    /// How they are read.
    pub reading: Reading,
    /// What happens where two of them have the same path.
    pub on_conflict: Conflict,
    /// Changes on top, in order.
    pub changes: Vec<Change>,
    /// What is to run on it.
    pub wish: Wish,
    /// Times of modification later than this are brought back to it: `SOURCE_DATE_EPOCH`.
    pub latest: Option<Time>,
}

/// What is to run on the root filesystem.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Wish {
    /// The entry point of a container image, the root's own init, or the program that it is the closure of.
    #[default]
    Auto,
    /// This init of the root.
    Init(String),
    /// This program with its arguments, started by our init.
    Run(Vec<String>),
}

/// What runs on the root filesystem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Userspace {
    /// Our init at `/sbin/init`, which says that it is there.
    Demo,
    /// A program, started by our init.
    Program(Program),
    /// The root's own init at this path.
    Own {
        /// Its path.
        path: String,
        /// Whether `/init` has to be told, because it would take another.
        is_told: bool,
    },
}

/// A root filesystem, ready to be written.
#[derive(Debug, Clone)]
pub struct Root {
    /// What is in it.
    pub tree: Tree,
    /// What runs on it.
    pub userspace: Userspace,
    /// Directories that the image needs and the sources lack.
    pub added: Vec<TreePath>,
    /// What the sources have and the tree has not.
    pub notices: Vec<Notice>,
}

impl Userspace {
    /// The value of the kernel argument `init=`, where one is needed.
    pub fn init_argument(&self) -> Option<&str> {
        match self {
            Userspace::Program(_) => Some(run_file::INIT),
            Userspace::Own { path, is_told: true } => Some(path),
            Userspace::Own { .. } | Userspace::Demo => None,
        }
    }

    /// Whether what runs says `userspace-ready` with the boot's token.
    pub fn speaks_handoff(&self) -> bool {
        !matches!(self, Userspace::Own { .. })
    }
}

impl fmt::Display for Userspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Userspace::Demo => write!(f, "the demo's init"),
            Userspace::Program(program) => write!(f, "{program}, started by bootwright's init"),
            Userspace::Own { path, .. } => write!(f, "its own {path}"),
        }
    }
}

impl Recipe {
    /// Makes the root filesystem; `demo_fn` gives the demo's, and `init` is our own init.
    ///
    /// # Errors
    /// Where a source cannot be read, two conflict, a change cannot be made, or nothing could run on it.
    pub fn make(
        &self,
        demo_fn: impl FnOnce() -> Result<Tree>,
        init: Content,
        time: Time,
    ) -> Result<Root> {
        let mut taken = match self.words.is_empty() {
            true => Taken { tree: demo_fn()?, notices: Vec::new(), start: None },
            false => self.reading.read_all(&self.words, self.on_conflict, &|_| ())?,
        };
        for change in &self.changes {
            change.apply(&mut taken.tree, time)?;
        }
        // Not every source has fractions of a second, and the same tree is to give the same bytes.
        taken.tree.floor_times();
        if let Some(latest) = self.latest {
            taken.tree.clamp_times(latest);
        }
        let userspace = self.userspace(&taken).map_err(with_hint)?;
        let Taken { mut tree, mut notices, .. } = taken;
        notices.extend(first_boot(&tree, &userspace)?);
        let mut added = Vec::new();
        for &(path, mode) in MOUNT_POINTS {
            added.extend(ensure_directory(&mut tree, path, mode, time)?);
        }
        if let Userspace::Program(program) = &userspace {
            added.extend(ensure_directory(&mut tree, &program.folder, 0o755, time)?);
            program.place(&mut tree, init, time)?;
        }
        Ok(Root { tree, userspace, added, notices })
    }

    fn userspace(&self, taken: &Taken) -> Result<Userspace> {
        let tree = &taken.tree;
        let config = match &taken.start {
            Some(Start::Image(config, platform)) => {
                check_platform(platform)?;
                config.clone()
            }
            _ => oci::Config::default(),
        };
        let run = |command: Vec<Vec<u8>>| {
            let program = Program::new(tree, &command, &config);
            program.map(Userspace::Program).context(|| "finding what to run on the root filesystem")
        };
        let bytes = |words: &[String]| words.iter().map(|word| word.as_bytes().to_vec()).collect();
        match (&self.wish, &taken.start) {
            (Wish::Init(path), _) => chosen(tree, path),
            (Wish::Run(words), _) => run(bytes(words)),
            (Wish::Auto, None) if self.words.is_empty() => Ok(Userspace::Demo),
            (Wish::Auto, Some(Start::Image(config, _))) if !config.command().is_empty() => {
                let command = config.command();
                match whole_system(&command) {
                    Some(init) => chosen(tree, init),
                    None => run(bytes(&command)),
                }
            }
            // On top of a system, a program is one more; /bin/sh alone makes none.
            (Wish::Auto, Some(Start::Program(path))) => match first_init(tree, &INITS[..3])? {
                Some(own) => Ok(own),
                None => run(vec![[b"/", path.as_bytes()].concat()]),
            },
            (Wish::Auto, _) => first_init(tree, &INITS)?.ok_or_else(|| {
                Error::new(format!("the root filesystem has no init: none of {}", INITS.join(" ")))
            }),
        }
    }
}

/// Without a machine id, systemd takes a boot for the first one and asks questions on the console
/// (machine-id(5), systemd-firstboot(1)); an empty file is filled in, and nobody is asked.
fn first_boot(tree: &Tree, userspace: &Userspace) -> Result<Option<Notice>> {
    let Userspace::Own { path, .. } = userspace else { return Ok(None) };
    let init = tree.resolve_fully(&TreePath::new(path.as_bytes())?)?;
    let id = tree.resolve_fully(&TreePath::new(b"etc/machine-id")?)?;
    let asks = init.name() == b"systemd" && tree.get(&id).is_none();
    Ok(asks.then_some(Notice::Advice(
        "systemd will ask questions on its first boot; `--write /etc/machine-id:` makes it start without",
    )))
}

fn with_hint(error: Error) -> Error {
    error.hint(
        "--root-init names an init of the root filesystem, --root-run a program of it to start",
    )
}

/// The init that a container's command is, where that is all that it is.
fn whole_system(command: &[String]) -> Option<&str> {
    let [path] = command else { return None };
    let name = path.rsplit('/').next().unwrap_or_default();
    (path.starts_with('/') && WHOLE_SYSTEMS.contains(&name.as_bytes())).then_some(path)
}

/// The init at a path, which `/init` has to be told unless it is the one that it takes anyway.
fn chosen(tree: &Tree, path: &str) -> Result<Userspace> {
    let path = format!("/{}", path.trim_start_matches('/'));
    match is_program(tree, path.as_bytes())? {
        true => {
            let is_told = first_init(tree, &INITS)? != Some(own(&path));
            Ok(Userspace::Own { path, is_told })
        }
        false => Err(Error::new(format!(
            "`{}` is no executable file of the root filesystem",
            shown_bytes(path.as_bytes())
        ))),
    }
}

fn own(path: &str) -> Userspace {
    Userspace::Own { path: path.into(), is_told: false }
}

fn first_init(tree: &Tree, paths: &[&str]) -> Result<Option<Userspace>> {
    for path in paths {
        if is_program(tree, path.as_bytes())? {
            return Ok(Some(own(path)));
        }
    }
    Ok(None)
}

fn check_platform(platform: &oci::Platform) -> Result<()> {
    let architecture = platform.architecture.as_str();
    match architecture.is_empty() || architecture == X86_64.go {
        true => Ok(()),
        false => Err(Error::new(format!(
            "the container image is for {}, and the kernel for {}",
            shown_bytes(architecture.as_bytes()),
            X86_64.go
        ))),
    }
}

/// Makes a directory where none is, at the place that its links lead to; its path, if it was made.
fn ensure_directory(
    tree: &mut Tree,
    path: &str,
    mode: u16,
    time: Time,
) -> Result<Option<TreePath>> {
    let path = TreePath::new(path.as_bytes())?;
    let place = tree.resolve_fully(&path)?;
    if tree.get(&place).is_some() {
        return Ok(None);
    }
    let inserted = tree.insert(place, Node::directory(mode, time));
    inserted.context(|| format!("adding `{path}`"))?;
    Ok(Some(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::samples::path;

    const NOW: Time = Time::from_seconds(7);

    fn recipe(wish: Wish) -> Recipe {
        Recipe {
            words: vec![Word::new("not-read")],
            reading: Reading::default(),
            on_conflict: Conflict::Refuse,
            changes: Vec::new(),
            wish,
            latest: None,
        }
    }

    /// What would run on a tree with these programs.
    fn userspace(programs: &[&str], start: Option<Start>, wish: Wish) -> Result<Userspace> {
        let mut tree = Tree::new(Time::EPOCH);
        for program in programs {
            let node = Node::file(0o755, Time::EPOCH, Content::from(Vec::new()));
            tree.insert(path(program), node).expect("free");
        }
        recipe(wish).userspace(&Taken { tree, notices: Vec::new(), start })
    }

    fn image(command: &[&str], architecture: &str) -> Option<Start> {
        let cmd = command.iter().map(|word| (*word).to_owned()).collect();
        let config = oci::Config { cmd, ..oci::Config::default() };
        let architecture = architecture.to_owned();
        Some(Start::Image(config, oci::Platform { architecture, ..oci::Platform::default() }))
    }

    fn shown(userspace: Result<Userspace>) -> String {
        userspace.map_or_else(|error| error.to_string(), |userspace| userspace.to_string())
    }

    #[test]
    fn a_system_runs_its_own_init() {
        let own = |programs: &[&str]| userspace(programs, None, Wish::Auto);
        assert_eq!(shown(own(&["sbin/init", "bin/sh"])), "its own /sbin/init");
        assert_eq!(shown(own(&["bin/sh"])), "its own /bin/sh");
        assert!(shown(own(&["bin/ls"])).contains("has no init: none of /sbin/init"));
        let chosen = |path: &str| {
            userspace(&["sbin/init", "opt/init"], None, Wish::Init(path.into())).expect("there")
        };
        assert_eq!(chosen("opt/init").init_argument(), Some("/opt/init"));
        assert_eq!(chosen("/sbin/init").init_argument(), None, "it is taken anyway");
        assert!(!chosen("/sbin/init").speaks_handoff());
        assert!(userspace(&["bin/sh"], None, Wish::Init("/none".into())).is_err());
    }

    #[test]
    fn a_container_runs_its_entry_point_and_a_program_itself() {
        let started = ", started by bootwright's init";
        let of = |start, wish| shown(userspace(&["bin/app", "bin/sh"], start, wish));
        let container = || image(&["app", "-v"], "amd64");
        assert_eq!(of(container(), Wish::Auto), format!("/bin/app -v{started}"));
        let run = Wish::Run(vec!["/bin/sh".into()]);
        assert_eq!(of(container(), run), format!("/bin/sh{started}"));
        assert_eq!(of(image(&[], ""), Wish::Auto), "its own /bin/sh");
        let foreign = of(image(&["app"], "arm64"), Wish::Auto);
        assert_eq!(foreign, "the container image is for arm64, and the kernel for amd64");
        let program = || Some(Start::Program(path("bin/app")));
        assert_eq!(of(program(), Wish::Auto), format!("/bin/app{started}"));
        let system = userspace(&["sbin/init", "bin/app"], program(), Wish::Auto);
        assert_eq!(shown(system), "its own /sbin/init");
        let whole = userspace(&["sbin/init"], image(&["/sbin/init"], "amd64"), Wish::Auto);
        assert_eq!(shown(whole), "its own /sbin/init");
    }

    #[test]
    fn systemd_without_a_machine_id_is_told_of() {
        let of = |programs: &[&str]| {
            let mut tree = Tree::new(Time::EPOCH);
            for program in programs {
                let node = Node::file(0o755, Time::EPOCH, Content::from(Vec::new()));
                tree.insert(path(program), node).expect("free");
            }
            tree.insert(path("sbin/init"), Node::symlink("/lib/systemd/systemd", Time::EPOCH))
                .expect("free");
            first_boot(&tree, &own("/sbin/init")).expect("no loops").is_some()
        };
        assert!(of(&["lib/systemd/systemd"]));
        assert!(!of(&["lib/systemd/systemd", "etc/machine-id"]));
    }

    #[test]
    fn what_is_missing_is_added_where_links_lead() {
        let demo = || {
            let mut tree = Tree::new(Time::EPOCH);
            let fine = Time { seconds: 9, nanoseconds: 5 };
            tree.insert(path("proc"), Node::directory(0o700, fine))?;
            tree.insert(path("tmp"), Node::symlink("var/tmp", Time::EPOCH))?;
            let program = Node::file(0o755, Time::EPOCH, Content::from(Vec::new()));
            tree.insert(path("bin/app"), program)?;
            Ok(tree)
        };
        let made = Recipe {
            words: Vec::new(),
            changes: vec![Change::Mkdir { path: "/sys".into(), mode: None }],
            latest: Some(Time::from_seconds(8)),
            ..recipe(Wish::Run(vec!["app".into()]))
        };
        let root = made.make(demo, Content::from(b"init".to_vec()), NOW).expect("made");
        let added: Vec<_> = root.added.iter().map(ToString::to_string).collect();
        assert_eq!(added, ["dev", "run", "tmp"]);
        let of = |at: &str| root.tree.get(&path(at)).expect("there").metadata.clone();
        assert_eq!((of("var/tmp").mode, of("proc").mode), (0o1777, 0o700));
        assert_eq!(of("proc").mtime, Time::from_seconds(8));
        assert!(root.tree.get(&path(run_file::INIT)).is_some());
        assert_eq!(root.userspace.init_argument(), Some(run_file::INIT));
    }
}
