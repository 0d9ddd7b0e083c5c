//! A small product beside Muster, with a database of its own. It stands for the five whose plugins are in `plugins/`: what provisioning does
//! to each of them is kept here, and shown on one page.
//!
//! Two ways lead in, both by https, as Muster insists:
//!
//! - `calls.rs`: what the plugins of Poggio, Secoda and Applivery ask for, each request once by its `Idempotency-Key`.
//! - `hooks.rs`: what the webhooks of all tenants but Applivery's tell, each event once by its id (and `whole.rs`, where one does not say enough).
//!
//! What either does to a product is in that product's file of `products/`. Invitations are mailed (`mail.rs`) to a mail server that only
//! keeps them (`smtp.rs`). `page.rs` shows it all; its buttons tell Muster what people do in the product (`muster.rs`), and
//! what the product finds out by itself is told until it was heard (`signals.rs`).
//!
//! `settings.rs` is where people with a role make and revoke SCIM keys, by Muster's admin API (`admin.rs`).

mod admin;
mod calls;
mod certificate;
mod database;
mod hooks;
mod keys;
mod mail;
mod muster;
mod page;
mod products;
mod serve;
mod settings;
mod signals;
mod smtp;
#[cfg(test)]
mod tests;
mod whole;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::Notify;
use tokio::task::JoinSet;

pub use certificate::HOSTS;
use database::Database;
pub use keys::Keys;
pub use products::Product;
use webhook_receiver::listen;

/// Seconds since 1970.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// How it is started.
#[derive(Clone)]
pub struct Settings {
    /// The folder with its database, its keys and its certificate's authority.
    pub data: PathBuf,
    /// The port of the page on 127.0.0.1; 0: any.
    pub page_port: u16,
    /// The port of what Muster calls; 0: any.
    pub api_port: u16,
    /// Each so many answers to Muster, one is lost after its effect; 0: none is.
    pub loses_each: usize,
    /// By which webhooks are believed.
    pub clock: Clock,
}

impl Settings {
    /// On any ports, by the machine's clock.
    pub fn new(data: &Path) -> Self {
        Self { data: data.to_owned(), page_port: 0, api_port: 0, loses_each: 0, clock: Arc::new(now_s) }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("data", &self.data).finish_non_exhaustive()
    }
}

/// A product that serves until it is dropped.
#[derive(Debug)]
pub struct VendorApp {
    /// Where its page is, by http.
    pub page: SocketAddr,
    /// Where Muster finds each of the [`HOSTS`], by https.
    pub api: SocketAddr,
    /// The file with the authority that Muster is told to trust.
    pub ca_file: PathBuf,
    /// The file with the [`Keys`].
    pub keys_file: PathBuf,
    /// What Muster is given.
    pub keys: Keys,
    shared: Arc<Shared>,
    _serving: JoinSet<()>,
}

/// What every request has in common.
pub(crate) struct Shared {
    database: Database,
    keys: Keys,
    clock: Clock,
    data: PathBuf,
    mails: Notify,
    signals: Notify,
    loses_each: usize,
    answered: AtomicUsize,
    notice: Mutex<Option<String>>,
    http: reqwest::Client,
    sessions: settings::Sessions,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Shared {
    /// Whether the answer that is ready now gets lost.
    fn loses(&self) -> bool {
        let number = self.answered.fetch_add(1, Ordering::Relaxed) + 1;
        self.loses_each > 0 && number.is_multiple_of(self.loses_each)
    }

    /// What the page says once, at the top.
    fn note(&self, what: String) {
        *self.notice.lock().unwrap_or_else(PoisonError::into_inner) = Some(what);
    }
}

impl VendorApp {
    /// Serves on loopback, from a folder that is made if it is not there.
    pub async fn start(settings: Settings) -> io::Result<Self> {
        std::fs::create_dir_all(&settings.data)?;
        let data = settings.data.canonicalize()?;
        let keys_file = data.join("keys.json");
        let keys = Keys::kept_in(&keys_file)?;
        let (acceptor, authority) = certificate::make(&data.join("authority.key"))?;
        let ca_file = data.join("authority.pem");
        let database = Database::open(&data.join("product.sqlite")).map_err(io::Error::other)?;
        let shared = Arc::new(Shared {
            database,
            keys: keys.clone(),
            clock: settings.clock,
            data,
            mails: Notify::new(),
            signals: Notify::new(),
            loses_each: settings.loses_each,
            answered: AtomicUsize::new(0),
            notice: Mutex::default(),
            http: reqwest::Client::new(),
            sessions: settings::Sessions::default(),
        });
        let page = listen(settings.page_port).await?;
        let api = listen(settings.api_port).await?;
        let sink = listen(0).await?;
        // Where another one has a port already, its file stays as it is.
        std::fs::write(&ca_file, authority)?;
        let (page_address, api_address) = (page.local_addr()?, api.local_addr()?);
        let mail_server = sink.local_addr()?;
        let mut serving = JoinSet::new();
        serving.spawn(serve::page(page, shared.clone()));
        serving.spawn(serve::api(api, acceptor, shared.clone()));
        serving.spawn(smtp::serve(sink, shared.clone()));
        serving.spawn(mail::send_all(mail_server, shared.clone()));
        serving.spawn(signals::tell_all(shared.clone()));
        Ok(Self { page: page_address, api: api_address, ca_file, keys_file, keys, shared, _serving: serving })
    }

    /// The answer to one question to the database, a row of text a row: for tests, and for who wants to look closer than the page does.
    pub fn rows(&self, question: &str) -> Result<Vec<Vec<String>>, String> {
        self.shared.database.rows(question).map_err(|error| error.to_string())
    }
}

#[expect(clippy::disallowed_methods, reason = "a program by itself, which has no other clock")]
fn now_s() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
