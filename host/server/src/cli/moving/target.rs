use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use muster_service::{NewExport, NewImport, Service};
use serde_json::{Value, json};

use super::meter::Meter;
use crate::cli::Remote;
use crate::cli::admin_client::AdminClient;

/// How long a server that gives no answer is asked again: long enough for a restart.
const PATIENCE: Duration = Duration::from_secs(30);
/// And how often.
const PAUSE: Duration = Duration::from_millis(250);
/// What is said of work that ended with its server.
const RESTARTED: &str = "the server was restarted meanwhile: run the same command again";
/// How often a job is asked how far it is.
const POLL: Duration = Duration::from_millis(150);

/// Where a deployment is.
#[derive(Debug)]
pub(in crate::cli) enum Target {
    /// A running server's.
    There(AdminClient),
    /// One that is opened by this process.
    Here {
        /// Its use cases.
        service: Arc<Service>,
        /// The folder where its exports stand.
        exports: PathBuf,
    },
}

impl Target {
    pub(in crate::cli) fn remote(remote: &Remote) -> anyhow::Result<Self> {
        AdminClient::new(remote).map(Self::There)
    }

    /// Begins an export, and waits for it; gives what came of it.
    pub(in crate::cli) async fn export(&self, tenants: &[String], meter: &mut Meter) -> anyhow::Result<Value> {
        let which = Some(tenants.to_vec()).filter(|tenants| !tenants.is_empty());
        let job = match self {
            Self::There(client) => client.post(&["exports"], &json!({ "tenants": which })).await?["job"].clone(),
            Self::Here { service, .. } => json!(service.begin_export(NewExport { tenants: which }).await?),
        };
        self.wait("items exported", &job, meter).await?.context(RESTARTED)
    }

    /// The exports that wait to be fetched.
    pub(in crate::cli) async fn exports(&self) -> anyhow::Result<Value> {
        Ok(match self {
            Self::There(client) => client.get(&["exports"]).await?["exports"].clone(),
            Self::Here { service, .. } => json!(service.list_exports().await?),
        })
    }

    pub(in crate::cli) async fn delete_export(&self, id: &str) -> anyhow::Result<()> {
        match self {
            Self::There(client) => client.delete(&["exports", id]).await.map(drop),
            Self::Here { service, .. } => Ok(service.delete_export(id)?),
        }
    }

    /// Adds to a file what it lacks of an export; as often as the connection breaks, as long as it goes on.
    pub(in crate::cli) async fn fetch(
        &self,
        id: &str,
        total: u64,
        part: &Path,
        meter: &mut Meter,
    ) -> anyhow::Result<()> {
        let client = match self {
            Self::There(client) => client,
            Self::Here { exports, .. } => {
                std::fs::copy(exports.join(format!("{id}.ndjson")), part)
                    .with_context(|| part.display().to_string())?;
                return Ok(());
            }
        };
        let mut patience = Patience::default();
        loop {
            let have = std::fs::metadata(part).map_or(0, |part| part.len());
            if have >= total {
                return Ok(());
            }
            if let Err(error) = fetch_on(client, id, (have, total), part, meter).await {
                let came = std::fs::metadata(part).map_or(0, |part| part.len()) > have;
                patience.spend(error, came).await?;
            }
        }
    }

    /// Begins an import, or finds out how far it is.
    pub(in crate::cli) async fn import(&self, new: &NewImport) -> anyhow::Result<Value> {
        match self {
            Self::There(client) => {
                let body = json!({
                    "manifest": new.manifest, "tenants": new.tenants, "whole": new.whole, "items": new.items,
                    "digest": new.digest,
                });
                client.post(&["imports"], &body).await
            }
            Self::Here { service, .. } => Ok(json!(service.begin_import(new.clone()).await?)),
        }
    }

    /// The imports that are not finished.
    pub(in crate::cli) async fn imports(&self) -> anyhow::Result<Value> {
        Ok(match self {
            Self::There(client) => client.get(&["imports"]).await?["imports"].clone(),
            Self::Here { service, .. } => json!(service.list_imports().await?),
        })
    }

    /// Sends lines: those from item `from` up to, but not including, `to`. If no answer comes, it finds out what became of them.
    pub(in crate::cli) async fn load(&self, id: &str, (from, to): (u64, u64), lines: Vec<u8>) -> anyhow::Result<()> {
        let client = match self {
            Self::There(client) => client,
            Self::Here { service, .. } => return Ok(service.load_import(id, from, lines.into()).await.map(drop)?),
        };
        let mut patience = Patience::default();
        loop {
            let Err(error) = client.load(&["imports", id, "lines"], from, lines.clone()).await else { return Ok(()) };
            patience.spend(error, false).await?;
            match client.get(&["imports", id]).await {
                Ok(stands) if stands["items"] == to => return Ok(()),
                Ok(stands) if stands["items"] == from => {}
                Ok(stands) => bail!("the import is at item {}; somebody else is sending it", stands["items"]),
                Err(error) => patience.spend(error, false).await?,
            }
        }
    }

    /// Has an import finished, and waits for it; gives what came of it. If the answer is lost it asks again: what is finished is told as it
    /// was the first time.
    pub(in crate::cli) async fn finish(&self, id: &str, meter: &mut Meter) -> anyhow::Result<Value> {
        let mut patience = Patience::default();
        loop {
            let job = match self {
                Self::There(client) => match client.post(&["imports", id, "finish"], &json!({})).await {
                    Ok(answer) => answer["job"].clone(),
                    Err(error) => {
                        patience.spend(error, false).await?;
                        continue;
                    }
                },
                Self::Here { service, .. } => json!(service.finish_import(id).await?),
            };
            if let Some(done) = self.wait("items read back", &job, meter).await? {
                return Ok(done);
            }
            meter.say("the server was restarted meanwhile: asking it again");
        }
    }

    /// Takes an import back, and waits until nothing is left of it.
    pub(in crate::cli) async fn abandon(&self, id: &str, meter: &mut Meter) -> anyhow::Result<()> {
        let job = match self {
            Self::There(client) => client.delete(&["imports", id]).await?["job"].clone(),
            Self::Here { service, .. } => json!(service.abandon_import(id).await?),
        };
        self.wait("items taken back", &job, meter).await?.context(RESTARTED).map(drop)
    }

    /// What came of a job; `None`: the server knows nothing of it any more, because it was restarted.
    async fn wait(&self, what: &str, job: &Value, meter: &mut Meter) -> anyhow::Result<Option<Value>> {
        let id = job.as_str().context("the server has named no job")?;
        let mut patience = Patience::default();
        loop {
            let job = match self {
                Self::There(client) => client.get(&["jobs", id]).await,
                Self::Here { service, .. } => Ok(json!(service.show_job(id)?)),
            };
            let job = match job {
                Ok(job) => job,
                Err(error) => {
                    if self.has_forgotten(id).await {
                        return Ok(None);
                    }
                    patience.spend(error, false).await?;
                    continue;
                }
            };
            patience = Patience::default();
            match job["state"].as_str() {
                Some("done") => return Ok(Some(job["result"].clone())),
                Some("failed") => bail!("{}", job["error"].as_str().unwrap_or("the job failed")),
                Some(_) | None => {
                    meter.tell(what, job["done"].as_u64().unwrap_or(0), job["total"].as_u64().unwrap_or(0));
                    tokio::time::sleep(POLL).await;
                }
            }
        }
    }

    /// Whether the server answers, and does not list a job.
    async fn has_forgotten(&self, job: &str) -> bool {
        let Self::There(client) = self else { return false };
        let listed = client.get(&["jobs"]).await.unwrap_or_default();
        listed["jobs"].as_array().is_some_and(|jobs| jobs.iter().all(|listed| listed["id"] != *job))
    }

    /// Lets go of a deployment that was opened here.
    pub(in crate::cli) async fn close(self) {
        match self {
            Self::There(_) => {}
            Self::Here { service, .. } => service.close().await,
        }
    }
}

async fn fetch_on(
    client: &AdminClient,
    id: &str,
    (have, total): (u64, u64),
    part: &Path,
    meter: &mut Meter,
) -> anyhow::Result<()> {
    use std::io::Write as _;
    let mut answer = client.fetch(&["exports", id, "content"], have).await?;
    let place = || part.display().to_string();
    let mut file = std::fs::File::options().append(true).open(part).with_context(place)?;
    let mut read = have;
    while let Some(chunk) = answer.chunk().await? {
        file.write_all(&chunk).with_context(place)?;
        read += u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        meter.tell("bytes fetched", read, total);
    }
    file.sync_all().with_context(place)
}

/// What is left of [`PATIENCE`].
#[derive(Debug, Default)]
struct Patience {
    since: Option<Instant>,
}

impl Patience {
    /// Waits a moment, if it was the connection that failed and it is not hopeless; `anew`: something came in between.
    async fn spend(&mut self, error: anyhow::Error, anew: bool) -> anyhow::Result<()> {
        if error.downcast_ref::<reqwest::Error>().is_none() {
            return Err(error);
        }
        if anew {
            self.since = None;
        }
        if self.since.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
            return Err(
                error.context("the server gives no answer; run the same command again, and it goes on where it is")
            );
        }
        tokio::time::sleep(PAUSE).await;
        Ok(())
    }
}
