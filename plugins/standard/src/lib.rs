//! The plugin of a vendor without wishes of its own: every user and group becomes an account one to one, everything that the
//! identity provider sends is kept, and nothing follows from a change.
//!
//! Start here when writing a plugin: [`map`] is all there is to it. The configuration sets the host's own part of the work,
//! a property for each line of the contract's table; but for those about states of the product and accounts that it does not list:
//! there are none here.

mod map;

use muster_plugin_sdk::{Account, Config, Context, Input, Manifest, Plugin, Reject, Resource, Setting};

/// Users and groups, one to one.
#[derive(Debug)]
pub struct Standard;

impl Plugin for Standard {
    const MANIFEST: Manifest = Manifest::new("standard", env!("CARGO_PKG_VERSION"))
        .user(Resource::reads(map::USER))
        .group(Resource::reads(map::GROUP))
        .config_schema(include_str!("../config.schema.json"));

    fn map(input: &Input, _: &Context) -> Result<Account, Reject> {
        Ok(map::account(input))
    }

    fn host_settings(config: &Config) -> Vec<Setting> {
        vec![
            Setting::new("scim.refused-detail", config.text("/scim_refused_detail")),
            Setting::new("users.not-found-detail", config.text("/users_not_found_detail")),
            Setting::new("groups.not-found-detail", config.text("/groups_not_found_detail")),
            Setting::new("users.put-creates", config.boolean("/users_put_creates")),
            Setting::new("groups.served", config.boolean("/groups_served")),
            Setting::new("groups.refused-status", config.integer("/groups_refused_status")),
            Setting::new("users.full-list", config.boolean("/users_full_list")),
            Setting::new("bulk.served", config.boolean("/bulk_served")),
            Setting::new("groups.unknown-members", config.text("/groups_unknown_members")),
            Setting::new("groups.duplicate-names", config.boolean("/groups_duplicate_names")),
            Setting::new("groups.put-without-members", config.text("/groups_put_without_members")),
        ]
    }
}

muster_plugin_sdk::export!(Standard: mapper);

#[cfg(test)]
mod tests {
    use muster_plugin_sdk::{Value, testing};
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_configuration_leaves_out_is_left_to_the_host() {
        let config = testing::config(json!({ "users_put_creates": true, "groups_unknown_members": "refuse" }));
        let given: Vec<_> = Standard::host_settings(&config).into_iter().filter(|set| set.value.is_some()).collect();
        assert_eq!(
            given,
            [
                Setting { name: "users.put-creates", value: Some(Value::Boolean(true)) },
                Setting { name: "groups.unknown-members", value: Some(Value::Text("refuse".into())) },
            ]
        );
    }

    #[test]
    fn the_schema_knows_each_setting() {
        let schema: serde_json::Value = serde_json::from_str(include_str!("../config.schema.json")).unwrap();
        let properties = schema["properties"].as_object().unwrap();
        let names: Vec<_> = Standard::host_settings(&testing::config(json!({})))
            .iter()
            .map(|setting| setting.name.replace(['.', '-'], "_"))
            .collect();
        assert_eq!(properties.keys().cloned().collect::<Vec<_>>(), names);
    }
}
