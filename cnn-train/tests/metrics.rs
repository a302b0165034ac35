//! Metrics against scikit-learn's: the examples of its documentation, and numbers that it gave for a formula's logits.

use candle_core::{DType, Device, Tensor};
use cnn_train::metrics::{Error, Metrics};

/// Logits that predict these classes.
fn predicting(predicted: &[usize], classes: usize) -> Tensor {
    let rows: Vec<f32> = predicted
        .iter()
        .flat_map(|&predicted| (0..classes).map(move |class| f32::from(u8::from(class == predicted))))
        .collect();
    Tensor::from_vec(rows, (predicted.len(), classes), &Device::Cpu).unwrap()
}

fn labels(labels: &[u32]) -> Tensor {
    Tensor::new(labels, &Device::Cpu).unwrap()
}

fn near(found: f64, expected: f64) -> bool {
    (found - expected).abs() < 1e-12
}

#[test]
fn the_confusion_matrix_of_scikit_learns_documentation() {
    let mut metrics = Metrics::new(3);
    metrics.update(&predicting(&[0, 0, 2, 2, 0, 2], 3), &labels(&[2, 0, 2, 2, 0, 1])).unwrap();
    let found: Vec<Vec<u64>> = (0..3)
        .map(|label| (0..3).map(|predicted| metrics.confusion().count(label, predicted)).collect())
        .collect();
    assert_eq!(found, [[2, 0, 0], [0, 0, 1], [1, 0, 2]]);
}

#[test]
fn the_classification_report_of_scikit_learns_documentation() {
    let mut metrics = Metrics::named(["class 0", "class 1", "class 2"]);
    // In two batches.
    metrics.update(&predicting(&[0, 0, 2], 3), &labels(&[0, 1, 2])).unwrap();
    metrics.update(&predicting(&[2, 1], 3), &labels(&[2, 2])).unwrap();
    assert_eq!(
        metrics.to_string(),
        "              precision  recall      F1  samples
class 0           0.500   1.000   0.667        1
class 1           0.000   0.000   0.000        1
class 2           1.000   0.667   0.800        3
mean              0.500   0.556   0.489        5
accuracy 60.00 %
"
    );
    assert_eq!(
        metrics.confusion().to_string(),
        "         class  class  class
class 0      1      0      0
class 1      1      0      0
class 2      0      1      2
"
    );
    metrics.reset();
    assert!(metrics.samples() == 0 && metrics.accuracy().is_nan());
}

#[test]
fn the_top_k_accuracy_of_scikit_learns_documentation() {
    let logits =
        Tensor::new(&[[0.5_f32, 0.2, 0.2], [0.3, 0.4, 0.2], [0.2, 0.4, 0.3], [0.7, 0.2, 0.1]], &Device::Cpu);
    let mut metrics = Metrics::new(3);
    metrics.update(&logits.unwrap(), &labels(&[0, 1, 2, 2])).unwrap();
    assert_eq!(
        (metrics.top_k(1), metrics.top_k(2), metrics.top_k(3), metrics.top_k(9)),
        (0.5, 0.75, 1.0, 1.0)
    );
}

#[test]
fn five_hundred_samples_have_scikit_learns_numbers() {
    // scikit-learn 1.9.1 of these logits and labels: accuracy_score, top_k_accuracy_score, confusion_matrix,
    // precision_recall_fscore_support.
    let logit = |i: usize, c: usize| ((i * i * 31 + c * c * 1700 + i * c * 1301) % 1_000_003) as f64;
    let mut metrics = Metrics::new(7);
    for start in (0..500).step_by(48) {
        let batch: Vec<usize> = (start..500.min(start + 48)).collect();
        let logits: Vec<f64> = batch.iter().flat_map(|&i| (0..7).map(move |c| logit(i, c))).collect();
        let logits = Tensor::from_vec(logits, (batch.len(), 7), &Device::Cpu).unwrap();
        let truth: Vec<i64> = batch.iter().map(|i| ((i * 3 + i / 11) % 7) as i64).collect();
        metrics.update(&logits, &Tensor::new(truth, &Device::Cpu).unwrap()).unwrap();
    }
    assert_eq!(metrics.samples(), 500);
    assert!(near(metrics.accuracy(), 0.162));
    for (k, expected) in [(2, 0.282), (3, 0.442), (5, 0.728)] {
        assert!(near(metrics.top_k(k), expected), "{k}");
    }
    let confusion = metrics.confusion();
    assert_eq!(
        (0..7).map(|predicted| confusion.count(0, predicted)).collect::<Vec<_>>(),
        [8, 10, 7, 9, 8, 9, 21]
    );
    assert_eq!(
        (0..7).map(|predicted| confusion.count(5, predicted)).collect::<Vec<_>>(),
        [7, 10, 11, 8, 6, 11, 18]
    );
    for (class, precision, recall, f1, support) in [
        (0, 0.148_148_148_148_148_14, 0.111_111_111_111_111_1, 0.126_984_126_984_126_98, 72),
        (4, 0.115_384_615_384_615_39, 0.084_507_042_253_521_13, 0.097_560_975_609_756_1, 71),
        (6, 0.167_832_167_832_167_84, 0.333_333_333_333_333_3, 0.223_255_813_953_488_37, 72),
    ] {
        assert!(near(confusion.precision(class), precision), "{class}");
        assert!(near(confusion.recall(class), recall), "{class}");
        assert!(near(confusion.f1(class), f1), "{class}");
        assert_eq!(confusion.support(class), support);
    }
    let expected = [0.159_056_877_054_997_35, 0.161_776_212_832_550_86, 0.155_325_479_916_538_83];
    assert!(confusion.macro_average().iter().zip(expected).all(|(&found, expected)| near(found, expected)));
}

#[test]
fn equals_and_nan_count_as_documented() {
    let mut metrics = Metrics::new(3);
    let nan = f32::NAN;
    let logits = Tensor::new(&[[1.0_f32, 1.0, 0.0], [nan, 0.0, 0.0], [nan, nan, nan]], &Device::Cpu).unwrap();
    metrics.update(&logits, &labels(&[1, 1, 2])).unwrap();
    // The first of equals, the first number, and of none the first.
    assert_eq!(
        [(1, 0), (1, 1), (2, 0)].map(|(label, predicted)| metrics.confusion().count(label, predicted)),
        [1, 1, 1]
    );
    assert_eq!((metrics.top_k(1), metrics.top_k(2)), (1.0 / 3.0, 2.0 / 3.0));
}

#[test]
fn what_cannot_be_counted_is_refused_and_nothing_of_it_counted() {
    let mut metrics = Metrics::new(3);
    let logits = predicting(&[0, 1], 3);
    let message = |metrics: &mut Metrics, logits: &Tensor, labels: &Tensor| {
        metrics.update(logits, labels).unwrap_err().to_string()
    };
    assert_eq!(
        message(&mut metrics, &predicting(&[0, 1], 4), &labels(&[0, 1])),
        "logits of shape [2, 4] and labels of shape [2]: give (N, 3) and (N)"
    );
    assert!(matches!(metrics.update(&logits, &labels(&[0, 1, 2])), Err(Error::Shape { .. })));
    assert_eq!(
        message(&mut metrics, &logits, &labels(&[0, 3])),
        "sample 1 of the batch has label 3, where there are 3 classes, counted from 0"
    );
    let negative = Tensor::new(&[0_i64, -1], &Device::Cpu).unwrap();
    assert!(matches!(metrics.update(&logits, &negative), Err(Error::Label { label: -1, .. })));
    let numbers = Tensor::zeros(2, DType::F32, &Device::Cpu).unwrap();
    assert!(matches!(metrics.update(&logits, &numbers), Err(Error::Type { .. })));
    assert_eq!(metrics.samples(), 0);
}
