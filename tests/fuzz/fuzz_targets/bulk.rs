#![no_main]
//! Any bytes as the body of a bulk request: every operation is planned once, however they refer to one another.

use libfuzzer_sys::fuzz_target;
use muster_protocol::bulk::{self, Step};
use muster_protocol::dialect::Profile;
use muster_protocol::json;

fuzz_target!(|bytes: &[u8]| {
    let Ok(body) = json::parse(bytes) else { return };
    for profile in [Profile::default(), Profile::strict()] {
        let Ok(request) = bulk::parse(body.clone(), "https://scim.example.test/scim/v2", &profile) else { continue };
        let mut operations = request.operations;
        assert!(operations.len() <= bulk::MAX_BULK_OPERATIONS);
        let mut performed: Vec<usize> = Vec::new();
        for step in bulk::plan(&mut operations) {
            match step {
                Step::Perform { operation, .. } => performed.push(operation),
                Step::Complete { operation, .. } => assert!(performed.contains(&operation), "it is there by then"),
            }
        }
        performed.sort_unstable();
        assert!(performed.into_iter().eq(0..operations.len()), "every operation once");
    }
});
