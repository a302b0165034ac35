//! Sizes of windows, found by sliding them.
//!
//! No formula of the language reference is used where sliding will do: a window is put at every start and counted
//! where it fits. That is slow, and so remembered.

use std::collections::HashMap;

/// Sizes above this are not slid over.
pub(super) const LONGEST: i128 = 1 << 16;

/// One window over one line of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Window {
    /// How many values it takes.
    pub(super) kernel: i128,
    /// From one start to the next.
    pub(super) stride: i128,
    /// From one of its values to the next.
    pub(super) dilation: i128,
    /// Zeros before the line.
    pub(super) before: i128,
    /// Zeros behind the line.
    pub(super) behind: i128,
    /// Whether a window may hang over the end.
    pub(super) ceil: bool,
}

impl Window {
    /// From its first value to its last.
    pub(super) fn extent(&self) -> i128 {
        (0..self.kernel).map(|tap| tap * self.dilation).max().unwrap_or(0) + 1
    }

    /// The padding of TensorFlow's `SAME` on a line of `size` values.
    pub(super) fn same(mut self, size: i128) -> Self {
        let windows = starts_inside(size, self.stride);
        let reach = (windows - 1) * self.stride + self.extent();
        let zeros = (reach - size).max(0);
        self.before = zeros / 2;
        self.behind = zeros - self.before;
        self
    }
}

/// What was slid before.
#[derive(Debug, Default)]
pub(super) struct Windows {
    slid: HashMap<(i128, Window), Option<i128>>,
    scattered: HashMap<(i128, Window), Option<i128>>,
}

impl Windows {
    /// How many windows a line of `size` values holds; `None` where it holds none.
    pub(super) fn slide(&mut self, size: i128, window: Window) -> Option<i128> {
        *self.slid.entry((size, window)).or_insert_with(|| slide(size, window))
    }

    /// How long a line gets when each of `size` values is spread over a window (a transposed convolution), before
    /// any output padding; `None` where nothing is left of it.
    pub(super) fn scatter(&mut self, size: i128, window: Window) -> Option<i128> {
        *self.scattered.entry((size, window)).or_insert_with(|| scatter(size, window))
    }
}

/// How many of the starts 0, stride, 2*stride, .. lie inside a line.
fn starts_inside(size: i128, stride: i128) -> i128 {
    let mut count = 0;
    while count * stride < size {
        count += 1;
    }
    count
}

fn slide(size: i128, window: Window) -> Option<i128> {
    let end = size + window.behind;
    let fits = |start: i128| (0..window.kernel).all(|tap| start + tap * window.dilation < end);
    let mut count = 0;
    let mut start = -window.before;
    while fits(start) {
        count += 1;
        start += window.stride;
    }
    // Rounded up: one more window, where the one before it leaves values over. It must start inside the line or the
    // padding before it, as PyTorch has it.
    let last_value_of_the_one_before = start - window.stride + window.extent() - 1;
    if window.ceil && last_value_of_the_one_before < end - 1 && start < size {
        count += 1;
    }
    (count > 0).then_some(count)
}

fn scatter(size: i128, window: Window) -> Option<i128> {
    let mut furthest = 0;
    for value in 0..size {
        for tap in 0..window.kernel {
            furthest = furthest.max(value * window.stride + tap * window.dilation);
        }
    }
    let length = furthest + 1 - window.before - window.behind;
    (length > 0).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(kernel: i128, stride: i128, pad: i128) -> Window {
        Window { kernel, stride, dilation: 1, before: pad, behind: pad, ceil: false }
    }

    #[test]
    fn convolutions_of_the_papers() {
        // AlexNet's, VGG's, ResNet's and LeNet's first layers.
        assert_eq!(slide(227, window(11, 4, 0)), Some(55));
        assert_eq!(slide(224, window(3, 1, 1)), Some(224));
        assert_eq!(slide(224, window(7, 2, 3)), Some(112));
        assert_eq!(slide(32, window(5, 1, 0)), Some(28));
        assert_eq!(slide(2, window(5, 1, 0)), None);
    }

    #[test]
    fn the_examples_of_pytorchs_documentation() {
        // `Conv2d(16, 33, (3, 5), stride=(2, 1), padding=(4, 2), dilation=(3, 1))` on 50x100.
        let rows = Window { dilation: 3, ..window(3, 2, 4) };
        assert_eq!(slide(50, rows), Some(26));
        assert_eq!(slide(100, window(5, 1, 2)), Some(100));
        // `MaxPool2d((3, 2), stride=(2, 1))` on 50x32.
        assert_eq!(slide(50, window(3, 2, 0)), Some(24));
        assert_eq!(slide(32, window(2, 1, 0)), Some(31));
        // `ConvTranspose2d(16, 33, (3, 5), stride=(2, 1), padding=(4, 2))` on 50x100.
        assert_eq!(scatter(50, window(3, 2, 4)), Some(93));
        assert_eq!(scatter(100, window(5, 1, 2)), Some(100));
        // Down to 6 by `Conv2d(16, 16, 3, stride=2, padding=1)`, and back to 11 (12 with `output_padding`).
        assert_eq!(slide(12, window(3, 2, 1)), Some(6));
        assert_eq!(scatter(6, window(3, 2, 1)), Some(11));
    }

    #[test]
    fn rounded_up() {
        let up = |kernel, stride, pad| Window { ceil: true, ..window(kernel, stride, pad) };
        // GoogLeNet's pools.
        assert_eq!(slide(112, up(3, 2, 0)), Some(56));
        assert_eq!(slide(14, up(3, 2, 0)), Some(7));
        // A window that would start in the padding behind does not count.
        assert_eq!(slide(4, up(2, 2, 1)), Some(3));
        assert_eq!(slide(3, up(2, 2, 1)), Some(2));
        // `MaxPool2d(3, 2, ceil_mode=True)` on 2x2 gives 1x1, and refuses 1x1.
        assert_eq!(slide(2, up(3, 2, 0)), Some(1));
        assert_eq!(slide(1, up(3, 2, 0)), None);
    }

    #[test]
    fn same_gives_one_window_for_each_start_inside() {
        for size in 1..40 {
            for kernel in 1..8 {
                for stride in 1..6 {
                    let same = window(kernel, stride, 0).same(size);
                    assert_eq!(slide(size, same), Some((size + stride - 1) / stride), "{size} {same:?}");
                    assert!(same.behind - same.before <= 1);
                }
            }
        }
    }
}
