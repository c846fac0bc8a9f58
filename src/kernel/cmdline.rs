//! The kernel command line: arguments in order, with the kernel's own quoting.
//!
//! Source: `Documentation/admin-guide/kernel-parameters.rst`, and `lib/cmdline.c` (`next_arg`) where
//! that is silent: arguments are separated by white space, double quotes keep it in a value, and
//! nothing escapes a quote, so that a value with one cannot be written. Names with `-` and `_` are the
//! same. What follows `--` is for init; it is kept like the rest. Not read is what an argument means.

use std::fmt;
use std::str::FromStr;

/// `COMMAND_LINE_SIZE` of x86, with the NUL.
pub const COMMAND_LINE_SIZE: usize = 2048;

/// One argument: `quiet`, `root=/dev/vda2`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    name: String,
    value: Option<String>,
}

/// A kernel command line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cmdline {
    arguments: Vec<Argument>,
}

/// Why text cannot be on a kernel command line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CmdlineError {
    /// The kernel would cut it.
    #[error("the kernel command line has {0} bytes, and x86 keeps {max}", max = COMMAND_LINE_SIZE - 1)]
    TooLong(usize),
    /// No quoting can carry it.
    #[error("the kernel argument `{}` has a double quote, which nothing can quote", .0.escape_debug())]
    Quote(String),
    /// A line break would end the line in a boot loader's configuration.
    #[error("the kernel argument `{}` has a control character", .0.escape_debug())]
    Control(String),
    /// A name that is not plain ASCII without white space, or none.
    #[error("`{}` is not the name of a kernel argument", .0.escape_debug())]
    Name(String),
    /// A quote that is not closed.
    #[error("a double quote in `{}` is not closed", .0.escape_debug())]
    Open(String),
}

impl Argument {
    /// An argument; white space in the value is quoted when it is printed.
    ///
    /// # Errors
    /// Where the kernel could not read it back.
    pub fn new(name: impl Into<String>, value: Option<String>) -> Result<Self, CmdlineError> {
        let argument = Argument { name: name.into(), value };
        let (name, value) = (&argument.name, argument.value.as_deref().unwrap_or_default());
        let is_bad = |c: char| !c.is_ascii_graphic() || c == '=';
        if let Some(text) = [name, value].into_iter().find(|t| t.contains(char::is_control)) {
            return Err(CmdlineError::Control(text.into()));
        }
        if let Some(text) = [name, value].into_iter().find(|t| t.contains('"')) {
            return Err(CmdlineError::Quote(text.into()));
        }
        match name.is_empty() || name.contains(is_bad) {
            true => Err(CmdlineError::Name(name.into())),
            false => Ok(argument),
        }
    }

    /// What is before the `=`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is behind the `=`, without quotes; `None` where there is no `=`.
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }

    /// Whether the kernel takes it for the argument of this name.
    fn is(&self, name: &str) -> bool {
        let plain = |b: u8| if b == b'-' { b'_' } else { b };
        self.name.bytes().map(plain).eq(name.bytes().map(plain))
    }
}

impl Cmdline {
    /// No arguments.
    pub const fn new() -> Self {
        Cmdline { arguments: Vec::new() }
    }

    /// Appends an argument.
    pub fn push(&mut self, argument: Argument) {
        self.arguments.push(argument);
    }

    /// Appends `name=value`.
    ///
    /// # Errors
    /// As [`Argument::new`].
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), CmdlineError> {
        self.push(Argument::new(name, Some(value.into()))?);
        Ok(())
    }

    /// The arguments in order.
    pub fn iter(&self) -> impl Iterator<Item = &Argument> {
        self.arguments.iter()
    }

    /// The value of the last argument of this name, the one that counts for most; empty where it
    /// has none.
    pub fn get(&self, name: &str) -> Option<&str> {
        let last = self.arguments.iter().rfind(|a| a.is(name))?;
        Some(last.value().unwrap_or_default())
    }

    /// The line, if the kernel keeps all of it.
    ///
    /// # Errors
    /// Where it is longer than [`COMMAND_LINE_SIZE`] allows.
    pub fn text(&self) -> Result<String, CmdlineError> {
        match self.to_string() {
            text if text.len() < COMMAND_LINE_SIZE => Ok(text),
            text => Err(CmdlineError::TooLong(text.len())),
        }
    }
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.value() {
            None => f.write_str(&self.name),
            Some(value) if value.bytes().all(|b| b.is_ascii_graphic()) => {
                write!(f, "{}={value}", self.name)
            }
            // White space, and a byte of UTF-8 that the kernel takes for some (0xa0).
            Some(value) => write!(f, "{}=\"{value}\"", self.name),
        }
    }
}

impl fmt::Display for Cmdline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for argument in &self.arguments {
            write!(f, "{separator}{argument}")?;
            separator = " ";
        }
        Ok(())
    }
}

impl FromStr for Cmdline {
    type Err = CmdlineError;

    /// Reads a line as the kernel does, quotes around a value or around a whole argument.
    fn from_str(text: &str) -> Result<Self, CmdlineError> {
        let mut arguments = Vec::new();
        let mut rest = text.trim_ascii();
        while !rest.is_empty() {
            let mut quoted = false;
            let ends = |c: char| {
                quoted ^= c == '"';
                c.is_ascii_whitespace() && !quoted
            };
            let (word, after) = rest.split_at(rest.find(ends).unwrap_or(rest.len()));
            if quoted {
                return Err(CmdlineError::Open(word.into()));
            }
            arguments.push(argument(word)?);
            rest = after.trim_ascii_start();
        }
        Ok(Cmdline { arguments })
    }
}

/// One word: `a`, `a=b`, `a="b c"` or `"a=b c"`.
fn argument(word: &str) -> Result<Argument, CmdlineError> {
    let unquoted = |text: &str| {
        let inner = text.strip_prefix('"').and_then(|t| t.strip_suffix('"'));
        inner.unwrap_or(text).to_owned()
    };
    let whole = unquoted(word);
    match whole.split_once('=') {
        Some((name, value)) => Argument::new(name, Some(unquoted(value))),
        None => Argument::new(whole, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(text: &str) -> Result<Cmdline, CmdlineError> {
        text.parse()
    }

    #[test]
    fn arguments_keep_their_order_and_the_last_one_counts() {
        let line = parsed("  console=tty0 quiet\tconsole=ttyS0,115200 -- -x ").expect("a line");
        assert_eq!(line.to_string(), "console=tty0 quiet console=ttyS0,115200 -- -x");
        assert_eq!(line.get("console"), Some("ttyS0,115200"));
        assert_eq!((line.get("quiet"), line.get("root")), (Some(""), None));
        assert_eq!(parsed("a-b=1").expect("a line").get("a_b"), Some("1"));
    }

    #[test]
    fn white_space_in_a_value_is_quoted() {
        let mut line = Cmdline::new();
        line.set("dyndbg", "file a.c +p").expect("it can be quoted");
        assert_eq!(line.to_string(), "dyndbg=\"file a.c +p\"");
        assert_eq!(parsed("\"dyndbg=file a.c +p\""), Ok(line.clone()));
        assert_eq!(line.get("dyndbg"), Some("file a.c +p"));
    }

    #[test]
    fn what_cannot_be_carried_says_why() {
        let mut line = Cmdline::new();
        assert_eq!(line.set("a", "b\"c"), Err(CmdlineError::Quote("b\"c".into())));
        assert_eq!(line.set("a", "b\nc"), Err(CmdlineError::Control("b\nc".into())));
        assert_eq!(line.set("a b", "c"), Err(CmdlineError::Name("a b".into())));
        assert_eq!(parsed("a=\"b c"), Err(CmdlineError::Open("a=\"b c".into())));
        assert_eq!(parsed("=x"), Err(CmdlineError::Name(String::new())));
    }

    #[test]
    fn a_line_that_the_kernel_would_cut_is_refused() {
        let mut line = Cmdline::new();
        line.set("a", &"x".repeat(2045)).expect("an argument");
        assert_eq!(line.text().map(|t| t.len()), Ok(2047));
        line.set("b", "").expect("an argument");
        assert_eq!(line.text(), Err(CmdlineError::TooLong(2050)));
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(arguments in prop::collection::vec(
            ("[a-z.-]{1,6}", prop::option::of("[ -!#-~\u{a0}é]{0,8}")), 0..6)
        ) {
            let mut line = Cmdline::new();
            for (name, value) in arguments {
                line.push(Argument::new(name, value).expect("nothing bad in it"));
            }
            prop_assert_eq!(line.to_string().parse(), Ok(line));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}|[ \"=a]{0,20}") {
            if let Ok(line) = parsed(&text) {
                prop_assert_eq!(parsed(&line.to_string()), Ok(line));
            }
        }
    }
}
