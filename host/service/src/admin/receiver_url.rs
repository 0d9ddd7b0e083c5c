use http::Uri;
use muster_outbound::{Destination, MAX_TARGET_BYTES};

use crate::AdminError;

/// How long the URL of a webhook or of a stream can be, in bytes.
pub const MAX_RECEIVER_URL_BYTES: usize = 2_048;

// What is checked here is never refused there for its length.
const _: () = assert!(MAX_RECEIVER_URL_BYTES <= MAX_TARGET_BYTES);

/// Refuses where `what` (a webhook, a stream) can never be sent to. Where it leads is looked up when something is sent.
pub(super) fn check_receiver_url(what: &str, url: &str) -> Result<(), AdminError> {
    let refused = |why: String| AdminError::Invalid(format!("the URL of a {what} cannot be called: {why}"));
    if url.len() > MAX_RECEIVER_URL_BYTES {
        return Err(refused(format!("it has more than {MAX_RECEIVER_URL_BYTES} bytes")));
    }
    let is_plain = url.bytes().all(|byte| byte.is_ascii_graphic()) && !url.contains('#');
    let parsed = is_plain.then(|| url.parse::<Uri>().ok()).flatten();
    let parsed = parsed.ok_or_else(|| refused("it is no URL, or has something that none is sent with".to_owned()))?;
    let to = Destination::of(&parsed);
    let to = to.map_err(|error| AdminError::Invalid(format!("a {what} goes nowhere: {error}")))?;
    if to.host().rsplit('.').next() == Some("localhost") {
        return Err(refused("localhost is this machine, whoever asks".to_owned()));
    }
    if parsed.path_and_query().is_some_and(|target| !target.as_str().starts_with('/')) {
        return Err(refused("there is no / between its host and what follows".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_leads_to_a_named_host_over_https() {
        let room = MAX_RECEIVER_URL_BYTES - "https://crm.example/".len();
        for good in [
            "https://crm.example/hooks",
            "https://crm.example",
            "https://crm.example/?c=d",
            "https://crm.example:8443/a/b?c=d",
            &format!("https://crm.example/{}", "x".repeat(room)),
        ] {
            assert!(check_receiver_url("webhook", good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "crm.example",
            "http://crm.example/hooks",
            "https://",
            "https://127.0.0.1/hooks",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://localhost/",
            "https://a.localhost/",
            "https://crm.example./",
            "https://user@crm.example/",
            "https://user:pw@crm.example/",
            "https://*.crm.example/",
            "https://crm.example/#fragment",
            "https://crm.example/\u{e4}",
            "https://crm.example/a b",
            "https://crm.example/\r\nHost: x",
            "https://crm.example:99999/",
            "ftp://crm.example/",
            "file:///etc/passwd",
            &format!("https://crm.example/{}", "x".repeat(room + 1)),
        ] {
            assert!(check_receiver_url("webhook", bad).is_err(), "{bad}");
        }
        let told = check_receiver_url("webhook", "https://10.0.0.1/").unwrap_err().to_string();
        let expected = "a webhook goes nowhere: the URL cannot be called: a host is named, and not given as an address";
        assert_eq!(told, expected);
        let told = check_receiver_url("stream", "https://a.localhost/").unwrap_err().to_string();
        assert_eq!(told, "the URL of a stream cannot be called: localhost is this machine, whoever asks");
    }

    #[test]
    fn what_follows_a_host_can_be_sent() {
        let told = check_receiver_url("stream", "https://crm.example?c=d").unwrap_err().to_string();
        assert_eq!(told, "the URL of a stream cannot be called: there is no / between its host and what follows");
    }
}
