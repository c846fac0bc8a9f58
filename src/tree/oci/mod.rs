//! Container images: an OCI image layout (image-spec 1.1) or a `docker save` archive, as a directory or a
//! tar. Its layers are applied in order; every blob is checked against its digest.
//!
//! A layout is itself only a tree of files, so it comes from any source. Left out: registries, signatures,
//! encrypted layers, layers that are kept elsewhere.

mod image;
mod layer;
mod layout;

pub use image::{Config, Image, Platform};
pub use layer::{LayerError, WHITEOUT};
pub use layout::{LayoutError, Options, is_layout, read};

#[cfg(test)]
mod tests;
