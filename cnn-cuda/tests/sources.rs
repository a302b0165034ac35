//! Every kernel is compiled, by NVRTC or what stands in for it.

use cnn_cuda::compile;
use cnn_cuda::source::{ALL, Scalar, TENSOR_CORES, TENSOR_CORES_WEIGHT};

/// What the assembler of `$CUDA_HOME` says against PTX, if there is one: NVRTC does not look into inline assembly. Registers
/// must suffice, for what a thread keeps in memory instead is slow; a few words outside of the loops are not.
fn assembled(name: &str, ptx: &str, arch: &str) -> Option<String> {
    let assembler = std::path::PathBuf::from(std::env::var_os("CUDA_HOME")?).join("bin/ptxas");
    if !assembler.is_file() {
        return None;
    }
    let file = std::env::temp_dir().join(format!("cnn-cuda-{name}-{}.ptx", std::process::id()));
    std::fs::write(&file, ptx).expect("a file of PTX");
    let arch = arch.replace("compute_", "-arch=sm_");
    let output = std::process::Command::new(assembler)
        .args(["-v", &arch, "-o", "/dev/null"])
        .arg(&file)
        .output()
        .expect("the assembler");
    std::fs::remove_file(&file).expect("the file of PTX");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let spills = said.lines().filter_map(|line| line.trim_start().split_once(" bytes stack frame"));
    let spills: Vec<&str> = spills
        .map(|(bytes, _)| bytes)
        .filter(|bytes| !bytes.parse().is_ok_and(|bytes: usize| bytes <= 32))
        .collect();
    (!output.status.success() || !spills.is_empty()).then(|| format!("{name}, {arch}: {said}"))
}

#[test]
fn every_source_compiles() {
    let mut failures = Vec::new();
    for source in ALL {
        for scalar in Scalar::ALL {
            for (wide, arch) in [(false, "compute_90"), (true, "compute_90"), (false, "compute_75")] {
                if [TENSOR_CORES, TENSOR_CORES_WEIGHT].contains(source) && arch == "compute_75" {
                    // Not used there.
                    continue;
                }
                match compile(source, scalar, wide, arch) {
                    Ok(ptx) => {
                        assert!(!ptx.to_src().is_empty());
                        failures.extend(assembled(source.name, &ptx.to_src(), arch));
                    }
                    Err(error) => failures.push(format!("{scalar:?}, wide: {wide}: {error}")),
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
