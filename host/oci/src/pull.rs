use bytes::Bytes;
use http::Method;
use tokio::time::timeout;

use crate::artifact::{MANIFEST, Manifest, Pulled, sha256};
use crate::ask::Ask;
use crate::{MAX_MANIFEST_BYTES, Named, OciError, Registry};

impl Registry {
    /// Fetches the component, of at most `max_bytes`. It is what its manifest says, and the manifest is what the reference says, if that has a
    /// digest.
    pub async fn pull(&mut self, max_bytes: u64) -> Result<Pulled, OciError> {
        let whole = self.times.whole;
        let late = OciError::Late { host: self.host(), seconds: whole.as_secs() };
        timeout(whole, self.pulled(max_bytes)).await.unwrap_or(Err(late))
    }

    async fn pulled(&mut self, max_bytes: u64) -> Result<Pulled, OciError> {
        let host = self.host();
        let bytes = self.manifest().await?;
        let manifest = sha256(&bytes);
        let (layer, signature) = Manifest::read(&bytes, &self.reference.to_string())?;
        let what = format!("the component {}", layer.digest);
        if layer.size > max_bytes {
            return Err(OciError::TooLarge { host, what, limit: max_bytes });
        }
        let answer = self.fetch(&get(self.url(&format!("blobs/{}", layer.digest))?, what.clone(), "")).await?;
        if !answer.status.is_success() {
            return Err(answer.refused().await);
        }
        // Not more than the manifest says: whatever comes behind that is not read.
        let bytes = answer.read(layer.size).await?;
        let found = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if found != layer.size {
            return Err(OciError::OtherSize { host, what, expected: layer.size, found });
        }
        same(&host, &what, &layer.sha256().unwrap_or_default(), &sha256(&bytes))?;
        Ok(Pulled { bytes, signature, manifest })
    }

    /// The manifest that the reference names.
    pub(crate) async fn manifest(&mut self) -> Result<Vec<u8>, OciError> {
        let (name, what) = (self.reference.named(), self.what_manifest());
        let answer = self.ask(&get(self.url(&format!("manifests/{name}"))?, what.clone(), MANIFEST)).await?;
        if !answer.status.is_success() {
            return Err(answer.refused().await);
        }
        let bytes = answer.read(MAX_MANIFEST_BYTES).await?;
        if let Named::Digest(expected) = self.reference.named() {
            same(&self.host(), &what, expected, &sha256(&bytes))?;
        }
        Ok(bytes)
    }

    /// In the words of an error.
    pub(crate) fn what_manifest(&self) -> String {
        format!("the manifest {}", self.reference.artifact())
    }
}

fn get(url: url::Url, what: String, accept: &'static str) -> Ask {
    Ask { method: Method::GET, url, what, accept, content_type: "", body: Bytes::new() }
}

fn same(host: &str, what: &str, expected: &[u8; 32], found: &[u8; 32]) -> Result<(), OciError> {
    if expected == found {
        return Ok(());
    }
    let (expected, found) = (hex::encode(expected), hex::encode(found));
    Err(OciError::OtherBytes { host: host.to_owned(), what: what.to_owned(), expected, found })
}
