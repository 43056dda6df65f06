//! What Cargo and rustup set for this process, and what a generator that is built with Cargo must not get.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Whether Cargo or rustup set a variable for this process. Such variables would determine the toolchain and the
/// package of a generator that is built in Rust. Variables with which a user configures Cargo (`CARGO_HOME`,
/// `CARGO_NET_…`) stay.
/// <https://doc.rust-lang.org/cargo/reference/environment-variables.html>,
/// <https://rust-lang.github.io/rustup/environment-variables.html>
pub fn is_of_cargo(name: &str, value: &Path) -> bool {
    const NAMES: [&str; 9] = [
        "CARGO",
        "CARGO_BIN_NAME",
        "CARGO_CRATE_NAME",
        "CARGO_PRIMARY_PACKAGE",
        "CARGO_TARGET_TMPDIR",
        "RUSTUP_TOOLCHAIN",
        "RUSTUP_TOOLCHAIN_SOURCE",
        "RUSTUP_TOOLCHAIN_DIR",
        "RUST_RECURSION_COUNT",
    ];
    const STARTS: [&str; 3] = ["CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_BIN_EXE_"];
    // The name is so common that a user may set it: `target/debug/build/PACKAGE-HASH/out` is Cargo's.
    let is_out = || {
        let build = value.parent().and_then(Path::parent).and_then(Path::file_name);
        value.ends_with("out") && build.is_some_and(|name| name == "build")
    };
    NAMES.contains(&name)
        || STARTS.iter().any(|start| name.starts_with(start))
        || name == "OUT_DIR" && is_out()
}

/// Variables to which Cargo adds its own folders, so that a program finds the libraries that it was built with.
pub const LIBRARY_PATHS: [&str; 3] =
    ["LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH"];

/// The folders that contain what Cargo and rustup add to such a list: this program's own, and the toolchains.
pub fn cargo_folders(variables: &[(OsString, OsString)]) -> Vec<PathBuf> {
    let variable = |name: &str| {
        let found = variables.iter().find(|(found, value)| found == name && !value.is_empty());
        found.map(|(_, value)| PathBuf::from(value))
    };
    let program = std::env::current_exe().ok();
    let own = program.and_then(|program| program.parent().map(Path::to_owned));
    let rustup = variable("RUSTUP_HOME").or_else(|| Some(variable("HOME")?.join(".rustup")));
    own.into_iter().chain(rustup.map(|home| home.join("toolchains"))).collect()
}

/// A list of folders without those below `left_out`; `None` if none of them is in the list.
pub fn without(list: &OsStr, left_out: &[PathBuf]) -> Option<OsString> {
    let folders = || std::env::split_paths(list);
    let stays = |folder: &PathBuf| !left_out.iter().any(|own| folder.starts_with(own));
    if folders().all(|folder| stays(&folder)) {
        return None;
    }
    std::env::join_paths(folders().filter(stays)).ok()
}
