//! Who may name whom. The table is the one that the README tells; a crate that is not in it fails the test.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

/// The crates under `host/`, and which of ours each may name in what it ships.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("muster-protocol", &[]),
    ("muster-model", &["muster-protocol"]),
    ("muster-store", &["muster-model", "muster-protocol"]),
    ("muster-plugin", &["muster-model", "muster-protocol"]),
    ("muster-store-files", &["muster-store", "muster-model", "muster-protocol"]),
    ("muster-store-sled", &["muster-store", "muster-model", "muster-protocol"]),
    ("muster-plugin-wasmtime", &["muster-outbound", "muster-plugin", "muster-model", "muster-protocol"]),
    ("muster-service", &["muster-outbound", "muster-store", "muster-plugin", "muster-model", "muster-protocol"]),
    ("muster-http", &["muster-service", "muster-store", "muster-plugin", "muster-model", "muster-protocol"]),
    ("muster-delivery", &["muster-store", "muster-plugin", "muster-model", "muster-protocol"]),
    ("muster-idp", &["muster-protocol"]),
    ("muster-oci", &[]),
    ("muster-outbound", &["muster-model", "muster-protocol"]),
    (
        "muster",
        &[
            "muster-delivery",
            "muster-http",
            "muster-idp",
            "muster-model",
            "muster-oci",
            "muster-outbound",
            "muster-plugin",
            "muster-plugin-wasmtime",
            "muster-protocol",
            "muster-service",
            "muster-store",
            "muster-store-files",
            "muster-store-sled",
        ],
    ),
    ("xtask", &[]),
];

/// What `protocol` and the ports must be free of, so that they stay pure.
const PURE: &[&str] = &["muster-protocol", "muster-model", "muster-store", "muster-plugin", "muster-service"];
const IMPURE: &[&str] = &["axum", "hyper", "wasmtime", "wasmtime-wasi", "sled", "reqwest"];

fn metadata() -> Metadata {
    MetadataCommand::new().no_deps().exec().unwrap()
}

/// The normal dependencies of each package of the workspace.
fn shipped() -> BTreeMap<String, BTreeSet<String>> {
    let names = |package: cargo_metadata::Package| {
        let normal = package.dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Normal);
        (package.name.to_string(), normal.map(|dependency| dependency.name.clone()).collect())
    };
    metadata().packages.into_iter().map(names).collect()
}

fn folder_of(package: &cargo_metadata::Package, root: &str) -> String {
    let folder = package.manifest_path.parent().unwrap().as_str();
    folder.strip_prefix(root).unwrap().trim_start_matches('/').to_owned()
}

#[test]
fn a_host_crate_names_only_what_the_table_allows() {
    let metadata = metadata();
    let root = metadata.workspace_root.as_str().to_owned();
    let allowed: BTreeMap<&str, &[&str]> = MAY_NAME.iter().copied().collect();
    let ours: BTreeSet<String> = metadata.packages.iter().map(|package| package.name.to_string()).collect();

    let mut wrong = Vec::new();
    for package in &metadata.packages {
        if !folder_of(package, &root).starts_with("host/") {
            continue;
        }
        let Some(may) = allowed.get(package.name.as_str()) else {
            wrong.push(format!("{} is not in the table", package.name));
            continue;
        };
        for dependency in &package.dependencies {
            let counts = dependency.kind == DependencyKind::Normal && ours.contains(&dependency.name);
            if counts && !may.contains(&dependency.name.as_str()) {
                wrong.push(format!("{} names {}", package.name, dependency.name));
            }
        }
    }

    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn what_is_pure_names_no_engine_and_no_wire() {
    let shipped = shipped();
    for name in PURE {
        let found: Vec<_> = IMPURE.iter().filter(|impure| shipped[*name].contains(**impure)).collect();
        assert!(found.is_empty(), "{name} names {found:?}");
    }
    assert!(!shipped["muster-protocol"].contains("tokio"), "protocol is synchronous");
}

#[test]
fn only_the_server_names_adapters() {
    for (name, dependencies) in shipped() {
        let names_one = ["muster-store-files", "muster-store-sled", "muster-plugin-wasmtime"]
            .iter()
            .any(|it| dependencies.contains(*it));
        assert!(!names_one || name == "muster", "{name} names an adapter");
    }
}

#[test]
fn plugins_name_the_sdk_and_nothing_under_host() {
    let metadata = metadata();
    let root = metadata.workspace_root.as_str().to_owned();
    let host: BTreeSet<String> = MAY_NAME.iter().map(|(name, _)| (*name).to_owned()).collect();
    let mut plugins = 0;
    for package in metadata.packages.iter().filter(|package| folder_of(package, &root).starts_with("plugins/")) {
        plugins += 1;
        for dependency in &package.dependencies {
            assert!(!host.contains(&dependency.name), "{} names {}", package.name, dependency.name);
        }
    }
    assert!(plugins >= 4, "the sdk and three plugins");
}

#[test]
fn only_app_rs_names_sled_and_wasmtime_adapters() {
    let root = metadata().workspace_root;
    let sources = root.join("host/server/src");
    let mut naming = Vec::new();
    let mut folders = vec![sources.clone().into_std_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let adapters = ["muster_store_files", "muster_store_sled", "muster_plugin_wasmtime"];
                if adapters.iter().any(|adapter| text.contains(adapter)) {
                    naming.push(path.strip_prefix(&sources).unwrap().to_string_lossy().into_owned());
                }
            }
        }
    }
    assert_eq!(naming, ["app.rs"]);
}
