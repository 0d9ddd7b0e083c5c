//! What an event leaves out. A thin one says what happened to whom: the webhook was set up so, or the whole is more than Muster sends in one
//! piece, as that of a large group is. What is there since is read in Muster's directory. That can be later than the event; then what tells of
//! it comes behind it, in its order, and ends where the directory stood.

use serde_json::{Value, json};

use crate::muster::{is_id, read};
use crate::products::{Kind, Told};
use crate::{Product, Shared};

/// How many members are read at once: as many as Muster shows.
const MEMBERS_A_PAGE: usize = 1_000;

/// What an event would say if it were whole: its type, and its data.
pub(crate) async fn made_whole(shared: &Shared, product: Product, told: &Told<'_>) -> Result<(String, Value), String> {
    let id = told.id;
    if !is_id(id) {
        return Err("that is no id".to_owned());
    }
    let (kind, found) = match told.kind {
        Kind::User => ("user", read(shared, product, &format!("/accounts/{id}")).await?.map(|account| (account, None))),
        Kind::Group => ("group", group(shared, product, id).await?.map(|(group, all)| (group, Some(all)))),
    };
    let mut data = json!({ "resource": { "id": id } });
    let event = match found {
        Some((account, members)) => {
            data["after"] = json!({ "resource": { "displayName": account["displayName"] }, "account": account });
            if let Some(members) = members {
                data["members"] = json!(members);
            }
            "updated"
        }
        // Where the tenant is not there either, nobody of it is gone: the product asks at the wrong place.
        None if read(shared, product, "/accounts/states").await?.is_none() => {
            return Err("the product's tenant is not there".to_owned());
        }
        None => "deleted",
    };
    Ok((format!("{kind}.{event}"), data))
}

/// A group, and the ids of all its members; `None`: it is gone.
async fn group(shared: &Shared, product: Product, id: &str) -> Result<Option<(Value, Vec<Value>)>, String> {
    let Some(group) = read(shared, product, &format!("/groups/{id}")).await? else { return Ok(None) };
    let (mut members, mut path) = (Vec::new(), format!("/groups/{id}/members?all=true&limit={MEMBERS_A_PAGE}"));
    loop {
        let Some(mut page) = read(shared, product, &path).await? else { return Ok(None) };
        members.extend(page["members"].as_array_mut().into_iter().flatten().map(|member| member["id"].take()));
        let Some(next) = page["next"].as_str() else { return Ok(Some((group, members))) };
        path = format!("/groups/{id}/members?all=true&limit={MEMBERS_A_PAGE}&after={next}");
    }
}
