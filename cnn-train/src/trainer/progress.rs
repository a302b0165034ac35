//! How far a run is: everything that a checkpoint holds besides weights.

use candle_core::{DType, Device, Tensor};

use super::history::EpochRecord;
use crate::error::Result;

/// How far a run is.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Progress {
    /// Epochs that are done: the current one, counted from 0.
    pub(crate) epoch: usize,
    /// Steps of the current epoch that are done.
    pub(crate) step: usize,
    /// Steps of the run that are done.
    pub(crate) global_step: usize,
    /// Samples of the run so far.
    pub(crate) images: usize,
    /// Samples of the epoch so far.
    pub(crate) epoch_images: usize,
    /// The sum of the losses of the epoch's samples so far.
    pub(crate) loss_sum: f64,
    /// Seconds of the epoch so far.
    pub(crate) seconds: f64,
    /// The epochs that are done.
    pub(crate) records: Vec<EpochRecord>,
}

/// Numbers of an [`EpochRecord`].
const FIELDS: usize = 10;

impl Progress {
    /// The best epoch, counted from 1: the highest accuracy, the first of equals.
    pub(crate) fn best(&self) -> Option<&EpochRecord> {
        self.records.iter().reduce(|best, record| if record.accuracy > best.accuracy { record } else { best })
    }

    /// Epochs since the best.
    pub(crate) fn since_best(&self) -> usize {
        self.best().map_or(0, |best| self.records.len().saturating_sub(best.epoch))
    }

    /// The mean loss of the epoch's samples so far.
    pub(crate) fn mean_loss(&self) -> f64 {
        self.loss_sum / self.epoch_images as f64
    }

    /// The numbers that are no integers, exactly: text would round them.
    pub(crate) fn tensors(&self) -> Result<[(&'static str, Tensor); 2]> {
        let epoch = Tensor::new(&[self.loss_sum, self.seconds], &Device::Cpu)?;
        let records: Vec<f64> = self.records.iter().flat_map(numbers).collect();
        let records = Tensor::from_vec(records, (self.records.len(), FIELDS), &Device::Cpu)?;
        Ok([("run.epoch", epoch), ("run.records", records)])
    }

    /// Puts back what [`tensors`](Self::tensors) gave; says what is wrong with it.
    pub(crate) fn set_tensors(&mut self, epoch: &Tensor, records: &Tensor) -> Result<Result<(), String>> {
        if epoch.dims() != [2] || epoch.dtype() != DType::F64 {
            return Ok(Err("`run.epoch` is not two f64".to_owned()));
        }
        if records.dims().get(1..) != Some(&[FIELDS]) || records.dtype() != DType::F64 {
            return Ok(Err(format!("`run.records` is not (epochs, {FIELDS}) of f64")));
        }
        let epoch = epoch.to_vec1::<f64>()?;
        (self.loss_sum, self.seconds) = (epoch[0], epoch[1]);
        self.records = records.to_vec2::<f64>()?.iter().filter_map(|row| record(row)).collect();
        Ok(if self.records.len() == self.epoch {
            Ok(())
        } else {
            Err(format!("it is of {} epochs and has the numbers of {}", self.epoch, self.records.len()))
        })
    }
}

fn numbers(record: &EpochRecord) -> [f64; FIELDS] {
    let EpochRecord {
        epoch,
        train_loss,
        valid_loss,
        accuracy,
        top5,
        learning_rate,
        global_step,
        train_seconds,
        seconds,
        images_per_second,
    } = *record;
    [
        epoch as f64,
        train_loss,
        valid_loss,
        accuracy,
        top5,
        learning_rate,
        global_step as f64,
        train_seconds,
        seconds,
        images_per_second,
    ]
}

fn record(row: &[f64]) -> Option<EpochRecord> {
    let &[
        epoch,
        train_loss,
        valid_loss,
        accuracy,
        top5,
        learning_rate,
        global_step,
        train_seconds,
        seconds,
        images_per_second,
    ] = row
    else {
        return None;
    };
    Some(EpochRecord {
        epoch: epoch as usize,
        train_loss,
        valid_loss,
        accuracy,
        top5,
        learning_rate,
        global_step: global_step as usize,
        train_seconds,
        seconds,
        images_per_second,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(accuracies: &[f64]) -> Vec<EpochRecord> {
        let record = |(index, &accuracy): (usize, &f64)| {
            let mut row = [0.1 + index as f64; FIELDS];
            (row[0], row[3], row[6]) = (index as f64 + 1.0, accuracy, 7.0);
            record(&row)
        };
        accuracies.iter().enumerate().filter_map(record).collect()
    }

    #[test]
    fn numbers_come_back_bit_by_bit() {
        let progress = Progress {
            epoch: 2,
            loss_sum: 0.1 + 0.2,
            seconds: f64::MIN_POSITIVE,
            records: records(&[1.0 / 3.0, f64::INFINITY]),
            ..Progress::default()
        };
        let [(_, epoch), (_, rows)] = progress.tensors().unwrap();
        let mut back = Progress { epoch: 2, ..Progress::default() };
        assert_eq!(back.set_tensors(&epoch, &rows).unwrap(), Ok(()));
        assert_eq!(back, progress);
        back.epoch = 3;
        assert!(back.set_tensors(&epoch, &rows).unwrap().unwrap_err().contains("3 epochs"));
        assert!(back.set_tensors(&rows, &rows).unwrap().is_err());
        assert!(back.set_tensors(&epoch, &epoch).unwrap().is_err());
    }

    #[test]
    fn the_best_is_the_first_of_equals() {
        let mut progress = Progress { records: records(&[0.5, 0.7, 0.7, 0.6]), ..Progress::default() };
        assert_eq!((progress.best().unwrap().epoch, progress.since_best()), (2, 2));
        progress.records.clear();
        assert_eq!((progress.best(), progress.since_best()), (None, 0));
    }
}
