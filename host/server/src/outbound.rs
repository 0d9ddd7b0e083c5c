//! What lets requests out to places that somebody else has named, as the operator has it.

use std::path::Path;

use anyhow::Context as _;
use muster_outbound::{Authorities, Options, Sender};

use crate::config::DeliveryConfig;
use crate::files::Told as _;

pub(crate) fn sender(config: &DeliveryConfig) -> anyhow::Result<Sender> {
    let is_given = !config.ca_file.as_os_str().is_empty();
    let authorities = is_given.then(|| authorities(&config.ca_file)).transpose()?;
    let options =
        Options { authorities, private_networks: config.networks()?, hosts: config.places()?, ..Options::default() };
    Sender::new(options).context("https cannot be spoken")
}

fn authorities(file: &Path) -> anyhow::Result<Authorities> {
    let pem = std::fs::read(file).of(file, "certificates of authorities in PEM")?;
    Authorities::parse(&pem).with_context(|| format!("configuration key `delivery.ca_file`: {}", file.display()))
}
