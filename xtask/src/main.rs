//! Chores of the project: regenerating what is generated, trying the compiler on mistakes.
//!
//! `cargo run -p xtask -- bless` rewrites expected messages and expansions; read the difference before it is
//! committed. `cargo run -p xtask -- references` asks PyTorch again (Python with the packages that
//! `tests/models/README.md` names). `cargo run -p xtask -- cifar10 FOLDER` packs the shipped part of CIFAR-10. `cargo run
//! --release -p xtask -- mutate` makes random mistakes in the examples' networks and checks what the compiler says of them.

mod fuzz;
mod mutate;

use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

#[derive(Parser)]
#[command(about = "Chores of the project: regenerating what is generated, trying the compiler on mistakes.")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Rewrites expected messages (`cnn-ir/tests/messages.rs`, `tests/ui`) and expansions (`docs/expanded`).
    Bless,
    /// Rewrites the PyTorch references in `tests/references` and `tests/models`.
    References {
        /// The Python that has torch and torchvision.
        #[arg(long, default_value = "python3")]
        python: String,
    },
    /// Makes `data/cifar10` again from CIFAR-10's binary files.
    Cifar10 {
        /// The folder of `data_batch_1.bin` and `test_batch.bin`, packed (.gz) or not.
        folder: PathBuf,
        /// The Python that has numpy and Pillow.
        #[arg(long, default_value = "python3")]
        python: String,
    },
    /// Makes random mistakes in the examples' networks and checks what the compiler says of them.
    Mutate(mutate::Arguments),
    /// Gives random inputs to the front ends: none may panic or take long.
    Fuzz(fuzz::Arguments),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().chore {
        Chore::Bless => bless(),
        Chore::References { python } => ["tests/references/generate.py", "tests/models/generate.py"]
            .iter()
            .try_for_each(|script| run(Command::new(&python).arg(script))),
        // The script runs at the top of the project, the folder is meant from here.
        Chore::Cifar10 { folder, python } => std::path::absolute(&folder)
            .map_err(|error| format!("{}: {error}", folder.display()))
            .and_then(|folder| run(Command::new(&python).arg("data/cifar10/pack.py").arg(folder))),
        Chore::Mutate(arguments) => mutate::run(&arguments),
        Chore::Fuzz(arguments) => fuzz::run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn bless() -> Result<(), String> {
    for (package, test) in
        [("cnn-ir", "messages"), ("cnn-ir", "catalogue"), ("cnn-tests", "expansion"), ("cnn-tests", "ui")]
    {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(["test", "--package", package, "--test", test]);
        run(command.env("UPDATE_EXPECT", "1").env("TRYBUILD", "overwrite"))?;
    }
    Ok(())
}

/// Runs a command at the top of the project.
fn run(command: &mut Command) -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let name = command.get_program().to_string_lossy().into_owned();
    match command.current_dir(root).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{name}` failed: {status}")),
        Err(error) => Err(format!("`{name}` could not be started: {error}")),
    }
}
