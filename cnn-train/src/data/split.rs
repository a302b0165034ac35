//! A data set in two parts.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::shuffle::order;
use super::{Dataset, Error, Result, Subset};

/// Two parts that have no image in common and all images together.
pub type Split<D> = (Subset<Arc<D>>, Subset<Arc<D>>);

/// Splits a data set at random: the first part has `fraction` of the images (0 to 1), rounded. The same seed gives the same
/// parts. Within a part images stay in the data set's order.
///
/// # Errors
/// If the fraction is not from 0 to 1, or one of the parts would be empty.
///
/// ```
/// use cnn_train::data::{Dataset, Images, split};
/// let images = Images::new([1, 1, 1], (0..10).collect(), vec![0; 10])?;
/// let (train, validation) = split(images, 0.8, 42)?;
/// assert_eq!((train.len(), validation.len()), (8, 2));
/// # Ok::<_, cnn_train::data::Error>(())
/// ```
pub fn split<D: Dataset>(dataset: D, fraction: f64, seed: u64) -> Result<Split<D>> {
    let all: Vec<usize> = (0..dataset.len()).collect();
    parts(dataset, vec![all], fraction, seed)
}

/// Splits every class of a data set as [`split`] splits the whole: both parts have it as often as the whole has, to one image.
///
/// # Errors
/// As [`split`].
pub fn split_stratified<D: Dataset>(dataset: D, fraction: f64, seed: u64) -> Result<Split<D>> {
    let mut classes: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for index in 0..dataset.len() {
        classes.entry(dataset.label(index)).or_default().push(index);
    }
    parts(dataset, classes.into_values().collect(), fraction, seed)
}

/// Takes `fraction` of each group for the first part.
fn parts<D: Dataset>(dataset: D, groups: Vec<Vec<usize>>, fraction: f64, seed: u64) -> Result<Split<D>> {
    if !(0.0..=1.0).contains(&fraction) {
        return Err(Error::Setting(format!(
            "a fraction of {fraction} cannot be split off: give one from 0 to 1"
        )));
    }
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for (number, group) in groups.iter().enumerate() {
        let count = (group.len() as f64 * fraction).round() as usize;
        for (place, &which) in order(group.len(), seed, number).iter().enumerate() {
            if place < count { &mut first } else { &mut second }.push(group[which]);
        }
    }
    if first.is_empty() || second.is_empty() {
        return Err(Error::Setting(format!(
            "{fraction} of {} images leaves nothing for one of the parts: give another fraction",
            dataset.len()
        )));
    }
    first.sort_unstable();
    second.sort_unstable();
    let dataset = Arc::new(dataset);
    Ok((Subset::new(Arc::clone(&dataset), first)?, Subset::new(dataset, second)?))
}
