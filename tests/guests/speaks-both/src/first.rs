#![expect(unsafe_code, clippy::pedantic, reason = "generated")]

wit_bindgen::generate!({ path: "../frozen/wit", world: "mapper" });

use exports::muster::plugin::{about, mapping};

struct First;

impl about::Guest for First {
    fn describe() -> about::Manifest {
        about::Manifest {
            name: "speaks-both".to_owned(),
            version: "1.0.0".to_owned(),
            base_path: "/scim/v2".to_owned(),
            resources: vec![about::ResourcePlan {
                kind: about::Kind::User,
                attributes: vec!["userName".to_owned()],
                retained: Vec::new(),
                plans_on: about::Events::empty(),
            }],
            states: vec!["active".to_owned()],
            adoption: about::AdoptionPolicy::Refuse,
            config_schema: String::new(),
            origins: Vec::new(),
            secrets: Vec::new(),
            calls_per_instance: 1,
        }
    }

    fn check_config(_: String) -> Result<(), Vec<about::Problem>> {
        Ok(())
    }

    fn host_settings(_: String) -> Vec<about::Field> {
        Vec::new()
    }
}

impl mapping::Guest for First {
    fn to_account(
        _: mapping::Context,
        _: mapping::Kind,
        _: String,
        _: Vec<mapping::Attribute>,
        _: Option<mapping::Account>,
    ) -> Result<mapping::Account, mapping::Rejection> {
        use muster::plugin::types::{Field, Value};
        let contract = Field { name: "contract".to_owned(), value: Value::Text("0.1".to_owned()) };
        Ok(mapping::Account { state: "active".to_owned(), listed: true, keys: Vec::new(), fields: vec![contract] })
    }
}

export!(First);
