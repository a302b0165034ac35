//! Times one training step (forward, cross-entropy, backward, SGD) of LeNet-5 and of a small VGG with this library's
//! operations and with candle's.
//!
//! `cargo run --release -p cnn-kernels --example training_step`
use candle_core::{DType, Device, Result, Tensor, Var};
use candle_nn::{Optimizer, SGD, loss::cross_entropy};
use cnn_runtime::{Window, ops};
use std::time::Instant;

/// Who computes the layers.
#[derive(Clone, Copy, Debug)]
enum Backend {
    Ours,
    Candle,
}

impl Backend {
    fn conv(self, x: &Tensor, [weight, bias]: &[Var; 2], padding: usize) -> Result<Tensor> {
        let (_, _, height, width) = weight.dims4()?;
        match self {
            Self::Ours => {
                let window = Window::new([height, width]).with_padding(padding);
                ops::conv2d(x, weight, Some(bias), &window, 1)
            }
            Self::Candle => {
                x.conv2d(weight, padding, 1, 1, 1)?.broadcast_add(&bias.reshape((1, (), 1, 1))?)
            }
        }
    }

    fn pool(self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Ours => ops::max_pool2d(x, &Window::new([2, 2]).with_stride([2, 2])),
            Self::Candle => x.max_pool2d(2),
        }
    }

    fn relu(self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Ours => ops::relu(x),
            Self::Candle => x.relu(),
        }
    }

    fn linear(self, x: &Tensor, [weight, bias]: &[Var; 2]) -> Result<Tensor> {
        match self {
            Self::Ours => ops::linear(x, weight, Some(bias)),
            Self::Candle => x.flatten_from(1)?.matmul(&weight.t()?)?.broadcast_add(bias),
        }
    }
}

fn parameters(weight: &[usize]) -> Result<[Var; 2]> {
    let fan_in: usize = weight[1..].iter().product();
    let bound = 1.0 / (fan_in as f32).sqrt();
    Ok([Var::rand(-bound, bound, weight, &Device::Cpu)?, Var::zeros(weight[0], DType::F32, &Device::Cpu)?])
}

struct Net {
    convs: Vec<[Var; 2]>,
    linears: Vec<[Var; 2]>,
    /// After which convolutions a pool stands, and each convolution's padding.
    pools: &'static [bool],
    paddings: &'static [usize],
}

impl Net {
    fn new(
        convs: &[[usize; 4]],
        linears: &[[usize; 2]],
        pools: &'static [bool],
        paddings: &'static [usize],
    ) -> Result<Self> {
        Ok(Self {
            convs: convs.iter().map(|shape| parameters(shape)).collect::<Result<_>>()?,
            linears: linears.iter().map(|shape| parameters(shape)).collect::<Result<_>>()?,
            pools,
            paddings,
        })
    }

    fn forward(&self, backend: Backend, x: &Tensor) -> Result<Tensor> {
        let mut x = x.clone();
        for ((conv, pool), padding) in self.convs.iter().zip(self.pools).zip(self.paddings) {
            x = backend.relu(&backend.conv(&x, conv, *padding)?)?;
            if *pool {
                x = backend.pool(&x)?;
            }
        }
        for (index, linear) in self.linears.iter().enumerate() {
            x = backend.linear(&x, linear)?;
            if index + 1 < self.linears.len() {
                x = backend.relu(&x)?;
            }
        }
        Ok(x)
    }

    fn variables(&self) -> Vec<Var> {
        self.convs.iter().chain(&self.linears).flatten().cloned().collect()
    }
}

/// Median and least milliseconds of one step, and the least of its forward part.
fn time(net: &Net, backend: Backend, x: &Tensor, labels: &Tensor, steps: usize) -> Result<[f64; 3]> {
    let mut sgd = SGD::new(net.variables(), 0.01)?;
    let (mut times, mut forwards) = (Vec::new(), Vec::new());
    for _ in 0..steps {
        let start = Instant::now();
        let logits = net.forward(backend, x)?;
        forwards.push(start.elapsed().as_secs_f64() * 1e3);
        sgd.backward_step(&cross_entropy(&logits, labels)?)?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    forwards.sort_by(f64::total_cmp);
    Ok([times[steps / 2], times[0], forwards[0]])
}

fn main() -> Result<()> {
    let lenet =
        Net::new(&[[6, 1, 5, 5], [16, 6, 5, 5]], &[[120, 400], [84, 120], [10, 84]], &[true, true], &[2, 0])?;
    let vgg = Net::new(
        &[[64, 3, 3, 3], [64, 64, 3, 3], [128, 64, 3, 3], [128, 128, 3, 3]],
        &[[256, 8192], [10, 256]],
        &[false, true, false, true],
        &[1, 1, 1, 1],
    )?;
    println!("{} threads", rayon::current_num_threads());
    for (name, net, shape, steps) in
        [("LeNet-5", &lenet, [32, 1, 28, 28], 60), ("small VGG", &vgg, [32, 3, 32, 32], 4)]
    {
        let x = Tensor::randn(0f32, 1., &shape, &Device::Cpu)?;
        let labels = Tensor::zeros(shape[0], DType::U32, &Device::Cpu)?;
        for backend in [Backend::Ours, Backend::Candle, Backend::Ours] {
            let [median, least, forward] = time(net, backend, &x, &labels, steps)?;
            println!(
                "{name} batch {}: {backend:?} step {median:.2} ms (least {least:.2}, forward {forward:.2})",
                shape[0]
            );
        }
    }
    Ok(())
}
