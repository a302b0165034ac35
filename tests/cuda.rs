//! What the other tests ask of the CPU, asked of a GPU: the first one, or nothing where there is none.

#[macro_use]
#[path = "references/families.rs"]
mod families;
#[path = "references/batch_norm_layer.rs"]
mod batch_norm_layer;
#[path = "references/cases.rs"]
mod cases;
#[path = "references/compare.rs"]
mod compare;
#[path = "references/layouts.rs"]
mod layouts;
#[path = "references/operations.rs"]
mod operations;
#[path = "references/run.rs"]
mod run;

#[path = "models/formula.rs"]
#[allow(dead_code, reason = "the references use all of it")]
mod formula;
#[path = "training/networks.rs"]
mod networks;
#[path = "training/steps.rs"]
mod steps;

#[path = "cuda/last.rs"]
mod last;
#[path = "cuda/layers.rs"]
mod layers;
#[path = "cuda/losses.rs"]
mod losses;
#[path = "cuda/variants.rs"]
mod variants;

use candle_core::{Device, Var};
use cnn_runtime::ops;
use cnn_runtime::params::Role;
use cnn_runtime::prelude::*;
use cnn_runtime::random::Generator as Numbers;
use cnn_runtime::{CompileOptions, Pass, Plan, Precision, State, TrainingPlan};
use cnn_tests::gpu;
use cnn_train::optim::{Adam, Optimizer};
use cnn_train::trainer::Trainer;

use cases::Family;
use families::MANY;
use networks::*;
use run::Kind;

macro_rules! families {
    ($($family:ident: $kind:ident, $least:literal, $many:expr;)+) => {
        mod references {
            $(
                #[test]
                fn $family() {
                    use super::*;
                    let Some(gpu) = gpu() else { return };
                    run::check(&Family::load(stringify!($family)), $least, Kind::$kind, $many, &gpu);
                }
            )+
        }
    };
}

with_families!(families);

/// Two steps on both devices, from the same weights and with the same masks: outputs, gradients and running statistics.
fn check_training<F>(name: &str, states: [&State; 2], shape: &[usize], outputs: &[usize], run: [F; 2])
where
    F: Fn(&Tensor) -> cnn_runtime::Result<Tensor>,
{
    let gpu = states[1].device();
    for step in 0..2 {
        let x = tensor(1 + step, shape);
        let gradient = tensor(7 + step, &[&[shape[0]], outputs].concat());
        let [expected, found] = [(0, &Device::Cpu), (1, gpu)].map(|(index, device)| {
            let output = run[index](&x.to_device(device).unwrap()).unwrap();
            let loss = (&output * gradient.to_device(device).unwrap()).unwrap().sum_all().unwrap();
            (output, loss.backward().unwrap())
        });
        let error = deviation(&numbers(&found.0), &numbers(&expected.0));
        assert!(error < 2e-5, "{name}: output {error:e}");
        for ((label, theirs, _), (_, ours, role)) in states[0].named().zip(states[1].named()) {
            let is_learned = role == Role::Parameter;
            let [theirs, ours] = if is_learned {
                [expected.1.get(theirs).unwrap().clone(), found.1.get(ours).unwrap().clone()]
            } else {
                [theirs, ours].map(|var| var.as_tensor().clone())
            };
            let (ours, theirs) = (numbers(&ours), numbers(&theirs));
            let error = deviation(&ours, &theirs);
            // What is zero but for rounding (a bias before a norm) has nothing to be relative to.
            let largest = theirs.iter().fold(0f32, |most, value| most.max(value.abs()));
            let nothing = if is_learned { 1e-3 } else { 1e-6 };
            assert!(error < 1e-4 || largest < nothing, "{name}: {label}: {error:e} of {largest}");
        }
    }
}

/// A step in mixed precision on the GPU beside one in `f32` on the CPU: the output, and all gradients together.
fn check_mixed<F>(name: &str, states: [&State; 2], shape: &[usize], outputs: &[usize], run: [F; 2])
where
    F: Fn(&Tensor) -> cnn_runtime::Result<Tensor>,
{
    let x = tensor(1, shape);
    let gradient = tensor(7, &[&[shape[0]], outputs].concat());
    let steps = [0, 1].map(|index| {
        let device = states[index].device();
        let output = ops::autocast(|| run[index](&x.to_device(device).unwrap())).unwrap();
        let output = output.to_dtype(DType::F32).unwrap();
        let loss = (&output * gradient.to_device(device).unwrap()).unwrap().sum_all().unwrap();
        let store = loss.backward().unwrap();
        let gradients = states[index].trainable().into_iter().map(|var| {
            let gradient = store.get(&var).unwrap();
            assert_eq!(gradient.dtype(), DType::F32);
            numbers(gradient)
        });
        (numbers(&output), gradients.collect::<Vec<_>>().concat())
    });
    let error = deviation(&steps[1].0, &steps[0].0);
    let length = |values: &mut dyn Iterator<Item = f32>| values.map(|x| f64::from(x * x)).sum::<f64>().sqrt();
    let apart = length(&mut steps[0].1.iter().zip(&steps[1].1).map(|(a, b)| a - b));
    let share = apart / length(&mut steps[0].1.iter().copied());
    println!("{name} in mixed precision: output {error:.1e}, gradients {share:.1e}");
    // A value that falls on the other side of a ReLU, or another that is a maximum, changes gradients by a whole.
    let is_smooth = ["Dropping", "Excited", "Next"].contains(&name);
    let most = if is_smooth { 2e-2 } else { 0.25 };
    assert!(error < 2e-2 && share < most, "{name}: output {error:e}, gradients {share:e}");
    // It was done: bf16 has eight digits.
    assert!(error > 1e-5, "{name}: {error:e}");
}

/// Steps of a training plan on the GPU beside candle's on the CPU, from the same weights and with the same masks: launched one by
/// one, captured and repeated. In `f32` every output, gradient and running statistic; else the output, and all gradients together.
fn check_steps(
    name: &str,
    precision: Precision,
    states: [&State; 2],
    (shape, outputs): (&[usize], &[usize]),
    run: impl Fn(&Tensor) -> cnn_runtime::Result<Tensor>,
    compile: impl Fn(&CompileOptions) -> cnn_runtime::Result<TrainingPlan>,
) {
    let gpu = states[1].device();
    let options = CompileOptions::batch(shape[0]).with_precision(precision).with_input_gradients();
    let mut plan = compile(&options).unwrap();
    let (mut apart, mut whole, mut outputs_apart) = (0.0, 0.0, 0f64);
    // Launched, captured and repeated, and repeated as it is.
    for step in 0..if is_slow() { 2 } else { 3 } {
        // Numbers of which none comes so near to the corner of a ReLU that rounding decides.
        let x = Var::from_tensor(&tensor(21 + step, shape)).unwrap();
        let gradient = tensor(7 + step, &[&[shape[0]], outputs].concat());
        let expected = run(&x).unwrap();
        let store = (&expected * &gradient).unwrap().sum_all().unwrap().backward().unwrap();
        let found = plan.forward(&[&x.to_device(gpu).unwrap()]).unwrap();
        plan.backward(&gradient.to_device(gpu).unwrap()).unwrap();
        let error = deviation(&numbers(&found), &numbers(&expected));
        outputs_apart = outputs_apart.max(f64::from(error));
        let mut pairs = vec![("the input", numbers(&plan.input_gradient(0).unwrap()), store.get(&x), 1e-3)];
        let count = states[0].trainable().len();
        assert_eq!(plan.gradients().count(), count, "{name}");
        let mut running = Vec::new();
        for ((label, theirs, _), (_, ours, role)) in states[0].named().zip(states[1].named()) {
            if role == Role::Parameter {
                let (_, found) = plan.gradients().find(|(var, _)| var.id() == ours.id()).unwrap();
                let found = found.as_tensor().expect("a tensor of the device");
                assert_eq!((found.dims(), found.dtype()), (theirs.dims(), DType::F32), "{name}: {label}");
                pairs.push((label, numbers(found), store.get(theirs), 1e-3));
            } else {
                running.push((label, numbers(ours), numbers(theirs)));
            }
        }
        for (label, found, expected, nothing) in pairs {
            let expected = numbers(expected.unwrap());
            let error = deviation(&found, &expected);
            let largest = expected.iter().fold(0f32, |most, value| most.max(value.abs()));
            if precision == Precision::F32 {
                assert!(error < 1e-4 || largest < nothing, "{name}: {step}: {label}: {error:e} of {largest}");
            }
            for (a, b) in found.iter().zip(&expected) {
                apart += f64::from(a - b).powi(2);
                whole += f64::from(*b).powi(2);
            }
        }
        for (label, found, expected) in running {
            let error = deviation(&found, &expected);
            let largest = expected.iter().fold(0f32, |most, value| most.max(value.abs()));
            let most = if precision == Precision::F32 { 1e-4 } else { 2e-2 };
            assert!(error < most || largest < 1e-3, "{name}: {step}: {label}: {error:e} of {largest}");
        }
    }
    let plan = format!("{plan:?}");
    assert!(plan.contains("refused: 0") && !plan.contains("captured: 0"), "{plan}");
    let share = (apart / whole).sqrt();
    println!("{name}, {precision:?}: output {outputs_apart:.1e}, gradients {share:.1e}");
    // As in `check_mixed`.
    let is_smooth = ["Dropping", "Excited", "Next"].contains(&name);
    let (most, most_apart) = match precision {
        Precision::Bf16 => (2e-2, if is_smooth { 2e-2 } else { 0.25 }),
        Precision::Tf32 => (1e-2, 0.1),
        _ => (2e-5, 1e-4),
    };
    assert!(outputs_apart < most && share < most_apart, "{name}: {outputs_apart:e}, gradients {share:e}");
    // It was done: bf16 has eight digits.
    assert!(precision != Precision::Bf16 || outputs_apart > 1e-5, "{name}: {outputs_apart:e}");
}

/// A plan on the GPU beside the network on the CPU, in every precision: launched one by one, captured and repeated.
fn check_plan(
    name: &str,
    expected: &Tensor,
    x: &Tensor,
    compile: impl Fn(&CompileOptions) -> Plan,
    gpu: &Device,
) {
    let batch = x.dims()[0];
    for (precision, tolerance) in [(Precision::F32, 2e-5), (Precision::Tf32, 1e-2), (Precision::Bf16, 2e-2)] {
        let mut plan = compile(&CompileOptions::batch(batch).with_precision(precision));
        let is_captured = |plan: &Plan| plan.to_string().contains("CUDA, as a graph");
        let captures = is_captured(&plan);
        for run in 0..3 {
            let found = plan.run(&x.to_device(gpu).unwrap()).unwrap();
            let error = deviation(&numbers(&found), &numbers(expected));
            assert!(error < tolerance, "{name}, {precision:?}, run {run}: {error:e}\n{plan}");
        }
        assert_eq!(is_captured(&plan), captures, "the driver captured it: {plan}");
        println!("{plan}");
    }
}

network! {
    /// Enough channels and pixels for large tiles.
    Wide: 16x12x11 -> [8, 6, 6] {
        conv3-128 bn relu -> residual { conv1-128 bn relu -> conv3-128 bn } relu -> conv3-80/2(groups=2, bias=false) bn relu
     -> conv5-96(groups=4) relu -> conv1-8
    }

    /// Sizes that fill no tile, and channels that fill no chunk.
    Odd: 5x13x11 -> [7, 7, 6] { conv3-9 relu -> conv7x3-70 relu6 -> conv3-72/2 bn silu -> conv1-7 }

    /// What plans do not fuse, and what they arrange.
    #[allow(network::softmax_output)]
    Arranged: 8x6x6 -> 5 {
        conv3-16(bias=false) gn4 relu -> channelshuffle4 -> conv3-32(bias=false) inorm -> shuffle2
     -> concat { id | conv1-8 } -> ln lrn3 -> prelu -> up2 -> avgpool2 -> conv3-24/2 -> up2(bilinear) -> gap -> flatten
     -> fc5 softmax
    }

    /// Few pixels and many factors: sums in parts.
    Deep: 64x4x4 -> 5 {
        conv3-96(bias=false) bn relu -> residual { conv3-96 relu -> conv3-96 } relu -> conv3-40/2 silu -> gap -> fc: fc5
    }

    /// What only moves values.
    Moved: 6x9x8 -> 4 {
        conv3-12 relu -> pad([1, 0, 2, 3]) -> split { id | conv3-6(bias=false) bn relu } -> channelshuffle2
     -> conv3-24/2(bias=false) gn4 silu -> shuffle2 -> crop(7x9) -> conv3-8(bias=false) inorm gelu -> gap -> fc: fc4
    }
}

/// A module of tests that run networks on the CPU and on the GPU, and have both compared.
macro_rules! beside {
    ($module:ident by $check:ident, |$net:ident, $x:ident| $run:expr; $($test:ident: $network:ident;)+) => {
        mod $module {
            use super::*;
            $(
                #[test]
                fn $test() {
                    let Some(gpu) = gpu() else { return };
                    let nets = [Device::Cpu, gpu].map(|device| $network::init(Init::seed(3), &device).unwrap());
                    let shape: Vec<usize> = [4].into_iter().chain($network::INPUT).collect();
                    let run = nets.each_ref().map(|$net| move |$x: &Tensor| $run);
                    let states = nets.each_ref().map(|net| net.state());
                    $check(stringify!($network), states, &shape, &$network::OUTPUT, run);
                }
            )+
        }
    };
}

macro_rules! networks {
    ($($test:ident: $network:ident;)+) => {
        beside! {
            training by check_training, |net, x| net.forward_pass(x, &Pass::train(net.state().generator()));
            $($test: $network;)+
        }

        mod training_plans {
            use super::*;
            $(
                #[test]
                fn $test() {
                    let Some(gpu) = gpu() else { return };
                    for precision in precisions(stringify!($network)) {
                        let nets =
                            [&Device::Cpu, &gpu].map(|device| $network::init(Init::seed(3), device).unwrap());
                        let shape: Vec<usize> = [4].into_iter().chain($network::INPUT).collect();
                        let run = |x: &Tensor| {
                            nets[0].forward_pass(x, &Pass::train(nets[0].state().generator()))
                        };
                        let compile = |options: &CompileOptions| nets[1].compile_training(options);
                        let states = nets.each_ref().map(|net| net.state());
                        let shapes = (shape.as_slice(), $network::OUTPUT.as_slice());
                        check_steps(stringify!($network), precision, states, shapes, run, compile);
                    }
                }
            )+
        }

        mod plans {
            use super::*;
            $(
                #[test]
                fn $test() {
                    let Some(gpu) = gpu() else { return };
                    let nets = [&Device::Cpu, &gpu].map(|device| $network::init(Init::seed(3), device).unwrap());
                    let shape: Vec<usize> = [3].into_iter().chain($network::INPUT).collect();
                    let x = tensor(5, &shape);
                    let expected = nets[0].forward(&x).unwrap().into_inner();
                    let compile = |options: &CompileOptions| nets[1].compile(options).unwrap();
                    check_plan(stringify!($network), &expected, &x, compile, &gpu);
                }
            )+
        }
    };
}

networks! {
    lenet: LeNet;
    vgg: Vgg;
    residual: Residual;
    mobile: Mobile;
    grouped: Grouped;
    transposed: Generator;
    dropping: Dropping;
    normed: Normed;
    ends: Ends;
    mixed: Mixed;
    excited: Excited;
    next: Next;
    wide: Wide;
    odd: Odd;
    arranged: Arranged;
    moved: Moved;
    deep: Deep;
}

// By operations on tensors; plans have it too, for all networks.
beside! {
    mixed_precision by check_mixed, |net, x| net.forward_pass(x, &Pass::train(net.state().generator()));
    lenet: LeNet;
    residual: Residual;
    dropping: Dropping;
    excited: Excited;
    next: Next;
}

// By plans, behind which candle goes back.
beside! {
    forward_train by check_training, |net, x| Ok(net.forward_train(x)?.into_inner());
    residual: Residual;
    dropping: Dropping;
    transposed: Generator;
    next: Next;
}

/// What a network is trained in. On a stand-in TF32, whose kernels are those of bf16 with other words, is seen on some.
fn precisions(name: &str) -> Vec<Precision> {
    let is_seen = !is_slow() || ["Residual", "Mobile", "Grouped", "Deep"].contains(&name);
    let all = [(Precision::F32, true), (Precision::Tf32, is_seen), (Precision::Bf16, true)];
    all.into_iter().filter_map(|(precision, is_seen)| is_seen.then_some(precision)).collect()
}

/// Whether the GPU is a stand-in, which computes on the CPU.
pub(crate) fn is_slow() -> bool {
    std::env::var_os("CUDA_STANDIN").is_some()
}

/// What is frozen has no gradient, and norms whose statistics are frozen go by them and leave them.
#[test]
fn what_is_frozen_does_not_learn() {
    let Some(gpu) = gpu() else { return };
    let nets = [&Device::Cpu, &gpu].map(|device| Residual::init(Init::seed(3), device).unwrap());
    for net in &nets {
        net.state().freeze_except(&["fc", "7"]).unwrap();
    }
    let learned: Vec<String> = nets[1].state().learned().map(|(name, _)| name.to_owned()).collect();
    assert_eq!(learned, ["7.weight", "fc.weight", "fc.bias"]);
    let shape: Vec<usize> = [4].into_iter().chain(Residual::INPUT).collect();
    let (x, gradient) = (tensor(1, &shape), tensor(7, &[4, 7]));
    let before: Vec<Vec<f32>> = nets[1].state().named().map(|(_, var, _)| numbers(var)).collect();
    let plans = nets.each_ref().map(|net| {
        let device = net.state().device();
        let mut plan = net.compile_training(&CompileOptions::batch(4)).unwrap();
        for _ in 0..2 {
            plan.forward(&[&x.to_device(device).unwrap()]).unwrap();
            plan.backward(&gradient.to_device(device).unwrap()).unwrap();
        }
        plan
    });
    let [theirs, ours] = plans.each_ref().map(|plan| plan.gradients().collect::<Vec<_>>());
    assert_eq!((theirs.len(), ours.len()), (learned.len(), learned.len()));
    for ((name, theirs), (_, ours)) in learned.iter().zip(theirs).zip(ours) {
        let [theirs, ours] = [theirs.1, ours].map(|gradient| numbers(&gradient.to_tensor().unwrap()));
        let error = deviation(&ours, &theirs);
        assert!(error < 1e-4, "{name}: {error:e}");
    }
    for ((name, var, _), before) in nets[1].state().named().zip(before) {
        let is_moved = numbers(var) != before;
        assert!(!is_moved || !nets[1].state().is_frozen(name), "{name} moved");
    }
}

#[test]
fn a_training_plan_says_what_it_does_not_do() {
    let Some(gpu) = gpu() else { return };
    let net = LeNet::init(Init::seed(1), &gpu).unwrap();
    let options = CompileOptions::batch(2);
    let error = net.compile_training(&options.clone().with_precision(Precision::Bf16Linear)).unwrap_err();
    assert!(error.to_string().contains("learns in F32, Tf32 or Bf16, found Bf16Linear"), "{error}");
    let mut plan = net.compile_training(&options).unwrap();
    let error = plan.forward(&[&tensor(1, &[2, 1, 28, 28])]).unwrap_err().to_string();
    assert!(error.contains("the plan of `LeNet`") && error.contains("Cpu"), "{error}");
    let error = plan.backward(&tensor(1, &[2, 10]).to_device(&gpu).unwrap()).unwrap_err().to_string();
    assert!(error.contains("`backward` needs a `forward` before it"), "{error}");
    assert!(plan.input_gradient(0).is_err());
    let mut optimizer = Optimizer::new(net.state(), Adam::new(1e-3)).unwrap();
    let slices: Vec<Option<&[f32]>> = optimizer.vars().map(|_| None).collect();
    let error = optimizer.step_slices(&slices).unwrap_err().to_string();
    assert!(error.contains("step_plan"), "{error}");
    let other = LeNet::init(Init::seed(1), &gpu).unwrap();
    let error =
        Optimizer::new(other.state(), Adam::new(1e-3)).unwrap().step_plan(&plan).unwrap_err().to_string();
    assert!(error.contains("the plan is of another network"), "{error}");
}

#[test]
fn memory_that_is_not_there_is_an_error_with_advice() {
    let Some(gpu) = gpu() else { return };
    let device = cnn_cuda::tensor::gpu(gpu.as_cuda_device().unwrap()).unwrap();
    let error = device.allocate::<f32>(1 << 48).unwrap_err().to_string();
    assert!(error.contains("asking for memory") && error.contains("take a smaller batch"), "{error}");
}

#[test]
fn masks_are_those_of_the_cpu() {
    let Some(gpu) = gpu() else { return };
    for (count, p) in [(1, 0.5), (6, 0.3), (1023, 0.9), (40_000, 0.25)] {
        let masks = [&Device::Cpu, &gpu].map(|device| {
            let generator = Numbers::seed(11);
            let ones = Tensor::ones((1, count), DType::F32, device).unwrap();
            let first = Pass::train(&generator).dropout(&ones, p).unwrap();
            let second = Pass::train(&generator).dropout(&ones, p).unwrap();
            assert!(count < 100 || numbers(&first) != numbers(&second));
            [numbers(&first), numbers(&second)]
        });
        assert_eq!(masks[0], masks[1], "{count} values, {p}");
    }
}

#[test]
fn weights_that_change_are_noticed() {
    let Some(gpu) = gpu() else { return };
    let net = LeNet::init(Init::seed(3), &gpu).unwrap();
    let mut plan = net.compile(&CompileOptions::batch(1)).unwrap();
    let x = tensor(5, &[1, 1, 28, 28]).to_device(&gpu).unwrap();
    let before = numbers(&plan.run(&x).unwrap());
    let (name, var, _) = net.state().named().next().unwrap();
    var.set(&(var.as_detached_tensor() * 2.0).unwrap()).unwrap();
    let error = plan.run(&x).unwrap_err().to_string();
    assert!(error.contains(name), "{error}");
    let after = numbers(&net.compile(&CompileOptions::batch(1)).unwrap().run(&x).unwrap());
    assert_ne!(before, after);
}

#[test]
fn a_plan_takes_slices_and_forks_and_refuses_the_cpu() {
    let Some(gpu) = gpu() else { return };
    let net = LeNet::init(Init::seed(3), &gpu).unwrap();
    let mut plan = net.compile(&CompileOptions::batch(2)).unwrap();
    let x = tensor(5, &[2, 1, 28, 28]);
    let expected = numbers(&plan.run(&x.to_device(&gpu).unwrap()).unwrap());
    let error = plan.run(&x).unwrap_err().to_string();
    assert!(error.contains("Cuda") && error.contains("Cpu"), "{error}");
    let values = numbers(&x);
    let mut logits = vec![0.0; 20];
    plan.run_slices(&[&values], &mut [&mut logits]).unwrap();
    assert_eq!(logits, expected);
    // On another thread, whose stream is another.
    let mut other = plan.fork();
    let there = std::thread::spawn(move || {
        let mut logits = vec![0.0; 20];
        other.run_slices(&[&values], &mut [&mut logits]).unwrap();
        logits
    });
    assert_eq!(there.join().unwrap(), expected);
}

/// Digits of a kind: a bright square, whose place says which.
fn squares(count: usize) -> (Tensor, Tensor) {
    let mut pixels = values(9, count * 784);
    for (index, image) in pixels.chunks_exact_mut(784).enumerate() {
        let (top, left) = (index % 10 / 5 * 14, index % 5 * 5);
        for row in 0..8 {
            image[(top + row) * 28 + left..][..6].fill(3.0);
        }
    }
    let labels: Vec<u32> = (0..count as u32).map(|index| index % 10).collect();
    let images = Tensor::from_vec(pixels, (count, 1, 28, 28), &Device::Cpu).unwrap();
    (images, Tensor::from_vec(labels, count, &Device::Cpu).unwrap())
}

#[test]
fn a_trainer_trains_and_validates_there() {
    let Some(gpu) = gpu() else { return };
    for mixed in [false, true] {
        let net = LeNet::init(Init::seed(3), &gpu).unwrap();
        let batches = |count: usize| {
            cnn_train::data::from_fn(count / 20, count, move |epoch| {
                let (images, labels) = squares(count);
                (0..count / 20).map(move |batch| {
                    let first = (batch + epoch) % (count / 20) * 20;
                    Ok((images.narrow(0, first, 20)?, labels.narrow(0, first, 20)?))
                })
            })
        };
        let folder = std::env::temp_dir().join(format!("cnn-tests-cuda-{}-{mixed}", std::process::id()));
        let trainer = |epochs: usize| {
            Trainer::new(&net)
                .optimizer(Adam::new(2e-3))
                .epochs(epochs)
                .mixed_precision(mixed)
                .clip_norm(5.0)
                .ema(0.5)
                .run_folder(&folder)
                .resume(true)
                .fit(&batches(40), &batches(20))
                .unwrap()
        };
        trainer(4);
        // Goes on from the checkpoint, whose optimizer's state goes back to the device.
        let history = trainer(8);
        std::fs::remove_dir_all(&folder).unwrap();
        let last = history.last().unwrap();
        assert!(last.accuracy > 0.9, "mixed: {mixed}, {last:?}");
    }
}

#[test]
fn lenet_learns_the_same_in_every_run() {
    let Some(gpu) = gpu() else { return };
    let (images, labels) = squares(40);
    let run = |device: &Device| {
        let net = LeNet::init(Init::seed(3), device).unwrap();
        let mut optimizer = Optimizer::new(net.state(), Adam::new(2e-3)).unwrap();
        let images = images.to_device(device).unwrap();
        let losses = (0..12).map(|_| {
            let logits = net.forward_train(&images).unwrap();
            let loss = ops::cross_entropy(&logits, &labels, 0.0).unwrap();
            optimizer.backward_step(&loss).unwrap();
            loss.to_scalar::<f32>().unwrap()
        });
        losses.collect::<Vec<f32>>()
    };
    let (first, second, on_cpu) = (run(&gpu), run(&gpu), run(&Device::Cpu));
    assert_eq!(first, second);
    assert!(first[11] < 0.5 * first[0], "{first:?}");
    for (found, expected) in first.iter().zip(&on_cpu) {
        assert!((found - expected).abs() < 1e-3 * expected.max(0.1), "{first:?} {on_cpu:?}");
    }
}
