//! Who somebody is. There are no passwords: whoever sits at this machine may sign in as anybody. What each of them may do then is decided by
//! the role, for each request anew.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use axum::http::HeaderMap;
use rusqlite::Connection;
use subtle::ConstantTimeEq as _;

use crate::Product;
use crate::database::rows;

/// How many people are signed in at a time; one more, and the first has to sign in anew.
const MAX_SESSIONS: usize = 256;

/// What somebody is in a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    EnterpriseAdmin,
    WorkspaceAdmin,
    TeamAdmin,
    /// Not of the customer's: of the product's own.
    Support,
    Admin,
    Owner,
    OrganizationAdmin,
    Member,
}

impl Role {
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::EnterpriseAdmin => "enterprise admin",
            Self::WorkspaceAdmin => "workspace admin",
            Self::TeamAdmin => "team admin",
            Self::Support => "the product's support",
            Self::Admin => "admin",
            Self::Owner => "owner",
            Self::OrganizationAdmin => "organization administrator",
            Self::Member => "member",
        }
    }
}

/// Somebody who can sign in.
#[derive(Debug)]
pub(super) struct Person {
    /// A name of ours, or the SCIM id.
    pub(super) id: String,
    pub(super) name: String,
    pub(super) role: Role,
}

/// Who was there before provisioning.
const FIRST: [(Product, &str, &str, Role); 12] = [
    (Product::Poggio, "edith", "Edith Moore", Role::EnterpriseAdmin),
    (Product::Poggio, "walter", "Walter Reyes", Role::WorkspaceAdmin),
    (Product::Poggio, "mia", "Mia Chen", Role::Member),
    (Product::Popl, "sam", "Sam Okafor", Role::Support),
    (Product::Popl, "tara", "Tara Lind", Role::TeamAdmin),
    (Product::Popl, "theo", "Theo Baker", Role::Member),
    (Product::Secoda, "sofia", "Sofia Lund", Role::Support),
    (Product::Secoda, "alma", "Alma Ruiz", Role::Admin),
    (Product::Applivery, "olaf", "Olaf Berg", Role::Owner),
    (Product::Applivery, "vera", "Vera Costa", Role::Member),
    (Product::LevelAccess, "orla", "Orla Byrne", Role::OrganizationAdmin),
    (Product::LevelAccess, "uma", "Uma Patel", Role::Member),
];

/// Who can sign in to a product now: at Secoda also the members whom provisioning brought, once they are members.
pub(super) fn people(connection: &Connection, product: Product) -> rusqlite::Result<Vec<Person>> {
    let first = FIRST.iter().filter(|(of, ..)| *of == product);
    let first = first.map(|(_, id, name, role)| Person { id: (*id).to_owned(), name: (*name).to_owned(), role: *role });
    let mut people: Vec<Person> = first.collect();
    if product == Product::Secoda {
        for row in rows(connection, "SELECT id, name FROM secoda_people ORDER BY name")? {
            let [id, name] = <[String; 2]>::try_from(row).unwrap_or_default();
            people.push(Person { id, name, role: Role::Member });
        }
    }
    Ok(people)
}

/// Who is signed in.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<VecDeque<Session>>);

struct Session {
    secret: String,
    product: Product,
    person: String,
}

impl Sessions {
    /// Signs somebody in; the cookie.
    pub(super) fn begin(&self, product: Product, person: &str) -> std::io::Result<String> {
        let secret = hex::encode(crate::keys::random()?);
        let cookie = format!("{}={secret}; Path=/; HttpOnly; SameSite=Strict", cookie_of(product));
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if sessions.len() == MAX_SESSIONS {
            sessions.pop_front();
        }
        sessions.push_back(Session { secret, product, person: person.to_owned() });
        Ok(cookie)
    }

    /// The id of whoever asks.
    pub(super) fn whose(&self, product: Product, headers: &HeaderMap) -> Option<String> {
        let cookies = headers.get("cookie")?.to_str().ok()?;
        let own = cookies.split(';').filter_map(|cookie| cookie.trim().split_once('='));
        let secret = own.filter(|(name, _)| *name == cookie_of(product)).map(|(_, secret)| secret).next()?;
        let sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut of_it = sessions.iter().filter(|session| session.product == product);
        let session = of_it.find(|session| bool::from(session.secret.as_bytes().ct_eq(secret.as_bytes())))?;
        Some(session.person.clone())
    }
}

fn cookie_of(product: Product) -> String {
    format!("person-of-{}", product.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(cookie: &str) -> HeaderMap {
        HeaderMap::from_iter([(axum::http::header::COOKIE, cookie.split(';').next().unwrap().parse().unwrap())])
    }

    #[test]
    fn a_session_is_of_one_product_and_ends_when_so_many_others_have_begun() {
        let sessions = Sessions::default();
        let first = sessions.begin(Product::Poggio, "edith").unwrap();

        assert_eq!(sessions.whose(Product::Poggio, &with(&first)), Some("edith".to_owned()));
        let elsewhere = first.replace("poggio", "popl");
        assert_eq!(sessions.whose(Product::Popl, &with(&elsewhere)), None, "whatever the cookie is called");
        assert_eq!(sessions.whose(Product::Poggio, &with("person-of-poggio=")), None);
        for _ in 1..MAX_SESSIONS {
            sessions.begin(Product::Poggio, "mia").unwrap();
        }
        assert_eq!(sessions.whose(Product::Poggio, &with(&first)), Some("edith".to_owned()));
        sessions.begin(Product::Poggio, "mia").unwrap();
        assert_eq!(sessions.whose(Product::Poggio, &with(&first)), None);
    }
}
