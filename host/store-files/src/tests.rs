#![expect(clippy::print_stdout, reason = "it says what it measured")]

use std::fs;
use std::io::Read;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use muster_model::{Actor, FixedClock, RequestId, ResourceId, Timestamp, TokenId};
use muster_store::request_log::{Answer, Item, RequestEntry, Sent, Took};
use tempfile::TempDir;

use super::*;

const START_MS: i64 = 1_793_714_580_000;
const A_DAY: Duration = Duration::from_hours(24);
const BOUNDS: RequestBounds = RequestBounds { days: 7, bytes: 1 << 20 };

/// A log in a temporary folder, with a clock that stands.
struct Fixture {
    folder: TempDir,
    clock: Arc<FixedClock>,
    log: FileRequestLog,
    offered: u64,
}

fn acme() -> TenantId {
    TenantId::parse("acme").unwrap()
}

fn other() -> TenantId {
    TenantId::parse("other").unwrap()
}

impl Fixture {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Options)) -> Self {
        let (folder, clock) =
            (tempfile::tempdir().unwrap(), Arc::new(FixedClock::new(Timestamp::from_millis(START_MS))));
        let mut options = options(&folder, &clock);
        change(&mut options);
        let log = FileRequestLog::open(options).unwrap();
        log.keep(&acme(), BOUNDS);
        log.keep(&other(), BOUNDS);
        log.believe(clock.now());
        Self { folder, clock, log, offered: 0 }
    }

    async fn reopen(&mut self) {
        self.log.close().await;
        self.log = FileRequestLog::open(options(&self.folder, &self.clock)).unwrap();
        self.log.keep(&acme(), BOUNDS);
    }

    /// Lets time pass, as the service sees it.
    fn advance(&self, by: Duration) {
        self.clock.advance(by);
        self.log.believe(self.clock.now());
    }

    fn of(&self, tenant: &TenantId) -> PathBuf {
        self.folder.path().join("requests").join(tenant.as_str())
    }

    /// Offers one request with so many bytes in it.
    fn offer(&mut self, tenant: &TenantId, bytes: usize) {
        self.offered += 1;
        let entry = entry(self.offered, self.clock.now(), bytes);
        self.log.offer(tenant, Draft { bytes, entry: Box::new(move || entry) });
    }

    /// Offers one, and waits until it is written or lost.
    fn write(&mut self, tenant: &TenantId, bytes: usize) {
        self.offer(tenant, bytes);
        self.log.shared.wait_until_written(Duration::from_secs(10));
    }

    /// Offers until something is written.
    fn write_until_kept(&mut self) {
        let began = Instant::now();
        while self.files(&acme()).is_empty() {
            assert!(began.elapsed() < Duration::from_secs(20), "it was not tried again");
            self.write(&acme(), 10);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    async fn read(&self, tenant: &TenantId, query: RequestQuery) -> RequestPage {
        let limit = if query.limit == 0 { 1000 } else { query.limit };
        self.log.read(tenant, &RequestQuery { limit, ..query }).await.unwrap()
    }

    /// The numbers of the requests that the log has, newest first, and how many it says are lost.
    async fn numbers(&self, tenant: &TenantId) -> (Vec<u64>, u64) {
        numbers(&self.read(tenant, RequestQuery::default()).await)
    }

    fn files(&self, tenant: &TenantId) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> =
            fs::read_dir(self.of(tenant)).into_iter().flatten().map(|it| it.unwrap().path()).collect();
        files.sort();
        files
    }

    fn bytes(&self, tenant: &TenantId) -> u64 {
        self.files(tenant).iter().map(|file| fs::metadata(file).unwrap().len()).sum()
    }
}

fn options(folder: &TempDir, clock: &Arc<FixedClock>) -> Options {
    Options {
        folder: folder.path().join("requests"),
        clock: clock.clone(),
        total_bytes: 1 << 30,
        queue_entries: 1000,
        queue_bytes: 32 << 20,
    }
}

fn entry(number: u64, at: Timestamp, bytes: usize) -> RequestEntry {
    RequestEntry {
        request: RequestId(number.to_string().into()),
        at,
        method: if number.is_multiple_of(2) { "GET" } else { "POST" }.to_owned(),
        path: "/Users".to_owned(),
        status: if number.is_multiple_of(3) { 404 } else { 200 },
        scim_type: None,
        detail: Some("x".repeat(bytes)),
        about: vec![id(number)],
        actor: Actor::Token(TokenId("tok_1".to_owned())),
        sent: Sent::default(),
        answer: Answer::default(),
        took: Took::default(),
        rewrites: Vec::new(),
        decision: None,
        operations: None,
        changes: Vec::new(),
    }
}

fn id(number: u64) -> ResourceId {
    ResourceId::parse(&format!("01930000-0000-7000-8000-{number:012}")).unwrap()
}

fn numbers(page: &RequestPage) -> (Vec<u64>, u64) {
    let (mut numbers, mut lost) = (Vec::new(), 0);
    for kept in &page.found {
        match &kept.item {
            Item::Request(entry) => numbers.push(entry.request.0.parse().unwrap()),
            Item::Lost { count, .. } => lost += count,
        }
    }
    (numbers, lost)
}

/// Waits for what happens in the writer's own time.
#[track_caller]
fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(20), "in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[tokio::test]
async fn what_is_offered_is_read_newest_first_and_each_tenant_has_its_own() {
    let mut log = Fixture::new();
    for tenant in [acme(), other(), acme()] {
        log.offer(&tenant, 10);
    }

    assert_eq!(log.numbers(&acme()).await, (vec![3, 1], 0));
    assert_eq!(log.numbers(&other()).await, (vec![2], 0));
    assert_eq!(log.numbers(&TenantId::parse("nobody").unwrap()).await, (Vec::new(), 0));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&log.of(&acme())), mode(&log.files(&acme())[0])), (0o700, 0o600));
}

#[tokio::test]
async fn what_is_asked_for_is_found_and_paged() {
    let mut log = Fixture::new();
    for _ in 0..30 {
        log.offer(&acme(), 10);
        log.clock.advance(Duration::from_mins(1));
    }

    let find = async |query| numbers(&log.read(&acme(), query).await).0;
    let all = RequestQuery::default;
    assert_eq!(find(RequestQuery { status: Some((400, 499)), limit: 3, ..all() }).await, [30, 27, 24]);
    assert_eq!(find(RequestQuery { method: Some("post".into()), limit: 2, ..all() }).await, [29, 27]);
    assert_eq!(find(RequestQuery { resource: Some(id(7)), ..all() }).await, [7]);
    assert_eq!(find(RequestQuery { request: Some(RequestId("12".into())), ..all() }).await, [12]);
    let at = |minute: i64| Some(Timestamp::from_millis(START_MS + minute * 60_000));
    assert_eq!(find(RequestQuery { from: at(3), to: at(6), ..all() }).await, [6, 5, 4]);

    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = log.read(&acme(), RequestQuery { limit: 7, before, ..all() }).await;
        seen.extend(numbers(&page).0);
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(seen, (1..=30).rev().collect::<Vec<u64>>());
}

#[tokio::test]
async fn entries_survive_a_restart_and_the_count_goes_on() {
    let mut log = Fixture::new();
    log.offer(&acme(), 10);
    log.offer(&acme(), 10);
    log.reopen().await;
    log.offer(&acme(), 10);

    assert_eq!(log.numbers(&acme()).await, (vec![3, 2, 1], 0));
    let seqs: Vec<u64> = log.read(&acme(), RequestQuery::default()).await.found.iter().map(|kept| kept.seq).collect();
    assert_eq!(seqs, [3, 2, 1]);
}

#[tokio::test]
async fn a_last_line_that_was_cut_off_is_skipped_and_a_damaged_one_is_told() {
    let mut log = Fixture::new();
    for _ in 0..4 {
        log.write(&acme(), 100);
    }
    log.log.close().await;
    let file = log.files(&acme()).remove(0);
    let mut bytes = fs::read(&file).unwrap();
    bytes.truncate(bytes.len() - 20);
    let second = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    bytes[second] = b'#';
    fs::write(&file, &bytes).unwrap();
    log.reopen().await;
    log.offer(&acme(), 10);

    let page = log.read(&acme(), RequestQuery::default()).await;
    assert_eq!((numbers(&page), page.unreadable), ((vec![5, 3, 1], 0), 1));
}

#[tokio::test]
async fn the_oldest_go_first_when_a_tenant_has_no_more_room() {
    let mut log = Fixture::new();
    for _ in 0..600 {
        log.write(&acme(), 4000);
    }

    let (kept, lost) = log.numbers(&acme()).await;
    assert_eq!((kept[0], lost), (600, 0));
    assert!(kept.is_sorted_by(|a, b| *a == b + 1), "no holes");
    let bytes = log.bytes(&acme());
    assert!(bytes <= BOUNDS.bytes && bytes > BOUNDS.bytes / 2, "{bytes}");

    log.log.keep(&acme(), RequestBounds { bytes: 300 << 10, ..BOUNDS });
    eventually("the files are fewer", || log.bytes(&acme()) <= 300 << 10);
    let (fewer, _) = log.numbers(&acme()).await;
    assert_eq!(fewer, kept[..fewer.len()]);
    log.log.keep(&acme(), RequestBounds { days: 0, ..BOUNDS });
    eventually("nothing is kept", || log.files(&acme()).is_empty());
    log.write(&acme(), 10);
    assert_eq!(log.numbers(&acme()).await, (Vec::new(), 0));
}

#[tokio::test]
async fn what_is_too_old_is_not_read_and_its_files_go() {
    let mut log = Fixture::new();
    for _ in 0..10 {
        log.write(&acme(), 100);
        log.advance(A_DAY);
    }

    assert_eq!(log.numbers(&acme()).await.0, [10, 9, 8, 7, 6, 5, 4]);
    eventually("files from before", || log.files(&acme()).len() <= 8);
    log.advance(A_DAY * 10);
    assert_eq!(log.numbers(&acme()).await, (Vec::new(), 0));
    eventually("all files", || log.files(&acme()).is_empty());
}

#[tokio::test]
async fn nothing_is_too_old_by_a_clock_that_nobody_believes() {
    let mut log = Fixture::new();
    for _ in 0..3 {
        log.write(&acme(), 100);
        log.advance(A_DAY);
    }
    log.clock.advance(A_DAY * 3650);
    log.reopen().await;
    // The writer goes round, as bounds that change make it do.
    log.log.keep(&other(), RequestBounds { bytes: 1, ..BOUNDS });
    log.write(&acme(), 100);
    std::thread::sleep(Duration::from_millis(600));
    let before_it_was_told = log.numbers(&acme()).await.0;
    log.log.believe(Timestamp::from_millis(START_MS + 3 * 24 * 3_600_000));
    std::thread::sleep(Duration::from_millis(600));
    let by_another_time = log.numbers(&acme()).await.0;
    log.log.believe(log.clock.now());

    assert_eq!((&before_it_was_told, &by_another_time), (&vec![4, 3, 2, 1], &vec![4, 3, 2, 1]));
    eventually("now they go", || log.files(&acme()).len() == 1);
    assert_eq!(log.numbers(&acme()).await.0, [4]);
}

#[tokio::test]
async fn all_tenants_together_have_a_bound_too() {
    let mut log = Fixture::with(|options| options.total_bytes = 1 << 20);
    for number in 0..400 {
        let tenant = if number < 200 { acme() } else { other() };
        log.write(&tenant, 4000);
        log.clock.advance(Duration::from_secs(1));
    }

    let bytes = log.bytes(&acme()) + log.bytes(&other());
    assert!(bytes <= 1 << 20, "{bytes}");
    assert_eq!(log.numbers(&other()).await.0.len(), 200, "they are newer");
    assert!(log.bytes(&acme()) < 800_000, "the oldest of the first went");
}

#[tokio::test]
async fn the_bound_of_all_holds_for_one_that_may_have_more() {
    let mut log = Fixture::with(|options| options.total_bytes = 1 << 20);
    log.log.keep(&acme(), RequestBounds { bytes: 1 << 30, ..BOUNDS });
    for _ in 0..600 {
        log.write(&acme(), 4000);
    }

    let (kept, bytes) = (log.numbers(&acme()).await.0, log.bytes(&acme()));
    assert!(kept[0] == 600 && (700_000..=1 << 20).contains(&bytes), "{bytes}");
}

/// Reads a pipe, whoever comes and goes at its other end.
struct Drain {
    is_over: Arc<AtomicBool>,
    reader: std::thread::JoinHandle<Vec<u8>>,
}

impl Drain {
    fn begin(pipe: &Path) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let told = is_over.clone();
        // Open for both: a pipe has then no end, and opening it does not wait.
        let mut pipe = fs::File::options().read(true).write(true).custom_flags(O_NONBLOCK).open(pipe).unwrap();
        let reader = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            loop {
                let is_last = told.load(Ordering::SeqCst);
                match pipe.read_to_end(&mut bytes) {
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock && is_last => return bytes,
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                    other => panic!("a pipe without an end: {other:?}"),
                }
            }
        });
        Self { is_over, reader }
    }

    /// Everything that came.
    fn end(self) -> Vec<u8> {
        self.is_over.store(true, Ordering::SeqCst);
        self.reader.join().unwrap()
    }
}

/// Linux's; the standard library has no name for it.
const O_NONBLOCK: i32 = 0o4000;

#[tokio::test]
async fn a_writer_that_hangs_delays_nobody_and_what_is_lost_is_told() {
    let mut log = Fixture::with(|options| options.queue_entries = 10);
    log.write(&acme(), 10);
    // A pipe that nobody reads: to open it is to hang, as on a disk that does not answer.
    let file = log.files(&acme()).remove(0);
    let kept = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    assert!(Command::new("mkfifo").arg(&file).status().unwrap().success());

    let began = Instant::now();
    for _ in 0..1000 {
        log.offer(&acme(), 10);
    }
    let offering = began.elapsed();
    println!("1,000 requests were offered to a writer that hangs in {offering:?}");
    assert!(offering < Duration::from_secs(1), "{offering:?}");

    // Now somebody reads what it writes: the disk answers again.
    let flushed = Drain::begin(&file);
    log.log.shared.wait_until_written(Duration::from_secs(10));
    log.write(&acme(), 10);
    log.log.close().await;
    let flushed = flushed.end();
    fs::remove_file(&file).unwrap();
    fs::write(&file, [kept, flushed].concat()).unwrap();
    log.reopen().await;
    let (numbers, lost) = log.numbers(&acme()).await;
    println!("of them {} are in the log, {lost} are told as lost", numbers.len() - 2);
    assert_eq!((numbers.last(), numbers[0]), (Some(&1), 1002));
    assert!(lost >= 900, "{lost}");
    assert_eq!(numbers.len() as u64 + lost, 1002, "each is there or told");
}

#[tokio::test]
async fn requests_wait_with_no_more_bytes_than_there_is_room_for() {
    let mut log = Fixture::with(|options| options.queue_bytes = 1000);
    log.offer(&acme(), 1001);
    log.write(&acme(), 10);
    assert_eq!(log.numbers(&acme()).await, (vec![2], 1));
}

#[tokio::test]
async fn an_entry_that_cannot_be_made_or_is_too_large_is_lost_alone() {
    let mut log = Fixture::new();
    log.log.offer(&acme(), Draft { bytes: 1, entry: Box::new(|| panic!("a mistake in redaction")) });
    log.offer(&acme(), 200 << 10);
    log.offer(&acme(), 10);
    log.write(&acme(), 10);
    assert_eq!(log.numbers(&acme()).await, (vec![3, 2], 2));
}

#[tokio::test]
async fn a_full_disk_loses_entries_and_no_more_than_those() {
    let mut log = Fixture::new();
    log.write(&acme(), 10);
    // Every write to this device fails for want of room.
    let file = log.files(&acme()).remove(0);
    fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink("/dev/full", &file).unwrap();
    log.write(&acme(), 10);
    log.write(&acme(), 10);
    fs::remove_file(&file).unwrap();
    // The tenant's files are tried again after a while, and the log says what is not in it.
    log.write_until_kept();
    let (numbers, lost) = log.numbers(&acme()).await;
    assert!(numbers[0] > 3 && lost >= 2, "{numbers:?} {lost}");
    assert_eq!(numbers.len() as u64 + lost, log.offered - 1, "the first went with its file");
}

#[tokio::test]
async fn a_folder_that_is_removed_is_made_again() {
    let mut log = Fixture::new();
    log.write(&acme(), 10);
    fs::remove_dir_all(log.folder.path().join("requests")).unwrap();
    log.write(&acme(), 10);
    log.write(&acme(), 10);
    assert_eq!(log.numbers(&acme()).await, (vec![3, 2], 0));
}

#[tokio::test]
async fn where_there_is_no_folder_to_be_had_requests_are_lost_and_come_back() {
    let mut log = Fixture::new();
    let folder = log.folder.path().join("requests");
    fs::write(&folder, "a file").unwrap();
    log.write(&acme(), 10);
    assert!(log.log.shared.segments(&acme()).is_empty());
    fs::remove_file(&folder).unwrap();
    log.write_until_kept();
    let (numbers, lost) = log.numbers(&acme()).await;
    assert_eq!(numbers.len() as u64 + lost, log.offered);
    assert!(lost >= 1 && numbers[0] > 1);
}

#[tokio::test]
async fn what_others_put_into_the_folder_stays_as_it_is() {
    let mut log = Fixture::new();
    log.write(&acme(), 10);
    let (notes, strange) = (log.of(&acme()).join("notes.txt"), log.folder.path().join("requests/Not A Tenant"));
    fs::write(&notes, "mine").unwrap();
    fs::create_dir(&strange).unwrap();
    log.reopen().await;
    log.log.keep(&acme(), RequestBounds { days: 0, ..BOUNDS });
    eventually("ours goes", || log.files(&acme()).len() == 1);
    assert!(notes.exists() && strange.exists());
}
