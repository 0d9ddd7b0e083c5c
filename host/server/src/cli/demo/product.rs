//! The product beside the demo: `examples/vendor-app` in a process of its own, which ends when this one does.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context, bail};
use muster_model::{Payload, Token};
use muster_outbound::Authorities;
use muster_service::{AdminError, GoneSecret, NewSecret, NewWebhook, Service, WebhookView};
use serde::Deserialize;
use serde_json::{Map, json};

use super::samples::{SAMPLES, Sample};
use crate::config::Config;
use crate::directory_keys::Newest;
use crate::files::Told as _;
use crate::keys;

/// The webhook that tells the product what happens.
const WEBHOOK: &str = "product";

/// The host of the product's webhooks.
const HOST: &str = "product.example";

/// A product that runs until this is dropped.
pub(super) struct Product {
    told: Told,
    keys: Keys,
    child: Child,
    /// It ends when this does: also where this process is killed.
    _held: Option<ChildStdin>,
}

/// What the program says when it is ready.
#[derive(Deserialize)]
struct Told {
    page: String,
    api: String,
    hosts: Vec<String>,
    ca_file: PathBuf,
    keys_file: PathBuf,
}

/// What it and Muster know each other by, by plugin.
#[derive(Deserialize)]
struct Keys {
    api: BTreeMap<String, String>,
    webhooks: BTreeMap<String, String>,
}

impl Drop for Product {
    fn drop(&mut self) {
        // It may have ended before, by the same Ctrl-C.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Product {
    /// Starts it on a folder, and waits until it says where it is.
    pub(super) fn start(program: &Path, data: &Path, page_port: u16) -> anyhow::Result<Self> {
        let mut command = Command::new(program);
        let page_port = page_port.to_string();
        // The configuration is made after it: any port will do for what Muster calls.
        let ports = ["--page-port", &page_port, "--api-port", "0"];
        command.arg("--data").arg(data).args(ports).args(["--json", "--until-stdin-ends"]);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("the product {}", program.display()))?;
        let (held, stdout) = (child.stdin.take(), child.stdout.take());
        let ready = stdout.context("its output is read").and_then(|stdout| {
            let mut line = String::new();
            if BufReader::new(stdout).read_line(&mut line)? == 0 {
                bail!("it has ended, and has said why");
            }
            let told: Told = serde_json::from_str(&line)?;
            let keys = serde_json::from_slice(&std::fs::read(&told.keys_file)?)?;
            Ok((told, keys))
        });
        match ready {
            Ok((told, keys)) => Ok(Self { told, keys, child, _held: held }),
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(error).with_context(|| format!("the product {} does not say that it is ready", program.display()))
            }
        }
    }

    /// Where a person looks.
    pub(super) fn page(&self) -> &str {
        &self.told.page
    }

    /// The same deployment, which also finds the product by its hosts and trusts it.
    pub(super) fn found_by(&self, mut config: Config) -> anyhow::Result<Config> {
        config.delivery.ca_file = trusting(&config.delivery.ca_file, &self.told.ca_file)?;
        for host in &self.told.hosts {
            config.delivery.hosts.insert(host.clone(), self.told.api.clone());
        }
        Ok(config)
    }

    /// Tells it where to say what people do in it: the directory API, and the file with its keys, which are others one day. It is the vendor's
    /// backend as well, so it has the admin key, by which its people make SCIM keys.
    pub(super) fn tell_where(&self, (scim, admin): (&str, &str), key: &Newest, admin_key: &str) -> anyhow::Result<()> {
        let tenants = SAMPLES.iter().filter(|sample| sample.has_product);
        let tenants: Map<_, _> = tenants.map(|sample| (sample.plugin.to_owned(), json!(sample.tenant))).collect();
        let folder = self.told.keys_file.parent().context("the product's files stand in a folder")?;
        let (key, key_file) = match &key.file {
            Some(file) => (None, Some(file)),
            None => (key.key.as_ref().map(Token::reveal), None),
        };
        let admin_key_file = folder.join("admin.key");
        keys::write_private(&admin_key_file, admin_key.as_bytes())?;
        let muster = json!({
            "directory": format!("{admin}/directory/v1"), "key": key, "key_file": key_file, "tenants": tenants,
            "admin": format!("{admin}/admin/v1"), "admin_key_file": admin_key_file, "scim": scim,
        });
        keys::write_private(&folder.join("muster.json"), muster.to_string().as_bytes())
    }

    /// Has a tenant call the product and tell it what happens, unless it does already.
    pub(super) async fn connect(&self, service: &Service, sample: &Sample) -> anyhow::Result<()> {
        let missing = || format!("the product has no key for {}", sample.plugin);
        let known = webhook_of(service, sample).await?;
        let is_told = known.as_ref().is_some_and(|webhook| webhook.is_on);
        // The webhook comes before the secret, and goes after it: where it is on, [`disconnect`] looks for the secret.
        if known.is_none() {
            let key = self.keys.webhooks.get(sample.plugin).with_context(missing)?.clone();
            let webhook = NewWebhook {
                name: WEBHOOK.to_owned(),
                url: format!("https://{HOST}/webhooks/{}", sample.plugin),
                events: Vec::new(),
                payload: Payload::Full,
                batch: None,
                is_braked: None,
                key: Some(key),
            };
            service.add_webhook(sample.tenant, webhook).await?;
        } else if !is_told {
            service.turn_webhook(sample.tenant, WEBHOOK, true).await?;
        }
        let Some(name) = sample.secret else { return Ok(()) };
        let secrets = service.secrets(sample.tenant)?.secrets;
        if !is_told || !secrets.iter().any(|secret| secret.name.as_str() == name) {
            let value = self.keys.api.get(sample.plugin).with_context(missing)?.clone();
            service.set_secret(sample.tenant, NewSecret { name: name.to_owned(), value }).await?;
        }
        Ok(())
    }
}

/// Has a tenant that was connected to a product call nobody any more: without the secret its plugin sends nothing. What the product would
/// be told waits until it is there again.
pub(super) async fn disconnect(service: &Service, sample: &Sample) -> anyhow::Result<()> {
    let known = webhook_of(service, sample).await?;
    // A secret that was set without a product is an operator's own.
    if !known.is_some_and(|webhook| webhook.is_on) {
        return Ok(());
    }
    if let Some(name) = sample.secret {
        match service.remove_secret(sample.tenant, &GoneSecret { name: name.to_owned() }).await {
            Ok(_) | Err(AdminError::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    service.turn_webhook(sample.tenant, WEBHOOK, false).await?;
    Ok(())
}

/// The webhook that tells the product, if the tenant is there and has one.
async fn webhook_of(service: &Service, sample: &Sample) -> anyhow::Result<Option<WebhookView>> {
    match service.show_webhook(sample.tenant, WEBHOOK).await {
        Ok(webhook) => Ok(Some(webhook)),
        Err(AdminError::NotFound(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A file with the authorities of the configuration's and of the product's: the product's own, if the configuration has none.
fn trusting(configured: &Path, product: &Path) -> anyhow::Result<PathBuf> {
    if configured.as_os_str().is_empty() {
        return Ok(product.to_owned());
    }
    let mut all = std::fs::read(configured).of(configured, "certificates of authorities in PEM")?;
    // Told of the file that somebody has named, and not of the one that is made here.
    Authorities::parse(&all)
        .with_context(|| format!("configuration key `delivery.ca_file`: {}", configured.display()))?;
    all.push(b'\n');
    all.extend(std::fs::read(product).of(product, "the product's authority")?);
    let both = product.with_file_name("authorities.pem");
    std::fs::write(&both, all).written(&both)?;
    Ok(both)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of nobody: its key was thrown away.
    const AUTHORITY: &str = "\
-----BEGIN CERTIFICATE-----
MIIBcDCCARegAwIBAgIUP+YF9gN0UGHMCBZUGyp4bxv1DSwwCgYIKoZIzj0EAwIw
DTELMAkGA1UEAwwCY2EwIBcNMjYxMTIzMDkyNzE3WhgPMjEyNjEwMzAwOTI3MTda
MA0xCzAJBgNVBAMMAmNhMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEipVltOqr
RTOEXy2wSOPT/mIkLNSOlTal5fK8hR36zduN7QF5Zolrwf4lD+Lcxa1le9vjja4J
gdioKkMishVkZ6NTMFEwHQYDVR0OBBYEFBVUBf1qgE3Zj8WO4hm5cwx+Y/BMMB8G
A1UdIwQYMBaAFBVUBf1qgE3Zj8WO4hm5cwx+Y/BMMA8GA1UdEwEB/wQFMAMBAf8w
CgYIKoZIzj0EAwIDRwAwRAIgBVzmCezAJDNjS9x8d40M2h2ElyOa9SCTlzvsclyP
NNMCIB8Re3KSqby/gOUtQXLxg/dMvBuzV7VCNTo8vSGpPKEe
-----END CERTIFICATE-----
";

    #[test]
    fn the_configurations_authorities_are_trusted_beside_the_products() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        let (own, product) = (place("own.pem"), place("authority.pem"));
        // An editor may leave the end of the last line out.
        std::fs::write(&own, AUTHORITY.trim_end()).unwrap();
        std::fs::write(&product, AUTHORITY).unwrap();

        let both = trusting(&own, &product).unwrap();

        let parsed = Authorities::parse(&std::fs::read(&both).unwrap()).unwrap();
        assert_eq!(format!("{parsed:?}"), "Authorities(2)");
        assert_eq!(std::fs::read_to_string(&product).unwrap(), AUTHORITY, "what the product has written stays");
        assert_eq!(trusting(Path::new(""), &product).unwrap(), product);
    }

    #[test]
    fn authorities_that_cannot_be_read_are_told_of_by_the_configurations_name() {
        let folder = tempfile::tempdir().unwrap();
        let (own, product) = (folder.path().join("own.pem"), folder.path().join("authority.pem"));
        std::fs::write(&product, AUTHORITY).unwrap();
        let refused = || format!("{:#}", trusting(&own, &product).unwrap_err());
        assert!(refused().contains("own.pem"), "{}", refused());
        std::fs::write(&own, "nothing").unwrap();
        assert!(refused().starts_with("configuration key `delivery.ca_file`: "), "{}", refused());
    }
}
