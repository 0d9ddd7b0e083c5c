use std::io;
use std::net::IpAddr;

use async_trait::async_trait;

/// Says which addresses a name has.
#[async_trait]
pub trait Resolve: Send + Sync + std::fmt::Debug {
    /// All of them, as they are now.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The machine's own.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
    }
}
