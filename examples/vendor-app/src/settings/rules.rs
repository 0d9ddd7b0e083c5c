//! Who may have a SCIM key of a product, and what has to be there before, as each vendor's guide says.

use super::people::{Person, Role};
use crate::Product;

/// Where keys are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Desk {
    /// The customer's own settings.
    Settings,
    /// The product's support, where no customer comes.
    Support,
}

impl Desk {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Support => "support",
        }
    }
}

/// What a key is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// The whole of the customer's directory.
    Tenant,
    /// Whoever has made it, and nobody else.
    OneUser,
}

/// One product's.
#[derive(Debug)]
pub(super) struct Rules {
    /// At the other desk there is nothing to make keys with.
    pub(super) desk: Desk,
    /// Who makes and revokes keys, and sets what has to be there before.
    pub(super) maker: Role,
    /// Whether anybody else gets a key as well, which opens the product's API and not the directory.
    pub(super) is_everybody_given_one: bool,
    pub(super) needs_sso: bool,
    pub(super) needs_activation: bool,
    /// What is told on the page.
    pub(super) told: &'static str,
}

impl Rules {
    pub(super) fn of(product: Product) -> Self {
        let plain = Self {
            desk: Desk::Settings,
            maker: Role::Owner,
            is_everybody_given_one: false,
            needs_sso: false,
            needs_activation: false,
            told: "An owner makes the SCIM token.",
        };
        match product {
            Product::Poggio => Self {
                maker: Role::EnterpriseAdmin,
                needs_sso: true,
                told: "An enterprise admin makes the SCIM key, once single sign-on (SAML) is configured.",
                ..plain
            },
            Product::Popl => Self {
                desk: Desk::Support,
                maker: Role::Support,
                told: "Tenant URL and token are handed out by Popl's support, on request; nobody makes them here.",
                ..plain
            },
            Product::Secoda => Self {
                maker: Role::Admin,
                is_everybody_given_one: true,
                told: "The general API key of an admin is the SCIM token as well. The key of anybody else opens the API alone.",
                ..plain
            },
            Product::Applivery => plain,
            Product::LevelAccess => Self {
                maker: Role::OrganizationAdmin,
                needs_sso: true,
                needs_activation: true,
                told: "An organization administrator activates SCIM, once single sign-on (SAML) is configured, and then generates URL and key.",
                ..plain
            },
        }
    }

    /// The key that somebody may have; `None`: none.
    pub(super) fn reach_of(&self, person: &Person) -> Option<Reach> {
        if person.role == self.maker {
            Some(Reach::Tenant)
        } else if self.is_everybody_given_one {
            Some(Reach::OneUser)
        } else {
            None
        }
    }
}
