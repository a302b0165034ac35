//! What the macro costs while a crate compiles.
//!
//! `cargo run --release -p cnn-benches --bin expansion` prints the time to expand ResNet-152, and wrong declarations of
//! it, for which fixes are searched, with the macro optimized, the same for an ordinary debug build (it runs itself again in that profile), and what one network
//! adds to `cargo check`. Medians; the two sides of a difference are interleaved.

#![allow(unreachable_pub, dead_code, reason = "the macro's modules are written for another crate")]

#[path = "../cnn-macros/src/bridge.rs"]
mod bridge;
#[path = "../cnn-macros/src/emit.rs"]
mod emit;
#[path = "../cnn-macros/src/expand.rs"]
mod expand;
#[path = "../cnn-macros/src/lower/mod.rs"]
mod lower;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const RESNET152: &str = "
    pub ResNet152<CLASSES = 1000>: 3x224x224 -> CLASSES {
        block Bottleneck(c) {
            residual {
                conv1: conv1-c bn1: bn relu
             -> conv2: conv3-c/stride bn2: bn relu
             -> conv3: conv1-(4*c) bn3: bn
            }
            else downsample: (conv1-(4*c)/stride bn)
            relu
        }
        conv1: conv7-64/2 bn1: bn relu -> pool3/2(pad=1)
     -> layer1: Bottleneck(64)  x3
     -> layer2: Bottleneck(128) x8/2
     -> layer3: Bottleneck(256) x36/2
     -> layer4: Bottleneck(512) x3/2
     -> gap -> fc: fc-CLASSES
    }";

/// Mistakes, in the layers, in what is stated, at the ends.
const MISTAKES: [(&str, &str); 10] = [
    ("conv3-c/stride", "conv3-c/stride(valid)"),
    ("conv3-c/stride", "conv4-c/stride"),
    ("conv1-(4*c)/stride", "conv1-(3*c)/stride"),
    ("conv1-(4*c)/stride", "conv1-(4*c)"),
    ("conv3: conv1-(4*c)", "conv3: conv1-(4*c)(groups=3)"),
    ("else downsample: (conv1-(4*c)/stride bn)", ""),
    ("-> gap", "=> 2048x8x8 -> gap"),
    ("-> gap", "-> conv9-64(valid) -> gap"),
    ("3x224x224", "3x24x224"),
    ("-> CLASSES", "-> [CLASSES, 7, 7]"),
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let only_expansion = std::env::args().any(|argument| argument == "--only-expansion");
    let profile = if cfg!(debug_assertions) { "debug build" } else { "optimized" };
    println!("expansion of ResNet-152, {profile}: {:.1} ms", milliseconds(expansion(RESNET152)?));
    let mut slowest = Duration::ZERO;
    for (right, wrong) in MISTAKES {
        slowest = slowest.max(expansion(&RESNET152.replacen(right, wrong, 1))?);
    }
    println!("the slowest of {} wrong ones, {profile}: {:.1} ms", MISTAKES.len(), milliseconds(slowest));
    if only_expansion {
        return Ok(());
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    // The workspace optimizes dependencies even in its debug builds; a user's debug build does not.
    let plain = ["quote", "proc-macro2", "unicode-ident"]
        .map(|package| format!("profile.dev.package.{package}.opt-level=0"));
    let mut debug = Command::new(&cargo);
    debug.arg("run").args(plain.iter().flat_map(|setting| ["--config", setting]));
    debug.args(["--quiet", "-p", "cnn-benches", "--bin", "expansion", "--", "--only-expansion"]);
    debug.current_dir(&root).status()?;
    check(Path::new(&cargo), &root)
}

/// Median time from tokens to tokens.
fn expansion(declaration: &str) -> Result<Duration, proc_macro2::LexError> {
    let mut times = Vec::new();
    for _ in 0..15 {
        let tokens: proc_macro2::TokenStream = declaration.parse()?;
        let start = Instant::now();
        let expanded = expand::expand(tokens);
        times.push(start.elapsed());
        assert!(!expanded.is_empty());
    }
    Ok(median(times))
}

/// `cargo check` of a crate without and with networks, its dependencies checked before.
fn check(cargo: &Path, root: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let folder = root.join("target").join("expansion-check");
    std::fs::create_dir_all(folder.join("src"))?;
    let runtime = root.join("cnn-runtime");
    let manifest = format!(
        "[package]\nname = \"expansion-check\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [dependencies]\ncnn-runtime = {{ path = {runtime:?} }}\n\n[workspace]\n"
    );
    std::fs::write(folder.join("Cargo.toml"), manifest)?;
    std::fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock"))?;
    let without = "pub use cnn_runtime::prelude::*;\n".to_owned();
    let with = format!("pub use cnn_runtime::prelude::*;\n\nnetwork! {{{RESNET152}}}\n");
    timed(cargo, &folder, &with)?;
    let (mut plain, mut network) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        plain.push(timed(cargo, &folder, &without)?);
        network.push(timed(cargo, &folder, &with)?);
    }
    let (plain, network) = (median(plain), median(network));
    println!(
        "cargo check: {:.0} ms without a network, {:.0} ms with ResNet-152: it adds {:.0} ms",
        milliseconds(plain),
        milliseconds(network),
        milliseconds(network) - milliseconds(plain)
    );
    Ok(())
}

fn timed(cargo: &Path, folder: &PathBuf, source: &str) -> Result<Duration, Box<dyn std::error::Error>> {
    std::fs::write(folder.join("src/lib.rs"), source)?;
    let start = Instant::now();
    let output = Command::new(cargo).args(["check", "--quiet"]).current_dir(folder).output()?;
    let time = start.elapsed();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(time)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
