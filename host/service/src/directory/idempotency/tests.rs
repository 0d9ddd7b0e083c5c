use std::collections::HashMap;

use async_trait::async_trait;
use muster_store::Entry;

use super::*;

#[test]
fn a_key_is_the_same_quoted_or_not_and_has_a_bound() {
    let key = |text: &str| KeyedRequest::new(Some(text), &[], RequestId("r".into())).map(|request| request.key);
    assert_eq!(key("8e03978e").unwrap(), key("\"8e03978e\"").unwrap());
    assert_ne!(key("8e03978e").unwrap(), key("8e03978f").unwrap());
    assert!(key(&"k".repeat(MAX_IDEMPOTENCY_KEY_BYTES)).is_ok());
    for text in ["", "\"\"", "a b", "a\u{7f}", "ü", &"k".repeat(MAX_IDEMPOTENCY_KEY_BYTES + 1)] {
        assert!(key(text).is_err(), "{text:?}");
    }
}

#[test]
fn parts_of_a_request_do_not_run_into_each_other() {
    assert_ne!(hashed(&[b"PUT", b"/a"]), hashed(&[b"PU", b"T/a"]));
    assert_ne!(hashed(&[b"PUT"]), hashed(&[b"PUT", b""]));
}

#[test]
fn a_full_bucket_is_smaller_than_a_value_can_be() {
    let at = Timestamp::from_millis(1_793_714_580_000);
    let known =
        |n: usize| Known { key: hashed(&[&n.to_be_bytes()]), request: hashed(&[]), at, kept: false, begun: None };
    let full: Vec<Known> = (0..MAX_KEYS_A_BUCKET).map(known).collect();

    let bytes = serde_json::to_vec(&full).unwrap();

    assert!(bytes.len() <= MAX_STATE_VALUE_BYTES, "{}", bytes.len());
    let buckets: HashSet<String> = (0..10_000).map(|n| bucket_of(&known(n).key)).collect();
    assert_eq!(buckets.len(), BUCKETS);
}

/// What a plugin remembers, in memory, of which nothing else is asked here.
#[derive(Default)]
struct Kept(Mutex<HashMap<String, Entry>>);

#[async_trait]
impl PluginState for Kept {
    async fn get(&self, key: &str) -> Result<Option<Entry>, StoreError> {
        Ok(self.0.lock().unwrap().get(key).cloned())
    }

    async fn put(&self, key: &str, value: &[u8], expected: Option<u64>, _: u64) -> Result<u64, StoreError> {
        let mut kept = self.0.lock().unwrap();
        let version = kept.get(key).map_or(0, |entry| entry.version);
        if expected.is_some_and(|expected| expected != version) || value.len() > MAX_STATE_VALUE_BYTES {
            return Err(StoreError::Stale);
        }
        kept.insert(key.to_owned(), Entry { value: value.to_vec(), version: version + 1 });
        Ok(version + 1)
    }

    async fn delete(&self, key: &str, _: Option<u64>) -> Result<(), StoreError> {
        self.0.lock().unwrap().remove(key);
        Ok(())
    }

    async fn bytes(&self) -> Result<u64, StoreError> {
        Ok(0)
    }
}

fn request(part: &str) -> KeyedRequest {
    KeyedRequest { key: None, fingerprint: hashed(&[part.as_bytes()]), name: RequestId("0123abcd-00000001".into()) }
}

fn answer(body: Value) -> KeptAnswer {
    KeptAnswer { status: 200, etag: None, body }
}

#[tokio::test]
async fn a_full_bucket_takes_no_more_until_its_keys_have_had_their_time() {
    let kept = Kept::default();
    let (now, done) = (Timestamp::from_millis(1_000), answer(Value::Null));
    let key = |number: usize| format!("00{number:030x}");
    for number in 0..MAX_KEYS_A_BUCKET {
        assert_eq!(standing(&kept, &key(number), &request("a"), now).await.unwrap(), Standing::New);
        remember(&kept, &key(number), &request("a"), &done, now).await.unwrap();
    }

    let refused = standing(&kept, &key(MAX_KEYS_A_BUCKET), &request("a"), Timestamp::from_millis(2_001)).await;
    let refused = refused.unwrap_err();

    assert!(matches!(refused, DirectoryError::NoRoomForKeys { .. }), "{refused}");
    assert_eq!(refused.retry_after_s(), Some(24 * 60 * 60 - 1), "then the first of them goes");
    let known = standing(&kept, &key(0), &request("a"), now).await.unwrap();
    assert_eq!(known, Standing::Answered(done.clone()), "those that are there are answered");
    assert_eq!(standing(&kept, &format!("01{:030x}", 0), &request("a"), now).await.unwrap(), Standing::New);
    let kept_ms = i64::try_from(IDEMPOTENCY_KEPT.as_millis()).unwrap();
    let later = Timestamp::from_millis(now.as_millis() + kept_ms);
    assert_eq!(standing(&kept, &key(MAX_KEYS_A_BUCKET), &request("a"), later).await.unwrap(), Standing::New);
    remember(&kept, &key(MAX_KEYS_A_BUCKET), &request("a"), &done, later).await.unwrap();
    assert_eq!(kept.0.lock().unwrap().len(), 2, "the bucket, and the one answer");
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_not_given_again_and_not_made_again() {
    let kept = Kept::default();
    let now = Timestamp::from_millis(1_000);
    let large = answer(Value::String("x".repeat(MAX_KEPT_ANSWER_BYTES)));
    remember(&kept, "00", &request("a"), &large, now).await.unwrap();

    let again = standing(&kept, "00", &request("a"), now).await.unwrap_err();
    let other = standing(&kept, "00", &request("b"), now).await.unwrap_err();

    assert!(matches!(again, DirectoryError::NotKept), "{again}");
    assert!(matches!(other, DirectoryError::KeyReused), "{other}");
}

#[tokio::test]
async fn that_a_request_begins_is_kept_until_it_is_answered_and_takes_no_more_room_than_there_is() {
    let kept = Kept::default();
    let (now, later) = (Timestamp::from_millis(1_000), Timestamp::from_millis(2_000));
    begin(&kept, "00", &request("a"), 7, now).await.unwrap();

    let cut = standing(&kept, "00", &request("a"), later).await.unwrap();
    let other = standing(&kept, "00", &request("b"), later).await.unwrap_err();
    remember(&kept, "00", &request("a"), &answer(Value::Null), later).await.unwrap();

    assert_eq!(cut, Standing::Begun(Begun { name: request("a").name, since: 7 }, now));
    assert!(matches!(other, DirectoryError::KeyReused), "{other}");
    let done = standing(&kept, "00", &request("a"), later).await.unwrap();
    assert_eq!(done, Standing::Answered(answer(Value::Null)));
    let mut begun = 1;
    let refused = loop {
        match begin(&kept, &format!("00{begun:030x}"), &request("a"), u64::MAX, later).await {
            Ok(()) => begun += 1,
            Err(refused) => break refused,
        }
    };
    assert!(matches!(refused, DirectoryError::NoRoomForKeys { .. }), "{refused}");
    assert!((300..=MAX_KEYS_A_BUCKET).contains(&begun), "{begun}");
}

#[test]
fn a_key_is_in_flight_until_its_request_is_done() {
    let (flying, acme) = (InFlight::default(), TenantId::parse("acme").unwrap());
    let globex = TenantId::parse("globex").unwrap();

    let first = flying.begin(&acme, "k").unwrap();

    assert!(flying.begin(&acme, "k").is_none());
    assert!(flying.begin(&globex, "k").is_some() && flying.begin(&acme, "l").is_some());
    drop(first);
    assert!(flying.begin(&acme, "k").is_some());
}
