//! Values that are decided by a name and an index, so that neither weights nor inputs need be stored: `formula.py`
//! once more, to the last bit.

use candle_core::{DType, Device, Result, Shape, Tensor};
use candle_nn::Init;
use candle_nn::var_builder::SimpleBackend;
use rayon::prelude::*;

/// What one thread computes at a time.
const BLOCK: usize = 1 << 15;

/// FNV-1a, 64 bits.
fn fnv1a(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |state, byte| (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The number `index` of SplitMix64 (Steele, Lea & Flood, 2014) from a seed.
fn splitmix64(seed: u64, index: u64) -> u64 {
    let mut z = seed.wrapping_add((index.wrapping_add(1)).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// `count` values: numbers in [0, 1), which are the upper 24 bits of the name's sequence, plus `shift`, times `factor`.
fn affine(name: &str, count: usize, shift: f32, factor: f32) -> Vec<f32> {
    let seed = fnv1a(name);
    let mut values = vec![0.0; count];
    values.par_chunks_mut(BLOCK).enumerate().for_each(|(block, values)| {
        let first = (block * BLOCK) as u64;
        // Not an iterator: those are slow where nothing is optimized, and there are 140 million values.
        let mut index = 0;
        while index < values.len() {
            let bits = splitmix64(seed, first + index as u64) >> 40;
            values[index] = (bits as f32 / 16_777_216.0 + shift) * factor;
            index += 1;
        }
    });
    values
}

/// `count` values in [-1, 1).
pub(crate) fn values(name: &str, count: usize) -> Vec<f32> {
    affine(name, count, -0.5, 2.0)
}

/// A batch of images: coarse squares of 32 pixels, and noise half as strong.
pub(crate) fn images(shape: [usize; 4]) -> Result<Tensor> {
    let [batch, channels, height, width] = shape;
    let (rows, columns) = (height.div_ceil(32), width.div_ceil(32));
    let squares = values("squares", batch * channels * rows * columns);
    let mut images = values("noise", batch * channels * height * width);
    for (position, value) in images.iter_mut().enumerate() {
        let (map, y, x) = (position / (height * width), position / width % height, position % width);
        *value += squares[(map * rows + y / 32) * columns + x / 32] * 2.0;
    }
    Tensor::from_vec(images, &shape, &Device::Cpu)
}

/// The weights of a network, each made when it is asked for.
pub(crate) struct Weights {
    /// What the weights of convolutions are multiplied by.
    pub(crate) gain: f64,
}

impl Weights {
    /// The tensor of a name in the `state_dict` and a shape.
    ///
    /// A weight is uniform with the variance 2 / `fan_in` (He et al., 2015), so that values neither vanish nor explode;
    /// `gain` multiplies the weights of convolutions, but for those called `fc..` (squeeze-excite), which no norm
    /// follows. Running variances are near 1/256, so that an `eps` of 1e-5 matters: a network with norms takes a `gain`
    /// near 1/16.
    fn tensor(&self, name: &str, shape: &Shape) -> Result<Tensor> {
        let (path, leaf) = name.rsplit_once('.').unwrap_or(("", name));
        let layer = path.rsplit('.').next().unwrap_or_default();
        let (shift, factor) = match (leaf, shape.dims()) {
            ("running_var", _) => (0.5, 1.0 / 256.0),
            ("running_mean", _) => (-0.5, 1.0 / 64.0),
            ("bias", _) => (-0.5, 0.25),
            ("weight", [_, rest @ ..]) if !rest.is_empty() => {
                let fan_in: usize = rest.iter().product();
                let mut bound = (6.0 / fan_in as f64).sqrt();
                if rest.len() == 3 && !layer.starts_with("fc") {
                    bound *= self.gain;
                }
                (-0.5, (2.0 * bound) as f32)
            }
            // The scale of a norm or a layer.
            _ => (0.5, 1.0),
        };
        Tensor::from_vec(affine(name, shape.elem_count(), shift, factor), shape, &Device::Cpu)
    }
}

/// Names and shapes are compared with the recorded ones once the network is there.
impl SimpleBackend for Weights {
    fn get(&self, shape: Shape, name: &str, _: Init, dtype: DType, device: &Device) -> Result<Tensor> {
        self.tensor(name, &shape)?.to_dtype(dtype)?.to_device(device)
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> Result<Tensor> {
        candle_core::bail!("the values of `{name}` depend on its shape")
    }

    fn contains_tensor(&self, _: &str) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_answers_of_the_generators() {
        // Of Fowler, Noll and Vo's test vectors, and of Vigna's splitmix64.c.
        assert_eq!(fnv1a("foobar"), 0x8594_4171_f739_67e8);
        let first = [0, 1, 2].map(|index| splitmix64(1_234_567, index));
        assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }
}
