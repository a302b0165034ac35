//! A worker of `compare.sh gpu`: one network on one GPU, which runs when it is told to.
//!
//! `gpu TASK NETWORK WEIGHTS BATCH PRECISION`, where the task is `inference` or `training` and the precision `f32`, `tf32` or
//! `bf16`. It says `{"check": [..]}` when it is ready: logits, or the losses of the first steps. For each line `turn MS` on its
//! standard input it runs for so long and says `{"ms": [..]}`, the time of each run.

use std::error::Error;
use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::time::Instant;

use candle_core::{Device, Tensor, Var};
use cnn_examples::models::zoo;
use cnn_runtime::device::Choice;
use cnn_runtime::{CompileOptions, Network, Plan, Precision, TrainingPlan, Tuning, ops};
use cnn_train::optim::{Optimizer, Sgd};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [task, network, weights, batch, precision] = arguments.as_slice() else {
        return Err("usage: gpu inference|training NETWORK WEIGHTS BATCH f32|tf32|bf16".into());
    };
    let device = Choice::Cuda(0).open()?;
    let model = zoo::find(network)?;
    let net = model.load(&PathBuf::from(weights), &device)?;
    let batch: usize = batch.parse()?;
    let mut job: Box<dyn Job> = match task.as_str() {
        "inference" => Box::new(Inference::new(net, batch, precision, &device)?),
        "training" => Box::new(Training::new(net, batch, precision, &device)?),
        other => return Err(format!("no task `{other}`").into()),
    };
    let mut out = std::io::stdout();
    writeln!(out, "{}", serde_json::json!({ "check": job.check()? }))?;
    out.flush()?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let Some(milliseconds) = line.strip_prefix("turn ") else {
            return Err(format!("expected `turn MS`, found `{line}`").into());
        };
        let end = 1e-3 * milliseconds.parse::<f64>()?;
        let (start, mut times) = (Instant::now(), Vec::new());
        // The first run brings things back to where they are fast.
        job.run()?;
        while times.len() < 3 || start.elapsed().as_secs_f64() < end {
            let start = Instant::now();
            job.run()?;
            times.push(1e3 * start.elapsed().as_secs_f64());
        }
        writeln!(out, "{}", serde_json::json!({ "ms": times }))?;
        out.flush()?;
    }
    Ok(())
}

/// Something that is timed.
trait Job {
    /// What shows that it computes the right thing.
    fn check(&mut self) -> Outcome<Vec<f32>>;

    /// One run, to its end on the device.
    fn run(&mut self) -> Outcome<()>;
}

/// Numbers that are the same in every worker: those of `harness/gpu.py`.
fn numbers(count: usize) -> Vec<f32> {
    (0..count as u64).map(|index| ((index * 7919 + 13) % 1009) as f32 / 504.5 - 1.0).collect()
}

fn images(batch: usize, net: &dyn Network, device: &Device) -> Outcome<Tensor> {
    let shape = [&[batch], net.input_shape()].concat();
    Ok(Tensor::from_vec(numbers(shape.iter().product()), shape, device)?)
}

fn of(precision: &str) -> Outcome<Precision> {
    Ok(match precision {
        "f32" => Precision::F32,
        "tf32" => Precision::Tf32,
        "bf16" => Precision::Bf16,
        other => return Err(format!("no precision `{other}`").into()),
    })
}

struct Inference {
    plan: Plan,
    images: Tensor,
    device: Device,
}

impl Inference {
    fn new(net: Box<dyn Network>, batch: usize, precision: &str, device: &Device) -> Outcome<Self> {
        let plan = net.compile(
            &CompileOptions::batch(batch).with_precision(of(precision)?).with_tuning(Tuning::Measured),
        )?;
        Ok(Self { plan, images: images(batch, &*net, device)?, device: device.clone() })
    }
}

impl Job for Inference {
    fn check(&mut self) -> Outcome<Vec<f32>> {
        // Launched, captured, repeated.
        for _ in 0..2 {
            self.plan.run(&self.images)?;
        }
        Ok(self.plan.run(&self.images)?.get(0)?.to_vec1()?)
    }

    fn run(&mut self) -> Outcome<()> {
        self.plan.run(&self.images)?;
        Ok(self.device.synchronize()?)
    }
}

struct Training {
    plan: TrainingPlan,
    optimizer: Optimizer,
    images: Tensor,
    labels: Tensor,
}

impl Training {
    fn new(net: Box<dyn Network>, batch: usize, precision: &str, device: &Device) -> Outcome<Self> {
        let labels: Vec<u32> = (0..batch as u32).map(|index| index * 37 % 1000).collect();
        let options =
            CompileOptions::batch(batch).with_precision(of(precision)?).with_tuning(Tuning::Measured);
        Ok(Self {
            plan: net.compile_training(&options)?,
            optimizer: Optimizer::new(net.state(), Sgd::new(1e-4).momentum(0.9))?,
            images: images(batch, &*net, device)?,
            labels: Tensor::from_vec(labels, batch, &Device::Cpu)?,
        })
    }

    fn step(&mut self) -> Outcome<f32> {
        let logits = Var::from_tensor(&self.plan.forward(&[&self.images])?)?;
        let loss = ops::cross_entropy(&logits, &self.labels, 0.0)?;
        self.plan.backward(loss.backward()?.get(&logits).ok_or("no gradient of the logits")?)?;
        self.optimizer.step_plan(&self.plan)?;
        Ok(loss.to_scalar()?)
    }
}

impl Job for Training {
    fn check(&mut self) -> Outcome<Vec<f32>> {
        (0..3).map(|_| self.step()).collect()
    }

    fn run(&mut self) -> Outcome<()> {
        let loss = self.step()?;
        if loss.is_finite() { Ok(()) } else { Err(format!("the loss is {loss}").into()) }
    }
}
