#![no_main]
//! Any text: what is read prints as what is read again, what a strict profile reads the default reads as the same, and one that passes
//! the check can be evaluated. An equality that the filter demands holds wherever the filter does.

use libfuzzer_sys::fuzz_target;
use muster_fuzz::{Ada, KINDS, is_schema};
use muster_protocol::dialect::Profile;
use muster_protocol::filter::{Filter, Op};

fuzz_target!(|text: &str| {
    let default = Profile::default();
    let strict = Filter::parse(text, &is_schema, &Profile::strict());
    let Ok((filter, _)) = Filter::parse(text, &is_schema, &default) else {
        assert!(strict.is_err(), "the default forgives whatever a stricter profile does");
        return;
    };
    if let Ok((strict, rewrites)) = strict {
        assert_eq!(strict, filter);
        assert!(rewrites.iter().all(|rewrite| !rewrite.rule.is_refusable() || Profile::strict().tolerates(rewrite.rule)));
    }
    let printed = filter.to_string();
    let (again, _) = Filter::parse(&printed, &is_schema, &default).expect("what is printed is read");
    assert_eq!(again, filter, "{printed}");

    let ada = Ada::default();
    if filter.check(&KINDS[..1], &default).is_ok() && filter.matches(&KINDS[0], &ada) {
        for (path, literal) in filter.equalities() {
            let alone = Filter::Compare { path, op: Op::Eq, literal };
            assert!(alone.matches(&KINDS[0], &ada), "{alone} of {filter}");
        }
    }
});
