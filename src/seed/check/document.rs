//! One file of a seed as cloud-init takes it: its format, by its first line, and its YAML.

use crate::seed::yaml::{self, Node, YamlError};
use crate::seed::{File, Part};

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// YAML for cloud-init's modules.
    CloudConfig,
    /// A list of parts in YAML.
    Archive,
    /// YAML in a template, which is not YAML yet.
    Jinja,
    /// A program, an address list, a boothook, a part handler, JSON patches.
    Other,
    /// Parts in MIME.
    Mime,
    /// Compressed.
    Gzip,
    /// meta-data and network-config: YAML without a first line.
    Plain,
    /// None that cloud-init knows.
    Unknown,
}

/// First lines, as `cloudinit.handlers` compares them: in small letters, behind white space; the longer
/// before the shorter.
const FIRST_LINES: [(&str, Format); 9] = [
    ("#cloud-config-archive", Format::Archive),
    ("#cloud-config-jsonp", Format::Other),
    ("#cloud-config", Format::CloudConfig),
    ("#cloud-boothook", Format::Other),
    ("#part-handler", Format::Other),
    ("## template: jinja", Format::Jinja),
    ("#include-once", Format::Other),
    ("#include", Format::Other),
    ("#!", Format::Other),
];

/// How many bytes cloud-init searches for a MIME header.
const MIME_SEARCHED: usize = 4096;

/// A file that is looked at.
#[derive(Debug)]
pub struct Document {
    /// Which it is.
    pub part: Part,
    /// What it holds.
    pub format: Format,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// The text without a byte order mark; what is not UTF-8 is replaced.
    pub text: String,
    yaml: Option<Result<Node, YamlError>>,
}

impl Document {
    /// Looks at the first line, and reads the YAML where it is some.
    pub fn new(file: &File) -> Self {
        let text = String::from_utf8_lossy(&file.bytes);
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned();
        let format = match file.part {
            Part::UserData | Part::VendorData => format_of(&file.bytes),
            Part::MetaData | Part::NetworkConfig => Format::Plain,
        };
        let is_yaml = matches!(format, Format::CloudConfig | Format::Archive | Format::Plain);
        let yaml = is_yaml.then(|| yaml::parse(&text));
        Document { part: file.part, format, bytes: file.bytes.clone(), text, yaml }
    }

    /// Its YAML, where it is sound.
    pub fn root(&self) -> Option<&Node> {
        self.yaml.as_ref()?.as_ref().ok()
    }

    /// Why it is no YAML.
    pub fn error(&self) -> Option<&YamlError> {
        self.yaml.as_ref()?.as_ref().err()
    }
}

fn format_of(bytes: &[u8]) -> Format {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        return Format::Gzip;
    }
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(MIME_SEARCHED)]).to_lowercase();
    if head.contains("mime-version:") {
        return Format::Mime;
    }
    // A byte order mark is no white space to Python: what stands behind it is not recognised.
    let found = FIRST_LINES.iter().find(|(line, _)| head.trim_start().starts_with(line));
    found.map_or(Format::Unknown, |(_, format)| *format)
}
