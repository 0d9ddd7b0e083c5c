#![no_main]
//! Any bytes as the body of a POST: a user that is made of them is one that the strictest profile takes as it is.

use libfuzzer_sys::fuzz_target;
use muster_fuzz::{KINDS, user};
use muster_protocol::dialect::Profile;
use muster_protocol::{json, normalise};

fuzz_target!(|bytes: &[u8]| {
    let Ok(body) = json::parse(bytes) else { return };
    let default = Profile::default();
    for def in KINDS.iter() {
        let Ok(made) = normalise::create(def, &default, body.clone()) else { continue };
        let document = serde_json::to_value(&made.document).expect("a document is JSON");
        let again = normalise::create(def, &default, document).expect("what was made can be made again");
        assert_eq!(again.document, made.document);
    }
    let _ = normalise::replace(&KINDS[0], &default, &user(), body);
});
