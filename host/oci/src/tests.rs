mod certificates;
mod others;

use std::time::{Duration, Instant};

use oci_registry::{Access, Fault, Registry as Example};

use super::*;

const BYTES: &[u8] = b"\0asm not really a component";
const MAX: u64 = 1 << 20;

fn component(bytes: &[u8]) -> Component<'_> {
    Component { bytes, name: "poggio", version: "0.1.0", imports: &[], exports: &[], signature: Some("{\"a\":1}") }
}

fn registry(example: &Example, name: &str, credentials: Option<&str>) -> Registry {
    let reference = Reference::parse(&format!("oci://{}/acme/poggio{name}", example.host())).unwrap();
    let times = Times { answer: Duration::from_millis(500), ..Times::default() };
    let credentials = credentials.and_then(Credentials::parse);
    Registry::new(reference, Options { credentials, times, ..Options::default() }).unwrap()
}

async fn filled() -> Example {
    let example = Example::start(0, Access::Open).await.unwrap();
    registry(&example, ":0.1.0", None).push(&component(BYTES), Taken::Kept).await.unwrap();
    example
}

async fn refused(example: &Example) -> String {
    registry(example, ":0.1.0", None).pull(MAX).await.unwrap_err().to_string()
}

#[tokio::test]
async fn what_is_pushed_is_pulled_by_tag_and_by_digest() {
    let example = Example::start(0, Access::Open).await.unwrap();
    let manifest = registry(&example, ":0.1.0", None).push(&component(BYTES), Taken::Kept).await.unwrap();
    let expected = Pulled { bytes: BYTES.to_vec(), signature: Some("{\"a\":1}".to_owned()), manifest };
    assert_eq!(registry(&example, ":0.1.0", None).pull(MAX).await.unwrap(), expected);
    let by_digest = format!("@sha256:{}", hex::encode(manifest));
    assert_eq!(registry(&example, &by_digest, None).pull(MAX).await.unwrap(), expected);

    let uploads = |example: &Example| {
        example.asked().iter().filter(|asked| asked.starts_with("PUT /v2/acme/poggio/blobs/")).count()
    };
    assert_eq!(uploads(&example), 2, "the component and its config");
    let again = registry(&example, ":0.1.0", None).push(&component(BYTES), Taken::Kept).await.unwrap();
    assert_eq!((again, uploads(&example)), (manifest, 2), "what is there is not sent again");
}

#[tokio::test]
async fn the_manifest_is_the_one_that_others_read() {
    let example = filled().await;
    let manifest: serde_json::Value =
        serde_json::from_slice(&example.manifest("acme/poggio", "0.1.0").unwrap()).unwrap();
    assert_eq!(manifest["mediaType"], "application/vnd.oci.image.manifest.v1+json");
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.wasm.config.v0+json");
    assert_eq!(manifest["layers"].as_array().unwrap().len(), 1);
    assert_eq!(manifest["layers"][0]["mediaType"], "application/wasm");
    assert_eq!(manifest["layers"][0]["size"], BYTES.len());
    assert_eq!(manifest["annotations"]["dev.muster.plugin.signature"], "{\"a\":1}");
}

#[tokio::test]
async fn whoever_must_say_who_he_is_says_it_with_a_password_or_a_token() {
    for access in [Access::Basic("me:secret".to_owned()), Access::Token("me:secret".to_owned())] {
        let example = Example::start(0, access.clone()).await.unwrap();
        registry(&example, ":1", Some("me:secret")).push(&component(BYTES), Taken::Kept).await.unwrap();
        let pulled = registry(&example, ":1", Some("me:secret")).pull(MAX).await.unwrap();
        assert_eq!(pulled.bytes, BYTES);
        for credentials in [None, Some("me:wrong")] {
            let told = registry(&example, ":1", credentials).pull(MAX).await.unwrap_err().to_string();
            assert!(told.contains(" refuses the ") && told.contains("401"), "{access:?}: {told}");
            assert!(!told.contains("wrong"), "{told}");
        }
    }
}

#[tokio::test]
async fn what_is_not_there_is_told_by_its_name() {
    let example = filled().await;
    let told = registry(&example, ":0.2.0", None).pull(MAX).await.unwrap_err().to_string();
    assert_eq!(told, format!("{} does not have the manifest acme/poggio:0.2.0", example.host()));
}

#[tokio::test]
async fn other_bytes_than_the_digest_says_are_not_taken() {
    let example = filled().await;
    example.misbehave(Fault::ChangedBlobs);
    let told = refused(&example).await;
    assert!(told.contains("is not what its digest says: it should be sha256:"), "{told}");
    let manifest = example.manifest("acme/poggio", "0.1.0").unwrap();
    example.misbehave(Fault::ChangedManifests);
    let by_digest = format!("@sha256:{}", hex::encode(artifact::sha256(&manifest)));
    let told = registry(&example, &by_digest, None).pull(MAX).await.unwrap_err().to_string();
    assert!(
        told.starts_with("the manifest acme/poggio@sha256:") && told.contains("is not what its digest says"),
        "{told}"
    );
}

#[tokio::test]
async fn other_sizes_than_the_manifest_says_are_not_taken() {
    let example = filled().await;
    example.misbehave(Fault::LongerBlobs);
    let told = refused(&example).await;
    assert!(told.ends_with(&format!("is larger than {} bytes", BYTES.len())), "{told}");
    example.misbehave(Fault::ShorterBlobs);
    let told = refused(&example).await;
    assert!(told.ends_with(&format!("has {} bytes, and its manifest says {}", BYTES.len() - 1, BYTES.len())), "{told}");
    example.misbehave(Fault::None);
    let told = registry(&example, ":0.1.0", None).pull(3).await.unwrap_err().to_string();
    assert!(told.ends_with("is larger than 3 bytes"), "{told}");
    let blob = |asked: &String| asked.starts_with("GET /v2/acme/poggio/blobs/");
    assert_eq!(example.asked().iter().filter(|asked| blob(asked)).count(), 2, "what is too large is not asked for");
}

#[tokio::test]
async fn an_answer_without_an_end_is_read_as_far_as_it_may_be() {
    let example = filled().await;
    let began = Instant::now();
    example.misbehave(Fault::EndlessBlobs);
    let told = refused(&example).await;
    assert!(told.ends_with(&format!("is larger than {} bytes", BYTES.len())), "{told}");
    example.misbehave(Fault::EndlessManifests);
    let told = refused(&example).await;
    assert!(told.ends_with(&format!("is larger than {MAX_MANIFEST_BYTES} bytes")), "{told}");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_registry_that_says_nothing_is_not_waited_for() {
    let example = filled().await;
    example.misbehave(Fault::Silence);
    let told = refused(&example).await;
    assert_eq!(told, format!("{} has not answered within 0 s", example.host()));
}

#[tokio::test]
async fn nobody_is_led_away_from_this_machine_or_in_circles() {
    let (example, other) = (filled().await, filled().await);
    let away = |to: &str| Fault::RedirectedBlobs(to.to_owned());
    let elsewhere = format!("http://{}/v2/acme/poggio/blobs/x", other.host());
    for (to, why) in [
        (elsewhere.as_str(), "which is not https"),
        ("http://169.254.169.254/latest/meta-data", "which is not https"),
        ("https://elsewhere.example.com/x?token=secret", "a registry on this machine sends nobody away from it"),
        ("ftp://elsewhere.example.com/x", "which is not https"),
    ] {
        example.misbehave(away(to));
        let told = refused(&example).await;
        assert!(told.contains(" sends the component sha256:") && told.contains(why), "{to}: {told}");
        assert!(!told.contains("secret"), "{told}");
    }
    assert!(!other.asked().iter().any(|asked| asked.contains("/blobs/x")), "nobody came");

    let manifest = example.manifest("acme/poggio", "0.1.0").unwrap();
    let (layer, _) = artifact::Manifest::read(&manifest, "").unwrap();
    example.misbehave(away(&format!("/v2/acme/poggio/blobs/{}", layer.digest)));
    let told = refused(&example).await;
    assert!(told.ends_with("and has sent it on too often before"), "{told}");
}

#[tokio::test]
async fn an_artifact_that_is_no_component_is_told_as_what_it_is() {
    let example = filled().await;
    let good = String::from_utf8(example.manifest("acme/poggio", "0.1.0").unwrap()).unwrap();
    let layer = |text: &str| format!("{{\"mediaType\":\"{text}\",\"digest\":\"sha256:00\",\"size\":1}}");
    let many = good.replace("\"layers\":[", &format!("\"layers\":[{},", layer("text/plain")));
    for (manifest, why) in [
        ("[]".to_owned(), "its manifest is none"),
        (good.replace("image.manifest", "image.index"), "its manifest is of type"),
        (good.replace("vnd.wasm.config", "vnd.oci.image.config"), "its config is of type"),
        (many, "it has 2 layers, and a component has one"),
        (good.replace("\"application/wasm\"", "\"text/plain\""), "its layer is of type \"text/plain\""),
    ] {
        example.put_manifest("acme/poggio", "0.1.0", manifest.as_bytes());
        let told = refused(&example).await;
        assert!(told.contains(" is no component: ") && told.contains(why), "{manifest}: {told}");
    }
}

#[tokio::test]
async fn a_digest_is_no_name_to_push_under() {
    let example = filled().await;
    let name = format!("@sha256:{}", "ab".repeat(32));
    let told = registry(&example, &name, None).push(&component(BYTES), Taken::Kept).await.unwrap_err().to_string();
    assert!(told.ends_with("what is pushed is called by a tag, not by a digest"), "{told}");
}

#[tokio::test]
async fn a_tag_that_names_other_bytes_is_moved_only_when_that_is_asked_for() {
    let example = filled().await;
    let there = example.manifest("acme/poggio", "0.1.0").unwrap();
    let (other, unsigned) = (component(b"\0asm another"), Component { signature: None, ..component(BYTES) });
    let told = registry(&example, ":0.1.0", None).push(&other, Taken::Kept).await.unwrap_err().to_string();
    let digests = [BYTES, other.bytes].map(|bytes| format!("sha256:{}", hex::encode(artifact::sha256(bytes))));
    let names = format!("names other bytes, {}: this is {}", digests[0], digests[1]);
    assert_eq!(told, format!("oci://{}/acme/poggio:0.1.0 is there already, and {names}", example.host()));
    let told = registry(&example, ":0.1.0", None).push(&unsigned, Taken::Kept).await.unwrap_err().to_string();
    assert!(told.ends_with("names the same bytes with a signature, and this has none"), "{told}");
    let signed_by_another = Component { signature: Some("{\"a\":2}"), ..component(BYTES) };
    let told = registry(&example, ":0.1.0", None).push(&signed_by_another, Taken::Kept).await.unwrap_err().to_string();
    assert!(told.ends_with("names the same bytes with a signature, and this has another"), "{told}");
    assert_eq!(example.manifest("acme/poggio", "0.1.0").unwrap(), there, "it is what it was");

    registry(&example, ":0.1.0", None).push(&unsigned, Taken::Moved).await.unwrap();
    assert_eq!(registry(&example, ":0.1.0", None).pull(MAX).await.unwrap().signature, None);
    registry(&example, ":0.1.0", None).push(&component(BYTES), Taken::Kept).await.unwrap();
    assert_eq!(example.manifest("acme/poggio", "0.1.0").unwrap(), there, "a signature can be added");
    registry(&example, ":0.1.0", None).push(&other, Taken::Moved).await.unwrap();
    assert_eq!(registry(&example, ":0.1.0", None).pull(MAX).await.unwrap().bytes, other.bytes);

    example.put_manifest("acme/poggio", "0.1.0", b"[]");
    let told = registry(&example, ":0.1.0", None).push(&other, Taken::Kept).await.unwrap_err().to_string();
    assert!(told.ends_with("names something that is no component"), "{told}");
}

#[tokio::test]
async fn a_token_is_read_as_far_as_an_answer_may_be_long() {
    let example = Example::start(0, Access::Token("me:secret".to_owned())).await.unwrap();
    registry(&example, ":1", Some("me:secret")).push(&component(BYTES), Taken::Kept).await.unwrap();
    let most = usize::try_from(MAX_ANSWER_BYTES).unwrap();
    example.misbehave(Fault::LongTokens(most));
    assert_eq!(registry(&example, ":1", Some("me:secret")).pull(MAX).await.unwrap().bytes, BYTES);
    example.misbehave(Fault::LongTokens(most + 1));
    let told = registry(&example, ":1", Some("me:secret")).pull(MAX).await.unwrap_err().to_string();
    assert_eq!(
        told,
        format!("the request for a token from {} is larger than {MAX_ANSWER_BYTES} bytes", example.host())
    );
}

#[tokio::test]
async fn of_what_a_registry_says_itself_so_much_is_repeated() {
    let example = filled().await;
    let words = async |letters: usize| {
        example.misbehave(Fault::Words(letters));
        let told = refused(&example).await;
        let (before, said) = told.split_once(" refuses the manifest acme/poggio:0.1.0: 418").unwrap();
        assert_eq!(before, example.host());
        said.trim_start_matches(": ").len()
    };
    assert_eq!(words(ask::MAX_WORDS).await, ask::MAX_WORDS);
    assert_eq!(words(ask::MAX_WORDS + 1).await, ask::MAX_WORDS, "it is cut");
    let most = usize::try_from(MAX_ANSWER_BYTES).unwrap();
    assert_eq!(words(most / 2).await, ask::MAX_WORDS);
    assert_eq!(words(most).await, 0, "an answer that is larger than it can be says nothing");
}
