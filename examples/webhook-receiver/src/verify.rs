//! Whether a webhook is to be believed: <https://www.standardwebhooks.com>. Copy this file.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// How far the time of a webhook may be from ours, in seconds: what is older may be somebody who sends again what he has overheard.
pub const TOLERANCE_S: i64 = 300;

/// Whether `body` was signed with `key` (`whsec_...`) under these headers of its request, and just now. The body is what arrived, byte by
/// byte, and not what a parser made of it.
pub fn is_believed(key: &str, id: &str, timestamp: &str, signatures: &str, body: &[u8], now_s: i64) -> bool {
    let Ok(seconds) = timestamp.parse::<i64>() else { return false };
    if now_s.abs_diff(seconds) > TOLERANCE_S.unsigned_abs() {
        return false;
    }
    let Ok(key) = STANDARD.decode(key.strip_prefix("whsec_").unwrap_or(key)) else { return false };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else { return false };
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    // While keys change there are several: one of them is ours.
    let signatures = signatures.split(' ').filter_map(|signature| signature.strip_prefix("v1,"));
    let mut signatures = signatures.filter_map(|signature| STANDARD.decode(signature).ok());
    // `verify_slice` takes as long for a wrong one as for a right one.
    signatures.any(|signature| mac.clone().verify_slice(&signature).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const SIGNED: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const AT: i64 = 1_614_265_330;

    #[test]
    fn the_standards_own_example_is_believed_and_nothing_like_it() {
        let at = AT.to_string();
        let is_believed_at = |now_s| is_believed(KEY, ID, &at, SIGNED, BODY, now_s);
        assert!(is_believed_at(AT) && is_believed_at(AT + TOLERANCE_S) && is_believed_at(AT - TOLERANCE_S));
        assert!(!is_believed_at(AT + TOLERANCE_S + 1) && !is_believed_at(AT - TOLERANCE_S - 1));
        assert!(is_believed(KEY, ID, &at, &format!("v1,AAAA v1a,x {SIGNED}"), BODY, AT), "one of several");
        for (key, id, timestamp, signatures, body) in [
            ("whsec_AAAA9r8GKYqrTwjUPD8ILPZIo2LaLaSw", ID, &*at, SIGNED, BODY),
            (KEY, "msg_another", &at, SIGNED, BODY),
            (KEY, ID, "1614265331", SIGNED, BODY),
            (KEY, ID, "1614265330.0", SIGNED, BODY),
            (KEY, ID, &at, "v1,AAAA", BODY),
            (KEY, ID, &at, &SIGNED[3..], BODY),
            (KEY, ID, &at, "", BODY),
            (KEY, ID, &at, SIGNED, br#"{"test": 2432232315}"#),
        ] {
            assert!(!is_believed(key, id, timestamp, signatures, body, AT), "{id} {timestamp} {signatures}");
        }
    }
}
