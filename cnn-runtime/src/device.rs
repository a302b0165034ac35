//! Where a program runs: the choice that it gives its users, `--device cuda:1`, and devices that open or say why not.
//!
//! GPUs need the feature `cuda`. What was built with it needs CUDA's libraries to start at all: without `libcuda.so.1`, which
//! comes with NVIDIA's driver, the system's loader refuses the program before its first line.

use std::fmt;
use std::str::FromStr;

use candle_core::{DType, Device, Tensor};

/// Where to run: the value of `--device`.
///
/// ```
/// use cnn_runtime::device::Choice;
/// assert_eq!("cuda:1".parse(), Ok(Choice::Cuda(1)));
/// assert!("gpu".parse::<Choice>().unwrap_err().contains("cpu, cuda, cuda:N or auto"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The processor.
    Cpu,
    /// The NVIDIA GPU of this number, counted from 0.
    Cuda(usize),
    /// The first GPU if the program was built for one and there is one, else the processor.
    Auto,
}

impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            "auto" => Ok(Self::Auto),
            _ => text
                .strip_prefix("cuda:")
                .and_then(|number| number.parse().ok())
                .map(Self::Cuda)
                .ok_or_else(|| "expected cpu, cuda, cuda:N or auto".to_owned()),
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
            Self::Auto => f.write_str("auto"),
        }
    }
}

/// Why there is no such device.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The program has no GPU code.
    #[error(
        "this program was built without CUDA: build it with --features cuda, or run it with --device cpu"
    )]
    NotBuilt,
    /// The GPU does not open.
    #[error("GPU {number} cannot be used: {reason} ({source}); run with --device cpu, or give another GPU")]
    Unusable {
        /// The GPU's number.
        number: usize,
        /// What that means.
        reason: &'static str,
        /// What CUDA said.
        source: candle_core::Error,
    },
}

impl Choice {
    /// Opens the device, and sees whether it computes. `Auto` never fails.
    ///
    /// ```
    /// use cnn_runtime::device::Choice;
    /// use cnn_runtime::prelude::*;
    ///
    /// let device = Choice::Auto.open()?;
    /// let x = Tensor::zeros((2, 3), DType::F32, &device)?;
    /// # assert_eq!(x.dims(), [2, 3]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the program was built without CUDA or the GPU cannot be used.
    pub fn open(self) -> Result<Device, Error> {
        match self {
            Self::Cpu => Ok(Device::Cpu),
            Self::Cuda(_) if !cfg!(feature = "cuda") => Err(Error::NotBuilt),
            Self::Cuda(number) => Device::new_cuda(number).and_then(computes).map_err(|source| {
                let reason = reason(&source.to_string());
                Error::Unusable { number, reason, source }
            }),
            Self::Auto => Ok(Self::Cuda(0).open().unwrap_or(Device::Cpu)),
        }
    }
}

/// The device, where a kernel runs on it: a driver that is too old shows when it is to load one.
fn computes(device: Device) -> candle_core::Result<Device> {
    let one = Tensor::ones(1, DType::F32, &device)?;
    let two = (one + 1.0)?.to_vec1::<f32>()?;
    if two != [2.0] {
        candle_core::bail!("one and one are {two:?} there");
    }
    Ok(device)
}

/// What an error of CUDA's driver means.
fn reason(said: &str) -> &'static str {
    let about = |names: &[&str]| names.iter().any(|name| said.contains(name));
    if about(&["CUDA_ERROR_NO_DEVICE"]) {
        "there is no GPU, or CUDA_VISIBLE_DEVICES hides it"
    } else if about(&["CUDA_ERROR_INVALID_DEVICE"]) {
        "there are fewer GPUs; `nvidia-smi -L` lists them from 0 on"
    } else if about(&[
        "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH",
        "CUDA_ERROR_UNSUPPORTED_PTX_VERSION",
        "CUDA_ERROR_STUB_LIBRARY",
    ]) {
        "its driver is older than the CUDA that this program was built with: update the driver, or build with its CUDA"
    } else if about(&["CUDA_ERROR_NO_BINARY_FOR_GPU", "CUDA_ERROR_INVALID_PTX"]) {
        "this program was built for another GPU: build it with CUDA_COMPUTE_CAP set to this one's"
    } else if about(&["CUDA_ERROR_OUT_OF_MEMORY"]) {
        "it has no memory left: `nvidia-smi` shows who has it"
    } else {
        "CUDA refuses"
    }
}

/// What a person calls the device.
pub fn name(device: &Device) -> &'static str {
    match device {
        Device::Cpu => "the CPU",
        Device::Cuda(_) => "a CUDA GPU",
        Device::Metal(_) => "a Metal GPU",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_read_as_they_are_written() {
        for choice in [Choice::Cpu, Choice::Cuda(0), Choice::Cuda(12), Choice::Auto] {
            assert_eq!(choice.to_string().parse(), Ok(choice));
        }
        assert_eq!("cuda".parse(), Ok(Choice::Cuda(0)));
        for wrong in ["", "CPU", "cuda:", "cuda:-1", "cuda:x", "cuda:99999999999999999999", "metal"] {
            assert!(wrong.parse::<Choice>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_cpu_and_auto_always_open() {
        assert!(Choice::Cpu.open().is_ok());
        assert!(Choice::Auto.open().is_ok());
    }

    #[test]
    fn errors_of_the_driver_say_what_to_do() {
        let said = |code: &str| reason(&format!("DriverError({code}, \"..\")"));
        assert!(said("CUDA_ERROR_NO_DEVICE").contains("CUDA_VISIBLE_DEVICES"));
        assert!(said("CUDA_ERROR_INVALID_DEVICE").contains("nvidia-smi -L"));
        assert!(said("CUDA_ERROR_UNSUPPORTED_PTX_VERSION").contains("update the driver"));
        assert!(said("CUDA_ERROR_NO_BINARY_FOR_GPU").contains("CUDA_COMPUTE_CAP"));
        assert_eq!(said("CUDA_ERROR_UNKNOWN"), "CUDA refuses");
    }

    #[test]
    #[cfg(not(feature = "cuda"))]
    fn a_gpu_without_gpu_code_is_an_error_that_says_how_to_get_it() {
        let said = Choice::Cuda(0).open().unwrap_err().to_string();
        assert!(said.contains("--features cuda"), "{said}");
    }
}
