//! `--device`: where a program runs.

use std::fmt;
use std::str::FromStr;

use candle_core::Device;

/// Where to run: the value of `--device`.
///
/// ```
/// use cnn_examples::device::Choice;
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
    #[error("GPU {number} cannot be used: {source}; run with --device cpu, or give another GPU")]
    Unusable {
        /// The GPU's number.
        number: usize,
        /// What CUDA said.
        source: candle_core::Error,
    },
}

impl Choice {
    /// Opens the device. `Auto` never fails.
    ///
    /// # Errors
    /// If the program was built without CUDA or the GPU cannot be used.
    pub fn open(self) -> Result<Device, Error> {
        match self {
            Self::Cpu => Ok(Device::Cpu),
            Self::Cuda(_) if !cfg!(feature = "cuda") => Err(Error::NotBuilt),
            Self::Cuda(number) => {
                Device::new_cuda(number).map_err(|source| Error::Unusable { number, source })
            }
            Self::Auto => Ok(Self::Cuda(0).open().unwrap_or(Device::Cpu)),
        }
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
    #[cfg(not(feature = "cuda"))]
    fn a_gpu_without_gpu_code_is_an_error_that_says_how_to_get_it() {
        let said = Choice::Cuda(0).open().unwrap_err().to_string();
        assert!(said.contains("--features cuda"), "{said}");
    }
}
