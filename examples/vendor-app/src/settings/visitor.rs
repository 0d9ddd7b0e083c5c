//! Who may do what at a desk, as types: a handler that changes something is written with one of these, and has looked at the role with it.

use std::sync::Arc;

use axum::RequestPartsExt as _;
use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use axum::response::Redirect;

use super::people::{Person, Role};
use super::rules::{Desk, Rules};
use super::{Refused, signed_in};
use crate::{Product, Shared};

/// A product at one of its desks, whoever asks.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) desk: Desk,
    pub(super) product: Product,
    pub(super) rules: Rules,
}

/// Somebody who is signed in where the product's keys are made.
#[derive(Debug)]
pub(super) struct Visitor {
    pub(super) at: Place,
    pub(super) person: Person,
}

/// Whoever makes the product's keys, and sets what has to be there before.
#[derive(Debug)]
pub(super) struct Administrator(pub(super) Place);

/// Somebody of the product's support, at its own desk, where it switches SCIM on.
#[derive(Debug)]
pub(super) struct Supporter(pub(super) Place);

/// The last part of a switch's path: `on` or `off`.
#[derive(Debug)]
pub(super) struct To(pub(super) bool);

impl Place {
    /// The way back to its page.
    pub(super) fn back(&self) -> Redirect {
        Redirect::to(&format!("/{}/{}", self.desk.name(), self.product.name()))
    }

    fn visitor(&self, shared: &Shared, parts: &Parts) -> Result<Person, Refused> {
        signed_in(shared, self.product, &parts.headers)?.ok_or(Refused::NotSignedIn)
    }

    /// Told with the sentence that says who may.
    fn only(&self, person: &Person, role: Role) -> Result<(), Refused> {
        if person.role == role { Ok(()) } else { Err(Refused::Forbidden(self.rules.told_at(self.desk))) }
    }
}

impl FromRequestParts<Arc<Shared>> for Place {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Shared>) -> Result<Self, Refused> {
        let desk = *parts.extensions.get::<Desk>().ok_or(Refused::NoSuchPage)?;
        let named = segment(parts, "product").await?;
        let product = Product::named(&named).ok_or(Refused::NoSuchPage)?;
        Ok(Self { desk, product, rules: Rules::of(product) })
    }
}

impl FromRequestParts<Arc<Shared>> for Visitor {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Refused> {
        let at = Place::from_request_parts(parts, shared).await?;
        only_if(at.rules.desk == at.desk)?;
        let person = at.visitor(shared, parts)?;
        Ok(Self { at, person })
    }
}

impl FromRequestParts<Arc<Shared>> for Administrator {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Refused> {
        let Visitor { at, person } = Visitor::from_request_parts(parts, shared).await?;
        at.only(&person, at.rules.maker)?;
        Ok(Self(at))
    }
}

impl FromRequestParts<Arc<Shared>> for Supporter {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Refused> {
        let at = Place::from_request_parts(parts, shared).await?;
        only_if(at.desk == Desk::Support && at.rules.is_on_request)?;
        let person = at.visitor(shared, parts)?;
        at.only(&person, Role::Support)?;
        Ok(Self(at))
    }
}

impl FromRequestParts<Arc<Shared>> for To {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Shared>) -> Result<Self, Refused> {
        match segment(parts, "to").await?.as_str() {
            "on" => Ok(Self(true)),
            "off" => Ok(Self(false)),
            _ => Err(Refused::NoSuchPage),
        }
    }
}

/// A page that not every product has.
pub(super) fn only_if(is_there: bool) -> Result<(), Refused> {
    if is_there { Ok(()) } else { Err(Refused::NoSuchPage) }
}

/// A part of the path, by its name in the route.
async fn segment(parts: &mut Parts, name: &str) -> Result<String, Refused> {
    let segments = parts.extract::<RawPathParams>().await.map_err(|_| Refused::NoSuchPage)?;
    let found = segments.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_owned());
    found.ok_or(Refused::NoSuchPage)
}
