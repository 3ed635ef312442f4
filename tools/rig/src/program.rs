//! Building the server.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::process::Command;
use tokio::sync::OnceCell;

const NAME: &str = "test-surrealdb";

/// The variables that cargo sets for tests only.
const TOLD_TO_TESTS: [&str; 9] = [
    "CARGO_BIN_",
    "CARGO_CRATE_",
    "CARGO_MANIFEST_",
    "CARGO_PKG_",
    "CARGO_PRIMARY_",
    "CARGO_TARGET_TMPDIR",
    "LD_LIBRARY_PATH",
    "OUT_DIR",
    "RUST_RECURSION_COUNT",
];

static PROGRAM: OnceCell<PathBuf> = OnceCell::const_new();

/// The server's program, built unless `DAYBOOK_TEST_SURREALDB` names it.
///
/// Both default members are selected for the build, as in any other, so that
/// everything but the program itself is there already.
///
/// # Errors
/// When it cannot be built.
pub async fn server_program() -> Result<&'static Path> {
    let program = PROGRAM.get_or_try_init(|| async {
        match env::var_os("DAYBOOK_TEST_SURREALDB") {
            Some(program) => Ok(PathBuf::from(program)),
            None => build().await,
        }
    });
    program.await.map(PathBuf::as_path)
}

async fn build() -> Result<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    // What cargo tells the tests of themselves, build scripts would take for a
    // change of theirs, and compile everything again.
    let told = |name: &str| TOLD_TO_TESTS.iter().any(|prefix| name.starts_with(prefix));
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(told) {
            build.env_remove(&name);
        }
    }
    let built = build
        .args(["build", "--locked", "--bin", NAME, "--message-format=json-render-diagnostics"])
        .current_dir(workspace)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .await
        .context("could not run cargo")?;
    if !built.status.success() {
        bail!("the test server could not be built: cargo ended with {}", built.status);
    }
    let messages = String::from_utf8_lossy(&built.stdout);
    messages.lines().find_map(executable).context("cargo built no test server")
}

/// The path of the program in a message of cargo.
fn executable(line: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(line).ok()?;
    let is_it = message.pointer("/target/name")? == NAME;
    let path = message.get("executable")?.as_str().filter(|_| is_it)?;
    Some(PathBuf::from(path))
}
