//! Why a boot failed, from what its console said.
//!
//! A log is read once: [`scan`] looks for every pattern of the [`catalogue`] in one pass and keeps
//! what it found, [`facts`] what the lines say about the machine (command line, root device, exit
//! codes), and [`explain`] turns both into findings, the most specific first. The memory does not grow
//! with the log. What is not understood is said to be unknown: no guess is sold as a diagnosis.
//!
//! A symptom is one entry of the catalogue, named by the cause that it shows, and has its labelled
//! logs in `tests/logs/`. Where what was booted is at hand, [`content`] holds the findings against it.

mod boot;
pub mod catalogue;
mod clean;
pub mod content;
pub mod decode;
pub mod document;
#[cfg(test)]
mod excerpts;
pub mod explain;
mod facts;
mod frame;
mod heard;
#[cfg(test)]
mod labelled;
mod marks;
mod pattern;
#[cfg(test)]
mod posted;
mod questions;
mod reader;
mod render;
mod scan;
mod suspects;
pub mod symbols;

pub use explain::{Explanation, Finding, explain};
pub use reader::explain_reader;
