use bytes::Bytes;
use http::{Method, StatusCode};
use tokio::time::timeout;

use crate::artifact::{Component, Descriptor, LAYER, MANIFEST, Manifest, sha256};
use crate::ask::Ask;
use crate::{Named, OciError, Registry};

/// What becomes of a tag that names something else already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is left as it is, and the push is refused.
    Kept,
    /// It names what is pushed from now on.
    Moved,
}

impl Registry {
    /// Puts a component there under the reference's tag, and gives the sha-256 of its manifest. What is there already is not sent again.
    ///
    /// A tag that names other bytes is [`OciError::Taken`], unless it is to be moved; the same bytes can get a signature. Registries have no
    /// way to put a tag only where there is none: of two who push at the same time, both may find it free.
    pub async fn push(&mut self, component: &Component<'_>, taken: Taken) -> Result<[u8; 32], OciError> {
        let whole = self.times.whole;
        let late = OciError::Late { host: self.host(), seconds: whole.as_secs() };
        timeout(whole, self.pushed(component, taken)).await.unwrap_or(Err(late))
    }

    async fn pushed(&mut self, component: &Component<'_>, taken: Taken) -> Result<[u8; 32], OciError> {
        let Named::Tag(tag) = self.reference.named().clone() else {
            return Err(OciError::Reference(format!(
                "{}: what is pushed is called by a tag, not by a digest",
                self.reference
            )));
        };
        self.will_push();
        let manifest = component.manifest();
        if taken == Taken::Kept {
            match self.manifest().await {
                Ok(there) if there == manifest => return Ok(sha256(&manifest)),
                Ok(there) => self.can_give_way(&there, component)?,
                Err(OciError::Missing { .. }) => {}
                Err(other) => return Err(other),
            }
        }
        self.blob(component.bytes).await?;
        self.blob(&component.config()).await?;
        let ask = Ask {
            method: Method::PUT,
            url: self.url(&format!("manifests/{tag}"))?,
            what: self.what_manifest(),
            accept: "",
            content_type: MANIFEST,
            body: Bytes::from(manifest.clone()),
        };
        let answer = self.ask(&ask).await?;
        if answer.status != StatusCode::CREATED {
            return Err(answer.refused().await);
        }
        Ok(sha256(&manifest))
    }

    /// Whether what the tag names is this component, and nothing of it would be lost.
    fn can_give_way(&self, there: &[u8], component: &Component<'_>) -> Result<(), OciError> {
        let reference = self.reference.to_string();
        let digest = Descriptor::of(LAYER, component.bytes).digest;
        let names = match Manifest::read(there, &reference) {
            Ok((layer, _)) if layer.digest != digest => format!("other bytes, {}: this is {digest}", layer.digest),
            Ok((_, Some(there))) if component.signature != Some(there.as_str()) => {
                let own = if component.signature.is_none() { "this has none" } else { "this has another" };
                format!("the same bytes with a signature, and {own}")
            }
            Ok(_) => return Ok(()),
            Err(_) => "something that is no component".to_owned(),
        };
        Err(OciError::Taken { reference, names })
    }

    async fn blob(&mut self, bytes: &[u8]) -> Result<(), OciError> {
        let digest = Descriptor::of("", bytes).digest;
        let what = format!("the blob {digest}");
        let ask =
            |method, url| Ask { method, url, what: what.clone(), accept: "", content_type: "", body: Bytes::new() };
        let there = self.ask(&ask(Method::HEAD, self.url(&format!("blobs/{digest}"))?)).await?;
        if there.status.is_success() {
            return Ok(());
        }
        let begin = ask(Method::POST, self.url("blobs/uploads/")?);
        let answer = self.ask(&begin).await?;
        if answer.status != StatusCode::ACCEPTED {
            return Err(answer.refused().await);
        }
        let mut url = answer.location(&begin.url)?;
        if url.origin() != begin.url.origin() {
            let to = url.origin().ascii_serialization();
            let why = "and nothing is sent to whom it was not meant for";
            return Err(OciError::Elsewhere { host: self.host(), what, to, why });
        }
        url.query_pairs_mut().append_pair("digest", &digest);
        let put = Ask {
            content_type: "application/octet-stream",
            body: Bytes::copy_from_slice(bytes),
            ..ask(Method::PUT, url)
        };
        let answer = self.ask(&put).await?;
        if answer.status == StatusCode::CREATED { Ok(()) } else { Err(answer.refused().await) }
    }
}
