//! Work that takes longer than an operator's request may: an export, a backup, a long undo. It runs in this process, and ends with it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use muster_model::{Clock, IdSource, RequestId, ResourceId, Timestamp};
use serde::Serialize;
use serde_json::Value;

use crate::{AdminError, Service};

/// How many jobs can run at once; one more is refused.
pub const MAX_RUNNING_JOBS: usize = 16;

/// How many jobs that have ended are remembered; the oldest goes first.
pub const MAX_ENDED_JOBS: usize = 100;

/// Names a job. Jobs in order of their ids are jobs in order of their beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct JobId(ResourceId);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobState {
    /// It works.
    Running,
    /// It has done what it was asked for.
    Done,
    /// It has not, and says why.
    Failed,
}

/// A job as operators see it.
#[derive(Debug, Clone, Serialize)]
pub struct JobView {
    /// Its name.
    pub id: JobId,
    /// What is done: `export`, `backup`, ...
    pub kind: &'static str,
    /// What the log knows by, if it changes anything, what it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestId>,
    /// Where it stands.
    pub state: JobState,
    /// How much is done.
    pub done: u64,
    /// How much there is to do; 0: it is not known yet.
    pub total: u64,
    /// What `done` and `total` count.
    pub unit: &'static str,
    /// When it began.
    pub began: Timestamp,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// What came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// Why it failed: one sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// By which a job tells how far it is.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    done: AtomicU64,
    total: AtomicU64,
    waits: AtomicBool,
}

impl Progress {
    /// So much there is to do.
    pub fn set_total(&self, total: u64) {
        self.0.total.store(total, Ordering::Relaxed);
    }

    /// So much is done.
    pub fn set_done(&self, done: u64) {
        self.0.done.store(done, Ordering::Relaxed);
    }

    /// From now on it only waits for others, or works again. What waits takes no place among the jobs.
    pub(crate) fn waits(&self, waits: bool) {
        self.0.waits.store(waits, Ordering::Relaxed);
    }

    /// How much is done, and how much there is to do.
    pub(crate) fn told(&self) -> (u64, u64) {
        (self.0.done.load(Ordering::Relaxed), self.0.total.load(Ordering::Relaxed))
    }

    /// So much more is done.
    pub fn advance(&self, by: u64) {
        self.0.done.fetch_add(by, Ordering::Relaxed);
    }
}

/// The jobs of this process.
#[derive(Debug, Clone)]
pub struct Jobs {
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    known: Arc<Mutex<BTreeMap<JobId, Job>>>,
}

#[derive(Debug)]
struct Job {
    kind: &'static str,
    request: Option<RequestId>,
    unit: &'static str,
    began: Timestamp,
    progress: Progress,
    ended: Option<(Timestamp, Result<Value, String>)>,
}

impl Jobs {
    /// None yet.
    pub(crate) fn new(clock: Arc<dyn Clock>, ids: Arc<dyn IdSource>) -> Self {
        Self { clock, ids, known: Arc::default() }
    }

    /// Begins a job, and does not wait for it. What it answers is its result; `unit` is what its [`Progress`] counts.
    pub fn start<F>(
        &self,
        kind: &'static str,
        unit: &'static str,
        work: impl FnOnce(Progress) -> F,
    ) -> Result<JobId, AdminError>
    where
        F: Future<Output = Result<Value, AdminError>> + Send + 'static,
    {
        self.begin(None, kind, unit, work)
    }

    /// As [`Jobs::start`], for work that the log knows by `request`.
    pub(crate) fn start_as<F>(
        &self,
        request: &RequestId,
        kind: &'static str,
        unit: &'static str,
        work: impl FnOnce(Progress) -> F,
    ) -> Result<JobId, AdminError>
    where
        F: Future<Output = Result<Value, AdminError>> + Send + 'static,
    {
        self.begin(Some(request.clone()), kind, unit, work)
    }

    fn begin<F>(
        &self,
        request: Option<RequestId>,
        kind: &'static str,
        unit: &'static str,
        work: impl FnOnce(Progress) -> F,
    ) -> Result<JobId, AdminError>
    where
        F: Future<Output = Result<Value, AdminError>> + Send + 'static,
    {
        let (id, began, progress) = (JobId(self.ids.next()), self.clock.now(), Progress::default());
        {
            let mut jobs = self.lock();
            let works = |job: &&Job| job.ended.is_none() && !job.progress.0.waits.load(Ordering::Relaxed);
            if jobs.values().filter(works).count() >= MAX_RUNNING_JOBS {
                return Err(AdminError::InUse(format!("{MAX_RUNNING_JOBS} jobs are running; wait for one to end")));
            }
            jobs.insert(id, Job { kind, request, unit, began, progress: progress.clone(), ended: None });
        }
        tracing::info!(job.id = %id, job.kind = kind, "job began");
        // A task of its own within: so that one that panics has ended, and is not thought to run for ever.
        let working = tokio::spawn(work(progress));
        let jobs = self.clone();
        tokio::spawn(async move {
            let outcome = match working.await {
                Ok(Ok(result)) => Ok(result),
                Ok(Err(error)) => Err(error.to_string()),
                Err(error) => Err(format!("it ended early: {error}")),
            };
            jobs.end(id, kind, outcome);
        });
        Ok(id)
    }

    fn end(&self, id: JobId, kind: &'static str, outcome: Result<Value, String>) {
        match &outcome {
            Ok(_) => tracing::info!(job.id = %id, job.kind = kind, "job done"),
            Err(error) => tracing::warn!(job.id = %id, job.kind = kind, error = %error, "job failed"),
        }
        let now = self.clock.now();
        let mut jobs = self.lock();
        if let Some(job) = jobs.get_mut(&id) {
            job.ended = Some((now, outcome));
        }
        let ended: Vec<JobId> = jobs.iter().filter(|(_, job)| job.ended.is_some()).map(|(id, _)| *id).collect();
        for oldest in ended.iter().take(ended.len().saturating_sub(MAX_ENDED_JOBS)) {
            jobs.remove(oldest);
        }
    }

    /// All that run or are remembered, the latest first.
    pub fn list(&self) -> Vec<JobView> {
        self.lock().iter().rev().map(|(id, job)| job.view(*id)).collect()
    }

    /// One of them.
    pub fn show(&self, id: &str) -> Option<JobView> {
        let id = JobId(ResourceId::parse(id)?);
        self.lock().get(&id).map(|job| job.view(id))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<JobId, Job>> {
        // A map that a panicking thread held is still a map.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Job {
    fn view(&self, id: JobId) -> JobView {
        let (state, ended, result, error) = match &self.ended {
            None => (JobState::Running, None, None, None),
            Some((at, Ok(result))) => (JobState::Done, Some(*at), Some(result.clone()), None),
            Some((at, Err(error))) => (JobState::Failed, Some(*at), None, Some(error.clone())),
        };
        let (done, total) =
            (self.progress.0.done.load(Ordering::Relaxed), self.progress.0.total.load(Ordering::Relaxed));
        let request = self.request.clone();
        JobView {
            id,
            kind: self.kind,
            request,
            state,
            done,
            total,
            unit: self.unit,
            began: self.began,
            ended,
            result,
            error,
        }
    }
}

impl Service {
    /// What runs aside.
    pub fn jobs(&self) -> &Jobs {
        &self.jobs
    }

    /// One job.
    pub fn show_job(&self, id: &str) -> Result<JobView, AdminError> {
        let shown: String = id.chars().filter(|c| !c.is_control()).take(64).collect();
        let missing = || AdminError::NotFound(format!("job {shown}; jobs end with the server that runs them"));
        self.jobs.show(id).ok_or_else(missing)
    }
}

#[cfg(test)]
mod tests {
    use muster_model::{FixedClock, OrderedIds};
    use serde_json::json;
    use tokio::sync::oneshot;

    use super::*;

    fn jobs() -> Jobs {
        let clock: Arc<dyn Clock> = Arc::new(FixedClock::new(Timestamp::from_millis(1_793_714_580_000)));
        Jobs::new(clock.clone(), Arc::new(OrderedIds::new(clock)))
    }

    async fn ended(jobs: &Jobs, id: JobId) -> JobView {
        loop {
            let view = jobs.show(&id.to_string()).unwrap();
            if view.state != JobState::Running {
                return view;
            }
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_job_tells_how_far_it_is_and_what_came_of_it() {
        let jobs = jobs();
        let (go, gone) = oneshot::channel::<()>();
        let (tell, told) = oneshot::channel();
        let work = |progress: Progress| async move {
            progress.set_total(7);
            progress.advance(3);
            let _ = tell.send(());
            let _ = gone.await;
            progress.set_done(7);
            Ok(json!({ "lines": 7 }))
        };
        let id = jobs.start("export", "lines", work).unwrap();
        told.await.unwrap();
        let running = jobs.show(&id.to_string()).unwrap();
        assert_eq!((running.state, running.done, running.total, running.unit), (JobState::Running, 3, 7, "lines"));

        go.send(()).unwrap();
        let done = ended(&jobs, id).await;
        assert_eq!((done.state, done.done, done.result), (JobState::Done, 7, Some(json!({ "lines": 7 }))));
        assert_eq!(jobs.list().len(), 1);
        assert!(jobs.show("nothing").is_none());
    }

    #[tokio::test]
    async fn a_job_that_fails_or_panics_has_ended_and_says_why() {
        let jobs = jobs();
        let refused = jobs.start("export", "lines", |_| async { Err(AdminError::NotFound("tenant acme".into())) });
        let refused = ended(&jobs, refused.unwrap()).await;
        assert_eq!((refused.state, refused.error.as_deref()), (JobState::Failed, Some("there is no tenant acme")));

        let panicked = jobs.start("export", "lines", |_| async { panic!("a test's") });
        let panicked = ended(&jobs, panicked.unwrap()).await;
        assert_eq!(panicked.state, JobState::Failed);
        assert!(panicked.error.unwrap().starts_with("it ended early: "));
    }

    #[tokio::test]
    async fn there_are_only_so_many_jobs_at_once_and_only_so_many_are_remembered() {
        let jobs = jobs();
        let (go, gone) = tokio::sync::watch::channel(false);
        for _ in 0..MAX_RUNNING_JOBS {
            let mut gone = gone.clone();
            let work = |_| async move {
                let _ = gone.wait_for(|gone| *gone).await;
                Ok(Value::Null)
            };
            jobs.start("undo", "changes", work).unwrap();
        }
        let refused = jobs.start("undo", "changes", |_| async { Ok(Value::Null) }).unwrap_err().to_string();
        assert_eq!(refused, "16 jobs are running; wait for one to end");

        let first = jobs.lock().values().next().unwrap().progress.clone();
        first.waits(true);
        jobs.start("undo", "changes", |_| async { Ok(Value::Null) }).unwrap();
        first.waits(false);

        go.send(true).unwrap();
        for view in jobs.list() {
            ended(&jobs, view.id).await;
        }
        for _ in 0..=MAX_ENDED_JOBS {
            let id = jobs.start("undo", "changes", |_| async { Ok(Value::Null) }).unwrap();
            ended(&jobs, id).await;
        }
        assert_eq!(jobs.list().len(), MAX_ENDED_JOBS);
    }
}
