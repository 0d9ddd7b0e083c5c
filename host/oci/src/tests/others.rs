//! What is pushed here is what `oci-client` pulls, and the other way round: two programs that know the protocol, and not each other.

use std::collections::BTreeMap;

use oci_client::Client;
use oci_client::client::{ClientConfig, ClientProtocol, Config, ImageLayer};
use oci_client::manifest::OciImageManifest;
use oci_client::secrets::RegistryAuth;

use super::*;

fn client(monolithic: bool) -> Client {
    Client::new(ClientConfig {
        protocol: ClientProtocol::Http,
        use_monolithic_push: monolithic,
        ..ClientConfig::default()
    })
}

fn reference(example: &Example) -> oci_client::Reference {
    format!("{}/acme/poggio:0.1.0", example.host()).parse().unwrap()
}

/// Who asks, in the words of both.
fn accesses() -> [(Access, Option<&'static str>, RegistryAuth); 3] {
    let auth = || RegistryAuth::Basic("me".to_owned(), "secret".to_owned());
    [
        (Access::Open, None, RegistryAuth::Anonymous),
        (Access::Basic("me:secret".to_owned()), Some("me:secret"), auth()),
        (Access::Token("me:secret".to_owned()), Some("me:secret"), auth()),
    ]
}

#[tokio::test]
async fn what_is_pushed_here_is_pulled_by_others() {
    for (access, credentials, auth) in accesses() {
        let example = Example::start(0, access.clone()).await.unwrap();
        let pushed = component(BYTES);
        let manifest = registry(&example, ":0.1.0", credentials).push(&pushed, Taken::Kept).await.unwrap();

        let pulled = client(false).pull(&reference(&example), &auth, vec!["application/wasm"]).await.unwrap();
        let [layer] = pulled.layers.as_slice() else { panic!("{access:?}: {} layers", pulled.layers.len()) };
        assert_eq!((&layer.data[..], layer.media_type.as_str()), (BYTES, "application/wasm"), "{access:?}");
        assert_eq!(pulled.digest, Some(format!("sha256:{}", hex::encode(manifest))));
        assert_eq!(&pulled.config.data[..], pushed.config());
        assert_eq!(pulled.config.media_type, "application/vnd.wasm.config.v0+json");
        let read = pulled.manifest.unwrap();
        assert_eq!(read.layers[0].digest, format!("sha256:{}", hex::encode(artifact::sha256(BYTES))));
        assert_eq!(read.annotations.unwrap()["dev.muster.plugin.signature"], "{\"a\":1}");
    }
}

#[tokio::test]
async fn what_others_push_is_pulled_here() {
    for monolithic in [false, true] {
        for (access, credentials, auth) in accesses() {
            let example = Example::start(0, access.clone()).await.unwrap();
            let layers = [ImageLayer::new(BYTES.to_vec(), "application/wasm".to_owned(), None)];
            let config = component(BYTES).config();
            let config = Config::new(config, "application/vnd.wasm.config.v0+json".to_owned(), None);
            let annotations = BTreeMap::from([("dev.muster.plugin.signature".to_owned(), "{\"a\":1}".to_owned())]);
            let manifest = OciImageManifest::build(&layers, &config, Some(annotations));
            let client = client(monolithic);
            client.push(&reference(&example), &layers, config, &auth, Some(manifest)).await.unwrap();

            let pulled = registry(&example, ":0.1.0", credentials).pull(MAX).await.unwrap();
            assert_eq!((&pulled.bytes[..], pulled.signature.as_deref()), (BYTES, Some("{\"a\":1}")), "{access:?}");
            let digest = client.fetch_manifest_digest(&reference(&example), &auth).await.unwrap();
            assert_eq!(digest, format!("sha256:{}", hex::encode(pulled.manifest)));
            let pieces = example.asked().iter().filter(|asked| asked.starts_with("PATCH ")).count();
            assert_eq!(pieces > 0, !monolithic, "in pieces, and at once");
            let again = registry(&example, ":0.1.0", credentials).push(&component(BYTES), Taken::Kept).await;
            assert!(again.is_ok(), "the same bytes, which both call the same: {again:?}");
        }
    }
}
