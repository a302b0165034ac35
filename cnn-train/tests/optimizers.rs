//! The optimizers beside PyTorch's: where the parameters are after each of some steps (see `pytorch/generate.py`).

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor, Var};
use cnn_train::optim::{Adam, AdamW, Config, Optimizer, RmsProp, Sgd};
use serde_json::Value;

const NAMES: [&str; 3] = ["weight", "bias", "late"];

fn index() -> Value {
    serde_json::from_str(include_str!("pytorch/optimizers.json")).unwrap()
}

fn tensors() -> HashMap<String, Tensor> {
    candle_core::safetensors::load_buffer(include_bytes!("pytorch/optimizers.safetensors"), &Device::Cpu)
        .unwrap()
}

fn config(case: &Value) -> Config {
    let options = &case["options"];
    let number = |name: &str, default: f64| options[name].as_f64().unwrap_or(default);
    let flag = |name: &str| options[name].as_bool().unwrap_or(false);
    let lr = options["lr"].as_f64().unwrap();
    let betas = options["betas"].as_array();
    let beta = |index: usize, default: f64| betas.map_or(default, |betas| betas[index].as_f64().unwrap());
    macro_rules! adam {
        ($type:ident) => {{
            let mut adam = $type::new(lr).betas(beta(0, 0.9), beta(1, 0.999)).eps(number("eps", 1e-8));
            if let Some(decay) = options["weight_decay"].as_f64() {
                adam = adam.weight_decay(decay);
            }
            adam = if flag("amsgrad") { adam.amsgrad() } else { adam };
            if case["spared"] == true { adam.sparing_norms().into() } else { adam.into() }
        }};
    }
    match case["kind"].as_str().unwrap() {
        "SGD" => {
            let sgd =
                Sgd::new(lr).momentum(number("momentum", 0.0)).weight_decay(number("weight_decay", 0.0));
            let sgd = if flag("nesterov") { sgd.nesterov() } else { sgd };
            if case["spared"] == true { sgd.sparing_norms().into() } else { sgd.into() }
        }
        "Adam" => adam!(Adam),
        "AdamW" => adam!(AdamW),
        "RMSprop" => {
            let rms = RmsProp::new(lr).alpha(number("alpha", 0.99)).eps(number("eps", 1e-8));
            let rms = rms.momentum(number("momentum", 0.0)).weight_decay(number("weight_decay", 0.0));
            if flag("centered") { rms.centered().into() } else { rms.into() }
        }
        other => panic!("{other}"),
    }
}

fn optimizer(case: &Value, vars: &[Var]) -> Optimizer {
    let named = NAMES.iter().zip(vars).map(|(&name, var)| (name, var.clone()));
    let mut optimizer = Optimizer::of_vars(named, config(case)).unwrap();
    if let Some(norm) = case["clip_norm"].as_f64() {
        optimizer = optimizer.clip_norm(norm);
    }
    if let Some(value) = case["clip_value"].as_f64() {
        optimizer = optimizer.clip_value(value);
    }
    optimizer
}

/// How the gradients reach the optimizer.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Door {
    /// As slices.
    Slices,
    /// From candle: those of the sum of variable times gradient.
    Candle,
    /// From candle, and the optimizer is put into another half way.
    Moved,
}

/// The largest difference, relative to the largest value of the tensor where that is above 1.
fn run(case: &Value, dtype: DType, door: Door, tensors: &HashMap<String, Tensor>, device: &Device) -> f64 {
    let index = index();
    let kept: Vec<u64> =
        index["kept"].as_array().unwrap().iter().map(|step| step.as_u64().unwrap()).collect();
    let name = case["name"].as_str().unwrap();
    let label = dtype.as_str();
    let vars = NAMES
        .map(|name| tensors[&format!("start.{name}")].to_dtype(dtype).unwrap().to_device(device).unwrap())
        .map(|start| Var::from_tensor(&start).unwrap());
    let mut optimizer = optimizer(case, &vars);
    let lr = optimizer.learning_rate();
    let mut worst = 0f64;
    for step in 0..index["steps"].as_u64().unwrap() {
        optimizer.set_learning_rate(lr * index["rates"][step as usize].as_f64().unwrap());
        let gradients = NAMES.map(|name| {
            let all = &tensors[&format!("gradients.{name}")];
            let has = name != "late" || step % 3 == 2;
            has.then(|| all.get(step as usize).unwrap().to_dtype(dtype).unwrap().to_device(device).unwrap())
        });
        match (door, dtype) {
            (Door::Slices, DType::F32) => {
                let values = gradients.map(|g| g.map(|g| g.flatten_all().unwrap().to_vec1::<f32>().unwrap()));
                optimizer.step_slices(&values.each_ref().map(Option::as_deref)).unwrap();
            }
            (Door::Slices, _) => {
                let values = gradients.map(|g| g.map(|g| g.flatten_all().unwrap().to_vec1::<f64>().unwrap()));
                optimizer.step_slices(&values.each_ref().map(Option::as_deref)).unwrap();
            }
            _ => {
                let mut loss = Tensor::zeros((), dtype, device).unwrap();
                for (var, gradient) in vars.iter().zip(&gradients) {
                    if let Some(gradient) = gradient {
                        loss = (loss + (var.as_tensor() * gradient).unwrap().sum_all().unwrap()).unwrap();
                    }
                }
                optimizer.backward_step(&loss).unwrap();
            }
        }
        if door == Door::Moved && step == 9 {
            let state = optimizer.state().unwrap();
            optimizer = self::optimizer(case, &vars);
            optimizer.set_state(&state).unwrap();
        }
        if let Some(place) = kept.iter().position(|&kept| kept == step + 1) {
            for (parameter, var) in NAMES.iter().zip(&vars) {
                let want = tensors[&format!("{name}.{label}.{parameter}")].get(place).unwrap();
                let found = var.as_tensor().to_device(&Device::Cpu).unwrap();
                let difference = (found - &want).unwrap().abs().unwrap().max_all().unwrap();
                let largest = want.abs().unwrap().max_all().unwrap();
                let [difference, largest] = [difference, largest]
                    .map(|x| x.to_dtype(DType::F64).unwrap().to_scalar::<f64>().unwrap());
                assert!(!difference.is_nan(), "{name} {label} {door:?} step {step} {parameter}");
                worst = worst.max(difference / largest.max(1.0));
            }
        }
    }
    worst
}

#[test]
fn steps_are_pytorchs() {
    let (index, tensors) = (index(), tensors());
    let cases = index["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 21);
    for case in cases {
        compare(case, &[Door::Slices, Door::Candle, Door::Moved], &tensors, &Device::Cpu);
    }
}

#[cfg(feature = "cuda")]
#[test]
fn steps_on_a_gpu_are_pytorchs() {
    let device = match Device::new_cuda(0) {
        Ok(device) => device,
        Err(error) => return println!("skipped: {error}"),
    };
    let (index, tensors) = (index(), tensors());
    for case in index["cases"].as_array().unwrap() {
        compare(case, &[Door::Candle, Door::Moved], &tensors, &device);
    }
}

fn compare(case: &Value, doors: &[Door], tensors: &HashMap<String, Tensor>, device: &Device) {
    for &door in doors {
        for (dtype, tolerance) in [(DType::F32, 1e-6), (DType::F64, 1e-14)] {
            let worst = run(case, dtype, door, tensors, device);
            println!("{} {} {door:?}: {worst:.1e}", case["name"], dtype.as_str());
            assert!(worst < tolerance, "{} {} {door:?}: {worst:e}", case["name"], dtype.as_str());
        }
    }
}

#[test]
fn the_cases_differ() {
    // A case that goes where another goes tests an option that is not there.
    let (index, tensors) = (index(), tensors());
    let ends: Vec<Vec<f64>> = index["cases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|case| {
            let name = format!("{}.f64.weight", case["name"].as_str().unwrap());
            let bias = format!("{}.f64.bias", case["name"].as_str().unwrap());
            let mut end = tensors[&name].get(4).unwrap().flatten_all().unwrap().to_vec1().unwrap();
            end.extend(tensors[&bias].get(4).unwrap().to_vec1::<f64>().unwrap());
            end
        })
        .collect();
    for (index, end) in ends.iter().enumerate() {
        assert!(!ends[..index].contains(end), "case {index}");
    }
}

#[test]
fn many_values_take_the_same_steps_as_few() {
    // The work of many is shared among threads, and cut.
    let (index, tensors) = (index(), tensors());
    for case in index["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        if name.contains("clip norm") || name.contains("both") {
            continue;
        }
        const COPIES: usize = 30_011;
        let start = tensors["start.weight"].repeat((COPIES, 1)).unwrap();
        let gradients = &tensors["gradients.weight"];
        let var = Var::from_tensor(&start).unwrap();
        let mut optimizer = optimizer(case, std::slice::from_ref(&var));
        let lr = optimizer.learning_rate();
        for step in 0..3 {
            optimizer.set_learning_rate(lr * index["rates"][step].as_f64().unwrap());
            let gradient = gradients.get(step).unwrap().repeat((COPIES, 1)).unwrap();
            let gradient = gradient.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            optimizer.step_slices(&[Some(&gradient)]).unwrap();
        }
        let want = tensors[&format!("{name}.f32.weight")].get(2).unwrap().repeat((COPIES, 1)).unwrap();
        let difference = (var.as_tensor() - want).unwrap().abs().unwrap().max_all().unwrap();
        assert!(difference.to_scalar::<f32>().unwrap() < 2e-6, "{name}: {difference}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let var = Var::from_tensor(&Tensor::ones((2, 3), DType::F32, &Device::Cpu).unwrap()).unwrap();
    let one = || [("w", var.clone())];
    for (config, says) in [
        (Config::from(Sgd::new(-1.0)), "learning rate of at least 0, found -1"),
        (Sgd::new(f64::NAN).into(), "learning rate of at least 0, found NaN"),
        (Sgd::new(0.1).nesterov().into(), "needs a momentum above 0"),
        (Adam::new(0.1).betas(0.9, 1.0).into(), "second beta from 0 to below 1, found 1"),
        (AdamW::new(0.1).weight_decay(-0.1).into(), "weight decay of at least 0"),
        (RmsProp::new(0.1).eps(-1.0).into(), "eps of at least 0"),
    ] {
        let error = Optimizer::of_vars(one(), config).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    let error = Optimizer::of_vars([("a", var.clone()), ("b", var.clone())], Sgd::new(0.1)).unwrap_err();
    assert!(error.to_string().contains("`b` is given to the optimizer twice"), "{error}");
    let whole = Var::from_tensor(&Tensor::ones(3, DType::U32, &Device::Cpu).unwrap()).unwrap();
    let error = Optimizer::of_vars([("n", whole)], Sgd::new(0.1)).unwrap_err().to_string();
    assert!(error.contains("`n` is of u32"), "{error}");

    let mut sgd = Optimizer::of_vars(one(), Sgd::new(0.1).momentum(0.9)).unwrap();
    let error = sgd.step_slices(&[Some(&[1f32; 5])]).unwrap_err().to_string();
    assert!(error.contains("`w` has 6 values [2, 3], but its gradient 5"), "{error}");
    let error = sgd.step_slices(&[Some(&[1f64; 6])]).unwrap_err().to_string();
    assert!(error.contains("`w` is not of its element type"), "{error}");
    let error = sgd.step_slices::<f32>(&[]).unwrap_err().to_string();
    assert!(error.contains("1 variables, but 0 gradients came"), "{error}");
    let mut state = sgd.state().unwrap();
    state.tensors[0].0 = "v.momentum_buffer".to_owned();
    let error = sgd.set_state(&state).unwrap_err().to_string();
    assert!(error.contains("`w.momentum_buffer` is missing"), "{error}");
}

#[test]
fn any_code_for_candles_optimizers_takes_ours() {
    fn train<O: candle_nn::Optimizer>(config: O::Config) -> f64 {
        let x = Var::new(&[3f64, -2.], &Device::Cpu).unwrap();
        let mut optimizer = O::new(vec![x.clone()], config).unwrap();
        for _ in 0..50 {
            optimizer.backward_step(&x.sqr().unwrap().sum_all().unwrap()).unwrap();
        }
        x.sqr().unwrap().sum_all().unwrap().to_scalar().unwrap()
    }
    assert!(train::<Optimizer>(Sgd::new(0.1).into()) < 1e-6);
    assert!(train::<candle_nn::SGD>(0.1) < 1e-6);
}
