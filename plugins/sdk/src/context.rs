/// Where a call comes from.
#[derive(Debug, Clone)]
pub struct Context {
    pub(crate) tenant: String,
    pub(crate) request: String,
    pub(crate) now_ms: u64,
    pub(crate) config: Config,
}

impl Context {
    /// The tenant's name.
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// The request's id, as in the host's logs.
    pub fn request(&self) -> &str {
        &self.request
    }

    /// Milliseconds since 1970: the only clock there is, and the same for every call that one request makes.
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// The tenant's configuration of this plugin.
    pub fn config(&self) -> &Config {
        &self.config
    }
}

/// The tenant's configuration of this plugin. Pointers are RFC 6901: `/default_workspace`.
#[derive(Debug, Clone)]
pub struct Config {
    /// In tests; in the component the host keeps it.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) value: serde_json::Value,
}

impl Config {
    /// The text at the pointer, or the JSON of what is there if it is not text.
    #[cfg(not(target_family = "wasm"))]
    pub fn text(&self, pointer: &str) -> Option<String> {
        match self.value.pointer(pointer)? {
            serde_json::Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }

    /// The text at the pointer, or the JSON of what is there if it is not text.
    #[cfg(target_family = "wasm")]
    #[expect(clippy::unused_self, reason = "natively the configuration is in here")]
    pub fn text(&self, pointer: &str) -> Option<String> {
        crate::glue::config_get(pointer)
    }

    /// `true` or `false` at the pointer.
    pub fn boolean(&self, pointer: &str) -> Option<bool> {
        self.text(pointer)?.parse().ok()
    }

    /// The whole number at the pointer. `501.0` is one as well: for a JSON Schema it is the same number as `501`.
    pub fn integer(&self, pointer: &str) -> Option<i64> {
        let text = self.text(pointer)?;
        let digits = text.split_once('.').filter(|(_, zeros)| zeros.bytes().all(|digit| digit == b'0'));
        digits.map_or(text.as_str(), |(digits, _)| digits).parse().ok()
    }
}
