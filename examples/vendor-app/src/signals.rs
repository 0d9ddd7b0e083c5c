//! Tells Muster what the product finds out by itself. A signal stands in the database, since the step that it follows from, until Muster has
//! heard it; each has a key of its own, by which one that comes again is known. They are told in their order, because a later one takes an
//! earlier one back. What Muster refuses for good is kept with the reason, and holds nothing up.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Transaction, params};
use serde_json::json;

use crate::Shared;
use crate::muster::{Signal, Untold, tell};
use crate::products::Product;

/// How long a Muster that did not hear is left alone.
const PAUSE: Duration = Duration::from_secs(1);

/// Has Muster told, once this transaction is committed.
pub(crate) fn send(transaction: &Transaction<'_>, product: Product, user: &str, name: &str) -> rusqlite::Result<()> {
    let sent = "INSERT INTO signals (key, product, user, name) VALUES (hex(randomblob(16)), ?1, ?2, ?3)";
    transaction.execute(sent, params![product.name(), user, name]).map(drop)
}

/// Tells whatever waits, until it is stopped.
pub(crate) async fn tell_all(shared: Arc<Shared>) {
    loop {
        match tell_next(&shared).await {
            Ok(true) => {}
            Ok(false) => shared.signals.notified().await,
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Tells the next one; whether there was one.
async fn tell_next(shared: &Shared) -> Result<bool, String> {
    let text = |error: rusqlite::Error| error.to_string();
    let waiting = "SELECT number, key, product, user, name FROM signals WHERE refused IS NULL ORDER BY number LIMIT 1";
    let Some(next) = shared.database.rows(waiting).map_err(text)?.pop() else { return Ok(false) };
    let [number, key, product, user, name] = <[String; 5]>::try_from(next).unwrap_or_default();
    let product = Product::named(&product).ok_or("there is no such product")?;
    let signal = Signal { product, id: &user, name: &name, payload: json!({}) };
    let refused = match tell(shared, &signal, &key).await {
        Ok(_) => None,
        Err(Untold::Now(why)) => return Err(why),
        Err(Untold::Ever(why)) => Some(why),
    };
    let told = shared.database.change(|transaction| match refused {
        None => transaction.execute("DELETE FROM signals WHERE number = ?1", [number]),
        Some(why) => transaction.execute("UPDATE signals SET refused = ?2 WHERE number = ?1", [number, why]),
    });
    told.map(|_| true).map_err(text)
}
