//! Authenticode signatures: who signed an EFI program, and what it was when it was signed.
//!
//! Sources: Microsoft's "Windows Authenticode Portable Executable Signature Format", RFC 2315 (PKCS #7),
//! UEFI 2.10 §32.2.4; `cms` and `x509-cert` decode. Also read is what a signed kernel module ends with,
//! which is PKCS #7 without certificates. Left out: whether the signature is mathematically right and whom
//! firmware trusts. That takes keys that are not in the file.

use cms::cert::CertificateChoices;
use cms::content_info::ContentInfo;
use cms::signed_data::{SignedData, SignerIdentifier, SignerInfo};
use der::asn1::ObjectIdentifier;
use der::{Decode, Reader, SliceReader};
use x509_cert::Certificate as X509;

use crate::error::shown_bytes;

/// `wCertificateType` of a signature that is PKCS #7.
const WIN_CERT_TYPE_PKCS_SIGNED_DATA: u16 = 2;

/// What Authenticode signs: `SPC_INDIRECT_DATA_OBJID`.
const SPC_INDIRECT_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.1.4");

/// The digests that are met.
const DIGESTS: [(ObjectIdentifier, &str); 5] = [
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1"), SHA256),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2"), "SHA-384"),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3"), "SHA-512"),
    (ObjectIdentifier::new_unwrap("1.3.14.3.2.26"), "SHA-1"),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.2.5"), "MD5"),
];

/// How the digest is called that [`super::header::Headers::digest`] computes.
pub const SHA256: &str = "SHA-256";

/// A signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// What was signed: the digest of an EFI program, its algorithm first; `None` where the signature
    /// does not say it, as that of a kernel module.
    pub digest: Option<(String, Vec<u8>)>,
    /// Who signed it.
    pub signers: Vec<Signer>,
    /// The certificates that come with it, in order.
    pub certificates: Vec<Certificate>,
}

/// Someone who signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// The index of the certificate in [`Signature::certificates`], where it is there.
    pub certificate: Option<usize>,
    /// How the signature names the certificate: its issuer and serial number, or its key.
    pub id: String,
    /// The digest that the signer used.
    pub algorithm: String,
}

/// A certificate, as far as a person wants to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Whom it is for: `CN=Debian Secure Boot Signer 2022 - linux`.
    pub subject: String,
    /// Who says so.
    pub issuer: String,
    /// Its number among the issuer's: `32:A0:28`.
    pub serial: String,
    /// The days between which it is valid, `2022-08-18` each. Firmware does not look at them.
    pub valid: (String, String),
}

/// Why bytes are no signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Another type, such as X.509 alone.
    #[error("it is of type {0:#06x}, not PKCS #7 (0x0002)")]
    Type(u16),
    /// Not the DER that it should be; offsets count from its start.
    #[error("its DER is damaged")]
    Der(#[from] der::Error),
    /// A signature of something else.
    #[error("it does not sign an EFI program, but {0}")]
    Content(String),
}

impl Signature {
    /// Reads what a certificate table has of this type.
    ///
    /// # Errors
    /// Where it is damaged or of another type.
    pub fn of_program(bytes: &[u8], kind: u16) -> Result<Self, SignatureError> {
        if kind != WIN_CERT_TYPE_PKCS_SIGNED_DATA {
            return Err(SignatureError::Type(kind));
        }
        let signed = signed_data(bytes)?;
        let content = &signed.encap_content_info;
        if content.econtent_type != SPC_INDIRECT_DATA {
            return Err(SignatureError::Content(content.econtent_type.to_string()));
        }
        let value = content.econtent.as_ref().map_or(&[][..], |content| content.value());
        let digest = Some(message_digest(value)?);
        Ok(Signature { digest, ..Signature::from(&signed) })
    }

    /// Reads what stands behind a kernel module.
    ///
    /// # Errors
    /// Where it is damaged.
    pub fn of_module(bytes: &[u8]) -> Result<Self, SignatureError> {
        Ok(Signature::from(&signed_data(bytes)?))
    }
}

/// The first structure; zeros may follow it.
fn signed_data(bytes: &[u8]) -> Result<SignedData, der::Error> {
    let mut reader = SliceReader::new(bytes)?;
    ContentInfo::decode(&mut reader)?.content.decode_as()
}

/// `SpcIndirectDataContent`: something about pages, then algorithm and digest.
fn message_digest(value: &[u8]) -> Result<(String, Vec<u8>), der::Error> {
    let mut reader = SliceReader::new(value)?;
    der::AnyRef::decode(&mut reader)?;
    reader.sequence(|reader| {
        let algorithm = reader.sequence(|reader| {
            let oid = ObjectIdentifier::decode(reader)?;
            while !reader.is_finished() {
                der::AnyRef::decode(reader)?;
            }
            Ok(oid)
        })?;
        let digest = der::asn1::OctetStringRef::decode(reader)?;
        Ok((digest_name(algorithm), digest.as_bytes().to_vec()))
    })
}

fn digest_name(oid: ObjectIdentifier) -> String {
    let known = DIGESTS.iter().find(|(known, _)| *known == oid);
    known.map_or_else(|| oid.to_string(), |(_, name)| (*name).to_owned())
}

impl From<&SignedData> for Signature {
    fn from(signed: &SignedData) -> Self {
        let certificates = signed.certificates.iter().flat_map(|set| set.0.iter());
        let certificates: Vec<&X509> = certificates
            .filter_map(|choice| match choice {
                CertificateChoices::Certificate(certificate) => Some(certificate),
                _ => None,
            })
            .collect();
        let signers = signed.signer_infos.0.iter();
        Signature {
            digest: None,
            signers: signers.map(|info| signer(info, &certificates)).collect(),
            certificates: certificates.into_iter().map(Certificate::from).collect(),
        }
    }
}

fn signer(info: &SignerInfo, certificates: &[&X509]) -> Signer {
    let algorithm = digest_name(info.digest_alg.oid);
    match &info.sid {
        SignerIdentifier::IssuerAndSerialNumber(id) => {
            let is_it = |certificate: &&X509| {
                let found = &certificate.tbs_certificate;
                found.serial_number == id.serial_number && found.issuer == id.issuer
            };
            let (issuer, serial) = (plain(&id.issuer), plain(&id.serial_number));
            let certificate = certificates.iter().position(is_it);
            Signer { certificate, id: format!("{issuer}, serial number {serial}"), algorithm }
        }
        SignerIdentifier::SubjectKeyIdentifier(key) => {
            let key: Vec<_> = key.0.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
            Signer { certificate: None, id: format!("key {}", key.concat()), algorithm }
        }
    }
}

impl From<&X509> for Certificate {
    fn from(certificate: &X509) -> Self {
        let found = &certificate.tbs_certificate;
        let day = |time: &x509_cert::time::Time| {
            let date = time.to_date_time();
            format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day())
        };
        Certificate {
            subject: plain(&found.subject),
            issuer: plain(&found.issuer),
            serial: plain(&found.serial_number),
            valid: (day(&found.validity.not_before), day(&found.validity.not_after)),
        }
    }
}

/// Text from a file, as one line.
fn plain(text: &impl std::fmt::Display) -> String {
    shown_bytes(text.to_string().as_bytes())
}

#[cfg(test)]
mod tests;
