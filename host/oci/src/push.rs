use bytes::Bytes;
use http::{Method, StatusCode};
use tokio::time::timeout;

use crate::artifact::{Component, Descriptor, MANIFEST, sha256};
use crate::ask::Ask;
use crate::{Named, OciError, Registry};

impl Registry {
    /// Puts a component there under the reference's tag, and gives the sha-256 of its manifest. What is there already is not sent again.
    pub async fn push(&mut self, component: &Component<'_>) -> Result<[u8; 32], OciError> {
        let whole = self.times.whole;
        let late = OciError::Late { host: self.host(), seconds: whole.as_secs() };
        timeout(whole, self.pushed(component)).await.unwrap_or(Err(late))
    }

    async fn pushed(&mut self, component: &Component<'_>) -> Result<[u8; 32], OciError> {
        let Named::Tag(tag) = self.reference.named().clone() else {
            return Err(OciError::Reference(format!(
                "{}: what is pushed is called by a tag, not by a digest",
                self.reference
            )));
        };
        self.will_push();
        self.blob(component.bytes).await?;
        self.blob(&component.config()).await?;
        let manifest = component.manifest();
        let ask = Ask {
            method: Method::PUT,
            url: self.url(&format!("manifests/{tag}"))?,
            what: format!("the manifest {}:{tag}", self.reference.repository),
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
