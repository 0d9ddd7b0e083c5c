//! Plugins, from the first line to the push: `new`, `build`, `test`, `check`, `inspect` work without a server.

mod build;
mod check;
mod component;
mod describe;
mod health;
mod heard;
mod inspect;
mod key;
mod keygen;
mod language;
mod list;
mod new;
mod owner;
mod publish;
mod pull;
mod push;
mod registry;
mod remove;
mod sdk;
mod shape;
mod sign;
mod signer;
mod tail;
mod templates;
mod test;
mod tried;
mod verify;
mod worst;

use anyhow::bail;
use clap::Subcommand;
use serde_json::Value;

use super::tenant::plain;
use component::{component, component_file};
pub(super) use health::of_class;

#[derive(Debug, Subcommand)]
pub(super) enum Plugin {
    /// Begins a plugin: a folder that builds, and passes its own tests
    New(new::New),
    /// Builds a plugin's folder into one component, with its cases in it
    Build(build::Build),
    /// Runs a plugin's cases as a server would, and shows what is not as they say
    Test(test::Test),
    /// Measures a component: contract, imports, size, time per call, memory
    Check(check::Check),
    /// Tells what a plugin says of itself: what it reads, keeps and wants
    Inspect(inspect::Inspect),
    /// Pushes a component, from a file or an OCI registry: it is checked, compiled, asked to describe itself, and kept
    Push(push::Push),
    /// Makes a key to sign plugins with
    Keygen(keygen::Keygen),
    /// Signs a component, and what it says of itself
    Sign(sign::Sign),
    /// Says who has signed a component, and whether it is still what was signed
    Verify(verify::Verify),
    /// Puts a component into an OCI registry, with its signature
    Publish(publish::Publish),
    /// Fetches a component from an OCI registry into a file
    Pull(pull::Pull),
    /// The keys whose signatures count, on a running server
    #[command(subcommand)]
    Key(key::Key),
    /// Whose a plugin's name is on a running server; with a key, hands it over
    Owner(owner::Owner),
    /// Removes a plugin that nobody uses from a running server
    Remove(remove::Remove),
    /// Shows what plugins have logged lately, on a running server
    Tail(tail::Tail),
    /// Tells how a tenant's plugin has fared: calls, failures, times, memory
    Health(health::Health),
    /// Lists all plugins of a running server
    List(list::List),
}

impl Plugin {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::New(new) => new.run(),
            Self::Build(build) => build.run(),
            Self::Test(test) => test.run().await,
            Self::Check(check) => check.run().await,
            Self::Inspect(inspect) => inspect.run().await,
            Self::Push(push) => push.run().await,
            Self::Tail(tail) => tail.run().await,
            Self::Health(health) => health.run().await,
            Self::List(list) => list.run().await,
            Self::Keygen(keygen) => keygen.run(),
            Self::Sign(sign) => sign.run().await,
            Self::Verify(verify) => verify.run().await,
            Self::Publish(publish) => publish.run().await,
            Self::Pull(pull) => pull.run().await,
            Self::Key(key) => key.run().await,
            Self::Owner(owner) => owner.run().await,
            Self::Remove(remove) => remove.run().await,
        }
    }
}

fn line(plugin: &Value) -> String {
    let (name, version) = (plain(&plugin["name"]), plain(&plugin["version"]));
    let (digest, pushed) = (plain(&plugin["digest"]), plain(&plugin["pushed"]));
    format!("{name:<24} {version:<10} sha256:{digest}   {} bytes   pushed {pushed}", plugin["size"])
}

/// A number of bytes as people say it.
fn bytes(count: u64) -> String {
    const KIB: u64 = 1 << 10;
    const MIB: u64 = 1 << 20;
    match count {
        0..KIB => format!("{count} bytes"),
        KIB..MIB => format!("{} KiB", count.div_ceil(KIB)),
        _ => format!("{}.{} MiB", count / MIB, count % MIB * 10 / MIB),
    }
}

/// `one case`, `3 cases`.
fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("one {what}") } else { format!("{count} {what}s") }
}

/// Refuses what is no name of a plugin.
fn check_name(name: &str) -> anyhow::Result<()> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let fits = name.len() <= MAX_NAME_BYTES
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(plain)
        && !name.ends_with('-')
        && !name.contains("--");
    if fits {
        return Ok(());
    }
    bail!(
        "a plugin's name is 1 to {MAX_NAME_BYTES} lower-case letters, digits and single '-', and begins with a letter; {name:?} is none"
    )
}

/// Bytes of the name of a plugin.
const MAX_NAME_BYTES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_as_people_say_them() {
        assert_eq!([0, 1023].map(bytes), ["0 bytes", "1023 bytes"]);
        assert_eq!([1 << 10, 54_321, (1 << 20) - 1].map(bytes), ["1 KiB", "54 KiB", "1024 KiB"]);
        assert_eq!([1 << 20, 18_507_779].map(bytes), ["1.0 MiB", "17.6 MiB"]);
    }

    #[test]
    fn a_name_is_one_that_a_package_can_have() {
        for name in ["a", "acme", "acme-2", &"a".repeat(64)] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", "Acme", "2acme", "-a", "a-", "a--b", "a_b", "ä", "../a", &"a".repeat(65)] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
