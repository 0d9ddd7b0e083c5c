//! Verifies tokens as a receiver does, with another cryptography than the server signs with.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{Signature, VerifyingKey};
use serde_json::Value;

/// The claims of a token, if the published keys verify it (RFC 7515 §5.2, RFC 8417 §3).
pub(super) fn verified(token: &str, jwks: &Value) -> Result<Value, String> {
    let parts: Vec<&str> = token.split('.').collect();
    let [head, claims, signature] = parts[..] else { return Err("not three parts".to_owned()) };
    let json = |part: &str| -> Value { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap() };
    let header = json(head);
    if (&header["typ"], &header["alg"]) != (&"secevent+jwt".into(), &"ES256".into()) {
        return Err(format!("the header is {header}"));
    }
    let keys = jwks["keys"].as_array().unwrap();
    let key = keys.iter().find(|key| key["kid"] == header["kid"]).ok_or("no such key is published")?;
    let names: Vec<&str> = key.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["kty", "crv", "x", "y", "use", "alg", "kid"], "nothing of the private half");
    assert_eq!((&key["kty"], &key["crv"], &key["use"]), (&"EC".into(), &"P-256".into(), &"sig".into()));
    let coordinate = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
    let point = [vec![4], coordinate("x"), coordinate("y")].concat();
    let public = VerifyingKey::from_sec1_bytes(&point).map_err(|error| error.to_string())?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|error| error.to_string())?;
    let signature = Signature::from_slice(&signature).map_err(|error| error.to_string())?;
    public.verify(format!("{head}.{claims}").as_bytes(), &signature).map_err(|_| "the signature is not its")?;
    let claims = json(claims);
    // What would make something else of it than a security event token.
    for absent in ["sub", "exp", "nbf"] {
        assert_eq!(claims.get(absent), None, "{claims}");
    }
    Ok(claims)
}
