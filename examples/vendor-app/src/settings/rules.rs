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
#[expect(clippy::struct_excessive_bools, reason = "each is a sentence of a vendor's guide")]
pub(super) struct Rules {
    /// At the other desk there is nothing to make keys with.
    pub(super) desk: Desk,
    /// Who makes and revokes keys, and sets what has to be there before.
    pub(super) maker: Role,
    /// Whether a member gets a key as well, which opens the product's API and not the directory.
    pub(super) is_everybody_given_one: bool,
    pub(super) needs_sso: bool,
    /// Whether that has to be one of an enterprise-enabled workspace.
    pub(super) needs_workspace: bool,
    pub(super) needs_activation: bool,
    /// Whether the vendor switches SCIM on, for a customer of the Enterprise plan. The key is the product's own and is made without.
    pub(super) is_on_request: bool,
    /// What the button says that makes a key.
    pub(super) label: &'static str,
    /// What is told on the page.
    pub(super) told: &'static str,
    /// What is told at the desk of the product's support, where that is something else.
    told_at_support: Option<&'static str>,
}

impl Rules {
    pub(super) fn of(product: Product) -> Self {
        let plain = Self {
            desk: Desk::Settings,
            maker: Role::Owner,
            is_everybody_given_one: false,
            needs_sso: false,
            needs_workspace: false,
            needs_activation: false,
            is_on_request: false,
            label: "Make a key",
            told: "An owner makes the SCIM token.",
            told_at_support: None,
        };
        match product {
            Product::Poggio => Self {
                maker: Role::EnterpriseAdmin,
                needs_sso: true,
                needs_workspace: true,
                told: "An enterprise admin makes the SCIM key, once single sign-on (SAML) of an enterprise-enabled workspace is configured.",
                ..plain
            },
            Product::Popl => Self {
                desk: Desk::Support,
                maker: Role::Support,
                told: "Tenant URL and token are handed out by Popl's support, on request; nobody makes them here.",
                told_at_support: Some(
                    "Popl's support alone makes Tenant URL and token here, for a customer who has asked for them.",
                ),
                ..plain
            },
            Product::Secoda => Self {
                maker: Role::Admin,
                is_everybody_given_one: true,
                needs_sso: true,
                is_on_request: true,
                told: "The general API key of an admin is the SCIM token as well; the key of a member opens the API alone. Secoda's support switches SCIM on, on request, for a workspace of the Enterprise plan with single sign-on (SAML).",
                ..plain
            },
            Product::Applivery => Self {
                needs_sso: true,
                label: "Activate SCIM",
                told: "An owner activates SCIM, once single sign-on (SAML) is configured: base URL and bearer token are shown then.",
                ..plain
            },
            Product::LevelAccess => Self {
                maker: Role::OrganizationAdmin,
                needs_sso: true,
                needs_activation: true,
                label: "Generate SCIM URL and API",
                told: "An organization administrator activates SCIM, once single sign-on is configured (with Okta: SAML), and then generates URL and key.",
                ..plain
            },
        }
    }

    /// What is told at a desk: who does what, and what has to be there before.
    pub(super) fn told_at(&self, desk: Desk) -> &'static str {
        match desk {
            Desk::Settings => self.told,
            Desk::Support => self.told_at_support.unwrap_or(self.told),
        }
    }

    /// Whether anything is done at this desk.
    pub(super) fn has(&self, desk: Desk) -> bool {
        self.desk == desk || (desk == Desk::Support && self.is_on_request)
    }

    /// The key that somebody may have; `None`: none.
    pub(super) fn reach_of(&self, person: &Person) -> Option<Reach> {
        if person.role == self.maker {
            Some(Reach::Tenant)
        } else if self.is_everybody_given_one && person.role == Role::Member {
            Some(Reach::OneUser)
        } else {
            None
        }
    }
}
