//! A layer with a sliding window, read by the language's front end.

use cnn_ir::layer::Op;
use cnn_ir::model::Step;
use cnn_ir::shape::Shape;
use cnn_ir::window::{Axis, Window};

use super::{Error, InputSize, pair};

/// What slides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A convolution, plain, grouped or depthwise.
    Convolution,
    /// A transposed convolution, drawn as the convolution that gives the same.
    Transposed {
        /// Rows and columns added at the end.
        output_padding: [usize; 2],
    },
    /// Maximum pooling.
    MaxPooling,
    /// Average pooling, adaptive and global included.
    AveragePooling,
}

/// A layer with a sliding window on an input of known size.
///
/// ```
/// use cnn_examples::arithmetic::Sliding;
/// let layer = Sliding::read("conv7-64/2", "3x224x224".parse().unwrap())?;
/// assert_eq!(layer.output(), [112, 112]);
/// assert_eq!((layer.small().input(), layer.small().output()), ([8, 8], [4, 4]));
/// # Ok::<(), cnn_examples::arithmetic::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sliding {
    source: String,
    kind: Kind,
    window: Window,
    input: [usize; 2],
    output: [usize; 2],
}

impl Sliding {
    /// Reads a layer, as it would stand in a declaration, on an input of this size.
    ///
    /// # Errors
    /// Where the layer does not read or fit, or slides no window.
    pub fn read(layer: &str, input: InputSize) -> Result<Self, Error> {
        let wrong = |error| Error::Declaration { error: Box::new(error) };
        let path: cnn_ir::Path = layer.parse().map_err(wrong)?;
        let network = path.on([input.channels, input.height, input.width]).map_err(wrong)?;
        let [Step::Layer(step)] = &network.model().body[..] else {
            return Err(Error::NotOneLayer(layer.trim().to_owned()));
        };
        let source = step.source.clone();
        let no_window = || Error::NoWindow(source.clone());
        let (input, output) = spatial(&step.input).zip(spatial(&step.output)).ok_or_else(no_window)?;
        let (kind, window) = match &step.op {
            Op::Conv(conv) => (Kind::Convolution, conv.window),
            Op::Deconv(deconv) => (Kind::Transposed { output_padding: deconv.output_padding }, deconv.window),
            Op::MaxPool(window) => (Kind::MaxPooling, *window),
            Op::AvgPool { window, .. } => (Kind::AveragePooling, *window),
            Op::GlobalAvgPool | Op::AdaptiveAvgPool(_) => {
                // With sizes that divide, its bins are windows.
                let kernel = [0, 1].map(|axis| input[axis] / output[axis].max(1));
                if [0, 1].map(|axis| kernel[axis] * output[axis]) != input {
                    let [input, output] = [input, output].map(pair);
                    return Err(Error::Uneven { layer: source, input, output });
                }
                (Kind::AveragePooling, Window::new(kernel).with_stride(kernel))
            }
            _ => return Err(no_window()),
        };
        Ok(Self { source, kind, window, input, output })
    }

    /// The same layer on a small input: as many windows less as leave four along each axis, so that as many rows and
    /// columns are left over as on the whole input.
    #[must_use]
    pub fn small(&self) -> Self {
        let input = [0, 1].map(|axis| {
            // An input value less is a window less of a transposed convolution, a stride less one of the others.
            let (windows, step) = match self.kind {
                Kind::Transposed { .. } => (self.input[axis], 1),
                _ => (self.output[axis], self.window.stride[axis]),
            };
            let less = windows.saturating_sub(4).saturating_mul(step);
            self.input[axis].checked_sub(less).filter(|&size| size > 0).unwrap_or(self.input[axis])
        });
        let output = match self.kind {
            Kind::Transposed { output_padding } => self.window.axes(input).and_then(|[rows, columns]| {
                let height = rows.transposed_out(input[0], output_padding[0])?;
                Some([height, columns.transposed_out(input[1], output_padding[1])?])
            }),
            _ => self.window.out(input),
        };
        output.map_or_else(|| self.clone(), |output| Self { input, output, ..self.clone() })
    }

    /// As written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What slides.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The window.
    #[must_use]
    pub fn window(&self) -> Window {
        self.window
    }

    /// Rows and columns that arrive.
    #[must_use]
    pub fn input(&self) -> [usize; 2] {
        self.input
    }

    /// Rows and columns that leave.
    #[must_use]
    pub fn output(&self) -> [usize; 2] {
        self.output
    }

    /// The window along rows and along columns; `None` where a number overflows.
    pub(super) fn axes(&self) -> Option<[Axis; 2]> {
        self.window.axes(self.input)
    }
}

fn spatial(shape: &Shape) -> Option<[usize; 2]> {
    let [height, width] = shape.spatial()?;
    Some([height.as_usize()?, width.as_usize()?])
}
