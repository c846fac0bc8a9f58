//! The signatures of EFI programs and of kernel modules, one item each.

use super::Item;
use crate::bytes::le32;
use crate::efi::header::Headers;
use crate::efi::signature::{Certificate, SHA256, Signature, Signer};
use crate::error::Result;
use crate::volume::Window;

/// Bytes of `WIN_CERTIFICATE` in front of a signature.
const HEADER_LEN: u64 = 8;

/// The longest signature that is decoded; real ones have a few KiB.
const SIGNATURE_MAX: usize = 1 << 20;

/// What a signed module ends with, and the bytes of `struct module_signature` before it, whose last
/// field is the signature's length (`include/linux/module_signature.h`).
const MODULE_MARK: &[u8] = b"~Module signature appended~\n";
const MODULE_FIELDS: usize = 12;

/// Adds the signatures of a PE file.
pub(super) fn add(item: Item, headers: &Headers, window: &Window) -> Result<Item> {
    let mut item = item.fact("signatures", headers.signatures.len() as u64);
    // The whole file is read for it.
    let digest = match headers.signatures.is_empty() {
        true => None,
        false => headers.digest(window)?,
    };
    for &(offset, len, kind) in &headers.signatures {
        let body = window.part(offset, len.into()).part(HEADER_LEN, u64::MAX);
        let found = Item::new("signature").at(offset, len.into());
        item = item.child(match Signature::of_program(&body.bytes(0, SIGNATURE_MAX)?, kind) {
            Ok(signature) => judged(described(found, &signature), &signature, digest.as_ref()),
            Err(error) => found.problem(error.to_string()),
        });
    }
    Ok(item)
}

/// Adds the signature of a kernel module, whose bytes these are.
pub(super) fn add_of_module(item: Item, bytes: &[u8]) -> Item {
    let Some(rest) = bytes.strip_suffix(MODULE_MARK) else { return item.fact("signed", false) };
    let item = item.fact("signed", true);
    let fields = rest.len().checked_sub(MODULE_FIELDS);
    let len = fields.and_then(|at| le32(rest, at + 8)).map(u32::swap_bytes);
    let start = fields.zip(len).and_then(|(end, len)| end.checked_sub(len as usize));
    let Some((start, end)) = start.zip(fields) else {
        return item.problem("the length of its signature is damaged");
    };
    let found = Item::new("signature").at(start as u64, (end - start) as u64);
    item.child(match Signature::of_module(&rest[start..end]) {
        Ok(signature) => described(found, &signature),
        Err(error) => found.problem(error.to_string()),
    })
}

/// Who signed, and whose certificates are there.
fn described(mut item: Item, signature: &Signature) -> Item {
    for signer in &signature.signers {
        item = describe_signer(item, signer, &signature.certificates);
    }
    let is_signer =
        |index: usize| signature.signers.iter().any(|signer| signer.certificate == Some(index));
    let others = signature.certificates.iter().enumerate().filter(|(index, _)| !is_signer(*index));
    for (_, certificate) in others {
        item = item.child(describe_certificate(Item::new("certificate"), certificate));
    }
    item
}

fn describe_signer(item: Item, signer: &Signer, certificates: &[Certificate]) -> Item {
    let item = match signer.certificate.and_then(|index| certificates.get(index)) {
        Some(certificate) => describe_certificate(item, certificate),
        None => item.fact("signed by", signer.id.as_str()),
    };
    item.fact("digest", signer.algorithm.as_str())
}

fn describe_certificate(item: Item, certificate: &Certificate) -> Item {
    let (from, to) = &certificate.valid;
    let item = item.fact("signed by", certificate.subject.as_str());
    let item = item.fact("issued by", certificate.issuer.as_str());
    item.fact("serial number", certificate.serial.as_str()).fact("valid", format!("{from} to {to}"))
}

/// Whether the file is still what was signed.
fn judged(item: Item, signature: &Signature, digest: Option<&[u8; 32]>) -> Item {
    match (&signature.digest, digest) {
        (Some((algorithm, _)), _) if algorithm != SHA256 => {
            item.fact("note", format!("the file's {algorithm} is not computed here"))
        }
        (_, None) => item.problem("the file's sections are damaged: nothing can be signed"),
        (Some((_, signed)), Some(digest)) if signed[..] == digest[..] => {
            item.fact("matches the file", true)
        }
        _ => item
            .fact("matches the file", false)
            .problem("the file was changed after it was signed: its SHA-256 is another"),
    }
}
