//! Compiled components, ahead of time, in a folder of the host's own.
//!
//! To load compiled code is to run it, so nothing is loaded that this host did not write: the folder is closed to others, a file's
//! name tells the component and the engine that it was compiled for, and its body is authenticated by a key that is not in it.

use std::fs;
use std::hash::{Hash, Hasher};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use hmac::{Hmac, KeyInit, Mac};
use muster_model::PluginDigest;
use muster_plugin::LoadError;
use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::compile::Compiler;

/// Bytes of the tag before the body.
const TAG_BYTES: usize = 32;

pub(crate) struct Cache {
    folder: PathBuf,
    key: [u8; 32],
    /// Names the files that are being written, so that two loads of one plugin do not write into one file.
    writes: AtomicU64,
}

impl Cache {
    /// Opens the folder, making it if need be; either way only its owner may enter it afterwards.
    pub(crate) fn open(folder: PathBuf, key: [u8; 32]) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
        Ok(Self { folder, key, writes: AtomicU64::new(0) })
    }

    /// The component of these bytes, from the folder if it is there and sound, else compiled (`None`: in this process) and put there.
    pub(crate) fn component(
        &self,
        engine: &Engine,
        digest: PluginDigest,
        wasm: &[u8],
        compiler: Option<&Compiler>,
    ) -> Result<Component, LoadError> {
        let name = file_name(engine, digest);
        if let Some(component) = self.read(engine, &name) {
            return Ok(component);
        }
        let code = match compiler {
            Some(compiler) => compiler.compile(wasm)?,
            None => {
                engine.precompile_component(wasm).map_err(|error| LoadError::NotAComponent(format!("{error:#}")))?
            }
        };
        if let Err(error) = self.write(&name, &code) {
            // The next start compiles it again: slower, and no reason to serve nobody now.
            tracing::warn!(plugin.digest = %digest, %error, "a compiled plugin could not be cached");
        }
        deserialize(engine, &code)
            .map_err(|error| LoadError::Contract(format!("it cannot run within the host's limits: {error:#}")))
    }

    fn read(&self, engine: &Engine, name: &str) -> Option<Component> {
        let path = self.folder.join(name);
        let file = fs::read(&path).ok()?;
        let component = match file.split_at_checked(TAG_BYTES) {
            Some((tag, body)) if self.mac(name, body).verify_slice(tag).is_ok() => deserialize(engine, body).ok(),
            Some(_) | None => None,
        };
        if component.is_none() {
            tracing::warn!(
                file = name,
                "a compiled plugin in the cache is not as it was written; it is compiled again"
            );
            // If it cannot be deleted it is overwritten, and if not that either, never loaded.
            let _ = fs::remove_file(&path);
        }
        component
    }

    /// Beside it first, then renamed: nobody reads half a file.
    fn write(&self, name: &str, body: &[u8]) -> io::Result<()> {
        let tag = self.mac(name, body).finalize().into_bytes();
        let count = self.writes.fetch_add(1, Ordering::Relaxed);
        let beside = self.folder.join(format!("{name}.{}.{count}.new", std::process::id()));
        let written = write_whole(&beside, &[&tag, body]).and_then(|()| fs::rename(&beside, self.folder.join(name)));
        if written.is_err() {
            let _ = fs::remove_file(&beside);
        }
        written
    }

    /// The name is part of what is authenticated: one file cannot stand in for another.
    fn mac(&self, name: &str, body: &[u8]) -> Hmac<Sha256> {
        // HMAC pads a short key with zeros to the hash's block (RFC 2104 §2); done here, so that there is no error to handle.
        let mut block = [0; 64];
        block[..self.key.len()].copy_from_slice(&self.key);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        mac.update(name.as_bytes());
        mac.update(&[0]);
        mac.update(body);
        mac
    }
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cache").field("folder", &self.folder).finish_non_exhaustive()
    }
}

fn write_whole(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    use io::Write;
    let mut file = fs::File::create(path)?;
    for part in parts {
        file.write_all(part)?;
    }
    file.sync_all()
}

#[expect(unsafe_code, reason = "compiled code that this host has just made, or made earlier and authenticated")]
fn deserialize(engine: &Engine, body: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: `body` is what `precompile_component` answered: in this process, in this program as it compiles for it, or in an earlier
    // one, as its tag shows.
    unsafe { Component::deserialize(engine, body) }
}

fn file_name(engine: &Engine, digest: PluginDigest) -> String {
    let mut compatibility = Sha256Hasher(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut compatibility);
    format!("{digest}-{}.cwasm", hex::encode(&compatibility.0.finalize()[..8]))
}

/// Hashes the same in every process, which the hashers of the standard library do not promise.
struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest: [u8; 32] = self.0.clone().finalize().into();
        u64::from_be_bytes([digest[0], digest[1], digest[2], digest[3], digest[4], digest[5], digest[6], digest[7]])
    }
}
