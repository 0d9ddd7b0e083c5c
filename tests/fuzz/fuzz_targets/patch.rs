#![no_main]
//! Any bytes as the body of a PATCH: the document that comes of it is one that can be created as it is, and nobody has two primary
//! e-mail addresses.

use libfuzzer_sys::fuzz_target;
use muster_fuzz::{KINDS, group, user};
use muster_protocol::dialect::Profile;
use muster_protocol::{json, normalise, patch};

fuzz_target!(|bytes: &[u8]| {
    let Ok(request) = json::parse(bytes).and_then(patch::parse) else { return };
    for (def, current) in KINDS.iter().zip([user(), group()]) {
        for profile in [Profile::default(), Profile::strict()] {
            let Ok(patched) = patch::apply(def, &profile, &current, &request) else { continue };
            let document = serde_json::to_value(&patched.document).expect("a document is JSON");
            let emails = document["emails"].as_array().map_or(&[][..], Vec::as_slice);
            assert!(emails.iter().filter(|email| email["primary"] == true).count() <= 1, "{document}");
            let again = normalise::create(def, &Profile::default(), document).expect("what was made can be made again");
            assert_eq!(again.document, patched.document);
        }
    }
});
