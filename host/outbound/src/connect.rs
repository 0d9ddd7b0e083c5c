//! From a name to a connection with whoever has it.

use std::net::{IpAddr, SocketAddr};

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::address::not_public;
use crate::limits::MAX_ADDRESSES;
use crate::sender::Inner;
use crate::trust;
use crate::{Destination, SendError};

impl Inner {
    /// A connection over TLS, with a certificate for the very name.
    pub(crate) async fn connect(&self, to: &Destination) -> Result<TlsStream<TcpStream>, SendError> {
        let places = match self.hosts.get(to.host()) {
            Some(place) => vec![SocketAddr::new(place.address, place.port.unwrap_or(to.port()))],
            None => self.addresses(to.host()).await?.into_iter().map(|it| SocketAddr::new(it, to.port())).collect(),
        };
        let stream = self.reach(to, &places).await?;
        let host = || to.host().to_owned();
        let late =
            || SendError::Late { host: host(), what: "shake hands", limit_ms: self.patience.connect.as_millis() };
        let name = ServerName::try_from(host());
        let name =
            name.map_err(|_| SendError::Destination("its host has no name that a certificate could have".into()))?;
        let secured = TlsConnector::from(self.tls.clone()).connect(name, stream);
        timeout(self.patience.connect, secured).await.map_err(|_| late())?.map_err(|error| {
            match trust::refused(&error) {
                Some(why) => SendError::Certificate { host: host(), why: why.to_owned() },
                None => SendError::Unconnected { host: host(), why: "it does not speak TLS as it should".to_owned() },
            }
        })
    }

    /// The addresses of a host, looked up once and checked: one that is not public refuses all of them, because whoever says such a thing
    /// of a name does not mean the others.
    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, SendError> {
        let unresolved = || SendError::Unresolved { host: host.to_owned() };
        let limit_ms = self.patience.connect.as_millis();
        let late = || SendError::Late { host: host.to_owned(), what: "have its name looked up", limit_ms };
        let found = timeout(self.patience.connect, self.resolver.resolve(host)).await.map_err(|_| late())?;
        let mut addresses = found.map_err(|_| unresolved())?;
        for address in addresses.iter().copied() {
            let is_excepted = self.private_networks.iter().any(|network| network.has(address));
            if let Some(whose) = not_public(address).filter(|_| !is_excepted) {
                return Err(SendError::NotPublic { host: host.to_owned(), address, whose });
            }
        }
        addresses.dedup();
        addresses.truncate(MAX_ADDRESSES);
        if addresses.is_empty() { Err(unresolved()) } else { Ok(addresses) }
    }

    /// The first of these places where somebody is, all within one time.
    async fn reach(&self, to: &Destination, places: &[SocketAddr]) -> Result<TcpStream, SendError> {
        let until = Instant::now() + self.patience.connect;
        let mut why = "it has no address".to_owned();
        for place in places {
            match timeout_at(until, TcpStream::connect(place)).await {
                Ok(Ok(stream)) => {
                    // An answer does not wait for more of the request; where that cannot be said, it waits.
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Ok(Err(error)) => why = error.kind().to_string(),
                Err(_) => {
                    let limit_ms = self.patience.connect.as_millis();
                    return Err(SendError::Late { host: to.host().to_owned(), what: "take a connection", limit_ms });
                }
            }
        }
        Err(SendError::Unconnected { host: to.host().to_owned(), why })
    }
}
