//! https on loopback, with an authority made for the test: what the machine trusts does not count it.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};

use super::*;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A registry whose certificate this authority has signed, for this name and until the end of this year.
async fn signed(authority: &Authority, name: &str, until: i32) -> Example {
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.not_after = date_time_ymd(until, 12, 31);
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    let access = Access::Token("me:secret".to_owned());
    Example::start_tls(0, access, certificate.pem().as_bytes(), key.serialize_pem().as_bytes()).await.unwrap()
}

fn trusting(example: &Example, authority: &Authority) -> Registry {
    let reference = Reference::parse(&format!("oci://{}/acme/poggio:0.1.0", example.host())).unwrap();
    let authorities = Some(Authorities::parse(authority.pem().as_bytes()).unwrap());
    let credentials = Credentials::parse("me:secret");
    Registry::new(reference, Options { credentials, authorities, ..Options::default() }).unwrap()
}

#[tokio::test]
async fn a_private_registry_is_trusted_by_its_authority() {
    let authority = authority("own");
    let example = signed(&authority, "127.0.0.1", 2999).await;
    let manifest = trusting(&example, &authority).push(&component(BYTES), Taken::Kept).await.unwrap();
    let pulled = trusting(&example, &authority).pull(MAX).await.unwrap();
    assert_eq!((pulled.bytes.as_slice(), pulled.manifest), (BYTES, manifest));
}

#[tokio::test]
async fn a_certificate_that_does_not_count_is_told_as_what_it_is_and_nothing_is_sent() {
    let [own, other, namesake] = ["own", "other", "own"].map(authority);
    for (example, why) in [
        (signed(&other, "127.0.0.1", 2999).await, "nobody whom this machine trusts has signed it"),
        (signed(&namesake, "127.0.0.1", 2999).await, "its signature is not that of whom it names"),
        (signed(&own, "registry.example.com", 2999).await, "it is for another name"),
        (signed(&own, "127.0.0.1", 2001).await, "it has expired"),
    ] {
        let told = trusting(&example, &own).push(&component(BYTES), Taken::Kept).await.unwrap_err();
        assert_eq!(told.to_string(), format!("{}: its certificate is refused: {why}", example.host()));
        assert_eq!(example.asked(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn nobody_is_led_from_https_into_clear_text() {
    let (authority, other) = (authority("own"), filled().await);
    let example = signed(&authority, "127.0.0.1", 2999).await;
    trusting(&example, &authority).push(&component(BYTES), Taken::Kept).await.unwrap();
    example.misbehave(Fault::RedirectedBlobs(format!("http://{}/x", other.host())));
    let told = trusting(&example, &authority).pull(MAX).await.unwrap_err().to_string();
    assert!(told.ends_with(&format!("to http://{}, which is not https", other.host())), "{told}");
    assert!(!other.asked().iter().any(|asked| asked.ends_with("/x")), "nobody came");
}

#[test]
fn a_file_without_an_authority_is_told_as_what_it_is() {
    for none in ["", "nothing", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let told = Authorities::parse(none.as_bytes()).unwrap_err().to_string();
        assert!(told.starts_with("it holds no certificate of an authority in PEM"), "{told}");
    }
    assert_eq!(format!("{:?}", Authorities::parse(authority("own").pem().as_bytes()).unwrap()), "Authorities(1)");
}
