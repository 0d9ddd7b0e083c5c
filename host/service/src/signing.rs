//! Signatures of plugins (decision record 19): what is signed, by what, and how it stands in a file. Nothing here reads or writes anything.
//!
//! A signature covers a text ([`Signed::text`]) that names the bytes by their digest, and what the plugin says of itself by the digest of its
//! manifest ([`manifest_digest`]): whoever signs has seen the one as well as the other, and a host that understands the same bytes to say
//! something else refuses them.

pub(crate) mod manifest;

use std::fmt;

use ed25519_dalek::{Signature, Signer as _, VerifyingKey};
use muster_model::{HexDigest, PluginDigest, PluginRow, PluginSignature, PublicKey, SignatureBytes};
use serde::{Deserialize, Serialize};

pub use manifest::manifest_digest;

/// The first line of what is signed, so that no signature of anything else is one of a plugin; and the `format` of a file.
const FORMAT: &str = "muster-plugin-signature-1";

/// How the text of a private key begins.
const PRIVATE_KIND: &str = "ed25519-private:";

/// How long a file with a signature can be, in bytes.
pub const MAX_SIGNATURE_BYTES: usize = 8 << 10;

/// What a signature covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signed<'a> {
    /// Of the bytes.
    pub digest: PluginDigest,
    /// What the plugin calls itself.
    pub name: &'a str,
    /// And its version.
    pub version: &'a str,
    /// Of its manifest.
    pub manifest: HexDigest,
}

impl<'a> Signed<'a> {
    /// What the signature of a plugin that is kept must cover.
    pub fn of(row: &'a PluginRow, signature: &PluginSignature) -> Self {
        Self { digest: row.digest, name: &row.name, version: &row.version, manifest: signature.manifest }
    }

    /// The text that is signed. Names are told with their length, so that no two plugins have one text.
    pub fn text(&self) -> String {
        let Self { digest, name, version, manifest } = self;
        let (names, versions) = (name.len(), version.len());
        format!("{FORMAT}\nsha256:{digest}\n{names}:{name}\n{versions}:{version}\nmanifest sha256:{manifest}\n")
    }

    /// Whether the signature is by its key, of this.
    pub fn verify(&self, by: &PluginSignature) -> Result<(), SignatureError> {
        let key = VerifyingKey::from_bytes(by.key.as_bytes()).map_err(|_| SignatureError::NoKey(by.key))?;
        let signature = Signature::from_bytes(&by.signature.0);
        // Strictly: a weak key has signatures of everything.
        let verified = key.verify_strict(self.text().as_bytes(), &signature);
        verified.map_err(|_| SignatureError::Wrong {
            name: short(self.name),
            version: short(self.version),
            key: by.key,
        })
    }
}

/// Why a signature is none of this plugin. Each is one sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// It is no signature at all.
    #[error("the signature is not one of a plugin: {0}")]
    NoSignature(String),
    /// Its key is none.
    #[error("the signature names {0}, which is no key")]
    NoKey(PublicKey),
    /// It was made for other bytes.
    #[error("the signature is of other bytes: it covers sha256:{signed}, and these are sha256:{these}")]
    OtherBytes {
        /// For which.
        signed: PluginDigest,
        /// Those that came with it.
        these: PluginDigest,
    },
    /// It was made for what calls itself something else.
    #[error("the signature is of {signed}, and the plugin calls itself {these}")]
    OtherName {
        /// For what.
        signed: String,
        /// What came with it.
        these: String,
    },
    /// The same bytes say something else here.
    #[error("the signature covers the manifest sha256:{signed}, and what {name} says of itself here is sha256:{these}")]
    OtherManifest {
        /// What the plugin is called.
        name: String,
        /// What the signer has seen.
        signed: HexDigest,
        /// What is seen here.
        these: HexDigest,
    },
    /// The key did not make it.
    #[error("the signature of {name}@{version} was not made by {key}, or what it covers was changed since")]
    Wrong {
        /// What the plugin is called.
        name: String,
        /// Its version.
        version: String,
        /// Which key.
        key: PublicKey,
    },
}

/// Whether a plugin that is kept says of itself what was signed, also where another host has loaded it since.
pub fn says_what_was_signed(row: &PluginRow, plugin: &dyn muster_plugin::Plugin) -> Result<(), SignatureError> {
    let Some(signature) = &row.signature else { return Ok(()) };
    let (signed, these) = (signature.manifest, manifest_digest(plugin));
    if signed == these {
        return Ok(());
    }
    Err(SignatureError::OtherManifest { name: row.name.clone(), signed, these })
}

/// Whether anybody can have the other half of a key: it is a point of the curve, and none of those that have signatures of everything.
pub(crate) fn can_sign(key: &PublicKey) -> bool {
    VerifyingKey::from_bytes(key.as_bytes()).is_ok_and(|key| !key.is_weak())
}

/// A name that somebody has sent, as it is repeated.
pub(crate) fn short(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(64).collect()
}

/// A signature as it stands beside a component, in a file or a registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignatureFile {
    format: String,
    /// What the plugin is called.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Of its bytes.
    pub digest: PluginDigest,
    /// Of its manifest.
    pub manifest: HexDigest,
    /// The key that signed it.
    pub key: PublicKey,
    signature: SignatureBytes,
}

impl SignatureFile {
    /// Of a file's content.
    pub fn parse(bytes: &[u8]) -> Result<Self, SignatureError> {
        let wrong = |why: String| SignatureError::NoSignature(why);
        if bytes.len() > MAX_SIGNATURE_BYTES {
            return Err(wrong(format!("it has {} bytes, and one has at most {MAX_SIGNATURE_BYTES}", bytes.len())));
        }
        if !bytes.trim_ascii_start().starts_with(b"{") {
            return Err(wrong("it is no JSON object".to_owned()));
        }
        let file: Self =
            serde_json::from_slice(bytes).map_err(|error| wrong(crate::words::of_json(&error.to_string())))?;
        if file.format != FORMAT {
            return Err(wrong(format!("its format is {:?}, and this Muster reads {FORMAT:?}", short(&file.format))));
        }
        Ok(file)
    }

    /// What it covers.
    pub fn signed(&self) -> Signed<'_> {
        let Self { format: _, name, version, digest, manifest, key: _, signature: _ } = self;
        Signed { digest: *digest, name, version, manifest: *manifest }
    }

    /// The signature, as it is kept with the plugin.
    pub const fn signature(&self) -> PluginSignature {
        PluginSignature { key: self.key, manifest: self.manifest, signature: self.signature }
    }

    /// Whether it is of these bytes, and by its key. What the bytes say of themselves is not looked at: see [`SignatureFile::fits`].
    pub fn verify(&self, bytes: PluginDigest) -> Result<(), SignatureError> {
        if self.digest != bytes {
            return Err(SignatureError::OtherBytes { signed: self.digest, these: bytes });
        }
        self.signed().verify(&self.signature())
    }

    /// Whether the plugin says of itself what was signed.
    pub fn fits(&self, plugin: &dyn muster_plugin::Plugin) -> Result<(), SignatureError> {
        let manifest = plugin.manifest();
        if (&self.name, &self.version) != (&manifest.name, &manifest.version) {
            let signed = format!("{}@{}", short(&self.name), short(&self.version));
            return Err(SignatureError::OtherName { signed, these: format!("{}@{}", manifest.name, manifest.version) });
        }
        let (signed, these) = (self.manifest, manifest_digest(plugin));
        if signed != these {
            return Err(SignatureError::OtherManifest { name: manifest.name.clone(), signed, these });
        }
        Ok(())
    }
}

/// The private half of a key. It is never shown: its `Debug` says which public key it belongs to.
#[derive(Clone)]
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// Made of 32 random bytes.
    pub fn new(random: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(random))
    }

    /// Of the text in its file; `None` if that is none.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text.trim().strip_prefix(PRIVATE_KIND)?, &mut bytes).ok()?;
        Some(Self::new(&bytes))
    }

    /// The text for its file, which only its owner may read.
    pub fn to_file(&self) -> String {
        format!("{PRIVATE_KIND}{}\n", hex::encode(self.0.as_bytes()))
    }

    /// The other half.
    pub fn public(&self) -> PublicKey {
        PublicKey::from_bytes(self.0.verifying_key().to_bytes())
    }

    /// Signs a plugin: its bytes, and what it says of itself.
    pub fn sign(&self, plugin: &dyn muster_plugin::Plugin) -> SignatureFile {
        let manifest = plugin.manifest();
        let (name, version, digest) = (manifest.name.clone(), manifest.version.clone(), plugin.digest());
        let signed = Signed { digest, name: &name, version: &version, manifest: manifest_digest(plugin) };
        let PluginSignature { key, manifest, signature } = self.signature(signed);
        SignatureFile { format: FORMAT.to_owned(), name, version, digest, manifest, key, signature }
    }

    fn signature(&self, signed: Signed<'_>) -> PluginSignature {
        let signature = SignatureBytes(self.0.sign(signed.text().as_bytes()).to_bytes());
        PluginSignature { key: self.public(), manifest: signed.manifest, signature }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(of {})", self.public())
    }
}

#[cfg(test)]
mod tests;
