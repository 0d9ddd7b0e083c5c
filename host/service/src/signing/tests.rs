use muster_plugin::{
    AdoptionPolicy, Call, Kind, Manifest, PlanChange, PlannedTask, Plugin, PluginError, Problem, Roles,
};
use serde_json::Value;

use super::*;

const RFC_8032_TEST_1: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";

fn key() -> SigningKey {
    SigningKey::parse(&format!("{PRIVATE_KIND}{RFC_8032_TEST_1}\n")).unwrap()
}

fn signed() -> Signed<'static> {
    let (digest, manifest) = (PluginDigest::of(b"bytes"), HexDigest::of(b"manifest"));
    Signed { digest, name: "poggio", version: "0.1.0", manifest }
}

#[test]
fn a_key_is_what_rfc_8032_says_and_is_read_from_its_own_file() {
    let public = "ed25519:d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    assert_eq!(key().public().to_string(), public);
    assert_eq!(SigningKey::parse(&key().to_file()).unwrap().public(), key().public());
    for other in ["", RFC_8032_TEST_1, "ed25519-private:00", public] {
        assert!(SigningKey::parse(other).is_none(), "{other}");
    }
}

#[test]
fn a_private_key_is_not_shown() {
    let shown = format!("{:?}", key());
    assert!(!shown.contains(RFC_8032_TEST_1) && shown.contains("d75a9801"), "{shown}");
}

#[test]
fn what_is_signed_names_everything_and_never_changes() {
    let text = signed().text();
    let (digest, manifest) = (PluginDigest::of(b"bytes"), HexDigest::of(b"manifest"));
    let expected =
        format!("muster-plugin-signature-1\nsha256:{digest}\n6:poggio\n5:0.1.0\nmanifest sha256:{manifest}\n");
    assert_eq!(text, expected);
    let shifted = Signed { name: "poggio\n5:0.1.0", version: "", ..signed() };
    assert_ne!(shifted.text(), text);
}

#[test]
fn a_signature_is_of_this_and_by_this_key_or_it_is_none() {
    let by = key().signature(signed());
    signed().verify(&by).unwrap();
    let others = [
        Signed { digest: PluginDigest::of(b"other"), ..signed() },
        Signed { name: "secoda", ..signed() },
        Signed { version: "0.1.1", ..signed() },
        Signed { manifest: HexDigest::of(b"other"), ..signed() },
    ];
    for other in others {
        assert!(matches!(other.verify(&by), Err(SignatureError::Wrong { .. })), "{other:?}");
    }
    let another = SigningKey::new(&[7; 32]).public();
    assert!(matches!(signed().verify(&PluginSignature { key: another, ..by }), Err(SignatureError::Wrong { .. })));
    for byte in 0..64 {
        let mut bytes = by.signature;
        bytes.0[byte] ^= 1;
        assert!(signed().verify(&PluginSignature { signature: bytes, ..by }).is_err(), "byte {byte}");
    }
}

#[test]
fn a_weak_key_has_no_signatures() {
    // The neutral element: without strictness its signature of everything is the same.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let mut signature = [0; 64];
    signature[0] = 1;
    let by = PluginSignature {
        key: PublicKey::from_bytes(neutral),
        manifest: signed().manifest,
        signature: SignatureBytes(signature),
    };
    assert!(signed().verify(&by).is_err());
}

#[test]
fn a_file_is_read_as_it_is_written_and_nothing_else_is_one() {
    let PluginSignature { key, manifest, signature } = key().signature(signed());
    let file = SignatureFile {
        format: FORMAT.to_owned(),
        name: "poggio".into(),
        version: "0.1.0".into(),
        digest: signed().digest,
        manifest,
        key,
        signature,
    };
    let json = serde_json::to_string(&file).unwrap();
    assert_eq!(SignatureFile::parse(json.as_bytes()).unwrap(), file);
    file.verify(signed().digest).unwrap();
    let other = PluginDigest::of(b"other");
    assert_eq!(file.verify(other), Err(SignatureError::OtherBytes { signed: signed().digest, these: other }));
    let later = json.replace("signature-1", "signature-2");
    let told = SignatureFile::parse(later.as_bytes()).unwrap_err().to_string();
    assert!(told.contains("its format is \"muster-plugin-signature-2\""), "{told}");
    for wrong in ["", "{}", "[]", &json.replace("ed25519:", "rsa:"), &json.replace("\"version\"", "\"v\"")] {
        assert!(SignatureFile::parse(wrong.as_bytes()).is_err(), "{wrong}");
    }
    let long = " ".repeat(MAX_SIGNATURE_BYTES + 1);
    let told = SignatureFile::parse(long.as_bytes()).unwrap_err().to_string();
    assert_eq!(told, "the signature is not one of a plugin: it has 8193 bytes, and one has at most 8192");
}

/// A plugin that is never called.
#[derive(Debug)]
struct Says(Manifest);

impl Says {
    fn named(name: &str) -> Self {
        Self(Manifest {
            contract: "0.1.0",
            name: name.into(),
            version: "0.1.0".into(),
            base_path: "/scim/v2".into(),
            resources: Vec::new(),
            declarations: muster_protocol::schema::Declarations::default(),
            states: Vec::new(),
            adoption: AdoptionPolicy::Refuse,
            config_schema: None,
            wants: Vec::new(),
            calls_per_instance: 1,
        })
    }
}

impl Plugin for Says {
    fn digest(&self) -> PluginDigest {
        PluginDigest::of(b"bytes")
    }

    fn manifest(&self) -> &Manifest {
        &self.0
    }

    fn roles(&self) -> Roles {
        Roles::default()
    }

    fn check_config(&self, _: &Call<'_>) -> Result<Vec<Problem>, PluginError> {
        Err(PluginError::Busy)
    }

    fn host_settings(&self, _: &Call<'_>) -> Result<Vec<muster_model::Field>, PluginError> {
        Err(PluginError::Busy)
    }

    fn to_account(
        &self,
        _: &Call<'_>,
        _: Kind,
        _: muster_model::ResourceId,
        _: &muster_protocol::Document,
        _: Option<&muster_model::Account>,
    ) -> Result<muster_model::Account, PluginError> {
        Err(PluginError::Busy)
    }

    fn plan(&self, _: &Call<'_>, _: &PlanChange<'_>) -> Result<Vec<PlannedTask>, PluginError> {
        Err(PluginError::Busy)
    }

    fn on_signal(
        &self,
        _: &Call<'_>,
        _: muster_model::ResourceId,
        _: &str,
        _: &Value,
        _: &muster_model::Account,
    ) -> Result<muster_model::Account, PluginError> {
        Err(PluginError::Busy)
    }
}

#[test]
fn the_same_bytes_that_say_something_else_here_are_not_what_was_signed() {
    let seen = Says::named("poggio");
    let file = key().sign(&seen);
    file.verify(seen.digest()).unwrap();
    file.fits(&seen).unwrap();

    let more = Says(Manifest { base_path: "/".into(), ..Says::named("poggio").0 });
    let told = file.fits(&more).unwrap_err().to_string();
    let (signed, these) = (manifest_digest(&seen), manifest_digest(&more));
    let expected = format!(
        "the signature covers the manifest sha256:{signed}, and what poggio says of itself here is sha256:{these}"
    );
    assert_eq!(told, expected);
    let told = file.fits(&Says::named("secoda")).unwrap_err().to_string();
    assert_eq!(told, "the signature is of poggio@0.1.0, and the plugin calls itself secoda@0.1.0");

    let at = muster_model::Timestamp::from_millis(0);
    let row = PluginRow::new(seen.digest(), "poggio".into(), "0.1.0".into(), 5, at);
    says_what_was_signed(&row, &more).unwrap();
    let row = PluginRow { signature: Some(file.signature()), ..row };
    says_what_was_signed(&row, &seen).unwrap();
    assert_eq!(says_what_was_signed(&row, &more).unwrap_err().to_string(), expected);
}
