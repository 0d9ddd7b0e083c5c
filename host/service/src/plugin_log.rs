//! The last lines that plugins have logged, for whoever looks for what a plugin is doing: in memory, bounded, and gone with the process.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use muster_model::{Clock, PluginDigest, RequestId, TenantId, Timestamp};
use muster_plugin::{LogLevel, LogLine, PluginLog};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::feed::MAX_WAIT_S;
use crate::history::not_none;
use crate::{AdminError, Service};

/// Lines that are kept of one tenant's plugins; the oldest go first.
pub const MAX_LINES_A_TENANT: usize = 1_000;

/// Bytes of the messages in them.
pub const MAX_LINE_BYTES_A_TENANT: usize = 512 << 10;

/// Bytes of the messages of all tenants.
pub const MAX_LINE_BYTES: usize = 16 << 20;

/// Lines that are read at once.
pub const MAX_LINES_A_PAGE: usize = 1_000;

/// What plugins have logged lately.
#[derive(Debug)]
pub struct PluginLines {
    clock: Arc<dyn Clock>,
    kept: Mutex<Kept>,
    /// Tells whoever waits for it that there is a line more.
    news: Notify,
}

#[derive(Debug, Default)]
struct Kept {
    /// By number: 1, 2, 3, ... since the process was started.
    lines: BTreeMap<u64, Line>,
    tenants: HashMap<TenantId, Own>,
    last: u64,
    bytes: usize,
}

/// What is kept of one tenant.
#[derive(Debug, Default)]
struct Own {
    /// The numbers of its lines, oldest first.
    numbers: VecDeque<u64>,
    bytes: usize,
}

#[derive(Debug)]
struct Line {
    at: Timestamp,
    tenant: TenantId,
    request: RequestId,
    plugin: Box<str>,
    digest: PluginDigest,
    level: LogLevel,
    message: Box<str>,
}

impl PluginLines {
    /// Nothing so far.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, kept: Mutex::default(), news: Notify::new() }
    }

    /// Up to `limit` lines after number `after`, of one tenant or of all.
    fn read(&self, tenant: Option<&TenantId>, after: u64, limit: usize) -> (Vec<Value>, u64) {
        let kept = self.kept();
        // Who has read further than there is has read what another process heard, and begins anew.
        let after = if after > kept.last { 0 } else { after };
        let read: Vec<(&u64, &Line)> = match tenant {
            Some(tenant) => {
                let own = kept.tenants.get(tenant).into_iter().flat_map(|own| &own.numbers);
                let later = own.skip_while(|number| **number <= after).take(limit);
                later.filter_map(|number| kept.lines.get_key_value(number)).collect()
            }
            None => kept.lines.range(after + 1..).take(limit).collect(),
        };
        let next = read.last().map_or(after, |(number, _)| **number);
        (read.into_iter().map(|(number, line)| line.shown(*number)).collect(), next)
    }

    /// Nothing panics while it holds the lock.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PluginLog for PluginLines {
    fn heard(&self, line: LogLine<'_>) {
        let line = Line {
            at: self.clock.now(),
            tenant: line.tenant.clone(),
            request: line.request.clone(),
            plugin: line.plugin.into(),
            digest: line.digest,
            level: line.level,
            message: line.message.into(),
        };
        self.kept().add(line);
        self.news.notify_waiters();
    }
}

impl Kept {
    fn add(&mut self, line: Line) {
        let (tenant, bytes) = (line.tenant.clone(), line.message.len());
        self.last += 1;
        self.lines.insert(self.last, line);
        self.bytes += bytes;
        let own = self.tenants.entry(tenant.clone()).or_default();
        own.numbers.push_back(self.last);
        own.bytes += bytes;
        while let Some(own) = self.tenants.get(&tenant)
            && (own.numbers.len() > MAX_LINES_A_TENANT || own.bytes > MAX_LINE_BYTES_A_TENANT)
        {
            let Some(oldest) = own.numbers.front().copied() else { break };
            self.forget(oldest);
        }
        while self.bytes > MAX_LINE_BYTES
            && let Some((oldest, _)) = self.lines.first_key_value()
        {
            self.forget(*oldest);
        }
    }

    /// Takes away a line that is the oldest of its tenant; so is the oldest of all.
    fn forget(&mut self, number: u64) {
        let Some(line) = self.lines.remove(&number) else { return };
        self.bytes -= line.message.len();
        if let Some(own) = self.tenants.get_mut(&line.tenant) {
            own.numbers.pop_front();
            own.bytes -= line.message.len();
            if own.numbers.is_empty() {
                self.tenants.remove(&line.tenant);
            }
        }
    }
}

impl Line {
    fn shown(&self, number: u64) -> Value {
        json!({
            "number": number,
            "at": self.at.to_string(),
            "tenant": self.tenant,
            "request": self.request,
            "plugin": self.plugin,
            "digest": self.digest,
            "level": self.level.name(),
            "message": self.message,
        })
    }
}

impl Service {
    /// What plugins have logged after line `after`, of one tenant or of all, oldest first. Where there is nothing yet it waits up to `wait_s`
    /// seconds. To go on after `next` is to see nothing twice; what was not read before its place was needed is gone.
    pub async fn read_plugin_log(
        &self,
        tenant: Option<&str>,
        after: u64,
        limit: usize,
        wait_s: u64,
    ) -> Result<Value, AdminError> {
        let tenant = tenant.map(|tenant| self.row(tenant)).transpose()?.map(|row| row.id);
        if wait_s > MAX_WAIT_S {
            return Err(AdminError::Wrong(format!("wait_s is at most {MAX_WAIT_S}")));
        }
        not_none(limit)?;
        let lines = &self.parts.plugin_lines;
        let read = || lines.read(tenant.as_ref(), after, limit.min(MAX_LINES_A_PAGE));
        let waiting = async {
            loop {
                // Listening begins before the lines are read: what is logged in between wakes as well.
                let mut news = std::pin::pin!(lines.news.notified());
                news.as_mut().enable();
                let (page, next) = read();
                if !page.is_empty() {
                    return (page, next);
                }
                tokio::select! {
                    () = news => {}
                    () = self.told_to_stop() => return (page, next),
                }
            }
        };
        let waited =
            if wait_s > 0 { tokio::time::timeout(Duration::from_secs(wait_s), waiting).await.ok() } else { None };
        let (mut page, next) = waited.unwrap_or_else(read);
        let rows = if page.is_empty() { Vec::new() } else { self.parts.store.plugins().await? };
        for line in &mut page {
            // A plugin that was removed since has none that anybody knows.
            if let Some(row) = rows.iter().find(|row| json!(row.digest) == line["digest"]) {
                line["version"] = json!(row.version);
            }
        }
        Ok(json!({ "lines": page, "next": next }))
    }
}

#[cfg(test)]
mod tests {
    use muster_model::FixedClock;

    use super::*;

    fn lines() -> PluginLines {
        PluginLines::new(Arc::new(FixedClock::new(Timestamp::from_millis(0))))
    }

    fn log(lines: &PluginLines, tenant: &str, message: &str) {
        let (tenant, request) = (TenantId::parse(tenant).unwrap(), RequestId("r-1".into()));
        let digest = PluginDigest::of(b"plugin");
        lines.heard(LogLine {
            tenant: &tenant,
            request: &request,
            plugin: "p",
            digest,
            level: LogLevel::Info,
            message,
        });
    }

    fn messages(lines: &PluginLines, tenant: Option<&str>, after: u64, limit: usize) -> (Vec<String>, u64) {
        let tenant = tenant.map(|tenant| TenantId::parse(tenant).unwrap());
        let (page, next) = lines.read(tenant.as_ref(), after, limit);
        (page.iter().map(|line| line["message"].as_str().unwrap().to_owned()).collect(), next)
    }

    #[test]
    fn lines_are_read_in_order_of_one_tenant_or_of_all() {
        let lines = lines();
        for (tenant, message) in [("acme", "a"), ("globex", "b"), ("acme", "c"), ("acme", "d")] {
            log(&lines, tenant, message);
        }
        assert_eq!(messages(&lines, None, 0, 3), (vec!["a".into(), "b".into(), "c".into()], 3));
        assert_eq!(messages(&lines, Some("acme"), 0, 2), (vec!["a".into(), "c".into()], 3));
        assert_eq!(messages(&lines, Some("acme"), 3, 2), (vec!["d".into()], 4));
        assert_eq!(messages(&lines, Some("acme"), 4, 2), (vec![], 4));
        assert_eq!(messages(&lines, Some("nobody"), 0, 2), (vec![], 0));
        assert_eq!(messages(&lines, None, 900, 1), (vec!["a".into()], 1), "it has read what another process heard");
    }

    #[test]
    fn a_tenant_has_so_many_lines_and_so_many_bytes_and_takes_none_from_others() {
        let lines = lines();
        log(&lines, "globex", "stays");
        for number in 0..=MAX_LINES_A_TENANT {
            log(&lines, "acme", &number.to_string());
        }
        let (kept, _) = messages(&lines, Some("acme"), 0, usize::MAX);
        assert_eq!((kept.len(), kept[0].as_str()), (MAX_LINES_A_TENANT, "1"));
        let half = "x".repeat(MAX_LINE_BYTES_A_TENANT / 2 + 1);
        log(&lines, "acme", &half);
        log(&lines, "acme", &half);
        assert_eq!(messages(&lines, Some("acme"), 0, usize::MAX).0.len(), 1);
        assert_eq!(messages(&lines, Some("globex"), 0, usize::MAX).0, ["stays"]);
    }

    #[test]
    fn all_together_have_so_many_bytes() {
        let lines = lines();
        let long = "x".repeat(MAX_LINE_BYTES_A_TENANT);
        let tenants = MAX_LINE_BYTES / MAX_LINE_BYTES_A_TENANT;
        for number in 0..=tenants {
            log(&lines, &format!("tenant-{number}"), &long);
        }
        let kept = lines.kept();
        assert_eq!((kept.lines.len(), kept.tenants.len(), kept.bytes), (tenants, tenants, MAX_LINE_BYTES));
        assert!(!kept.tenants.contains_key(&TenantId::parse("tenant-0").unwrap()), "the oldest of all made room");
    }
}
