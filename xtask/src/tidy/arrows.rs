//! Who may depend on whom: floors, from `cargo metadata`.

use super::Sin;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// Floors from the ground up; a crate sees lower floors only, never its own.
const FLOORS: [&[&str]; 6] = [
    &["base"],
    &["sdp", "rtp", "audio", "seal", "sip", "media", "ivr", "queue", "recorder", "appeals"],
    &["phone", "switch"],
    &["net", "store", "web", "sim", "load"],
    &["senim"],
    &["xtask", "fuzz"],
];

/// Neighbours that may be seen all the same: the media machine works on the bytes beside it.
const NEIGHBOURS: [(&str, &[&str]); 1] = [("media", &["sdp", "rtp", "audio"])];

/// Nobody depends on these.
const LEAVES: [&str; 4] = ["sim", "load", "xtask", "fuzz"];

/// Outside crates that bring sockets, files, clocks, threads or chance with them.
const WORLDLY: [&str; 15] = [
    "axum",
    "fastrand",
    "getrandom",
    "libc",
    "mio",
    "notify",
    "rand",
    "reqwest",
    "signal-hook",
    "sled",
    "smol",
    "socket2",
    "tokio",
    "ureq",
    "async-std",
];

/// One crate as metadata tells of it.
#[derive(Debug)]
pub(super) struct Crate {
    /// Without `senim-`.
    pub(super) name: String,
    pub(super) manifest: String,
    /// Every dependency: its name, and whether only tests see it.
    dependencies: Vec<(String, bool)>,
}

/// Whether a crate stands below the edges, where nothing touches the world. The simulator decides as little as the
/// edges but keeps the same rules, or its runs would not repeat.
pub(super) fn is_below_the_edges(name: &str) -> bool {
    floor(name).is_some_and(|floor| floor < 3) || name == "sim"
}

fn floor(name: &str) -> Option<usize> {
    FLOORS.iter().position(|crates| crates.contains(&name))
}

/// Asks cargo for the workspace's crates.
pub(super) fn read(root: &Path) -> Result<Vec<Crate>, String> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .current_dir(root)
        .output()
        .map_err(|why| format!("cannot run `cargo metadata`: {why}; is cargo on the PATH?"))?;
    if !output.status.success() {
        return Err(format!("`cargo metadata` failed:\n{}", String::from_utf8_lossy(&output.stderr)));
    }
    let json: Value = serde_json::from_slice(&output.stdout)
        .map_err(|why| format!("`cargo metadata` printed something else than JSON: {why}"))?;
    Ok(crates(&json, root))
}

fn crates(json: &Value, root: &Path) -> Vec<Crate> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let short = |name: String| name.strip_prefix("senim-").map_or(name.clone(), str::to_owned);
    let ours = |package: &Value| {
        let manifest = text(&package["manifest_path"]);
        let manifest =
            Path::new(&manifest).strip_prefix(root).unwrap_or(Path::new(&manifest)).display().to_string();
        let dependencies = list(&package["dependencies"]);
        let dependencies = dependencies.iter().map(|d| {
            let name = text(&d["name"]);
            // Only crates of the house are told by their short names, so that `base` of others is not ours.
            let name = if name.starts_with("senim") { name } else { format!("/{name}") };
            (name, d["kind"].as_str() == Some("dev"))
        });
        Crate { name: short(text(&package["name"])), manifest, dependencies: dependencies.collect() }
    };
    list(&json["packages"]).iter().map(ours).collect()
}

/// Every arrow that points where it must not.
pub(super) fn check(crates: &[Crate]) -> Vec<Sin> {
    crates.iter().flat_map(check_one).collect()
}

fn check_one(from: &Crate) -> Vec<Sin> {
    let sin = |what: String| Sin { file: from.manifest.clone(), line: 0, what };
    let Some(floor_from) = floor(&from.name) else {
        return vec![sin(format!("crate {} stands on no floor: add it to FLOORS in xtask", from.name))];
    };
    let mut sins = Vec::new();
    for (to, only_tests) in &from.dependencies {
        if let Some(outside) = to.strip_prefix('/') {
            if is_below_the_edges(&from.name) && !only_tests && WORLDLY.contains(&outside) {
                sins.push(sin(format!("{} is below the edges and must not depend on {outside}", from.name)));
            }
            continue;
        }
        let to = to.strip_prefix("senim-").unwrap_or(to);
        let neighbour = NEIGHBOURS.iter().any(|(name, seen)| *name == from.name && seen.contains(&to));
        if LEAVES.contains(&to) {
            sins.push(sin(format!("{} depends on {to}, on which nobody may depend", from.name)));
        } else if floor(to).is_none_or(|floor_to| floor_to >= floor_from) && !neighbour {
            sins.push(sin(format!(
                "{} depends on {to}, which is not on a lower floor: join them one floor up",
                from.name
            )));
        }
    }
    sins
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sins of a crate with these dependencies; `+name` only for tests.
    fn sins(name: &str, dependencies: &[&str]) -> Vec<String> {
        let dependency = |d: &&str| match d.strip_prefix('+') {
            Some(name) => serde_json::json!({ "name": name, "kind": "dev" }),
            None => serde_json::json!({ "name": d, "kind": null }),
        };
        let dependencies: Vec<Value> = dependencies.iter().map(dependency).collect();
        let manifest = format!("/house/crates/{name}/Cargo.toml");
        let package =
            serde_json::json!({ "name": name, "manifest_path": manifest, "dependencies": dependencies });
        let crates = crates(&serde_json::json!({ "packages": [package] }), Path::new("/house"));
        check(&crates).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn arrows_that_point_down_are_well() {
        assert!(sins("senim-sip", &["senim-base", "serde", "+proptest"]).is_empty());
        assert!(sins("senim-media", &["senim-base", "senim-sdp", "senim-rtp", "senim-audio"]).is_empty());
        assert!(sins("senim-switch", &["senim-sip", "senim-media", "senim-seal", "senim-queue"]).is_empty());
        assert!(sins("senim-net", &["senim-sip", "senim-switch", "tokio"]).is_empty());
        assert!(sins("senim-sim", &["senim-phone", "senim-switch"]).is_empty());
        assert!(sins("senim", &["senim-net", "senim-store", "senim-web", "tokio"]).is_empty());
        assert!(sins("xtask", &["senim-audio", "serde_json"]).is_empty());
        assert!(sins("senim-sip", &["+tokio"]).is_empty());
    }

    #[test]
    fn every_other_arrow_bites() {
        for (from, to) in [
            ("senim-base", "senim-sdp"),
            ("senim-sip", "senim-sdp"),
            ("senim-sdp", "senim-rtp"),
            ("senim-queue", "senim-sip"),
            ("senim-recorder", "senim-seal"),
            ("senim-media", "senim-sip"),
            ("senim-ivr", "senim-switch"),
            ("senim-phone", "senim-switch"),
            ("senim-switch", "senim-store"),
            ("senim-net", "senim-store"),
            ("senim-web", "senim-net"),
            ("senim-store", "senim"),
            ("senim", "senim-sim"),
            ("senim", "senim-load"),
            ("senim-load", "senim-sim"),
            ("senim-switch", "+senim-sim"),
            ("senim-sip", "+senim-queue"),
            ("senim-sip", "tokio"),
            ("senim-sim", "rand"),
            ("senim-sip", "senim-cellar"),
        ] {
            assert_eq!(sins(from, &[to]).len(), 1, "{from} -> {to}");
        }
        assert_eq!(
            sins("senim-cellar", &[]),
            ["crates/senim-cellar/Cargo.toml: crate cellar stands on no floor: add it to FLOORS in xtask"]
        );
    }
}
