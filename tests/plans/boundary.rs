//! What a plan takes, what it refuses and what it says then.

use candle_core::Var;
use candle_nn::VarBuilder;
use candle_nn::{Optimizer, SGD};
use cnn_runtime::prelude::*;

network! {
    Small: 2x6x6 -> 3 { conv3-4 bn relu -> pool2 -> dropout(0.5) -> fc: fc3(dropconnect=0.5) }

    Pair: (left: 2x4x4, right: [2, H, W]) -> 2 where H >= 2 { left -> gap @l; right -> gap @r; add(@l, @r) -> flatten -> fc: fc2 }

    Inside: 2x6x6 -> 3 { body: Small() -> relu }
}

fn small() -> Small {
    Small::init(Init::seed(1), &Device::Cpu).unwrap()
}

fn zeros(dims: &[usize]) -> Tensor {
    Tensor::zeros(dims, DType::F32, &Device::Cpu).unwrap()
}

#[track_caller]
fn refused<T>(result: Result<T>, message: &str) {
    match result {
        Ok(_) => panic!("was not refused"),
        Err(error) => assert_eq!(error.to_string(), message),
    }
}

#[test]
fn inputs_that_do_not_fit() {
    let mut plan = small().compile(&CompileOptions::batch(2)).unwrap();
    refused(
        plan.run(&zeros(&[2, 2, 6, 5])),
        "the plan of `Small`: expected (2, 2, 6, 6), found (2, 2, 6, 5)",
    );
    refused(
        plan.run(&zeros(&[3, 2, 6, 6])),
        "the plan of `Small`: expected (2, 2, 6, 6), found (3, 2, 6, 6); its batch is fixed, compile another with \
         `CompileOptions::batch(3)`",
    );
    refused(
        plan.run(&zeros(&[0, 2, 6, 6])),
        "the plan of `Small`: expected at least one sample, found (0, 2, 6, 6)",
    );
    refused(
        plan.run(&zeros(&[2, 6, 6])),
        "the plan of `Small`: expected (2, 2, 6, 6), found (2, 6, 6); one sample needs a batch dimension: \
         `unsqueeze(0)`",
    );
    refused(
        plan.run(&zeros(&[2, 6, 6, 2])),
        "the plan of `Small`: expected (2, 2, 6, 6), found (2, 6, 6, 2); channels come first: `permute((0, 3, 1, 2))`",
    );
    refused(
        plan.run(&zeros(&[2, 2, 6, 6]).to_dtype(DType::F64).unwrap()),
        "the plan of `Small`: the network is F32, the input F64; convert it with `to_dtype(DType::F32)`",
    );
    refused(plan.run_all(&[]), "the plan of `Small`: it has 1 input, found 0");
    // It is as good as before.
    plan.run(&zeros(&[2, 2, 6, 6])).unwrap();
}

#[test]
fn any_layout_is_taken() {
    let network = small();
    let mut plan = network.compile(&CompileOptions::batch(2)).unwrap();
    let x = Tensor::rand(-1f32, 1.0, (2, 6, 6, 2), &Device::Cpu).unwrap();
    let turned = x.permute((0, 3, 1, 2)).unwrap();
    let part = Tensor::cat(&[&turned, &turned], 0).unwrap().narrow(0, 1, 2).unwrap();
    for x in [turned, part, zeros(&[1, 2, 6, 6]).broadcast_as((2, 2, 6, 6)).unwrap()] {
        let difference = (plan.run(&x).unwrap() - network.forward(&x).unwrap().into_inner()).unwrap();
        assert!(difference.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap() < 1e-5);
    }
}

#[test]
fn several_inputs_and_sizes_that_are_symbols() {
    let network = Pair::init(Init::seed(1), &Device::Cpu).unwrap();
    let mut plan = network.compile(&CompileOptions::batch(1)).unwrap();
    for size in 2..12 {
        let inputs = [&zeros(&[1, 2, 4, 4]), &zeros(&[1, 2, size, 3])];
        assert_eq!(plan.run_all(&inputs).unwrap()[0].dims(), [1, 2]);
    }
    refused(
        plan.run_all(&[&zeros(&[1, 2, 4, 5]), &zeros(&[1, 2, 4, 4])]),
        "the plan of `Pair`, input `left`: expected (1, 2, 4, 4), found (1, 2, 4, 5)",
    );
    refused(
        plan.run_all(&[&zeros(&[1, 2, 4, 4]), &zeros(&[1, 3, 4, 4])]),
        "the plan of `Pair`, input `right`: expected (1, 2, any, any), found (1, 3, 4, 4)",
    );
    refused(
        plan.run_all(&[&zeros(&[1, 2, 4, 4]), &zeros(&[1, 2, 0, 4])]),
        "the plan of `Pair`, input `right`: expected at least one sample, found (1, 2, 0, 4)",
    );
    refused(
        plan.run_all(&[&zeros(&[1, 2, 4, 4]), &zeros(&[1, 2, 1, 4])]),
        "Pair: H = 1 does not fit, it must satisfy H >= 2; the nearest that fits: 2 (pad)",
    );
    refused(plan.run(&zeros(&[1, 2, 4, 4])), "the plan of `Pair`: it has 2 inputs, found 1");
}

#[test]
fn options_that_do_not_fit() {
    let network = small();
    refused(
        network.compile(&CompileOptions::batch(0)),
        "`Small` cannot be compiled: a batch has at least one sample, found `CompileOptions::batch(0)`",
    );
    refused(
        network.compile(&CompileOptions::batch(1).with_threads(0)),
        "`Small` cannot be compiled: a run needs at least one thread, found `with_threads(0)`",
    );
    refused(
        network.compile(&CompileOptions::batch(1).with_input([2, 6, 7])),
        "the plan of `Small`: expected (1, 2, 6, 6), found (1, 2, 6, 7)",
    );
    refused(
        network.compile(&CompileOptions::batch(1).with_input([2, 6, 6]).with_input([2, 6, 6])),
        "the plan of `Small`: it has 1 input, found 2",
    );
    network.compile(&CompileOptions::batch(1).with_input([2, 6, 6])).unwrap();
    // Values that no memory holds.
    assert!(network.compile(&CompileOptions::batch(usize::MAX)).is_err());
    assert!(network.compile(&CompileOptions::batch(usize::MAX / 64)).is_err());
}

#[test]
fn only_f32_is_compiled() {
    let vars = VarBuilder::zeros(DType::F64, &Device::Cpu);
    refused(
        Small::from_var_builder(vars).unwrap().compile(&CompileOptions::batch(1)),
        "`Small` cannot be compiled: it is F64 on Cpu, and only F32 on the CPU can be compiled",
    );
}

/// What a plan of `Small` says when this tensor changed.
fn changed(tensor: &str) -> String {
    format!(
        "the plan of `Small` has other weights than the network has now: `{tensor}` changed; compile again"
    )
}

#[test]
fn weights_that_change_are_noticed() {
    let x = zeros(&[2, 2, 6, 6]);
    let network = small();
    let mut plan = network.compile(&CompileOptions::batch(2)).unwrap();
    plan.run(&x).unwrap();

    // The same values are no change, and gradients are none.
    let weight: &Var = network.state().get("0.weight").unwrap();
    weight.set(&weight.as_tensor().copy().unwrap()).unwrap();
    let loss = network.forward(&x).unwrap().sqr().unwrap().sum_all().unwrap();
    let gradients = loss.backward().unwrap();
    plan.run(&x).unwrap();

    let mut sgd = SGD::new(network.trainable(), 0.1).unwrap();
    sgd.step(&gradients).unwrap();
    assert!(plan.run(&x).unwrap_err().to_string().contains("has other weights"));
    assert!(plan.run_slices(&[&[0.0; 144]], &mut [&mut [0.0; 6]]).is_err());
    let mut plan = network.compile(&CompileOptions::batch(2)).unwrap();
    plan.run(&x).unwrap();

    // Running statistics move in training.
    let _ = network.forward_train(Tensor::rand(0f32, 1.0, (2, 2, 6, 6), &Device::Cpu).unwrap()).unwrap();
    refused(plan.run(&x), &changed("1.running_mean"));

    // One value of a bias.
    let mut plan = network.compile(&CompileOptions::batch(2)).unwrap();
    network
        .state()
        .get("fc.bias")
        .unwrap()
        .set(&Tensor::new(&[9f32, 0., 0.], &Device::Cpu).unwrap())
        .unwrap();
    refused(plan.run(&x), &changed("fc.bias"));
}

#[test]
fn a_plan_outlives_its_network() {
    let x = Tensor::rand(-1f32, 1.0, (1, 2, 6, 6), &Device::Cpu).unwrap();
    let network = small();
    let mut plan = network.compile(&CompileOptions::batch(1)).unwrap();
    let before = plan.run(&x).unwrap().to_vec2::<f32>().unwrap();
    drop(network);
    assert_eq!(plan.run(&x).unwrap().to_vec2::<f32>().unwrap(), before);
}

#[test]
fn a_part_of_a_network_is_compiled_by_itself() {
    let x = zeros(&[1, 2, 6, 6]);
    let whole = Inside::init(Init::seed(1), &Device::Cpu).unwrap();
    let mut plan = whole.body.compile(&CompileOptions::batch(1)).unwrap();
    let (planned, eager) = (plan.run(&x).unwrap(), whole.body.forward(&x).unwrap().into_inner());
    let difference = (planned - eager).unwrap().abs().unwrap().max_all().unwrap();
    assert!(difference.to_scalar::<f32>().unwrap() < 1e-6);
    whole
        .state()
        .get("body.fc.bias")
        .unwrap()
        .set(&Tensor::ones(3, DType::F32, &Device::Cpu).unwrap())
        .unwrap();
    refused(plan.run(&x), &changed("fc.bias"));
}

#[test]
fn a_plan_goes_to_another_thread() {
    let x = zeros(&[1, 2, 6, 6]);
    let network = small();
    let mut plan = network.compile(&CompileOptions::batch(1)).unwrap();
    let there = std::thread::spawn({
        let x = x.clone();
        move || plan.run(&x).map(|y| y.to_vec2::<f32>())
    });
    assert!(there.join().unwrap().unwrap().is_ok());
}
