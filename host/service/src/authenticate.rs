use std::sync::Arc;

use muster_model::{Actor, RequestId, ResourceId, Timestamp, Token, TokenHash};
use muster_plugin::Call;

use crate::binding::Bound;
use crate::tenants::Tenant;
use crate::trail::Notes;
use crate::{ScimError, Service};

/// Where a request enters: under a plugin's base path, or under `/t/{tenant}/scim/v2`.
#[derive(Debug, Clone)]
pub struct Mount {
    /// The part of the path that is the base.
    pub prefix: String,
    /// The tenant that the path names, if it names one.
    pub tenant: Option<String>,
    /// What was presented as a token, hashed once a request.
    presented: Option<TokenHash>,
}

/// Who presents a token. What each may do is told by what it is: no use case but those of `me.rs` and discovery takes a [`Subject`].
#[derive(Debug, Clone)]
pub enum Principal {
    /// The tenant's own identity provider.
    Tenant(Caller),
    /// One user of the tenant.
    User(Subject),
}

/// One user of a tenant, who reaches himself only (RFC 7644 §3.11, decision record 5).
#[derive(Debug, Clone)]
pub struct Subject {
    pub(crate) caller: Caller,
    pub(crate) user: ResourceId,
    pub(crate) write: bool,
}

impl Principal {
    /// Whose token it is.
    pub fn tenant(&self) -> &Tenant {
        self.caller().tenant()
    }

    /// What discovery needs to know: the tenant, and how the client knows the server.
    pub(crate) const fn caller(&self) -> &Caller {
        match self {
            Self::Tenant(caller) | Self::User(Subject { caller, .. }) => caller,
        }
    }
}

/// Who asks: an authenticated tenant, with the one version of its plugin that decides this request.
///
/// There is no way to make one but [`Service::authenticate`], and no use case without one.
#[derive(Debug, Clone)]
pub struct Caller {
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) bound: Arc<Bound>,
    pub(crate) actor: Actor,
    pub(crate) request: RequestId,
    pub(crate) now: Timestamp,
    pub(crate) base: String,
    /// What is noted of the request for the tenant's trail.
    pub(crate) notes: Notes,
}

impl Caller {
    /// Whose request this is.
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// The plugin that decides it.
    pub fn bound(&self) -> &Bound {
        &self.bound
    }

    /// The URL that the tenant's resources stand under, as the client knows it.
    pub fn base(&self) -> &str {
        &self.base
    }

    pub(crate) fn call(&self) -> Call<'_> {
        Call { tenant: &self.tenant.id, request: &self.request, now: self.now, config: &self.bound.config }
    }
}

/// The tenant's SCIM endpoint under its own name.
const NAMED_PREFIX: &str = "/t/";
const NAMED_SUFFIX: &str = "/scim/v2";

impl Service {
    /// Splits a path into where it enters and what is asked for there; `None` if no tenant is served under it.
    ///
    /// Whoever presents a token enters under the base path of that token's own plugin, if the path stands under it: another tenant's plugin
    /// may have a base path that is longer, and must not take it away. This decides nothing but where the path is cut.
    pub fn mount<'p>(&self, path: &'p str, authorization: Option<&str>) -> Option<(Mount, &'p str)> {
        let hash = |token| self.parts.token_key.hash(&Token::presented(token));
        let presented = authorization.and_then(bare_token).map(hash);
        if let Some(named) = path.strip_prefix(NAMED_PREFIX) {
            let (tenant, _) = named.split_once('/')?;
            let rest = under(&named[tenant.len()..], NAMED_SUFFIX)?;
            let prefix = format!("{NAMED_PREFIX}{tenant}{NAMED_SUFFIX}");
            return Some((Mount { prefix, tenant: Some(tenant.to_owned()), presented }, rest));
        }
        let view = self.tenants.view();
        let own = presented.and_then(|hash| {
            let (_, tenant) = view.by_token(&hash, self.parts.clock.now())?;
            let base = tenant.bound.load().as_ref()?.plugin.manifest().base_path.clone();
            let rest = under(path, &base)?;
            Some((base, rest))
        });
        let known = || view.base_paths().iter().find_map(|base| Some((base.clone(), under(path, base)?)));
        let (prefix, rest) = own.or_else(known)?;
        Some((Mount { prefix, tenant: None, presented }, rest))
    }

    /// Finds out who asks (`RFC 7644 §2`, and Q14 for the forms that a token arrives in).
    ///
    /// A path that names another tenant is refused like any wrong token: it says nothing about whether that tenant exists.
    pub fn authenticate(
        &self,
        mount: &Mount,
        request: RequestId,
        origin: &str,
        notes: Notes,
    ) -> Result<Principal, ScimError> {
        let now = self.parts.clock.now();
        let hash = mount.presented.ok_or(ScimError::Unauthorized)?;
        let view = self.tenants.view();
        let (token, tenant) = view.by_token(&hash, now).ok_or(ScimError::Unauthorized)?;
        if mount.tenant.as_ref().is_some_and(|named| named != tenant.id.as_str()) {
            return Err(ScimError::Unauthorized);
        }
        let actor = Actor::Token(token.id.clone());
        notes.enter(tenant, actor.clone(), now);
        self.admit(tenant)?;
        let bound = tenant.bound.load_full().ok_or(ScimError::PluginNotLoaded)?;
        notes.bind(&bound);
        if mount.tenant.is_none() && mount.prefix != bound.plugin.manifest().base_path {
            return Err(ScimError::NoSuchEndpoint { path: mount.prefix.clone() });
        }
        bound.settings.serves()?;
        let base = format!("{origin}{}", mount.prefix);
        let caller = Caller { tenant: tenant.clone(), bound, actor, request, now, base, notes };
        Ok(match token.user {
            None => Principal::Tenant(caller),
            Some(user) => Principal::User(Subject { caller, user, write: token.write }),
        })
    }

    /// Counts one more request of a tenant: 429 if there is no room for it in this second.
    pub(crate) fn admit(&self, tenant: &Tenant) -> Result<(), ScimError> {
        tenant.admit().map_err(|retry_after_s| ScimError::TooManyRequests {
            per_second: self.parts.limits.requests_per_second,
            retry_after_s: retry_after_s.max(1),
        })
    }
}

/// What stands behind `base` in `path`, if it stands under it.
fn under<'p>(path: &'p str, base: &str) -> Option<&'p str> {
    let rest = path.strip_prefix(base)?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

/// The token without any number of `Bearer` words before it, in any case, and without blanks around it (Q14).
fn bare_token(header: &str) -> Option<&str> {
    let mut rest = header.trim();
    while let Some((word, behind)) = rest.split_once(|c: char| c.is_ascii_whitespace()) {
        if !word.eq_ignore_ascii_case("bearer") {
            break;
        }
        rest = behind.trim_start();
    }
    (!rest.is_empty()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q14_every_form_of_the_header_gives_the_same_token() {
        for header in ["t0k", "Bearer t0k", "bearer t0k", "Bearer Bearer t0k", "  BEARER   t0k  ", "Bearer\tt0k"] {
            assert_eq!(bare_token(header), Some("t0k"), "{header:?}");
        }
    }

    #[test]
    fn other_schemes_and_nothing_are_no_token() {
        assert_eq!(bare_token("Basic YWRhOnNlY3JldA=="), Some("Basic YWRhOnNlY3JldA=="), "it opens nothing");
        assert_eq!(bare_token(""), None);
        assert_eq!(bare_token("   "), None);
    }

    #[test]
    fn a_path_is_under_a_base_only_at_a_slash() {
        assert_eq!(under("/scim/v2/Users", "/scim/v2"), Some("/Users"));
        assert_eq!(under("/scim/v2", "/scim/v2"), Some(""));
        assert_eq!(under("/scim/v2//Users", "/scim/v2"), Some("//Users"));
        assert_eq!(under("/scim/v22/Users", "/scim/v2"), None);
    }
}
