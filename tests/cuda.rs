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

#[path = "training/networks.rs"]
mod networks;

use candle_core::Device;
use cnn_runtime::params::Role;
use cnn_runtime::prelude::*;
use cnn_runtime::{CompileOptions, Pass, Plan, Precision, State};
use cnn_tests::gpu;

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
        for run in 0..3 {
            let found = plan.run(&x.to_device(gpu).unwrap()).unwrap();
            let error = deviation(&numbers(&found), &numbers(expected));
            assert!(error < tolerance, "{name}, {precision:?}, run {run}: {error:e}\n{plan}");
        }
        println!("{plan}");
    }
}

macro_rules! train {
    ($($test:ident: $network:ident;)+) => {
        mod training {
            use super::*;
            $(
                #[test]
                fn $test() {
                    let Some(gpu) = gpu() else { return };
                    let nets = [Device::Cpu, gpu].map(|device| $network::init(Init::seed(3), &device).unwrap());
                    let shape: Vec<usize> = [4].into_iter().chain($network::INPUT).collect();
                    let run = nets.each_ref().map(|net| {
                        move |x: &Tensor| net.forward_pass(x, &Pass::train(net.state().generator()))
                    });
                    let states = nets.each_ref().map(|net| net.state());
                    check_training(stringify!($network), states, &shape, &$network::OUTPUT, run);
                }
            )+
        }

        mod plans {
            use super::*;
            $(
                #[test]
                fn $test() {
                    let Some(gpu) = gpu() else { return };
                    let nets =
                        [&Device::Cpu, &gpu].map(|device| $network::init(Init::seed(3), device).unwrap());
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

train! {
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
}
