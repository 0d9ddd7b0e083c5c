//! What happens in the product is told to Muster's directory API, where it is known; the plugin makes a state of it.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Value, json};

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

/// Something that happened to a user.
#[derive(Debug)]
pub(crate) struct Signal<'a> {
    pub(crate) product: Product,
    pub(crate) id: &'a str,
    /// What.
    pub(crate) name: &'a str,
    /// Whatever else the plugin is to know of it: an object.
    pub(crate) payload: Value,
}

/// Why Muster has not heard something.
#[derive(Debug)]
pub(crate) enum Untold {
    /// It may hear it another time.
    Now(String),
    /// It would refuse it another time as well.
    Ever(String),
}

/// Tells that something happened to a user; what the page says of it.
pub(crate) async fn signal(shared: &Shared, signal: &Signal<'_>) -> String {
    let name = signal.name;
    let mut key = [0; 16];
    let told = match getrandom::fill(&mut key) {
        Ok(()) => tell(shared, signal, &hex::encode(key)).await,
        Err(error) => Err(Untold::Now(error.to_string())),
    };
    match told {
        Ok(()) => format!("Muster was told: {name}. What follows from it comes by webhook."),
        Err(Untold::Now(why) | Untold::Ever(why)) => format!("Muster was not told ({name}): {why}."),
    }
}

/// Tells it under a key, by which Muster knows it when it comes again.
pub(crate) async fn tell(shared: &Shared, signal: &Signal<'_>, key: &str) -> Result<(), Untold> {
    let status = answer(shared, signal, key).await.map_err(Untold::Now)?;
    let why = format!("it answered {status}");
    match status.as_u16() {
        200..300 => Ok(()),
        // The user is gone, or the plugin knows no such signal.
        400 | 404 | 422 => Err(Untold::Ever(why)),
        _ => Err(Untold::Now(why)),
    }
}

async fn answer(shared: &Shared, signal: &Signal<'_>, key: &str) -> Result<reqwest::StatusCode, String> {
    let Signal { product, id, name, payload } = signal;
    let file = shared.data.join("muster.json");
    let text = std::fs::read(&file).map_err(|_| format!("there is no {}", file.display()))?;
    let muster: Muster = serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", file.display()))?;
    let tenant = muster.tenants.get(product).ok_or("the product has no tenant there")?;
    let own = match (muster.key, muster.key_file) {
        (Some(key), _) => key,
        (None, Some(file)) => {
            let keys = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
            keys.lines().next().unwrap_or_default().trim().to_owned()
        }
        (None, None) => return Err(format!("{} has no key", file.display())),
    };
    let url = format!("{}/tenants/{tenant}/accounts/{id}/signals", muster.directory);
    let request = shared.http.post(url).bearer_auth(own).header("idempotency-key", key);
    let request =
        request.timeout(std::time::Duration::from_secs(10)).json(&json!({ "name": name, "payload": payload }));
    let answer = request.send().await.map_err(|error| error.without_url().to_string())?;
    Ok(answer.status())
}
