//! What people do in the product is told to Muster's directory API, where it is known; the plugin makes a state of it.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::json;

use crate::{Product, Shared};

/// Where Muster is, and the key of its directory API: `muster.json` in the data folder, read each time, because Muster writes it when it is
/// started. The key is in it, or is the first line of a file that it names, and that has another one day.
#[derive(Deserialize)]
struct Muster {
    /// `http://127.0.0.1:7601/directory/v1`
    directory: String,
    #[serde(default)]
    key: Option<String>,
    #[serde(default)]
    key_file: Option<PathBuf>,
    /// The tenants, by product.
    tenants: std::collections::BTreeMap<Product, String>,
}

/// Tells that something happened to a user; what the page says of it.
pub(crate) async fn signal(shared: &Shared, product: Product, id: &str, name: &str) -> String {
    match told(shared, product, id, name).await {
        Ok(()) => format!("Muster was told: {name}. What follows from it comes by webhook."),
        Err(why) => format!("Muster was not told ({name}): {why}."),
    }
}

async fn told(shared: &Shared, product: Product, id: &str, name: &str) -> Result<(), String> {
    let file = shared.data.join("muster.json");
    let text = std::fs::read(&file).map_err(|_| format!("there is no {}", file.display()))?;
    let muster: Muster = serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", file.display()))?;
    let tenant = muster.tenants.get(&product).ok_or("the product has no tenant there")?;
    let own = match (muster.key, muster.key_file) {
        (Some(key), _) => key,
        (None, Some(file)) => {
            let keys = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
            keys.lines().next().unwrap_or_default().trim().to_owned()
        }
        (None, None) => return Err(format!("{} has no key", file.display())),
    };
    let mut key = [0; 16];
    getrandom::fill(&mut key).map_err(|error| error.to_string())?;
    let url = format!("{}/tenants/{tenant}/accounts/{id}/signals", muster.directory);
    let request = shared.http.post(url).bearer_auth(own).header("idempotency-key", hex::encode(key));
    let request = request.timeout(std::time::Duration::from_secs(10)).json(&json!({ "name": name }));
    let answer = request.send().await.map_err(|error| error.without_url().to_string())?;
    let status = answer.status();
    if status.is_success() { Ok(()) } else { Err(format!("it answered {status}")) }
}
