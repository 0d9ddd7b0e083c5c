use std::sync::Arc;

use muster_model::{Record, ResourceType};
use muster_protocol::filter::Filter;
use muster_protocol::list::{ListRequest, Paging, cursor_response, list_response};
use muster_protocol::path::AttrPath;
use muster_protocol::project::Projection;
use muster_protocol::schema::ResourceTypeDef;
use muster_protocol::sort::Sort;
use muster_protocol::{Invalid, ScimType};
use muster_store::{From, Listing, Locations, Query};
use serde_json::Value;

use crate::authenticate::Caller;
use crate::cursor::{Cursors, Scope, canonical};
use crate::{ScimError, Service};

/// What a list goes through: filters and sorting are understood by everything that a resource can have. What the plugin does not retain
/// simply has no value.
type Kinds = Vec<Arc<ResourceTypeDef>>;

impl Service {
    /// A page of a tenant's resources of one kind, with the true total (RFC 7644 §3.4.2).
    pub async fn list(
        &self,
        caller: &Caller,
        resource_type: &ResourceType,
        request: &ListRequest,
    ) -> Result<Value, ScimError> {
        self.list_kinds(caller, vec![caller.bound.accepted(resource_type)?.clone()], request).await
    }

    /// A page of everything that a tenant has: kind by kind, or all in one order if they are sorted (RFC 7644 §3.4.2.1).
    pub async fn list_all(&self, caller: &Caller, request: &ListRequest) -> Result<Value, ScimError> {
        let served = caller.bound.served.types.iter().map(|def| ResourceType::new(&def.name));
        let kinds = served.map(|kind| caller.bound.accepted(&kind).cloned()).collect::<Result<_, _>>()?;
        self.list_kinds(caller, kinds, request).await
    }

    async fn list_kinds(&self, caller: &Caller, mut kinds: Kinds, request: &ListRequest) -> Result<Value, ScimError> {
        let filter = request.filter.as_deref().map(|text| filter(caller, &kinds, text)).transpose()?;
        let sort = request.sort_by.as_deref().map(|by| sort(&kinds, by, request.sort_order.as_deref())).transpose()?;
        if filter.is_none() && !caller.bound.settings.users_full_list {
            // What was asked is checked as ever, and then answered as by a directory without users.
            self.shown(caller, &kinds, request, &[]).await?;
            kinds.retain(|def| def.name != ResourceType::USER.as_str());
            if kinds.is_empty() {
                return Ok(match &request.paging {
                    Paging::Index(page) => list_response(0, page.start_index, Vec::new()),
                    Paging::Cursor { .. } => cursor_response(0, None, Vec::new()),
                });
            }
        }
        let locations = Locations::new(&caller.base, &caller.bound.accepted);
        let mut query = Query {
            kinds,
            filter,
            sort,
            from: From::Offset(0),
            limit: 0,
            locations,
            inactive_states: caller.bound.settings.users_inactive_states.clone(),
            members_shown: caller.bound.settings.members_shown,
        };
        match &request.paging {
            Paging::Index(page) => {
                (query.from, query.limit) = (From::Offset(page.start_index - 1), page.count);
                let mut listing = caller.tenant.directory.list(&query).await?;
                self.look_up_by_hand(caller, &query, &mut listing).await?;
                let resources = self.shown(caller, &query.kinds, request, &listing.records).await?;
                Ok(list_response(listing.total, page.start_index, resources))
            }
            Paging::Cursor { after, count } => {
                let cursors = self.cursors(caller, &query, request)?;
                if let Some(cursor) = after {
                    query.from = From::After(cursors.open(cursor, caller.now)?);
                }
                query.limit = *count;
                let mut listing = caller.tenant.directory.list(&query).await?;
                if after.is_none() {
                    self.look_up_by_hand(caller, &query, &mut listing).await?;
                }
                let resources = self.shown(caller, &query.kinds, request, &listing.records).await?;
                // Whoever asks for the total alone turns no pages.
                let next =
                    listing.next.filter(|_| *count > 0).map(|after| cursors.seal(after, caller.now)).transpose()?;
                Ok(cursor_response(listing.total, next, resources))
            }
        }
    }

    /// A lookup by a name finds an account that was made by hand as well, unless that is hidden: the identity provider is told that it is
    /// there, whatever becomes of a write. Lists and imports have none of them.
    async fn look_up_by_hand(&self, caller: &Caller, query: &Query, listing: &mut Listing) -> Result<(), ScimError> {
        let ([def], Some(filter), 0) = (query.kinds.as_slice(), &query.filter, listing.total) else { return Ok(()) };
        if let Some(by_hand) = self.looked_up_by_hand(caller, def, filter).await? {
            listing.total = 1;
            if query.from == From::Offset(0) && query.limit > 0 {
                listing.records.push(by_hand.as_user());
            }
        }
        Ok(())
    }

    fn cursors(&self, caller: &Caller, query: &Query, request: &ListRequest) -> Result<Cursors, ScimError> {
        let kinds: Vec<&str> = query.kinds.iter().map(|def| def.name.as_str()).collect();
        let filter = query.filter.as_ref().map(|filter| canonical(&filter.to_string()));
        let sort_by = request.sort_by.as_deref().map(|by| by.trim().to_ascii_lowercase());
        let scope = Scope {
            tenant: &caller.tenant.id,
            kinds: &kinds,
            filter: filter.as_deref(),
            sort_by: sort_by.as_deref(),
            descending: query.sort.as_ref().is_some_and(Sort::is_descending),
        };
        Cursors::new(&self.parts.token_key, self.parts.limits.cursor_timeout_s, scope)
    }

    /// Each record as its kind shows what the client asked for.
    async fn shown(
        &self,
        caller: &Caller,
        kinds: &Kinds,
        request: &ListRequest,
        records: &[Record],
    ) -> Result<Vec<Value>, ScimError> {
        let (attributes, excluded) = (request.attributes.as_deref(), request.excluded_attributes.as_deref());
        let projections = kinds.iter().map(|def| Ok((&def.name, Projection::parse(def, attributes, excluded)?)));
        let projections = projections.collect::<Result<Vec<_>, Invalid>>()?;
        let everything = Projection::default();
        let of = records.iter().map(|record| {
            let own = projections.iter().find(|(name, _)| *name == record.resource_type.as_str());
            (record, own.map_or(&everything, |(_, projection)| projection))
        });
        let shown = self.render(caller, &of.collect::<Vec<_>>()).await?;
        Ok(shown.into_iter().map(|shown| Value::Object(shown.resource)).collect())
    }
}

fn filter(caller: &Caller, kinds: &Kinds, text: &str) -> Result<Filter, Invalid> {
    let (filter, rewrites) = Filter::parse(text, &is_schema(kinds), &caller.bound.profile)?;
    caller.note(&rewrites);
    caller.note(&filter.check(kinds, &caller.bound.profile)?);
    Ok(filter)
}

/// An attribute that one of the kinds does not have has no value there; one that none of them has would leave the list in an order that
/// nobody asked for.
fn sort(kinds: &Kinds, by: &str, order: Option<&str>) -> Result<Sort, Invalid> {
    let path = AttrPath::parse(by.trim(), &is_schema(kinds));
    let told = |why: &str| Invalid::new(ScimType::InvalidPath, format!("sortBy {why}"));
    let path = path.map_err(|_| told("is not the path of an attribute"))?;
    if kinds.iter().all(|def| def.resolve(&path).is_none()) {
        return Err(told("names no attribute of what is listed"));
    }
    Sort::parse_for(kinds, by, order)
}

fn is_schema(kinds: &Kinds) -> impl Fn(&str) -> bool {
    |urn| kinds.iter().any(|def| def.is_schema(urn))
}
