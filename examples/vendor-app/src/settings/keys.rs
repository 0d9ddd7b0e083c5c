//! Making and revoking keys. Muster makes each; the product keeps a hash of it, by which its own API knows it again.

use axum::http::HeaderMap;
use rusqlite::{OptionalExtension as _, params};
use sha2::{Digest as _, Sha256};

use super::people::Person;
use super::rules::{Reach, Rules};
use super::switches::Switch;
use super::{Refused, workspaces};
use crate::admin::{Tenant, View};
use crate::{Product, Shared};

/// How much of a name stands in a key's label, in characters.
const MAX_NAME: usize = 40;

/// What is shown once.
pub(super) struct New {
    /// Where SCIM is, if the key opens it.
    pub(super) scim: Option<String>,
    /// Whether it opens the product's public API.
    pub(super) opens_api: bool,
    pub(super) key: String,
}

/// Whether SCIM is activated: the plugin's configuration says so, and nothing else does.
pub(super) fn is_activated(view: &View) -> bool {
    view.config["activated"] == true
}

/// Where the customer's identity provider is to go.
fn url(tenant: &Tenant<'_>, view: &View, rules: &Rules) -> String {
    if rules.needs_activation { tenant.own_url() } else { tenant.base_url(view) }
}

/// Makes a key for somebody who may have one.
pub(super) async fn make(shared: &Shared, product: Product, person: &Person) -> Result<New, Refused> {
    let rules = Rules::of(product);
    let reach = rules.reach_of(person).ok_or(Refused::Forbidden(rules.told_at(rules.desk)))?;
    let needs_sso = rules.needs_sso && !rules.is_on_request;
    if needs_sso && !shared.database.change(|transaction| Switch::SingleSignOn.is_on(transaction, product))? {
        return Err(Refused::Not("single sign-on (SAML) has to be configured first".to_owned()));
    }
    let tenant = Tenant::of(shared, product)?;
    let view = tenant.view().await?;
    if rules.needs_workspace {
        workspaces::check(shared, &view)?;
    }
    if rules.needs_activation && !is_activated(&view) {
        return Err(Refused::Not("SCIM has to be activated first".to_owned()));
    }
    let name: String = person.name.chars().filter(|letter| !letter.is_control()).take(MAX_NAME).collect();
    let member = (reach == Reach::OneUser).then_some(person.id.as_str());
    let made = tenant.make_key(&format!("made by {name}"), member).await?;
    let kept = shared.database.change(|transaction| {
        transaction.execute(
            "INSERT INTO api_keys (id, product, hash, member, ending) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![made.id, product.name(), hash(&made.token), member, ending(&made.token)],
        )
    });
    if let Err(error) = kept {
        // Nobody sees a key that the product does not know.
        tenant.revoke_key(&made.id).await?;
        return Err(error.into());
    }
    let scim = (reach == Reach::Tenant).then(|| url(&tenant, &view, &rules));
    Ok(New { scim, opens_api: rules.is_everybody_given_one, key: made.token })
}

/// Ends a key, at Muster and here. Either can be done again.
pub(super) async fn revoke(shared: &Shared, product: Product, person: &Person, id: &str) -> Result<(), Refused> {
    if !id.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_') {
        return Err(Refused::NoSuchPage);
    }
    let rules = Rules::of(product);
    let is_own = match rules.reach_of(person) {
        None => return Err(Refused::Forbidden(rules.told_at(rules.desk))),
        Some(Reach::Tenant) => true,
        Some(Reach::OneUser) => whose(shared, product, id)?.as_ref() == Some(&person.id),
    };
    if !is_own {
        return Err(Refused::Forbidden("That is the key of somebody else."));
    }
    Tenant::of(shared, product)?.revoke_key(id).await?;
    let gone = "DELETE FROM api_keys WHERE id = ?1 AND product = ?2";
    shared.database.change(|transaction| transaction.execute(gone, [id, product.name()]))?;
    Ok(())
}

/// Of a key: the member who alone is reached by it.
pub(super) fn whose(shared: &Shared, product: Product, id: &str) -> rusqlite::Result<Option<String>> {
    let member = "SELECT member FROM api_keys WHERE id = ?1 AND product = ?2";
    let found = shared.database.change(|transaction| {
        transaction.query_row(member, [id, product.name()], |row| row.get::<_, Option<String>>(0)).optional()
    });
    found.map(Option::flatten)
}

/// The last letters of a key, by which its owner knows it again; those of one that was made elsewhere are not known.
pub(super) fn ending_of(shared: &Shared, id: &str) -> rusqlite::Result<Option<String>> {
    let ending = "SELECT ending FROM api_keys WHERE id = ?1";
    shared.database.change(|transaction| transaction.query_row(ending, [id], |row| row.get(0)).optional())
}

/// Whether a request has a key of the product's that is not revoked, of somebody who is still there.
pub(super) fn is_known(shared: &Shared, product: Product, headers: &HeaderMap) -> rusqlite::Result<bool> {
    let sent = headers.get("authorization").and_then(|value| value.to_str().ok());
    let Some(sent) = sent.and_then(|value| value.strip_prefix("Bearer ")) else { return Ok(false) };
    // A fast hash is right for what has its full entropy, and looking it up tells nothing about the key.
    let known = "SELECT EXISTS (SELECT 1 FROM api_keys WHERE hash = ?1 AND product = ?2
                 AND (member IS NULL OR member IN (SELECT id FROM secoda_people)))";
    shared
        .database
        .change(|transaction| transaction.query_row(known, [hash(sent), product.name().to_owned()], |row| row.get(0)))
}

fn hash(key: &str) -> String {
    hex::encode(Sha256::digest(key))
}

fn ending(key: &str) -> String {
    let letters: Vec<char> = key.chars().collect();
    letters[letters.len().saturating_sub(4)..].iter().collect()
}
