use muster_model::ResourceType;
use muster_protocol::schema::Registry;

/// Where one client finds resources: what `meta.location` and every `$ref` say to it, so that filters can compare them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Locations {
    base: String,
    endpoints: Vec<(ResourceType, String)>,
}

impl Locations {
    /// Of all kinds of a registry, below `base` (no slash at its end).
    pub fn new(base: &str, registry: &Registry) -> Self {
        let endpoints = registry.types.iter().map(|def| (ResourceType::new(&def.name), def.endpoint.clone()));
        Self { base: base.to_owned(), endpoints: endpoints.collect() }
    }

    /// The URL of a resource. One of a kind that is not served has none of its own, and is told below the base.
    pub fn of(&self, resource_type: &ResourceType, id: &str) -> String {
        let endpoint = self.endpoints.iter().find(|(kind, _)| kind == resource_type);
        format!("{}{}/{id}", self.base, endpoint.map_or("", |(_, endpoint)| endpoint.as_str()))
    }
}
