#![expect(unsafe_code, clippy::pedantic, reason = "generated")]

wit_bindgen::generate!({ path: "wit", world: "mapper" });

use exports::muster::plugin::{about, mapping};
use muster::plugin::{config, log};

struct Frozen;

impl about::Guest for Frozen {
    fn describe() -> about::Manifest {
        about::Manifest {
            name: "frozen".to_owned(),
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

impl mapping::Guest for Frozen {
    fn to_account(
        context: mapping::Context,
        _: mapping::Kind,
        _: String,
        attributes: Vec<mapping::Attribute>,
        _: Option<mapping::Account>,
    ) -> Result<mapping::Account, mapping::Rejection> {
        use muster::plugin::types::{Field, Value};
        if log::enabled(log::Level::Info) {
            log::write(log::Level::Info, &format!("a user of {}", context.tenant));
        }
        let text = |name: &str, text: String| Field { name: name.to_owned(), value: Value::Text(text) };
        let region = config::get("/region").map(|region| text("region", region));
        let name =
            attributes.into_iter().map(|attribute| Field { name: "user_name".to_owned(), value: attribute.value });
        let fields = name.chain(region).collect();
        Ok(mapping::Account { state: "active".to_owned(), listed: true, keys: Vec::new(), fields })
    }
}

export!(Frozen);
