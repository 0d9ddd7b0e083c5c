//! A call of a tenant's plugin by the request path: measured, counted, left out where the plugin keeps failing, and what becomes of a write
//! that it gives no answer to.

use std::time::{Duration, Instant};

use muster_model::{Actor, OnPluginFailure};
use muster_plugin::PluginError;

use crate::ScimError;
use crate::authenticate::Caller;
use crate::binding::failure_class;
use crate::breaker::Turn;

/// How many failed calls of one binding are told in the log one by one, of those that no identity provider waits for: a preview asks about
/// each resource of a directory. Of more it is told how many there are, each time that they have doubled.
pub const MAX_FAILURES_TOLD: u64 = 5;

/// Whether the write goes on without what the plugin has not said. What an operator or Muster itself does waits until the plugin is well.
pub(crate) fn passes_through(caller: &Caller, error: &ScimError) -> bool {
    let no_answer = matches!(error, ScimError::Plugin(_) | ScimError::PluginPaused { .. });
    let passes = no_answer && may_pass_through(caller);
    if passes {
        let name = caller.bound.plugin.manifest().name.clone();
        metrics::counter!("muster_plugin_passed_through_total", "plugin" => name).increment(1);
        caller.bound.count_passed_through();
    }
    passes
}

fn may_pass_through(caller: &Caller) -> bool {
    match caller.bound.on_plugin_failure {
        OnPluginFailure::Refuse => false,
        OnPluginFailure::PassThrough => is_asked_by_idp(caller),
    }
}

/// Whether it is an identity provider that waits for an answer.
fn is_asked_by_idp(caller: &Caller) -> bool {
    match caller.actor {
        Actor::Token(_) => true,
        Actor::Operator | Actor::Job(_) | Actor::Portal(_) | Actor::Signal(_) | Actor::Product => false,
    }
}

/// Whether a request waits for an answer: of an identity provider, or of the vendor's product.
fn is_asked_by_request(caller: &Caller) -> bool {
    match caller.actor {
        Actor::Token(_) | Actor::Signal(_) | Actor::Product => true,
        Actor::Operator | Actor::Job(_) | Actor::Portal(_) => false,
    }
}

/// A call of the tenant's plugin, measured, and counted if it fails. A plugin that keeps failing is not asked by requests; whoever previews
/// it or maps with it again asks all the same.
pub(crate) fn called<T>(
    caller: &Caller,
    call: impl FnOnce() -> Result<T, PluginError>,
) -> Result<Result<T, PluginError>, ScimError> {
    if !is_asked_by_request(caller) {
        return Ok(measured(caller, call));
    }
    let permit = caller.bound.breaker.admit().map_err(|retry_after_s| {
        if !may_pass_through(caller) {
            caller.bound.count_refused();
        }
        ScimError::PluginPaused { retry_after_s }
    })?;
    let answer = measured(caller, call);
    let (tenant, plugin) = (&caller.tenant.id, caller.bound.plugin.manifest());
    match permit.done(&answer) {
        Turn::Stays => {}
        Turn::Opens => {
            metrics::counter!("muster_plugin_breaker_opened_total", "plugin" => plugin.name.clone()).increment(1);
            tracing::warn!(tenant.id = %tenant, plugin.name = %plugin.name, "a plugin keeps failing; its tenant's writes are answered without asking it, until it is well");
        }
        Turn::Closes => {
            tracing::info!(tenant.id = %tenant, plugin.name = %plugin.name, "a plugin that kept failing is well again");
        }
    }
    Ok(answer)
}

fn measured<T>(caller: &Caller, call: impl FnOnce() -> Result<T, PluginError>) -> Result<T, PluginError> {
    let plugin = caller.bound.plugin.as_ref();
    let began = Instant::now();
    let answer = call();
    let took: Duration = began.elapsed();
    metrics::histogram!("muster_plugin_call_duration_seconds", "plugin" => plugin.manifest().name.clone())
        .record(took.as_secs_f64());
    caller.notes.plugin_worked(took);
    caller.bound.count(took, answer.as_ref().err());
    answer.inspect_err(|error| count_failure(caller, error))
}

/// Counts what plugins fail at, by plugin and reason, and says it once in the log.
pub(crate) fn count_failure(caller: &Caller, error: &PluginError) {
    if matches!(error, PluginError::Rejected(_)) {
        return;
    }
    let (tenant, plugin) = (&caller.tenant.id, caller.bound.plugin.as_ref());
    let (reason, name) = (failure_class(error), &plugin.manifest().name);
    metrics::counter!("muster_plugin_failures_total", "plugin" => name.clone(), "reason" => reason).increment(1);
    let is_full = matches!(error, PluginError::Busy);
    if !is_asked_by_request(caller) {
        let failures = caller.bound.count_aside();
        if is_told(failures) {
            tracing::warn!(
                tenant.id = %tenant, plugin.name = %name, plugin.digest = %plugin.digest(), reason, error = %error, failures,
                "a plugin call that no request waits for failed; nothing was written"
            );
        }
    } else if may_pass_through(caller) && !is_full {
        tracing::warn!(
            tenant.id = %tenant, plugin.name = %name, plugin.digest = %plugin.digest(), reason, error = %error,
            "a plugin call failed; the write goes on without it"
        );
    } else {
        tracing::warn!(
            tenant.id = %tenant, plugin.name = %name, plugin.digest = %plugin.digest(), reason, error = %error,
            "a plugin call failed; nothing was written"
        );
    }
}

/// Whether this one, counted from 1, is told in the log.
const fn is_told(failures: u64) -> bool {
    failures <= MAX_FAILURES_TOLD || failures.is_power_of_two()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failures_are_told_and_then_how_many_there_are() {
        let told: Vec<u64> = (1..=100).filter(|number| is_told(*number)).collect();
        assert_eq!(told, [1, 2, 3, 4, 5, 8, 16, 32, 64]);
    }
}
