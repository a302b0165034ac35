//! Arguments that do not fit are errors that name the operation and the shapes, never panics.
use super::{super::*, numbers};
use crate::{Padding, Window};
use candle_core::{DType, Device, Result, Tensor};

#[track_caller]
fn refused(result: Result<Tensor>, parts: &[&str]) {
    let message = result.expect_err("an error").to_string();
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in {message:?}");
    }
}

#[test]
fn convolution() {
    let (x, w) = (numbers(&[2, 4, 8, 8], 1), numbers(&[6, 3, 3, 3], 2));
    let window = Window::new([3, 3]);
    refused(conv2d(&x, &w, None, &window, 1), &["conv2d", "[2, 4, 8, 8]", "[6, 3, 3, 3]", "groups"]);
    let w = numbers(&[6, 2, 3, 3], 2);
    refused(conv2d(&x, &w, None, &window, 4), &["conv2d", "[6, 2, 3, 3]"]);
    refused(conv2d(&x, &w, None, &window, 0), &["conv2d"]);
    refused(
        conv2d(&x.flatten_from(1).unwrap(), &w, None, &window, 2),
        &["conv2d", "(N, C, H, W)", "[2, 256]"],
    );
    refused(conv2d(&x, &w, None, &Window::new([5, 5]), 2), &["conv2d", "5, 5", "[6, 2, 3, 3]"]);
    refused(conv2d(&x, &w, Some(&numbers(&[5], 3)), &window, 2), &["conv2d", "bias", "[6]", "[5]"]);
    let narrow = w.to_dtype(DType::F32).unwrap();
    refused(conv2d(&x, &narrow, None, &window, 2), &["conv2d", "f64", "f32"]);
    let half = x.to_dtype(DType::F16).unwrap();
    refused(conv2d(&half, &w, None, &window, 2), &["conv2d", "f16"]);
    let far = window.with_dilation([4, 4]);
    refused(conv2d(&x, &w, None, &far, 2), &["conv2d", "does not fit", "[2, 4, 8, 8]"]);
    refused(conv2d(&x, &w, None, &window.with_stride([0, 1]), 2), &["conv2d"]);
    let huge = window.with_padding(Padding::symmetric([usize::MAX / 4, 1]));
    refused(conv2d(&x, &w, None, &huge, 2), &["conv2d"]);
    let huge = window.with_padding(Padding::symmetric([1 << 28, 1 << 28]));
    refused(conv2d(&x, &w, None, &huge, 2), &["conv2d", "too large"]);

    let w = numbers(&[4, 2, 3, 3], 2);
    let up = window.with_stride([2, 2]);
    refused(conv_transpose2d(&x, &w, None, &up, [2, 0], 1), &["conv_transpose2d", "output padding"]);
    refused(
        conv_transpose2d(&x, &numbers(&[3, 2, 3, 3], 2), None, &up, [0, 0], 1),
        &["conv_transpose2d", "[3, 2, 3, 3]"],
    );
    refused(
        conv_transpose2d(&x, &w, None, &up.with_padding([9, 9]), [0, 0], 1),
        &["conv_transpose2d", "nothing is left"],
    );
}

#[test]
fn empty_batches() {
    let empty = Tensor::zeros((0, 3, 8, 8), DType::F32, &Device::Cpu).unwrap();
    let w = numbers(&[4, 3, 3, 3], 1).to_dtype(DType::F32).unwrap();
    let window = Window::new([2, 2]);
    refused(conv2d(&empty, &w, None, &Window::new([3, 3]), 1), &["conv2d", "[0, 3, 8, 8]"]);
    refused(max_pool2d(&empty, &window), &["max_pool2d", "[0, 3, 8, 8]"]);
    refused(avg_pool2d(&empty, &window, true), &["avg_pool2d"]);
    refused(global_avg_pool2d(&empty), &["global_avg_pool2d"]);
    refused(relu(&empty), &["relu"]);
    refused(softmax(&empty), &["softmax"]);
    refused(linear(&empty, &w, None), &["linear"]);
    refused(batch_norm_train(&empty, None, None, 1e-5).map(|y| y.0), &["batch_norm_train"]);
    refused(layer_norm(&empty, None, None, 1e-5), &["layer_norm"]);
    refused(flatten(&empty), &["flatten"]);
    refused(concat(&[&empty]), &["concat"]);
    refused(concat(&[]), &["concat"]);
    refused(crop2d(&empty, [1, 1]), &["crop2d"]);
    refused(upsample_nearest2d(&empty, [2, 2]), &["upsample_nearest2d"]);
    refused(local_response_norm(&empty, 5, 1., 1., 1.), &["local_response_norm"]);
    refused(add(&empty, &empty), &["add"]);
}

#[test]
fn the_rest() {
    let x = numbers(&[2, 4, 6, 6], 1);
    refused(max_pool2d(&x, &Window::new([7, 7])), &["max_pool2d", "does not fit", "[2, 4, 6, 6]"]);
    let blind = Window::new([2, 2]).with_padding([3, 3]);
    refused(max_pool2d(&x, &blind), &["max_pool2d", "nothing but padding"]);
    refused(adaptive_avg_pool2d(&x, [0, 1]), &["adaptive_avg_pool2d"]);
    refused(upsample_bilinear2d(&x, [0, 1]), &["upsample_bilinear2d"]);
    refused(upsample_nearest2d(&x, [usize::MAX, 2]), &["upsample_nearest2d", "too large"]);
    refused(pixel_shuffle(&x, 3), &["pixel_shuffle", "[2, 4, 6, 6]"]);
    refused(pixel_shuffle(&x, 0), &["pixel_shuffle"]);
    refused(channel_shuffle(&x, 3), &["channel_shuffle", "[2, 4, 6, 6]"]);
    refused(crop2d(&x, [7, 2]), &["crop2d", "7x2", "6x6"]);
    refused(pad2d(&x, usize::MAX, 1, 1, 1), &["pad2d", "too large"]);
    refused(local_response_norm(&x, 0, 1., 1., 1.), &["local_response_norm"]);
    refused(linear(&x, &numbers(&[3, 5], 2), None), &["linear", "(O, 144)", "[3, 5]"]);
    refused(group_norm(&x, 3, None, None, 1e-5), &["group_norm", "3"]);
    refused(layer_norm(&x, Some(&numbers(&[6], 2)), None, 1e-5), &["layer_norm", "weight", "[4]", "[6]"]);
    refused(prelu(&x, &numbers(&[3], 2)), &["prelu", "[3]"]);
    refused(scale(&x, &numbers(&[3, 1, 1], 2)), &["scale", "[3, 1, 1]"]);
    refused(add(&x, &numbers(&[4, 1, 1], 2)), &["add", "[4, 1, 1]"]);
    refused(mul(&x, &numbers(&[2, 3, 1, 1], 2)), &["mul", "[2, 3, 1, 1]"]);
    refused(concat(&[&x, &numbers(&[2, 4, 6, 5], 2)]), &["concat", "[2, 4, 6, 5]"]);
    refused(relu(&Tensor::new(&[1u32], &Device::Cpu).unwrap()), &["relu", "u32"]);
    let lonely = numbers(&[1, 4, 1, 1], 1);
    let trained = batch_norm_train(&lonely, None, None, 1e-5).map(|y| y.0);
    refused(trained, &["batch_norm_train", "more than one value per channel", "[1, 4, 1, 1]"]);
    refused(instance_norm(&lonely, None, None, 1e-5), &["instance_norm", "[1, 4, 1, 1]"]);
    refused(
        batch_norm_eval(&x, &numbers(&[3], 1), &numbers(&[4], 1), None, None, 1e-5),
        &["batch_norm_eval", "mean"],
    );
}
