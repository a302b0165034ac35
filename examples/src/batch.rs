//! Pictures as the network takes them: batches of standardised pixels, moved about a little in training.

use candle_core::{Device, Result, Tensor};
use cnn_train::Batches;
use cnn_train::data::shuffle::order;

use crate::mnist::{Digits, MEAN, PIXELS, SIDE, STD};
use crate::shuffle;

/// Pictures and their classes as tensors.
#[derive(Clone, Debug)]
pub struct Batch {
    /// `(N, 1, 28, 28)`, f32: (pixel / 255 - [`MEAN`]) / [`STD`].
    pub images: Tensor,
    /// `(N)`, u32.
    pub labels: Tensor,
}

/// How pictures are batched for training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shuffled {
    /// Pictures in a batch; the last one of an epoch holds what is left.
    pub batch_size: usize,
    /// The farthest that a picture moves, in pixels, down or up and right or left.
    pub max_shift: u8,
    /// Where the random numbers come from.
    pub seed: u64,
}

impl Shuffled {
    /// The number of batches in an epoch of `digits`.
    ///
    /// # Panics
    /// If the batch size is 0.
    pub fn batches(&self, digits: &Digits) -> usize {
        digits.len().div_ceil(self.batch_size)
    }

    /// The batches of an epoch on `device`: every picture once, in an order and shifted as seed and epoch say.
    ///
    /// # Errors
    /// An item is an error if the device has no room for it.
    ///
    /// # Panics
    /// If the batch size is 0.
    pub fn epoch<'a>(
        &self,
        digits: &'a Digits,
        epoch: usize,
        device: &'a Device,
    ) -> impl Iterator<Item = Result<Batch>> + use<'a> {
        let Self { batch_size, max_shift, seed } = *self;
        let order = order(digits.len(), seed, epoch);
        (0..self.batches(digits)).map(move |batch| {
            let indices = &order[batch * batch_size..order.len().min((batch + 1) * batch_size)];
            gather(digits, indices, |index| shuffle::shift(max_shift, seed, epoch, index), device)
        })
    }
}

/// Pictures to learn from: in another order and otherwise moved in every epoch.
#[derive(Clone, Copy, Debug)]
pub struct Training<'a> {
    /// The pictures.
    pub digits: &'a Digits,
    /// How they are batched.
    pub batches: Shuffled,
}

impl Batches for Training<'_> {
    fn len(&self) -> usize {
        self.batches.batches(self.digits)
    }

    fn samples(&self) -> usize {
        self.digits.len()
    }

    fn epoch(
        &self,
        epoch: usize,
        first: usize,
    ) -> cnn_train::Result<Box<dyn Iterator<Item = cnn_train::Result<cnn_train::Batch>> + '_>> {
        let batches = self.batches.epoch(self.digits, epoch, &Device::Cpu).skip(first);
        Ok(Box::new(batches.map(|batch| Ok(batch?.into()))))
    }
}

/// Pictures to test with, in their order.
#[derive(Clone, Copy, Debug)]
pub struct Testing<'a>(pub &'a Digits);

/// Pictures in a batch where nothing is learnt and only memory limits them.
const TEST_BATCH: usize = 100;

impl Batches for Testing<'_> {
    fn len(&self) -> usize {
        self.0.len().div_ceil(TEST_BATCH)
    }

    fn samples(&self) -> usize {
        self.0.len()
    }

    fn epoch(
        &self,
        _: usize,
        first: usize,
    ) -> cnn_train::Result<Box<dyn Iterator<Item = cnn_train::Result<cnn_train::Batch>> + '_>> {
        let digits = self.0;
        Ok(Box::new((first..self.len()).map(move |batch| {
            let start = batch * TEST_BATCH;
            let range = start..digits.len().min(start + TEST_BATCH);
            Ok(in_order(digits, range, &Device::Cpu)?.into())
        })))
    }
}

impl From<Batch> for cnn_train::Batch {
    fn from(batch: Batch) -> Self {
        Self { inputs: batch.images, labels: batch.labels }
    }
}

/// The pictures `range` of `digits` in their order, unmoved.
///
/// # Errors
/// If the device has no room for it.
///
/// # Panics
/// If the range goes beyond the pictures.
pub fn in_order(digits: &Digits, range: std::ops::Range<usize>, device: &Device) -> Result<Batch> {
    let indices: Vec<usize> = range.collect();
    gather(digits, &indices, |_| [0, 0], device)
}

/// The pictures of these indices, each moved by its `shift`.
fn gather(
    digits: &Digits,
    indices: &[usize],
    shift: impl Fn(usize) -> [i32; 2],
    device: &Device,
) -> Result<Batch> {
    let background = standardise(0);
    let mut images = vec![background; indices.len() * PIXELS];
    for (&index, image) in indices.iter().zip(images.chunks_exact_mut(PIXELS)) {
        draw(digits.image(index), shift(index), image);
    }
    let labels: Vec<u32> = indices.iter().map(|&index| u32::from(digits.labels()[index])).collect();
    Ok(Batch {
        images: Tensor::from_vec(images, (indices.len(), 1, SIDE, SIDE), device)?,
        labels: Tensor::from_vec(labels, indices.len(), device)?,
    })
}

fn standardise(pixel: u8) -> f32 {
    (f32::from(pixel) / 255.0 - MEAN) / STD
}

/// Writes the pixels of `from`, moved `down` and `right`, to `to`, which holds the background; what leaves it is lost.
fn draw(from: &[u8], [down, right]: [i32; 2], to: &mut [f32]) {
    let inside =
        |position: usize, by: i32| position.checked_add_signed(by as isize).filter(|&moved| moved < SIDE);
    for (row, pixels) in from.chunks_exact(SIDE).enumerate() {
        let Some(row) = inside(row, down) else { continue };
        for (column, &pixel) in pixels.iter().enumerate() {
            if let Some(column) = inside(column, right) {
                to[row * SIDE + column] = standardise(pixel);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture with one lit pixel, drawn with a shift: where the light is afterwards.
    fn lit_after(row: usize, column: usize, shift: [i32; 2]) -> Vec<(usize, usize)> {
        let mut image = [0; PIXELS];
        image[row * SIDE + column] = 255;
        let mut drawn = [standardise(0); PIXELS];
        draw(&image, shift, &mut drawn);
        let lit = drawn.iter().enumerate().filter(|&(_, &value)| value == standardise(255));
        lit.map(|(index, _)| (index / SIDE, index % SIDE)).collect()
    }

    #[test]
    fn pictures_move_and_do_not_wrap_round() {
        assert_eq!(lit_after(5, 7, [0, 0]), [(5, 7)]);
        assert_eq!(lit_after(5, 7, [2, -1]), [(7, 6)]);
        assert_eq!(lit_after(0, 27, [-1, 0]), []);
        assert_eq!(lit_after(0, 27, [0, 1]), []);
        assert_eq!(lit_after(27, 0, [1, -1]), []);
    }

    #[test]
    fn pixels_are_standardised_with_mnists_mean_and_deviation() {
        // torchvision's `Normalize((0.1307,), (0.3081,))` of 0, 128 and 255.
        for (pixel, value) in [(0, -0.424_212_92), (128, 1.205_000_9), (255, 2.821_486_5)] {
            assert!((standardise(pixel) - value).abs() < 1e-5, "{pixel}");
        }
    }
}
