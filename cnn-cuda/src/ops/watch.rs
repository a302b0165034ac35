//! Samples of tensors, by which a change of them is noticed.
use super::int;
use crate::device::{Gpu, In, Launch, Result, Table};
use crate::sizes::Sampled;
use crate::source::{Scalar, WATCH};

/// The bits of eight values of each tensor, spread evenly, the first and the last among them. Waits for the device.
///
/// # Errors
/// If the driver refuses.
pub fn samples(gpu: &Gpu, tensors: &[In<'_>]) -> Result<Vec<[u64; 8]>> {
    const NAME: &str = "samples";
    if tensors.is_empty() {
        return Ok(Vec::new());
    }
    int(NAME, 8 * tensors.len())?;
    let rows: Vec<Sampled> = tensors
        .iter()
        .map(|tensor| Sampled {
            address: tensor.address as i64,
            count: tensor.len() as i64,
            bytes: tensor.scalar().bytes() as i64,
        })
        .collect();
    let table = Table::new(gpu, &rows)?;
    let mut samples = gpu.scratch(Scalar::F64, 8 * tensors.len())?;
    Launch::new(gpu, WATCH, NAME, Scalar::F32)
        .pass(&table)
        .pass(&samples.write(gpu))
        .pass(&tensors.len())
        .each(8 * tensors.len())?;
    let bits: Vec<u64> = samples.download(gpu)?.into_iter().map(f64::to_bits).collect();
    Ok(bits.chunks_exact(8).map(|eight| std::array::from_fn(|index| eight[index])).collect())
}
