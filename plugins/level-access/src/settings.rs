use muster_plugin_sdk::{Config, Decision, Problem, Reject};

/// Nothing is written before an administrator has activated SCIM.
pub(crate) fn activated(config: &Config) -> Result<(), Reject> {
    if is_activated(config) {
        return Ok(());
    }
    Err(Reject::forbidden("SCIM is not activated for this organization"))
}

fn is_activated(config: &Config) -> bool {
    config.boolean("/activated").unwrap_or(false)
}

/// Whether groups are accepted, without effect.
pub(crate) fn groups_are_accepted(config: &Config) -> bool {
    config.text("/groups").as_deref() != Some("refused")
}

/// Whether a deactivated user is in no user group any more.
pub(crate) fn deactivation_unassigns(config: &Config) -> bool {
    config.text("/deactivation").as_deref() == Some("unassigns")
}

/// What an identity provider is told of an account that was made by hand.
pub(crate) fn of_manual_accounts(config: &Config) -> Decision {
    match config.text("/manual_accounts").as_deref() {
        Some("refuse") => Decision::Refuse("the account is managed manually".to_owned()),
        _ => Decision::Hide,
    }
}

/// What stands in the way of activation.
pub(crate) fn problems(config: &Config) -> Vec<Problem> {
    let sso = config.text("/sso").unwrap_or_else(|| "none".to_owned());
    let problem = |message: &str| vec![Problem::new("/sso", message)];
    match (is_activated(config), sso.as_str(), config.text("/idp").as_deref()) {
        (true, "none", _) => problem("SCIM can be activated once single sign-on is configured"),
        (true, "oidc", Some("okta") | None) => problem("with Okta, SCIM can be activated for a SAML integration only"),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use muster_plugin_sdk::testing::config;
    use serde_json::json;

    use super::*;

    #[test]
    fn activation_takes_single_sign_on_and_with_okta_saml() {
        for refused in [
            json!({ "activated": true }),
            json!({ "activated": true, "sso": "none" }),
            json!({ "activated": true, "sso": "oidc" }),
            json!({ "activated": true, "sso": "oidc", "idp": "okta" }),
        ] {
            let problems = problems(&config(refused.clone()));
            assert_eq!(problems.len(), 1, "{refused}");
            assert_eq!(problems[0].pointer, "/sso", "{refused}");
        }
        for fine in [
            json!({}),
            json!({ "sso": "oidc" }),
            json!({ "activated": true, "sso": "saml" }),
            json!({ "activated": true, "sso": "oidc", "idp": "entra" }),
        ] {
            assert_eq!(problems(&config(fine.clone())), [], "{fine}");
        }
    }

    #[test]
    fn nothing_is_written_before_the_activation() {
        let refused = activated(&config(json!({ "sso": "saml" }))).unwrap_err();
        assert_eq!((refused.status, refused.detail.as_str()), (403, "SCIM is not activated for this organization"));
        assert_eq!(activated(&config(json!({ "sso": "saml", "activated": true }))), Ok(()));
    }
}
