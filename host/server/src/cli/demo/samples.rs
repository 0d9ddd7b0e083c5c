//! The tenants of the demo: one for each vendor's plugin, and one with the plugin that any product can begin with.

use serde_json::{Value, json};

/// One of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    /// The tenant.
    pub(super) tenant: &'static str,
    /// The plugin that decides.
    pub(super) plugin: &'static str,
    /// Which identity provider fills it.
    pub(super) idp: Idp,
    /// The secret that the plugin sends to its product.
    pub(super) secret: Option<&'static str>,
    /// Whether it has groups.
    pub(super) has_groups: bool,
    /// Whether it is a product that `examples/vendor-app` stands for.
    pub(super) has_product: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Idp {
    Okta,
    Entra,
}

const PLAIN: Sample =
    Sample { tenant: "", plugin: "", idp: Idp::Okta, secret: None, has_groups: true, has_product: true };

/// In the order in which they are made.
pub(super) const SAMPLES: [Sample; 6] = [
    Sample { tenant: "poggio-demo", plugin: "poggio", secret: Some("poggio-api-key"), has_groups: false, ..PLAIN },
    Sample { tenant: "secoda-demo", plugin: "secoda", secret: Some("api-key"), ..PLAIN },
    Sample { tenant: "standard-demo", plugin: "standard", idp: Idp::Entra, has_product: false, ..PLAIN },
    Sample { tenant: "popl-demo", plugin: "popl", ..PLAIN },
    Sample { tenant: "applivery-demo", plugin: "applivery", secret: Some("applivery-api-key"), ..PLAIN },
    Sample { tenant: "level-access-demo", plugin: "level-access", idp: Idp::Entra, ..PLAIN },
];

impl Sample {
    /// What the plugin is configured with.
    pub(super) fn config(&self) -> Value {
        match self.plugin {
            "popl" => json!({ "team": "Sales" }),
            "applivery" => json!({
                "store": { "on_create": "create-employee", "on_deactivate": "remove-employee" },
                "dashboard": {
                    "on_create": "create-collaborator", "role": "Viewer", "on_deactivate": "remove-collaborator",
                },
                "mdm": { "on_create": "create-employee", "on_deactivate": "change-policy", "policy": "locked" },
                "group_roles": { "Engineering": "Editor", "Support": "Admin" },
            }),
            "level-access" => json!({ "activated": true, "sso": "saml", "idp": "entra" }),
            _ => json!({}),
        }
    }
}
