//! `wasi:http` for the roles that are not `delivery`: it is there, because one component has its imports for all of its roles, and whatever is
//! called of it stops the call. Every name stands here, for the reason that `deny` gives.

use wasmtime::bail;
use wasmtime::component::{Linker, ResourceType};

use crate::instance::CallState;

/// The newest version within 0.2 that there is: plugins that were built against an older one are linked to it.
const TYPES: &str = "wasi:http/types@0.2.12";
const HANDLER: &str = "wasi:http/outgoing-handler@0.2.12";

/// One kind of resource each: nobody ever holds one.
struct Nothing<const KIND: usize>;

const FUNCTIONS: [&str; 52] = [
    "http-error-code",
    "[constructor]fields",
    "[static]fields.from-list",
    "[method]fields.get",
    "[method]fields.has",
    "[method]fields.set",
    "[method]fields.delete",
    "[method]fields.append",
    "[method]fields.entries",
    "[method]fields.clone",
    "[method]incoming-request.method",
    "[method]incoming-request.path-with-query",
    "[method]incoming-request.scheme",
    "[method]incoming-request.authority",
    "[method]incoming-request.headers",
    "[method]incoming-request.consume",
    "[constructor]outgoing-request",
    "[method]outgoing-request.body",
    "[method]outgoing-request.method",
    "[method]outgoing-request.set-method",
    "[method]outgoing-request.path-with-query",
    "[method]outgoing-request.set-path-with-query",
    "[method]outgoing-request.scheme",
    "[method]outgoing-request.set-scheme",
    "[method]outgoing-request.authority",
    "[method]outgoing-request.set-authority",
    "[method]outgoing-request.headers",
    "[constructor]request-options",
    "[method]request-options.connect-timeout",
    "[method]request-options.set-connect-timeout",
    "[method]request-options.first-byte-timeout",
    "[method]request-options.set-first-byte-timeout",
    "[method]request-options.between-bytes-timeout",
    "[method]request-options.set-between-bytes-timeout",
    "[method]response-outparam.send-informational",
    "[static]response-outparam.set",
    "[method]incoming-response.status",
    "[method]incoming-response.headers",
    "[method]incoming-response.consume",
    "[method]incoming-body.stream",
    "[static]incoming-body.finish",
    "[method]future-trailers.subscribe",
    "[method]future-trailers.get",
    "[constructor]outgoing-response",
    "[method]outgoing-response.status-code",
    "[method]outgoing-response.set-status-code",
    "[method]outgoing-response.headers",
    "[method]outgoing-response.body",
    "[method]outgoing-body.write",
    "[static]outgoing-body.finish",
    "[method]future-incoming-response.subscribe",
    "[method]future-incoming-response.get",
];

pub(crate) fn add_to_linker(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    let mut types = linker.instance(TYPES)?;
    types.resource("fields", ResourceType::host::<Nothing<0>>(), |_, _| Ok(()))?;
    types.resource("incoming-request", ResourceType::host::<Nothing<1>>(), |_, _| Ok(()))?;
    types.resource("outgoing-request", ResourceType::host::<Nothing<2>>(), |_, _| Ok(()))?;
    types.resource("request-options", ResourceType::host::<Nothing<3>>(), |_, _| Ok(()))?;
    types.resource("response-outparam", ResourceType::host::<Nothing<4>>(), |_, _| Ok(()))?;
    types.resource("incoming-response", ResourceType::host::<Nothing<5>>(), |_, _| Ok(()))?;
    types.resource("incoming-body", ResourceType::host::<Nothing<6>>(), |_, _| Ok(()))?;
    types.resource("future-trailers", ResourceType::host::<Nothing<7>>(), |_, _| Ok(()))?;
    types.resource("outgoing-response", ResourceType::host::<Nothing<8>>(), |_, _| Ok(()))?;
    types.resource("outgoing-body", ResourceType::host::<Nothing<9>>(), |_, _| Ok(()))?;
    types.resource("future-incoming-response", ResourceType::host::<Nothing<10>>(), |_, _| Ok(()))?;
    for name in FUNCTIONS {
        types.func_new(name, |_, _, _, _| bail!("wasi:http is for delivery only"))?;
    }
    let mut handler = linker.instance(HANDLER)?;
    handler.func_new("handle", |_, _, _, _| bail!("wasi:http is for delivery only"))
}
