//! What happens in the product is told to Muster's directory API, where it is known; the plugin makes a state of it. Accounts are made, changed
//! and removed by hand there first: it knows which of them are the product's to touch.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use url::form_urlencoded::byte_serialize;

use crate::{Product, Shared};

/// How long Muster may take: it answers in milliseconds, or it is not there.
const PATIENCE: Duration = Duration::from_secs(10);

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

/// What is done to an account by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ByHand {
    /// It is made, of these attributes.
    Make(Value),
    /// These attributes are others.
    Change(Value),
    /// It is removed.
    Remove,
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
        // No webhook tells of an account that was made by hand.
        Ok(account) if account["managed_by"] == "manual" => {
            kept(shared, signal.product, signal.id, Some(&account), format!("Muster was told: {name}."))
        }
        Ok(_) => format!("Muster was told: {name}. What follows from it comes by webhook."),
        Err(Untold::Now(why) | Untold::Ever(why)) => format!("Muster was not told ({name}): {why}."),
    }
}

/// Tells it under a key, by which Muster knows it when it comes again; the account as it is since.
pub(crate) async fn tell(shared: &Shared, signal: &Signal<'_>, key: &str) -> Result<Value, Untold> {
    let Signal { product, id, name, payload } = signal;
    let asked = ask(shared, *product, Method::POST, &format!("/accounts/{id}/signals")).map_err(Untold::Now)?;
    let asked = asked.header("idempotency-key", key).json(&json!({ "name": name, "payload": payload }));
    let answer = sent(asked).await.map_err(Untold::Now)?;
    let status = answer.status();
    let why = format!("it answered {status}");
    match status.as_u16() {
        200..300 => Ok(answer.json().await.unwrap_or_default()),
        // What was typed cannot be kept, or the plugin knows no such signal.
        400 | 422 => {
            let problem = answer.json::<Value>().await.unwrap_or_default();
            Err(Untold::Ever(problem["detail"].as_str().map_or(why, str::to_owned)))
        }
        // The user is gone.
        404 => Err(Untold::Ever(why)),
        _ => Err(Untold::Now(why)),
    }
}

/// Does something to an account by hand, at Muster and then here; what the page says of it.
pub(crate) async fn by_hand(shared: &Shared, product: Product, id: &str, what: &ByHand) -> String {
    let asked = match what {
        ByHand::Make(user) => ask(shared, product, Method::POST, "/accounts").map(|asked| asked.json(user)),
        ByHand::Change(parts) => {
            ask(shared, product, Method::PATCH, &format!("/accounts/{id}")).map(|asked| asked.json(parts))
        }
        ByHand::Remove => ask(shared, product, Method::DELETE, &format!("/accounts/{id}")),
    };
    let answer = match asked {
        Ok(asked) => sent(asked).await,
        Err(why) => Err(why),
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(why) => return format!("Muster was not reached: {why}."),
    };
    let (status, mut body) = (answer.status(), answer.json::<Value>().await.unwrap_or_default());
    let mut is_done = status.is_success();
    // An answer may have been lost: what is asked for a second time can be so already.
    match what {
        ByHand::Remove if status == StatusCode::NOT_FOUND => is_done = true,
        ByHand::Make(user) if status == StatusCode::CONFLICT => {
            if let Some(made) = made_before(shared, product, user).await {
                (is_done, body) = (true, made);
            }
        }
        ByHand::Make(_) | ByHand::Change(_) | ByHand::Remove => {}
    }
    match (what, body["id"].as_str()) {
        _ if !is_done => match body["detail"].as_str() {
            Some(why) => format!("Muster says no: {why}."),
            None => format!("Muster says no: it answered {status}."),
        },
        (ByHand::Remove, _) => kept(shared, product, id, None, "The user is removed.".to_owned()),
        (ByHand::Make(_) | ByHand::Change(_), Some(id)) => {
            kept(shared, product, id, Some(&body), "Muster has the user, as one that is managed by hand.".to_owned())
        }
        (ByHand::Make(_) | ByHand::Change(_), None) => "Muster's answer cannot be read.".to_owned(),
    }
}

/// The account by hand that Muster has of a user whom this product does not show.
async fn made_before(shared: &Shared, product: Product, user: &Value) -> Option<Value> {
    let name: String = byte_serialize(user["userName"].as_str()?.as_bytes()).collect();
    let found = read(shared, product, &format!("/accounts?key=userName:{name}&managed_by=manual")).await.ok()??;
    let made = found["accounts"].get(0)?.clone();
    let id = made["id"].as_str()?;
    let is_shown = "SELECT EXISTS (SELECT 1 FROM level_access_by_hand WHERE id = ?1)";
    let is_shown =
        shared.database.change(|transaction| transaction.query_row(is_shown, [id], |row| row.get::<_, bool>(0)));
    (!is_shown.ok()?).then_some(made)
}

/// Keeps here what Muster has of an account by hand; what the page says, which is `said` if that can be done.
fn kept(shared: &Shared, product: Product, id: &str, account: Option<&Value>, said: String) -> String {
    let kept = shared.database.change(|transaction| product.keeps_by_hand(transaction, id, account));
    kept.map_or_else(|_| "The database does not answer.".to_owned(), |()| said)
}

/// The tenant that a product's events are of, where `muster.json` says so.
pub(crate) fn tenant_of(shared: &Shared, product: Product) -> Option<String> {
    Muster::written(shared).ok()?.1.tenants.remove(&product)
}

/// Whether this can be an id, which becomes a part of a path.
pub(crate) fn is_id(text: &str) -> bool {
    text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-')
}

/// What the directory has of a product's tenant at a path; `None`: it is not there.
pub(crate) async fn read(shared: &Shared, product: Product, path: &str) -> Result<Option<Value>, String> {
    let answer = sent(ask(shared, product, Method::GET, path)?).await?;
    match answer.status() {
        StatusCode::NOT_FOUND => Ok(None),
        status if status.is_success() => answer.json().await.map(Some).map_err(|error| error.without_url().to_string()),
        status => Err(format!("it answered {status}")),
    }
}

impl Muster {
    /// What is written of it now, and where.
    fn written(shared: &Shared) -> Result<(PathBuf, Self), String> {
        let file = shared.data.join("muster.json");
        let text = std::fs::read(&file).map_err(|_| format!("there is no {}", file.display()))?;
        let muster = serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", file.display()))?;
        Ok((file, muster))
    }
}

/// A request about a product's tenant.
fn ask(shared: &Shared, product: Product, method: Method, path: &str) -> Result<RequestBuilder, String> {
    let (file, muster) = Muster::written(shared)?;
    let tenant = muster.tenants.get(&product).ok_or("the product has no tenant there")?;
    let own = match (muster.key, muster.key_file) {
        (Some(key), _) => key,
        (None, Some(file)) => {
            let keys = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
            keys.lines().next().unwrap_or_default().trim().to_owned()
        }
        (None, None) => return Err(format!("{} has no key", file.display())),
    };
    let url = format!("{}/tenants/{tenant}{path}", muster.directory);
    Ok(shared.http.request(method, url).bearer_auth(own).timeout(PATIENCE))
}

async fn sent(request: RequestBuilder) -> Result<Response, String> {
    request.send().await.map_err(|error| error.without_url().to_string())
}
