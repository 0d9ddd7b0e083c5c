//! What lets requests out to places that somebody else has named, as the operator has it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use muster_outbound::{Authorities, Options, Patience, Resolve, Sender, SystemResolver};

use crate::config::DeliveryConfig;
use crate::files::Told as _;

/// How long is waited for somebody who is told of events: they often work before they answer.
pub(crate) const FOR_RECEIVERS: Patience = Patience {
    connect: Duration::from_secs(5),
    first_byte: Duration::from_secs(15),
    between_bytes: Duration::from_secs(5),
};

/// `resolver`: who looks hosts up; the machine's own if it is not given.
pub(crate) fn sender(
    config: &DeliveryConfig,
    resolver: Option<Arc<dyn Resolve>>,
    patience: Patience,
) -> anyhow::Result<Sender> {
    let is_given = !config.ca_file.as_os_str().is_empty();
    let authorities = is_given.then(|| authorities(&config.ca_file)).transpose()?;
    let options = Options {
        authorities,
        private_networks: config.networks()?,
        hosts: config.places()?,
        resolver: resolver.unwrap_or_else(|| Arc::new(SystemResolver)),
        patience,
    };
    Sender::new(options).context("https cannot be spoken")
}

fn authorities(file: &Path) -> anyhow::Result<Authorities> {
    let pem = std::fs::read(file).of(file, "certificates of authorities in PEM")?;
    Authorities::parse(&pem).with_context(|| format!("configuration key `delivery.ca_file`: {}", file.display()))
}
