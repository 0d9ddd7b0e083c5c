use http::StatusCode;
use muster_model::TenantId;
use muster_plugin::{LoadError, PluginError, Problem, Rejection};
use muster_protocol::{Invalid, ScimType};
use muster_store::StoreError;
use serde_json::{Value, json};

use crate::grants::Missing;

use crate::signing::SignatureError;

/// Everything a client can be told went wrong (RFC 7644 §3.12).
#[derive(Debug, thiserror::Error)]
pub enum ScimError {
    /// What was sent is not right.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// A name is taken.
    #[error("{attribute} is already in use")]
    Uniqueness {
        /// The canonical path.
        attribute: String,
    },
    /// An account that the product looks after has one of the names, or is the one that was asked for (decision record 26).
    #[error("{detail}")]
    ByHand {
        /// The sentence.
        detail: String,
    },
    /// It was to be removed, and is not SCIM's to remove: no value of RFC 7644 table 9 says that, so none is sent.
    #[error("{detail}")]
    NotManaged {
        /// The sentence.
        detail: String,
    },
    /// No such resource, in the words that the tenant's plugin wants.
    #[error("{detail}")]
    NotFound {
        /// The sentence.
        detail: String,
    },
    /// No such route, or one that this tenant's plugin does not have.
    #[error("there is nothing at {path}")]
    NoSuchEndpoint {
        /// Behind the base URL.
        path: String,
    },
    /// No credential, or one that opens nothing.
    #[error("The bearer token is missing or not valid")]
    Unauthorized,
    /// The token is good, but not for this.
    #[error("{detail}")]
    Forbidden {
        /// What it is good for.
        detail: &'static str,
    },
    /// POST to `/Me`, where there is somebody already.
    #[error("the user of this token exists already")]
    SubjectExists,
    /// The endpoint is there, but not for this verb.
    #[error("{method} is not possible here; possible: {allow}")]
    MethodNotAllowed {
        /// What was tried.
        method: String,
        /// What is possible, as the `Allow` header has it.
        allow: &'static str,
    },
    /// `If-Match` names another version.
    #[error("the resource has changed since the version that If-Match names; read it again")]
    PreconditionFailed,
    /// More bytes than are read.
    #[error("the body is larger than {limit} bytes")]
    PayloadTooLarge {
        /// How many are read.
        limit: usize,
    },
    /// More operations than one bulk request may have (RFC 7644 §3.7.4).
    #[error("the request has more than {limit} operations (maxOperations)")]
    TooManyOperations {
        /// How many it may have.
        limit: usize,
    },
    /// An operation in bulk that depends on another, which did not come to be (RFC 7644 §3.7.1).
    #[error("{detail}")]
    Unresolved {
        /// What it does, and why that is not possible.
        detail: String,
    },
    /// An operation in bulk whose turn came too late.
    #[error("the time of the bulk request was over before this operation; it changed nothing, send it again")]
    OutOfTime,
    /// The URI is longer than is read.
    #[error("the URI is longer than {limit} bytes")]
    UriTooLong {
        /// How many are read.
        limit: usize,
    },
    /// A body that is not JSON by its own word.
    #[error("Content-Type must be application/scim+json or application/json")]
    UnsupportedMediaType,
    /// The tenant asks too often.
    #[error("more requests than {per_second} a second; try again in {retry_after_s} s")]
    TooManyRequests {
        /// The limit.
        per_second: u32,
        /// When to come back, in seconds.
        retry_after_s: u64,
    },
    /// Known to the RFC and not to this server, which says so in its `ServiceProviderConfig`.
    #[error("{what} is not supported")]
    NotImplemented {
        /// What.
        what: &'static str,
    },
    /// The plugin's considered "no".
    #[error("{}", .0.detail)]
    Rejected(Rejection),
    /// The plugin gave no usable answer: nothing was written, and it may go better later.
    #[error("the mapping of this tenant is failing; nothing was changed, try again later")]
    Plugin(#[source] PluginError),
    /// The plugin has given no usable answer so often that it is left alone for a while: nothing was written, and no time was spent on it.
    #[error(
        "the mapping of this tenant keeps failing and is left alone for a while; nothing was changed, try again in {retry_after_s} s"
    )]
    PluginPaused {
        /// When it is asked again, in seconds.
        retry_after_s: u64,
    },
    /// The tenant's plugin could not be loaded.
    #[error("the plugin of this tenant is not loaded; nothing was changed, try again later")]
    PluginNotLoaded,
    /// More to search than the bound allows.
    #[error("the query would have to search more than {limit} resources; make its filter narrower")]
    TooMany {
        /// The bound.
        limit: u64,
    },
    /// Too many other writes came between.
    #[error("the resource is being changed by many requests at once; try again")]
    Contended,
    /// The server has more to do than it can.
    #[error("the server is busy; try again")]
    Overloaded,
    /// It took too long.
    #[error("the request took longer than {limit_s} s; for a write it is not known whether it was made")]
    Timeout {
        /// The limit.
        limit_s: u64,
    },
    /// The disk is full.
    #[error("there is no room left for it; nothing was changed, and it can be sent again later")]
    Full,
    /// The store cannot be used.
    #[error("temporarily unavailable; for a write it is not known whether it was made")]
    Unavailable(#[source] StoreError),
    /// A mistake in the server itself.
    #[error("the server made a mistake, which it has logged under this request's id")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What goes on the wire of a [`ScimError`], beside its sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wire {
    /// The status.
    pub status: StatusCode,
    /// RFC 7644 table 9, where it has one.
    pub scim_type: Option<ScimType>,
    /// For `Retry-After`, in seconds.
    pub retry_after_s: Option<u64>,
    /// For `Allow`.
    pub allow: Option<&'static str>,
}

/// How long an IdP waits before it repeats what failed through no fault of its own.
const RETRY_AFTER_S: u64 = 5;

impl ScimError {
    /// The status and its companions.
    pub fn wire(&self) -> Wire {
        let plain = |status| Wire { status, scim_type: None, retry_after_s: None, allow: None };
        let typed = |status, scim_type| Wire { scim_type: Some(scim_type), ..plain(status) };
        let later = |status, seconds| Wire { retry_after_s: Some(seconds), ..plain(status) };
        match self {
            Self::Invalid(invalid) => typed(StatusCode::BAD_REQUEST, invalid.scim_type),
            Self::Uniqueness { .. } | Self::ByHand { .. } | Self::SubjectExists => {
                typed(StatusCode::CONFLICT, ScimType::Uniqueness)
            }
            Self::NotFound { .. } | Self::NoSuchEndpoint { .. } => plain(StatusCode::NOT_FOUND),
            Self::Unauthorized => plain(StatusCode::UNAUTHORIZED),
            Self::Forbidden { .. } => plain(StatusCode::FORBIDDEN),
            Self::MethodNotAllowed { allow, .. } => {
                Wire { allow: Some(allow), ..plain(StatusCode::METHOD_NOT_ALLOWED) }
            }
            Self::PreconditionFailed => plain(StatusCode::PRECONDITION_FAILED),
            Self::PayloadTooLarge { .. } | Self::TooManyOperations { .. } => plain(StatusCode::PAYLOAD_TOO_LARGE),
            Self::NotManaged { .. } | Self::Unresolved { .. } => plain(StatusCode::CONFLICT),
            Self::UriTooLong { .. } => plain(StatusCode::URI_TOO_LONG),
            Self::UnsupportedMediaType => plain(StatusCode::UNSUPPORTED_MEDIA_TYPE),
            Self::TooManyRequests { retry_after_s, .. } => later(StatusCode::TOO_MANY_REQUESTS, *retry_after_s),
            Self::NotImplemented { .. } => plain(StatusCode::NOT_IMPLEMENTED),
            Self::Rejected(rejection) => Wire {
                // The runtime has checked the status; a wrong one is the plugin's failure, not a free choice of status.
                status: StatusCode::from_u16(rejection.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE),
                scim_type: rejection.scim_type,
                retry_after_s: None,
                allow: None,
            },
            Self::TooMany { .. } => typed(StatusCode::BAD_REQUEST, ScimType::TooMany),
            Self::PluginPaused { retry_after_s } => later(StatusCode::SERVICE_UNAVAILABLE, *retry_after_s),
            Self::Plugin(_)
            | Self::PluginNotLoaded
            | Self::Contended
            | Self::Overloaded
            | Self::Timeout { .. }
            | Self::OutOfTime
            | Self::Unavailable(_) => later(StatusCode::SERVICE_UNAVAILABLE, RETRY_AFTER_S),
            // RFC 4918 §11.5; RFC 7644 has nothing for it.
            Self::Full => later(StatusCode::INSUFFICIENT_STORAGE, RETRY_AFTER_S),
            Self::Internal(_) => plain(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

impl ScimError {
    /// The body of the answer (RFC 7644 §3.12), alone or within that of a bulk request.
    pub fn body(&self) -> Value {
        let wire = self.wire();
        let mut body = json!({
            "schemas": [muster_protocol::ERROR],
            "status": wire.status.as_str(),
        });
        if let Some(scim_type) = wire.scim_type {
            body["scimType"] = json!(scim_type.as_str());
        }
        body["detail"] = json!(self.to_string());
        body
    }

    /// Causes are logged here, once, and never sent.
    pub fn log(&self) {
        let status = self.wire().status;
        if !status.is_server_error() {
            return;
        }
        let mut causes = String::new();
        let mut cause = std::error::Error::source(self);
        while let Some(next) = cause {
            causes.push_str(": ");
            causes.push_str(&next.to_string());
            cause = next.source();
        }
        tracing::warn!(http.status = status.as_u16(), error = %format!("{self}{causes}"), "request failed");
    }
}

impl From<PluginError> for ScimError {
    fn from(error: PluginError) -> Self {
        match error {
            PluginError::Rejected(rejection) => Self::Rejected(rejection),
            PluginError::Busy => Self::Overloaded,
            failure @ (PluginError::Trapped { .. }
            | PluginError::Deadline { .. }
            | PluginError::Limit { .. }
            | PluginError::Invalid { .. }) => Self::Plugin(failure),
        }
    }
}

/// What an operator can be told went wrong.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// A value of the request is not right, in a sentence that may repeat what was sent, or what a plugin says: the log does not have it.
    #[error("{0}")]
    Invalid(String),
    /// The same in the host's own words, with nothing of what was sent: the log has them as well.
    #[error("{0}")]
    Wrong(String),
    /// There is no such tenant, token or plugin.
    #[error("there is no {0}")]
    NotFound(String),
    /// It was there, and is not kept any more.
    #[error("{0}")]
    Gone(String),
    /// The name is taken.
    #[error("there is a {0} already")]
    Exists(String),
    /// What would be taken away is still used.
    #[error("{0}")]
    InUse(String),
    /// A plugin that is not signed by whom it should be.
    #[error("{0}")]
    Untrusted(String),
    /// A signature that is none of its plugin.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The binding is not at the revision that the request expects.
    #[error("the binding is at revision {actual}, not at {expected}")]
    Revision {
        /// What the request expects.
        expected: u64,
        /// What it is.
        actual: u64,
    },
    /// The bytes are not a plugin.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The configuration does not fit the plugin.
    #[error("the configuration does not fit the plugin: {}", in_words(.0))]
    Config(Vec<Problem>),
    /// The plugin wants what the tenant has not granted.
    #[error("{plugin} wants what tenant {tenant} has not granted: {}", sentences(.missing))]
    NotGranted {
        /// Whose tenant it is.
        tenant: TenantId,
        /// The plugin, by name and version.
        plugin: String,
        /// What is missing.
        missing: Vec<Missing>,
    },
    /// The plugin failed where it was asked about the configuration.
    #[error("the plugin failed: {0}")]
    Plugin(#[source] PluginError),
    /// The disk is full.
    #[error("there is no room left on the disk of the store; nothing was changed")]
    Full,
    /// The store cannot be used.
    #[error("temporarily unavailable: {0}")]
    Unavailable(#[source] StoreError),
    /// The system has no random numbers.
    #[error("no random numbers: {0}")]
    Entropy(String),
}

fn in_words(problems: &[Problem]) -> String {
    let one = |problem: &Problem| {
        let place = if problem.pointer.is_empty() { "the configuration" } else { problem.pointer.as_str() };
        format!("{place}: {}", problem.message)
    };
    problems.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn sentences(missing: &[Missing]) -> String {
    missing.iter().map(|missing| missing.detail.as_str()).collect::<Vec<_>>().join("; ")
}

impl AdminError {
    /// What is wrong one by one, where it can be more than one thing.
    pub fn errors(&self) -> Vec<Value> {
        if let Self::Config(problems) = self {
            return problems.iter().map(|it| json!({ "pointer": it.pointer, "detail": it.message })).collect();
        }
        if let Self::NotGranted { missing, .. } = self {
            return missing.iter().map(|missing| json!(missing)).collect();
        }
        Vec::new()
    }

    /// The status on the wire.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Load(LoadError::TooLarge { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Invalid(_)
            | Self::Wrong(_)
            | Self::Signature(_)
            | Self::Load(
                LoadError::NotAComponent(_)
                | LoadError::Import(_)
                | LoadError::Contract(_)
                | LoadError::Version { .. }
                | LoadError::Compile(_)
                | LoadError::Manifest(_)
                | LoadError::Describe(_),
            )
            | Self::Config(_) => StatusCode::BAD_REQUEST,
            Self::Untrusted(_) => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Gone(_) => StatusCode::GONE,
            Self::Exists(_) | Self::InUse(_) | Self::Revision { .. } | Self::NotGranted { .. } => StatusCode::CONFLICT,
            Self::Plugin(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Full => StatusCode::INSUFFICIENT_STORAGE,
            Self::Load(LoadError::Host(_)) | Self::Unavailable(_) | Self::Entropy(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl From<StoreError> for AdminError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full => Self::Full,
            failure @ (StoreError::Taken { .. }
            | StoreError::Stale
            | StoreError::TooMany { .. }
            | StoreError::Unavailable(_)
            | StoreError::Damaged(_)) => Self::Unavailable(failure),
        }
    }
}
