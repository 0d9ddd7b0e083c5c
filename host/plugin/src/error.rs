use muster_protocol::ScimType;

/// A plugin's considered "no": the IdP is told so in the plugin's words, and nothing is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// 400, 403, 404, 409, 413, 422 or 429.
    pub status: u16,
    /// RFC 7644 table 9.
    pub scim_type: Option<ScimType>,
    /// At most 1024 bytes.
    pub detail: String,
}

/// Why a call gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// It gave one: no.
    #[error("rejected: {}", .0.detail)]
    Rejected(Rejection),
    /// It trapped: a panic, an unreachable, a division by zero, a stack overflow, a denied capability.
    #[error("the plugin trapped in {function}: {cause}")]
    Trapped {
        /// The contract's name of what was called: `mapping.to-account`.
        function: &'static str,
        /// For the operator's log; never for the IdP.
        cause: String,
    },
    /// It did not answer in time: so much time of the processor, or much more on the wall.
    #[error("the plugin did not answer {function} within {limit_ms} ms")]
    Deadline {
        /// What was called.
        function: &'static str,
        /// The limit.
        limit_ms: u64,
    },
    /// It wanted more than it may have.
    #[error("the plugin reached the limit {limit} in {function}")]
    Limit {
        /// What was called.
        function: &'static str,
        /// The name of the limit.
        limit: &'static str,
    },
    /// What it answered breaks the contract.
    #[error("the plugin's answer to {function} is not valid: {problem}")]
    Invalid {
        /// What was called.
        function: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The host has no room for one more instance: not the plugin's fault.
    #[error("the host runs as many plugin instances as it can")]
    Busy,
}

/// Characters of a sentence about a component that are told.
const MAX_TOLD_CHARS: usize = 1_024;

/// A sentence in which words of a component stand, whose author is not known: on one line, and without what a terminal would obey.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_TOLD_CHARS).collect()
}

/// Why bytes are not a plugin.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// More bytes than a plugin may have.
    #[error("the plugin has {size} bytes, more than the {limit} that are allowed")]
    TooLarge {
        /// How many it has.
        size: u64,
        /// How many it may have.
        limit: u64,
    },
    /// Not a component, or not a valid one.
    #[error("not a WebAssembly component: {}", plain(.0))]
    NotAComponent(String),
    /// Asks for what the contract does not grant.
    #[error("the plugin imports {}, which Muster does not grant", plain(.0))]
    Import(String),
    /// Does not export what it must, or with another type.
    #[error("the plugin does not fit the contract: {}", plain(.0))]
    Contract(String),
    /// Built for a version of the contract that this host does not speak.
    #[error("the plugin is built for muster:plugin@{asked}, and this host serves muster:plugin@{known}")]
    Version {
        /// Which one it is built for.
        asked: String,
        /// Which ones there are.
        known: String,
    },
    /// To compile it takes more than that may take.
    #[error("the plugin could not be compiled: {}", plain(.0))]
    Compile(String),
    /// Says something of itself that cannot be.
    #[error("the plugin's manifest is not valid: {}", plain(.0))]
    Manifest(String),
    /// Did not survive describing itself.
    #[error("the plugin failed to describe itself: {0}")]
    Describe(#[source] PluginError),
    /// The host's own trouble, such as a compile cache that cannot be opened.
    #[error("the plugin could not be loaded")]
    Host(#[source] Box<dyn std::error::Error + Send + Sync>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_component_calls_itself_is_told_on_one_line_and_moves_no_terminal() {
        let name = format!("unknown import `out\x1b[31m\nstre{}`", "a".repeat(5_000));
        for error in
            [LoadError::NotAComponent(name.clone()), LoadError::Contract(name.clone()), LoadError::Compile(name)]
        {
            let told = error.to_string();
            assert!(!told.chars().any(char::is_control) && told.contains("out [31m stre"), "{told}");
            assert!(told.len() < MAX_TOLD_CHARS + 64);
        }
    }
}
