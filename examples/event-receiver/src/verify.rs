//! Whether a security event token is to be believed (RFC 8417, RFC 7515, signed with ES256). Copy this file.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::Value;

/// Why a token is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It is no security event token.
    Malformed,
    /// It is signed with a key that is not among these: they may have to be read once more.
    UnknownKey,
    /// It is not signed with the key that it names.
    Signature,
    /// Somebody else says it.
    Issuer,
    /// It is said to somebody else.
    Audience,
}

impl Refused {
    /// What RFC 8935 §2.4 calls it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "invalid_request",
            Self::UnknownKey | Self::Signature => "invalid_key",
            Self::Issuer => "invalid_issuer",
            Self::Audience => "invalid_audience",
        }
    }

    /// A sentence.
    pub const fn says(self) -> &'static str {
        match self {
            Self::Malformed => "it is no security event token that is signed with ES256",
            Self::UnknownKey => "the key that it names is not published",
            Self::Signature => "it is not signed with the key that it names",
            Self::Issuer => "it is issued by somebody else",
            Self::Audience => "it is for somebody else",
        }
    }
}

/// What a token says, if one of `keys` (the JSON of `{issuer}/.well-known/jwks.json`) has signed it, `issuer` says it, and to `audience`.
pub fn claims(token: &str, keys: &Value, issuer: &str, audience: &str) -> Result<Value, Refused> {
    let mut parts = token.split('.');
    let (Some(head), Some(said), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Refused::Malformed);
    };
    let header = json(head).ok_or(Refused::Malformed)?;
    // Nothing else is taken for one: what is signed for another purpose is no event, and who writes the token does not choose how it is
    // verified.
    if (header["typ"].as_str(), header["alg"].as_str()) != (Some("secevent+jwt"), Some("ES256")) {
        return Err(Refused::Malformed);
    }
    let mut all = keys["keys"].as_array().into_iter().flatten();
    let key = all.find(|key| key["kid"].is_string() && key["kid"] == header["kid"] && key["crv"] == "P-256");
    let key = key.and_then(point).ok_or(Refused::UnknownKey)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| Refused::Malformed)?;
    let signed = format!("{head}.{said}");
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key);
    key.verify(signed.as_bytes(), &signature).map_err(|_| Refused::Signature)?;

    let claims = json(said).ok_or(Refused::Malformed)?;
    if claims["iss"] != issuer {
        return Err(Refused::Issuer);
    }
    let is_for_us = match &claims["aud"] {
        Value::Array(all) => all.iter().any(|one| one == audience),
        one => one == audience,
    };
    if !is_for_us {
        return Err(Refused::Audience);
    }
    let is_whole = claims["jti"].is_string() && claims["iat"].is_number() && claims["events"].is_object();
    if is_whole { Ok(claims) } else { Err(Refused::Malformed) }
}

fn json(part: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// The public key as it is computed with: uncompressed.
fn point(key: &Value) -> Option<Vec<u8>> {
    let coordinate = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str()?).ok();
    Some([vec![4], coordinate("x")?, coordinate("y")?].concat())
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
    use serde_json::json;

    use super::*;

    const ISSUER: &str = "https://scim.vendor.example/t/acme";
    const AUDIENCE: &str = "https://siem.example";

    struct Signer(EcdsaKeyPair);

    impl Signer {
        fn new() -> Self {
            let random = SystemRandom::new();
            let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
            Self(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref(), &random).unwrap())
        }

        fn keys(&self) -> Value {
            let point = self.0.public_key().as_ref();
            let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
            json!({ "keys": [{ "kid": "k1", "kty": "EC", "crv": "P-256", "x": x, "y": y }] })
        }

        fn sign(&self, header: &Value, claims: &Value) -> String {
            let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
            let signed = format!("{}.{}", part(header), part(claims));
            let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
            format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
        }
    }

    fn header() -> Value {
        json!({ "typ": "secevent+jwt", "alg": "ES256", "kid": "k1" })
    }

    fn said() -> Value {
        json!({ "iss": ISSUER, "aud": [AUDIENCE], "jti": "1-a", "iat": 1, "events": { "urn:x": {} } })
    }

    fn with(mut value: Value, name: &str, other: Value) -> Value {
        value[name] = other;
        value
    }

    #[test]
    fn a_token_is_believed_if_all_of_it_is_right_and_otherwise_it_is_said_what_is_not() {
        let signer = Signer::new();
        let keys = signer.keys();
        let token = signer.sign(&header(), &said());
        assert_eq!(claims(&token, &keys, ISSUER, AUDIENCE), Ok(said()));
        let one = with(said(), "aud", json!(AUDIENCE));
        assert_eq!(claims(&signer.sign(&header(), &one), &keys, ISSUER, AUDIENCE), Ok(one));

        let refused = |token: &str| claims(token, &keys, ISSUER, AUDIENCE).unwrap_err();
        for (header, said, why) in [
            (with(header(), "alg", json!("none")), said(), Refused::Malformed),
            (with(header(), "alg", json!("HS256")), said(), Refused::Malformed),
            (with(header(), "typ", json!("JWT")), said(), Refused::Malformed),
            (with(header(), "kid", json!("k2")), said(), Refused::UnknownKey),
            (with(header(), "kid", Value::Null), said(), Refused::UnknownKey),
            (header(), with(said(), "iss", json!("https://other.example")), Refused::Issuer),
            (header(), with(said(), "aud", json!(["https://other.example"])), Refused::Audience),
            (header(), with(said(), "events", Value::Null), Refused::Malformed),
            (header(), with(said(), "jti", json!(7)), Refused::Malformed),
        ] {
            assert_eq!(refused(&signer.sign(&header, &said)), why, "{header} {said}");
        }
        assert_eq!(refused(&Signer::new().sign(&header(), &said())), Refused::Signature);
        let (unsigned, signature) = token.rsplit_once('.').unwrap();
        let (head, _) = unsigned.split_once('.').unwrap();
        let other = URL_SAFE_NO_PAD.encode(with(said(), "jti", json!("2-b")).to_string());
        assert_eq!(refused(&format!("{head}.{other}.{signature}")), Refused::Signature);
        for text in ["", "a.b", "a.b.c", &format!("{token}.x"), &format!("{unsigned}."), unsigned] {
            assert!(matches!(refused(text), Refused::Malformed | Refused::Signature), "{text}");
        }
    }
}
