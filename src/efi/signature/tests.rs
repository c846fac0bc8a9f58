//! Signatures that sbsign made (see `fixture/README.md`), and damage.

use proptest::prelude::*;

use super::*;
use crate::efi::header::Headers;
use crate::volume::Window;

/// An EFI program that was signed twice, with two certificates.
const SIGNED: &[u8] = include_bytes!("fixture/signed.efi");

/// The same signature form without certificates, as kernel modules have it.
const DETACHED: &[u8] = include_bytes!("fixture/module.p7s");

fn signatures(file: &[u8]) -> Vec<Result<Signature, SignatureError>> {
    let window = Window::from(file.to_vec());
    let headers = Headers::read(&window).expect("a PE file");
    let read = |&(offset, len, kind): &(u64, u32, u16)| {
        let bytes = window.bytes(offset + 8, len as usize - 8).expect("in memory");
        Signature::of_program(&bytes, kind)
    };
    headers.signatures.iter().map(read).collect()
}

fn digest(file: &[u8]) -> Option<[u8; 32]> {
    let window = Window::from(file.to_vec());
    Headers::read(&window).expect("a PE file").digest(&window).expect("in memory")
}

#[test]
fn a_signature_says_who_signed_and_what() {
    let found = signatures(SIGNED);
    assert_eq!(found.len(), 2);
    for (signature, name) in found.into_iter().zip(["First", "Second"]) {
        let signature = signature.expect("sound");
        let [signer] = &signature.signers[..] else { panic!("{signature:?}") };
        let certificate = &signature.certificates[signer.certificate.expect("it is there")];
        assert_eq!(certificate.subject, format!("CN=Test Signer {name},O=bootwright"));
        assert_eq!(certificate.issuer, certificate.subject);
        assert_eq!(certificate.valid, ("2020-01-01".into(), "2040-01-01".into()));
        assert_eq!(signer.algorithm, SHA256);
        let (algorithm, signed) = signature.digest.expect("it signs a program");
        assert_eq!(algorithm, SHA256);
        assert_eq!(digest(SIGNED).map(Vec::from), Some(signed));
    }
}

#[test]
fn a_changed_file_has_another_digest_and_the_fields_that_change_do_not_count() {
    let before = digest(SIGNED);
    let pe = usize::from(SIGNED[60]);
    for (at, counts) in
        [(pe + 8, true), (pe + 24 + 64, false), (SIGNED.len() - 1, false), (1024, true)]
    {
        let mut file = SIGNED.to_vec();
        file[at] ^= 1;
        assert_eq!(digest(&file) != before, counts, "{at}");
    }
    // A section over the headers, and one past the end.
    for offset in [0u32, 1 << 20] {
        let mut file = SIGNED.to_vec();
        let row = pe + 24 + usize::from(SIGNED[pe + 20]);
        file[row + 20..row + 24].copy_from_slice(&offset.to_le_bytes());
        assert_eq!(digest(&file), None, "{offset}");
    }
}

#[test]
fn a_module_is_signed_without_certificates() {
    let signature = Signature::of_module(DETACHED).expect("sound");
    let [signer] = &signature.signers[..] else { panic!("{signature:?}") };
    assert!(
        signer.id.starts_with("CN=Test Signer First,O=bootwright, serial number "),
        "{signer:?}"
    );
    assert_eq!((signer.certificate, signature.certificates.len()), (None, 0));
}

#[test]
fn what_is_no_signature_says_so() {
    assert_eq!(Signature::of_program(b"", 1), Err(SignatureError::Type(1)));
    assert!(matches!(Signature::of_program(b"\x30\x03", 2), Err(SignatureError::Der(_))));
    let error = Signature::of_program(DETACHED, 2).expect_err("of something else");
    assert!(matches!(error, SignatureError::Content(_)), "{error}");
}

proptest! {
    #[test]
    fn damaged_signatures_never_panic(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        keep in any::<prop::sample::Index>(),
    ) {
        let mut file = SIGNED.to_vec();
        for (at, byte) in damage {
            let at = at.index(file.len());
            file[at] = byte;
        }
        file.truncate(keep.index(file.len()).max(200));
        let window = Window::from(file);
        let Ok(headers) = Headers::read(&window) else { return Ok(()) };
        let _ = headers.digest(&window);
        for &(offset, len, kind) in &headers.signatures {
            let bytes = window.bytes(offset + 8, (len as usize).saturating_sub(8)).expect("in memory");
            let _ = Signature::of_program(&bytes, kind);
        }
    }
}
