mod product;
mod samples;

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use muster_idp::{Client, sync};
use muster_model::Token;
use muster_service::{AdminError, NewGrants, NewPlugin, NewTenant, NewToken, Service};
use product::Product;
use samples::{Idp, SAMPLES, Sample};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::oneshot;

use super::say;
use super::serve::asked_to_stop;
use crate::app::{App, Overrides, this_program};
use crate::components::components;
use crate::config::{AdminConfig, Config, LogConfig, ScimConfig};
use crate::{directory_keys, keys, logging};

/// Serves a tenant of each vendor with sample data, to look at.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Where identity providers are served
    #[arg(long, default_value = "127.0.0.1:7600")]
    listen: SocketAddr,
    /// Where operators are served; without it, the port after --listen's, or any if that is taken
    #[arg(long)]
    admin_listen: Option<SocketAddr>,
    /// The folder that holds everything; made if there is none, gone on with if there is
    #[arg(long, default_value = "demo-data")]
    data: PathBuf,
    /// The folder of the plugins; without it, `plugins` beside this program
    #[arg(long)]
    plugins: Option<PathBuf>,
    /// The program of the example product, `vendor-app`: it is started as well, and shows what provisioning does to it
    #[arg(long, value_name = "PROGRAM")]
    product: Option<PathBuf>,
    /// The port of the product's page; without it, the second after --listen's, or any if that is taken
    #[arg(long, requires = "product")]
    product_port: Option<u16>,
    /// A configuration file as `muster serve` has it; its addresses, data folder and log are not looked at
    #[arg(long)]
    config: Option<PathBuf>,
    /// Print one JSON object a line, for scripts
    #[arg(long)]
    json: bool,
}

/// What the demo remembers, in a file beside the data. A real deployment keeps no token in readable form.
#[derive(Debug, Serialize, Deserialize)]
struct Remembered {
    admin_key: String,
    tenants: Vec<DemoTenant>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct DemoTenant {
    tenant: String,
    token: String,
    provisioned: bool,
}

/// How many people each sample company has.
const PEOPLE: usize = 12;

impl Demo {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let config = self.config()?;
        logging::start(&config.log)?;
        let stop = asked_to_stop()?;
        let memory = self.data.join("demo.json");
        let mut remembered = remember(&self.data, &memory)?;
        let product = self.start_product()?;
        let config = match &product {
            Some(product) => product.found_by(config)?,
            None => config,
        };
        let directory_key = directory_keys::newest(&config)?;
        let overrides = Overrides {
            admin_key: Some(Token::presented(&remembered.admin_key)),
            compiler: Some(this_program()?),
            ..Overrides::default()
        };
        let app = App::build(&config, overrides).await?;
        let (scim, admin) = (format!("http://{}", app.scim_addr()?), format!("http://{}", app.admin_addr()?));
        let service = app.service.clone();
        if product.is_none() {
            // Before the first task is carried out: what a product beside an earlier demo was sent is not for whoever has its hosts.
            for sample in SAMPLES.iter().filter(|sample| sample.has_product) {
                product::disconnect(&service, sample).await?;
            }
        }
        // Dropped when setting up has failed: then there is nothing to serve.
        let (set_up, set_up_failed) = oneshot::channel::<std::convert::Infallible>();
        let serving = app.run(async {
            tokio::select! {
                () = stop => {}
                _ = set_up_failed => {}
            }
        });
        let setting_up = async {
            let set_up = set_up;
            self.set_up(&service, &mut remembered, &memory, &scim, product.as_ref()).await?;
            if let Some(product) = &product {
                product.tell_where((&scim, &admin), &directory_key, &remembered.admin_key)?;
            }
            let directory_key = directory_key.key.as_ref().map_or("", Token::reveal);
            self.tell(&remembered, (&scim, &admin), directory_key, &service, product.as_ref()).await?;
            anyhow::Ok(set_up)
        };
        // What setting up returns is held until serving ends, by a signal.
        let (done, ()) = tokio::join!(setting_up, serving);
        done.map(drop)
    }

    /// Pushes the plugins, creates the tenants, has them provisioned: whatever of it was not done before.
    async fn set_up(
        &self,
        service: &Service,
        remembered: &mut Remembered,
        memory: &Path,
        scim: &str,
        product: Option<&Product>,
    ) -> anyhow::Result<()> {
        self.note(format_args!("pushing the plugins"));
        for file in components(&self.plugin_folder()?)? {
            let bytes = tokio::fs::read(&file).await.with_context(|| file.display().to_string())?;
            match service.push_plugin(bytes, NewPlugin::default()).await {
                Ok(_) => {}
                // It was built anew since: what this demo has pushed before goes on.
                Err(error @ AdminError::InUse(_)) => self.note(format_args!("{}: {error}", file.display())),
                Err(error) => return Err(error).with_context(|| format!("plugin {}", file.display())),
            }
        }
        for sample in SAMPLES {
            let tenant = sample.tenant;
            let known = remembered.tenants.iter().position(|known| known.tenant == tenant);
            let position = known.unwrap_or(remembered.tenants.len());
            if known.is_none() {
                let token = tenant_token(service, &sample).await?;
                remembered.tenants.push(DemoTenant { tenant: tenant.to_owned(), token, provisioned: false });
                keys::write_private(memory, &serde_json::to_vec_pretty(&remembered)?)?;
            }
            if let Some(product) = product.filter(|_| sample.has_product) {
                product.connect(service, &sample).await?;
            }
            if !remembered.tenants[position].provisioned {
                let base = format!("{scim}{}", service.show_tenant(tenant).await?.base_path);
                self.provision(&sample, &base, &remembered.tenants[position].token).await?;
                remembered.tenants[position].provisioned = true;
                keys::write_private(memory, &serde_json::to_vec_pretty(&remembered)?)?;
            }
        }
        Ok(())
    }

    fn config(&self) -> anyhow::Result<Config> {
        let given = Config::load(self.config.as_deref(), [])?;
        let mut config = Config {
            data: self.data.clone(),
            scim: ScimConfig { listen: self.listen, ..given.scim },
            admin: AdminConfig { listen: self.admin_addr(), on_scim_listener: true, ..given.admin },
            log: LogConfig::default(),
            ..given
        };
        // The demo's own lines are what a person wants to read; what goes wrong is still told.
        "warn".clone_into(&mut config.log.filter);
        Ok(config)
    }

    /// The product, if one is named.
    fn start_product(&self) -> anyhow::Result<Option<Product>> {
        let Some(program) = &self.product else { return Ok(None) };
        let second = self.listen.port().checked_add(2).filter(|_| self.listen.port() != 0);
        let free = second.filter(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok());
        let port = self.product_port.or(free).unwrap_or(0);
        Product::start(program, &self.data.join("product"), port).map(Some)
    }

    /// The given one; else the next port, if it is free; else any.
    fn admin_addr(&self) -> SocketAddr {
        let any = SocketAddr::new(self.listen.ip(), 0);
        let next = self.listen.port().checked_add(1).filter(|_| self.listen.port() != 0);
        let next = next.map(|port| SocketAddr::new(self.listen.ip(), port));
        let free = next.filter(|addr| std::net::TcpListener::bind(addr).is_ok());
        self.admin_listen.or(free).unwrap_or(any)
    }

    fn plugin_folder(&self) -> anyhow::Result<PathBuf> {
        if let Some(folder) = &self.plugins {
            return Ok(folder.clone());
        }
        let program = std::env::current_exe()?;
        let folder = program.parent().context("this program stands in a folder")?.join("plugins");
        if !folder.is_dir() {
            bail!(
                "there is no folder {}: build the plugins with `cargo xtask build`, or name them with --plugins",
                folder.display()
            );
        }
        Ok(folder)
    }

    async fn provision(&self, sample: &Sample, base: &str, token: &str) -> anyhow::Result<()> {
        let Sample { tenant, idp, .. } = *sample;
        let (people, mut groups) = muster_idp::sample(&format!("{tenant}.example.com"), PEOPLE);
        if !sample.has_groups {
            groups.clear();
        }
        let told = |progress: sync::Progress| {
            let (users, pushed) = (progress.created + progress.updated, progress.groups);
            let done = users == people.len() && pushed == groups.len();
            let line = format!(
                "{idp:?} provisions {tenant}: {users} of {} users, {pushed} of {} groups",
                people.len(),
                groups.len()
            );
            self.progress(&line, done);
        };
        match idp {
            Idp::Okta => sync::okta(&Client::okta(base, token), &people, &groups, told).await?,
            Idp::Entra => sync::entra(&Client::entra(base, token), &people, &groups, told).await?,
        };
        Ok(())
    }

    async fn tell(
        &self,
        remembered: &Remembered,
        (scim, admin): (&str, &str),
        directory_key: &str,
        service: &Service,
        product: Option<&Product>,
    ) -> anyhow::Result<()> {
        let (admin_base, directory_base) = (format!("{admin}/admin/v1"), format!("{admin}/directory/v1"));
        let (key, mut bases) = (&remembered.admin_key, Vec::new());
        for known in &remembered.tenants {
            let base = format!("{scim}{}", service.show_tenant(&known.tenant).await?.base_path);
            bases.push((known, base));
        }
        if self.json {
            for (known, base) in bases {
                say(json!({ "tenant": known.tenant, "scim_base": base, "token": known.token }))?;
            }
            say(json!({ "admin_base": admin_base, "admin_key": key }))?;
            say(json!({ "directory_base": directory_base, "directory_key": directory_key }))?;
            if let Some(product) = product {
                say(json!({ "product": product.page() }))?;
            }
            return say(json!({ "ready": true }));
        }
        for (known, base) in bases {
            say(format!("\n{}", known.tenant))?;
            say(format!("  SCIM base  {base}"))?;
            say(format!("  token      {}", known.token))?;
            say(format!("  try        curl -H 'Authorization: Bearer {}' '{base}/Users?count=2'", known.token))?;
        }
        if let Some(product) = product {
            say("\nproduct")?;
            say(format!("  look       {}   what provisioning has done to it", product.page()))?;
        }
        say("\noperator")?;
        say(format!("  admin API  {admin_base}"))?;
        say(format!("  admin key  {key}"))?;
        say(format!("  try        curl -H 'Authorization: Bearer {key}' {admin_base}/tenants"))?;
        say(format!("             curl -H 'Authorization: Bearer {key}' '{admin_base}/tenants/secoda-demo/tasks'"))?;
        say(format!("             curl {admin}/metrics"))?;
        say("\nthe product's backend")?;
        say(format!("  directory API  {directory_base}"))?;
        say(format!("  directory key  {directory_key}"))?;
        let accounts = format!("{directory_base}/tenants/secoda-demo/accounts");
        say(format!("  try            curl -H 'Authorization: Bearer {directory_key}' {accounts}"))?;
        say(format!(
            "\nServing from {}. Ctrl-C ends it; started again, it goes on with what is there.",
            self.data.display()
        ))
    }

    /// A line about what is being done, for people.
    fn note(&self, what: std::fmt::Arguments<'_>) {
        if !self.json {
            let _ = writeln!(std::io::stderr(), "{what}");
        }
    }

    /// A line that replaces itself on a terminal; elsewhere only the last of it is written.
    fn progress(&self, line: &str, done: bool) {
        let terminal = std::io::stderr().is_terminal();
        if self.json || (!terminal && !done) {
            return;
        }
        let (before, after) = (if terminal { "\r\x1b[K" } else { "" }, if done { "\n" } else { "" });
        // Progress that cannot be shown is no reason to stop.
        let _ = write!(std::io::stderr(), "{before}{line}{after}");
    }
}

/// What an earlier demo on this folder remembered; a new admin key if there was none.
fn remember(data: &Path, memory: &Path) -> anyhow::Result<Remembered> {
    match std::fs::read(memory) {
        Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| format!("{} is damaged", memory.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            if data.join("store").exists() {
                bail!("{} holds a deployment that is no demo; choose another folder with --data", data.display());
            }
            let others = std::fs::read_dir(data).into_iter().flatten().flatten();
            // What a demo leaves that was killed as it wrote its first file is its own.
            if others.map(|entry| entry.file_name()).any(|name| !name.to_string_lossy().starts_with("demo.")) {
                bail!("{} is not empty and holds no demo; choose another folder with --data", data.display());
            }
            let mut key = [0; 32];
            getrandom::fill(&mut key).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
            let remembered = Remembered { admin_key: hex::encode(key), tenants: Vec::new() };
            keys::write_private(memory, &serde_json::to_vec_pretty(&remembered)?)?;
            Ok(remembered)
        }
        Err(error) => Err(error).with_context(|| memory.display().to_string()),
    }
}

/// A token of the tenant, which is created unless an interrupted demo had created it.
async fn tenant_token(service: &Service, sample: &Sample) -> anyhow::Result<String> {
    if service.show_tenant(sample.tenant).await.is_ok() {
        let new = NewToken { label: "demo".to_owned(), ..NewToken::default() };
        return Ok(service.issue_token(sample.tenant, new).await?.token.reveal().to_owned());
    }
    let (name, plugin) = (sample.tenant.to_owned(), sample.plugin.to_owned());
    // What is granted reaches nobody without the secret that goes along, and only the product beside the demo has one.
    let new = NewTenant { name, plugin, config: sample.config(), grants: NewGrants::All };
    let (_, token) = service.create_tenant(new).await?;
    Ok(token.token.reveal().to_owned())
}
