use muster_model::{MAX_POLL_TOKENS, Method, SecretName, StreamRow, Timestamp};

use super::NewOverlap;
use crate::AdminError;
use crate::admin::receiver_url::check_receiver_url;
use crate::streams::Told;

/// How many receivers a stream's tokens can be meant for.
pub const MAX_AUDIENCES: usize = 8;

/// How long the name of one of them can be, in bytes.
pub const MAX_AUDIENCE_BYTES: usize = 512;

/// For how many hours a key that is replaced is published, and a token that is replaced opens its stream, unless it is said otherwise.
pub const STREAM_OVERLAP_H: u32 = 24;

/// For how many hours either does at most: 30 days.
pub const MAX_STREAM_OVERLAP_H: u32 = 720;

/// Refuses what no stream of any tenant can be.
pub(in crate::admin) fn check_row(stream: &StreamRow) -> Result<(), AdminError> {
    match &stream.method {
        Method::Push { url, .. } => check_receiver_url("stream", url)?,
        Method::Poll { tokens } if tokens.len() > MAX_POLL_TOKENS => {
            return Err(AdminError::Wrong(format!("{MAX_POLL_TOKENS} tokens open a stream at most")));
        }
        Method::Poll { .. } => {}
    }
    audience_of(stream.audience.clone()).map(drop)
}

/// A place that tokens can be sent to, as far as that can be told without asking where it is.
pub(super) fn url_of(url: String) -> Result<String, AdminError> {
    check_receiver_url("stream", &url)?;
    Ok(url)
}

pub(super) fn secret_of(named: Option<String>) -> Result<Option<String>, AdminError> {
    if let Some(named) = &named {
        SecretName::parse(named).map_err(|error| AdminError::Wrong(error.to_string()))?;
    }
    Ok(named)
}

pub(super) fn audience_of(names: Vec<String>) -> Result<Vec<String>, AdminError> {
    if names.len() > MAX_AUDIENCES {
        return Err(AdminError::Wrong(format!("audience has more than {MAX_AUDIENCES} names")));
    }
    let fits = |name: &String| {
        (1..=MAX_AUDIENCE_BYTES).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic())
    };
    if names.iter().all(fits) {
        Ok(names)
    } else {
        let says = format!("a name of the audience is 1 to {MAX_AUDIENCE_BYTES} visible ASCII characters");
        Err(AdminError::Wrong(says))
    }
}

/// The URIs in full, each once.
pub(super) fn events_of(events: &[String]) -> Result<Vec<String>, AdminError> {
    let mut told = Vec::new();
    for event in events {
        let found = Told::parse(event).ok_or_else(|| {
            let known: Vec<&str> = Told::ALL.into_iter().map(Told::uri).collect();
            let shown: String = event.chars().filter(|c| !c.is_control()).take(128).collect();
            AdminError::Invalid(format!("there is no event {shown}; there are: {}", known.join(", ")))
        })?;
        if !told.contains(&found) {
            told.push(found);
        }
    }
    Ok(told.into_iter().map(|told| told.uri().to_owned()).collect())
}

/// What tells that a resource has become one of those that are told of is for a stream that does not tell of all.
pub(super) fn fits_scope(row: &StreamRow) -> Result<(), AdminError> {
    let named = Told::OF_A_SCOPE.into_iter().find(|told| row.events.iter().any(|uri| uri == told.uri()));
    match named {
        Some(told) if row.scope.is_empty() => {
            let says = format!("{} is told by a stream with a filter; this one tells of every resource", told.uri());
            Err(AdminError::Wrong(says))
        }
        Some(_) | None => Ok(()),
    }
}

pub(super) fn overlap_of(new: &NewOverlap) -> Result<u32, AdminError> {
    match new.overlap_h.unwrap_or(STREAM_OVERLAP_H) {
        hours if hours > MAX_STREAM_OVERLAP_H => {
            Err(AdminError::Wrong(format!("overlap_h is at most {MAX_STREAM_OVERLAP_H}")))
        }
        hours => Ok(hours),
    }
}

/// When what is replaced now ends: what was to end earlier still does.
pub(super) fn sooner(until: Option<Timestamp>, now: Timestamp, hours: u32) -> Timestamp {
    let end = Timestamp::from_millis(now.as_millis().saturating_add(i64::from(hours) * 3_600_000));
    until.map_or(end, |until| until.min(end))
}
