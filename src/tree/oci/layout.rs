//! Where things are in a layout, and which image of several is meant.

use std::io::Read;

use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256, Sha512};

use super::image::{Descriptor, Image, Index, Manifest, Platform, Saved, StoredConfig};
use super::layer;
use crate::error::{Context, Error, Result};
use crate::tree::{Content, Kind, Section, Source, Spool, Time, Tree, TreePath};

/// The largest JSON that is read; the specification lets readers refuse more than 4 MiB.
const MAX_JSON: u64 = 4 << 20;
/// How deep indexes may hold each other.
const MAX_INDEXES: u32 = 4;
/// The most layers: more than twice what overlayfs can stack.
const MAX_LAYERS: usize = 1024;

/// The annotation that names an image of a layout.
const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// containerd's and Docker's own annotation with the full name.
const IMAGE_NAME: &str = "io.containerd.image.name";

/// Which image is meant, where there are several.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Its name: a tag (`latest`) or a full name (`debian:12`). Not needed where there is one.
    pub name: Option<String>,
    /// Go's name of the architecture (`amd64`). Not needed where there is one.
    pub architecture: Option<String>,
}

/// What is wrong with a layout.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// Neither `index.json` nor `manifest.json`.
    #[error("it is no container image: it has neither index.json nor manifest.json")]
    NoIndex,
    /// A file that another names.
    #[error("it has no `{0}`")]
    Missing(String),
    /// A digest that is none, or of another algorithm.
    #[error("`{0}` is no digest of sha256 or sha512")]
    Digest(String),
    /// A blob with other bytes.
    #[error("the blob {0} has other bytes than its digest says")]
    Altered(String),
    /// A blob with another length.
    #[error("the blob {0} has {1} bytes, not {2}")]
    Length(String, u64, u64),
    /// More than one image fits.
    #[error("it has several images, of which one has to be named: {0}")]
    Several(String),
    /// No image fits.
    #[error("it has no image that was asked for, only: {0}")]
    None(String),
    /// More layers than anything runs, or indexes in indexes in indexes.
    #[error("it has more {0} than are read")]
    TooMany(&'static str),
    /// A layer that is kept elsewhere, or encrypted.
    #[error("its layer {0} is of the type {1}, which is not read")]
    Layer(String, String),
}

/// Whether a tree is an image layout or a `docker save` archive.
pub fn is_layout(tree: &Tree) -> bool {
    let has = |name: &[u8]| TreePath::new(name).is_ok_and(|path| tree.get(&path).is_some());
    (has(b"oci-layout") && has(b"index.json"))
        || (has(b"manifest.json") && saved(tree).is_ok_and(|saved| !saved.is_empty()))
}

/// Reads the image that a layout holds; `tell` is told how many more compressed bytes are read.
///
/// # Errors
/// Where it is damaged or not clear which image is meant ([`LayoutError`]), or a layer cannot be applied.
pub fn read(layout: &Tree, options: &Options, tell: &dyn Fn(u64)) -> Result<Image> {
    let layout = Layout { tree: layout };
    let (config, layers) = match layout.file("index.json") {
        Ok(_) => layout.of_index(options)?,
        Err(_) => layout.of_saved(options)?,
    };
    let stored: StoredConfig = json(config).context(|| "reading the image's configuration")?;
    if layers.len() > MAX_LAYERS {
        return Err(LayoutError::TooMany("layers").into());
    }
    let mut spool = Spool::new()?;
    let mut source = Source { tree: Tree::new(Time::EPOCH), notices: Vec::new() };
    for (index, (name, content)) in layers.iter().enumerate() {
        let doing = || format!("applying the layer {name}");
        let layer = unpacked(content, &mut spool, tell).context(doing)?;
        if let Some(wanted) = stored.rootfs.diff_ids.get(index) {
            verify(wanted, &mut layer.reader()).context(doing)?;
        }
        layer::apply(&mut source, &layer).context(doing)?;
    }
    Ok(Image { source, config: stored.config, platform: stored.platform })
}

fn unpacked(content: &Content, spool: &mut Spool, tell: &dyn Fn(u64)) -> Result<Section> {
    let section = Section::of(content, spool)?;
    section.decompressed_into(spool, tell)
}

fn json<T: DeserializeOwned>(content: &Content) -> Result<T> {
    match content.len() > MAX_JSON {
        true => Err(Error::new("it is longer than 4 MiB")),
        false => Ok(serde_json::from_slice(&content.read()?)?),
    }
}

fn saved(tree: &Tree) -> Result<Vec<Saved>> {
    let content = Layout { tree }.file("manifest.json")?;
    json(content).context(|| "reading manifest.json")
}

/// A configuration and layers with their names.
type Parts<'a> = (&'a Content, Vec<(String, &'a Content)>);

struct Layout<'a> {
    tree: &'a Tree,
}

impl<'a> Layout<'a> {
    /// A file of the layout; `docker save` once made links of layers that two images share.
    fn file(&self, name: &str) -> Result<&'a Content> {
        let missing = || LayoutError::Missing(name.into());
        let path = self.tree.resolve_fully(&TreePath::new(name.as_bytes())?)?;
        match self.tree.get(&path).map(|node| &node.kind) {
            Some(Kind::File(content)) => Ok(content),
            _ => Err(missing().into()),
        }
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<&'a Content> {
        let digest = &descriptor.digest;
        let (algorithm, hex) = digest.split_once(':').unwrap_or_default();
        let is_hex = !hex.is_empty() && hex.bytes().all(|b| b.is_ascii_hexdigit());
        if !is_hex {
            return Err(LayoutError::Digest(digest.clone()).into());
        }
        let content = self.file(&format!("blobs/{algorithm}/{hex}"))?;
        if content.len() != descriptor.size {
            let (has, wants) = (content.len(), descriptor.size);
            return Err(LayoutError::Length(digest.clone(), has, wants).into());
        }
        verify(digest, &mut content.open()?)?;
        Ok(content)
    }

    /// The image of an OCI layout.
    fn of_index(&self, options: &Options) -> Result<Parts<'a>> {
        let index: Index = json(self.file("index.json")?).context(|| "reading index.json")?;
        let named: Vec<_> = index.manifests.iter().filter(|d| is_named(d, options)).collect();
        if named.is_empty() {
            return Err(none(&index.manifests));
        }
        let mut images = Vec::new();
        for descriptor in named {
            self.images(descriptor, MAX_INDEXES, &mut images)?;
        }
        let wanted = options.architecture.as_deref();
        images.retain(|(platform, _)| {
            let architecture = platform.architecture.as_str();
            wanted.is_none_or(|w| architecture == w || architecture.is_empty())
        });
        let manifest = match &images[..] {
            [(_, manifest)] => manifest,
            [] => return Err(none(&index.manifests)),
            _ => {
                let names = images.iter().map(|(p, _)| format!("{} {}", p.os, p.architecture));
                let names = names.collect::<Vec<_>>().join(", ");
                return Err(LayoutError::Several(names).into());
            }
        };
        let mut layers = Vec::new();
        for layer in &manifest.layers {
            if layer.media_type.contains("encrypted") || layer.media_type.contains("foreign") {
                let (digest, kind) = (layer.digest.clone(), layer.media_type.clone());
                return Err(LayoutError::Layer(digest, kind).into());
            }
            layers.push((layer.digest.clone(), self.blob(layer)?));
        }
        Ok((self.blob(&manifest.config)?, layers))
    }

    /// The manifests that a descriptor leads to, perhaps through other indexes.
    fn images(
        &self,
        descriptor: &Descriptor,
        depth: u32,
        images: &mut Vec<(Platform, Manifest)>,
    ) -> Result<()> {
        let doing = || format!("reading the manifest {}", descriptor.digest);
        let content = self.blob(descriptor).context(doing)?;
        // Attestations are listed beside images, for a platform that nobody has.
        let platform = descriptor.platform.clone().unwrap_or_default();
        if platform.os == "unknown" {
            return Ok(());
        }
        if let Ok(index) = json::<Index>(content) {
            if depth == 0 || images.len() > MAX_LAYERS {
                return Err(LayoutError::TooMany("indexes").into());
            }
            // What is for other machines may not be in the layout at all.
            let there = index
                .manifests
                .iter()
                .filter(|d| !matches!(self.blob(d), Err(e) if is_missing(&e)));
            return there.into_iter().try_for_each(|d| self.images(d, depth - 1, images));
        }
        images.push((platform, json(content).context(doing)?));
        Ok(())
    }

    /// The image of a `docker save` archive.
    fn of_saved(&self, options: &Options) -> Result<Parts<'a>> {
        self.file("manifest.json").map_err(|_| LayoutError::NoIndex)?;
        let all = saved(self.tree)?;
        let fits = |s: &&Saved| {
            options.name.as_ref().is_none_or(|name| {
                s.repo_tags.iter().any(|t| t == name || t.rsplit(':').next() == Some(name))
            })
        };
        let list = || all.iter().flat_map(|s| s.repo_tags.clone()).collect::<Vec<_>>().join(", ");
        let fitting: Vec<_> = all.iter().filter(fits).collect();
        let image = match fitting[..] {
            [image] => image,
            [] => return Err(LayoutError::None(list()).into()),
            _ => return Err(LayoutError::Several(list()).into()),
        };
        let layers = image.layers.iter().map(|name| Ok((name.clone(), self.file(name)?)));
        Ok((self.file(&image.config)?, layers.collect::<Result<_>>()?))
    }
}

fn is_missing(error: &Error) -> bool {
    matches!(error.downcast_ref(), Some(LayoutError::Missing(_)))
}

fn is_named(descriptor: &Descriptor, options: &Options) -> bool {
    options.name.as_ref().is_none_or(|name| {
        [REF_NAME, IMAGE_NAME].iter().any(|key| descriptor.annotations.get(*key) == Some(name))
    })
}

fn none(manifests: &[Descriptor]) -> Error {
    let name = |d: &Descriptor| {
        let named = d.annotations.get(REF_NAME).or_else(|| d.annotations.get(IMAGE_NAME));
        named.unwrap_or(&d.digest).clone()
    };
    LayoutError::None(manifests.iter().map(name).collect::<Vec<_>>().join(", ")).into()
}

/// Compares a stream with its digest, `ALGORITHM:HEX`.
fn verify(digest: &str, stream: &mut impl Read) -> Result<()> {
    let hex = match digest.split_once(':') {
        Some(("sha256", _)) => hashed::<Sha256>(stream)?,
        Some(("sha512", _)) => hashed::<Sha512>(stream)?,
        _ => return Err(LayoutError::Digest(digest.into()).into()),
    };
    match digest.ends_with(&format!(":{hex}")) {
        true => Ok(()),
        false => Err(LayoutError::Altered(digest.into()).into()),
    }
}

fn hashed<D: Digest>(stream: &mut impl Read) -> Result<String> {
    let mut hasher = D::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        match stream.read(&mut buffer)? {
            0 => break,
            n => hasher.update(&buffer[..n]),
        }
    }
    Ok(hasher.finalize().iter().map(|b| format!("{b:02x}")).collect())
}
