//! Files that PyTorch wrote (`weights/generate.py`) against what PyTorch holds: whole tensors, value by value.

use std::path::{Path, PathBuf};

use cnn_runtime::prelude::*;
use cnn_runtime::weights::{Format, WeightFile};
use cnn_runtime::{Error, State};
use safetensors::{Dtype, SafeTensors};

network! {
    Net: 2x4x4 -> 3 { conv1: conv3-4 bn1: bn -> gap -> fc: fc3 }
    Named: 2x4x4 -> 3 { stem: conv3-4 norm: bn -> gap -> head: fc3 }
    Inner: 2x4x4 -> 3 { backbone: Net }
    Other: 1x8x8 -> 10 { conv5-8 relu -> gap -> fc10 }
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/weights").join(name)
}

/// Values of any type that `f64` holds exactly.
fn decode(dtype: Dtype, bytes: &[u8]) -> Vec<f64> {
    fn each<const N: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> f64) -> Vec<f64> {
        let (chunks, rest) = bytes.as_chunks::<N>();
        assert!(rest.is_empty());
        chunks.iter().map(|chunk| value(*chunk)).collect()
    }
    match dtype {
        Dtype::F64 => each(bytes, f64::from_le_bytes),
        Dtype::F32 => each(bytes, |bytes| f32::from_le_bytes(bytes).into()),
        Dtype::F16 => each(bytes, |bytes| half::f16::from_le_bytes(bytes).into()),
        Dtype::BF16 => each(bytes, |bytes| half::bf16::from_le_bytes(bytes).into()),
        Dtype::I64 => each(bytes, |bytes| i64::from_le_bytes(bytes) as f64),
        Dtype::I32 => each(bytes, |bytes| i32::from_le_bytes(bytes).into()),
        Dtype::I16 => each(bytes, |bytes| i16::from_le_bytes(bytes).into()),
        Dtype::U32 => each(bytes, |bytes| u32::from_le_bytes(bytes).into()),
        Dtype::U8 => each(bytes, |bytes: [u8; 1]| bytes[0].into()),
        // The bits of 0, 1, 2 and 5: exponent above bias 7, three bits of mantissa.
        Dtype::F8_E4M3 => each(bytes, |bytes: [u8; 1]| match bytes[0] {
            0x00 => 0.0,
            0x38 => 1.0,
            0x40 => 2.0,
            0x4a => 5.0,
            other => panic!("no value of the script: {other:#x}"),
        }),
        other => panic!("{other:?} is not decoded"),
    }
}

fn values(tensor: &Tensor) -> Vec<f64> {
    // By way of f32, where that is exact: candle 0.11's conversion of F8E4M3 zeros to f64 does not end.
    let by = if tensor.dtype() == DType::F8E4M3 { DType::F32 } else { DType::F64 };
    tensor.flatten_all().and_then(|flat| flat.to_dtype(by)?.to_dtype(DType::F64)?.to_vec1()).expect("values")
}

#[test]
fn every_tensor_is_what_pytorch_holds() {
    let mut compared = 0;
    for (expected, file) in [
        ("net", "net.pth"),
        ("net", "net_legacy.pth"),
        ("net", "no_crc.pth"),
        ("net", "deflated.pth"),
        ("net", "parameters.pth"),
        ("views", "views.pth"),
        ("views", "views_legacy.pth"),
        ("types", "types.pth"),
        ("types", "types_legacy.pth"),
    ] {
        let bytes = std::fs::read(path(&format!("{expected}.expected"))).expect("the expected values");
        let expected = SafeTensors::deserialize(&bytes).expect("written by safetensors");
        let opened = WeightFile::open(path(file)).expect(file);
        let mut names = expected.names();
        names.sort_unstable();
        assert_eq!(opened.names(), names, "{file}");
        for name in names {
            let tensor = expected.tensor(name).expect("listed");
            assert_eq!(opened.shape(name), Some(tensor.shape()), "{file}: {name}");
            assert_eq!(opened.dtype(name), Some(format!("{:?}", tensor.dtype())), "{file}: {name}");
            let read = opened.read(name, &Device::Cpu);
            if DType::try_from(tensor.dtype()).is_err() {
                let error = read.expect_err("a type that candle lacks").to_string();
                assert!(error.contains(name) && error.contains("no candle type"), "{error}");
                continue;
            }
            let read = read.expect(name);
            assert_eq!(read.dims(), tensor.shape(), "{file}: {name}");
            assert_eq!(values(&read), decode(tensor.dtype(), tensor.data()), "{file}: {name}");
            compared += 1;
        }
    }
    // Six of the eighteen types are not candle's.
    assert_eq!(compared, 5 * 8 + 2 * 22 + 2 * 12);
}

fn assert_state(state: &State, file: &str) {
    let bytes = std::fs::read(path("net.expected")).expect("the expected values");
    let expected = SafeTensors::deserialize(&bytes).expect("written by safetensors");
    let mut count = 0;
    for (name, var, _) in state.named() {
        let tensor = expected.tensor(name).expect(name);
        assert_eq!(var.dtype(), DType::F32);
        assert_eq!(values(var.as_tensor()), decode(tensor.dtype(), tensor.data()), "{file}: {name}");
        count += 1;
    }
    assert_eq!(count, 7);
}

#[test]
fn a_network_takes_every_way_of_saving_it() {
    let pth = Format::Pth;
    let legacy = Format::LegacyPth;
    let safetensors = Format::Safetensors;
    for (file, format, section, dropped) in [
        ("net.pth", pth, &[][..], ""),
        ("net_legacy.pth", legacy, &[], ""),
        ("parameters.pth", pth, &[], ""),
        ("protocol3.pth", pth, &[], ""),
        ("protocol4.pth", pth, &[], ""),
        ("protocol5.pth", pth, &[], ""),
        ("protocol4_legacy.pth", legacy, &[], ""),
        ("no_crc.pth", pth, &[], ""),
        ("deflated.pth", pth, &[], ""),
        ("module.pth", pth, &[], "module."),
        ("module_legacy.pth", legacy, &[], "module."),
        ("module.safetensors", safetensors, &[], "module."),
        ("orig_mod.pth", pth, &[], "_orig_mod.module."),
        ("checkpoint.pth", pth, &["state_dict"], ""),
        ("checkpoint_legacy.pth", legacy, &["state_dict"], ""),
        ("nested.pth", pth, &["model", "state_dict"], ""),
        // All values are exact in these types.
        ("half.pth", pth, &[], ""),
        ("half_legacy.pth", legacy, &[], ""),
        ("half.safetensors", safetensors, &[], ""),
        ("bfloat16.pth", pth, &[], ""),
        ("bfloat16_legacy.pth", legacy, &[], ""),
        ("bfloat16.safetensors", safetensors, &[], ""),
        ("double.pth", pth, &[], ""),
        ("double_legacy.pth", legacy, &[], ""),
    ] {
        let opened = WeightFile::open(path(file)).expect(file);
        assert_eq!(opened.format(), format, "{file}");
        assert_eq!(opened.section(), section, "{file}");
        let net = Net::load(path(file), &Device::Cpu).expect(file);
        assert_eq!(net.state().dropped_prefix(), dropped, "{file}");
        assert_state(net.state(), file);
    }
}

#[test]
fn half_precision_is_widened_exactly() {
    let bytes = std::fs::read(path("types.expected")).expect("the expected values");
    let expected = SafeTensors::deserialize(&bytes).expect("written by safetensors");
    for file in ["types.pth", "types_legacy.pth"] {
        let file = WeightFile::open(path(file)).expect(file);
        for name in ["all_float16", "all_bfloat16"] {
            let tensor = expected.tensor(name).expect("listed");
            let read = file.read(name, &Device::Cpu).and_then(|read| Ok(read.to_dtype(DType::F32)?));
            let read: Vec<f32> = read.and_then(|read| Ok(read.to_vec1()?)).expect("values");
            let expected: Vec<f32> =
                decode(tensor.dtype(), tensor.data()).iter().map(|&value| value as f32).collect();
            assert!(expected.len() > 200 && expected.iter().any(|value| value.is_infinite()));
            assert_eq!(read, expected, "{name}");
        }
    }
}

#[test]
fn another_number_of_classes() {
    let file = path("five_classes.pth");
    let error = Net::load(&file, &Device::Cpu).expect_err("another head").to_string();
    let table = error.split_once('\n').expect("a table").1;
    assert_eq!(
        table,
        "  shape  fc.weight  the network has (3, 4), the file (5, 4)\n  \
         shape  fc.bias    the network has (3), the file (5)\n  \
         to start the layers that differ afresh: load_except(.., &[\"fc\"], Init::seed(0), ..)"
    );
    let fresh = Net::init(Init::seed(5), &Device::Cpu).expect("a network");
    for file in ["five_classes.pth", "module.pth", "checkpoint_legacy.pth", "half.safetensors"] {
        let net = Net::load_except(path(file), &["fc"], Init::seed(5), &Device::Cpu).expect(file);
        for (name, var, _) in net.state().named() {
            if name.starts_with("fc.") {
                let fresh = fresh.state().get(name).expect(name);
                assert_eq!(values(var.as_tensor()), values(fresh.as_tensor()), "{file}: {name}");
            }
        }
        let conv = values(net.state().get("conv1.weight").expect("conv1").as_tensor());
        let first: Vec<f64> = (0..72).map(|i| f64::from(i) / 4.0 - 15.0).collect();
        assert_eq!(conv, first, "{file}");
    }
}

fn refusal<T>(result: Result<T>) -> String {
    let Err(error) = result else { panic!("this must be refused") };
    error.to_string()
}

#[test]
fn what_holds_no_weights_says_what_to_do() {
    let net = |file: &str| refusal(Net::load(path(file), &Device::Cpu));
    for (file, telling) in [
        (
            "whole.pth",
            "holds what calling `__main__.Net` gives, a whole pickled object and not a state_dict; nothing of \
                       it was run. If you trust it, save its tensors in Python: torch.save(torch.load(path, \
                       weights_only=False).state_dict(), \"weights.pth\")",
        ),
        ("tensor.pth", "holds a single tensor without a name; save a state_dict"),
        ("list.pth", "holds a list without tensors by name; save a state_dict"),
        (
            "two_networks.pth",
            "holds several networks, under \"a\", \"b\"; save one of them alone in Python: \
                              torch.save(torch.load(path)[\"a\"], \"weights.pth\")",
        ),
        (
            "torchscript.pt",
            "is a TorchScript archive, which holds a program; save its tensors in Python: \
                            torch.save(torch.jit.load(path).state_dict(), \"weights.pth\")",
        ),
    ] {
        let error = net(file);
        assert!(error.contains(file) && error.contains(telling), "{error}");
        assert!(matches!(WeightFile::open(path(file)), Err(Error::BadWeightFile { .. })));
    }
    // Tensors beside the one that is not read are.
    for (file, what) in [
        ("sparse.pth", "torch._utils._rebuild_sparse_tensor"),
        ("quantized.pth", "torch._utils._rebuild_qtensor"),
    ] {
        let opened = WeightFile::open(path(file)).expect(file);
        assert_eq!(opened.names(), ["b"]);
        assert_eq!(values(&opened.read("b", &Device::Cpu).expect("b")), [-15.0, -14.75]);
        let unread: Vec<(&str, &str)> = opened.unread().collect();
        assert!(matches!(unread[..], [("a", reason)] if reason.contains(what)), "{unread:?}");
        assert!(net(file).contains(what));
    }
}

#[test]
fn the_error_says_what_the_differences_have_in_common() {
    let note = |error: String| error.lines().last().expect("a note").trim().to_owned();
    // The same network under other names.
    assert_eq!(
        note(refusal(Named::load(path("net.pth"), &Device::Cpu))),
        "the missing and the unexpected have the same shapes: the file probably has this network under other \
         names; label the layers as there"
    );
    // The file has a part of the network.
    assert_eq!(
        note(refusal(Inner::load(path("net.pth"), &Device::Cpu))),
        "7 of the 7 missing are in the file without `backbone.`: it holds a part of the network"
    );
    // Nothing fits.
    assert_eq!(
        note(refusal(Other::load(path("net.pth"), &Device::Cpu))),
        "no tensor of the network is in the file: it is probably that of another network"
    );
}

#[cfg(unix)]
#[test]
fn links_and_names_do_not_matter() {
    let directory = std::env::temp_dir().join(format!("cnn-weight-links-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory");
    for (name, file) in
        [("latest.safetensors", "net.pth"), ("weights", "net_legacy.pth"), ("w.pth", "half.safetensors")]
    {
        let link = directory.join(name);
        std::os::unix::fs::symlink(path(file), &link).expect("a link");
        assert_state(Net::load(&link, &Device::Cpu).expect(file).state(), file);
    }
    std::fs::remove_dir_all(directory).expect("cleaned up");
}

/// What the plan of a file says to an image.
fn planned(plan: Result<cnn_runtime::Plan>) -> Vec<f32> {
    let x: Vec<f32> = (0..32).map(|i| (i as f32 / 8.0).sin()).collect();
    let x = Tensor::from_vec(x, (1, 2, 4, 4), &Device::Cpu).expect("an image");
    let y = plan.and_then(|mut plan| plan.run(&x)).expect("a run");
    y.flatten_all().and_then(|y| y.to_vec1()).expect("logits")
}

#[test]
fn a_plan_of_a_file_is_the_plan_of_what_it_loads() {
    let options = CompileOptions::batch(1);
    let mut different = Vec::new();
    for file in [
        "net.pth",
        "net_legacy.pth",
        "no_crc.pth",
        "deflated.pth",
        "parameters.pth",
        "module.pth",
        "module.safetensors",
        "orig_mod.pth",
        "checkpoint.pth",
        "half.pth",
        "half_legacy.pth",
        "half.safetensors",
        "bfloat16.safetensors",
        "double.pth",
        "protocol5.pth",
    ] {
        let loaded = Net::load(path(file), &Device::Cpu).expect(file).compile(&options);
        let expected = planned(loaded);
        assert_eq!(planned(Net::compile_file(path(file), &options)), expected, "{file}");
        for precision in [Precision::Exact, Precision::Bf16, Precision::Bf16Linear] {
            let options = options.clone().with_precision(precision);
            let loaded = Net::load(path(file), &Device::Cpu).expect(file).compile(&options);
            assert_eq!(planned(Net::compile_file(path(file), &options)), planned(loaded), "{file}");
        }
        if !different.contains(&expected) {
            different.push(expected);
        }
    }
    // All hold the same network, in types that hold its values.
    assert_eq!(different.len(), 1);
}

#[test]
fn a_plan_of_a_file_stays_when_the_file_goes() {
    let copy = std::env::temp_dir().join(format!("cnn-plan-{}.safetensors", std::process::id()));
    std::fs::copy(path("module.safetensors"), &copy).expect("a copy");
    let options = CompileOptions::batch(1);
    let plan = Net::compile_file(&copy, &options);
    std::fs::remove_file(&copy).expect("removed");
    assert_eq!(planned(plan), planned(Net::compile_file(path("module.safetensors"), &options)));
}

network! {
    Coded: 2x4x4 -> 3 { conv1: conv3-4 bn1: bn -> rust(|x: &Tensor| x * 2.0) => [4, 4, 4] -> gap -> fc: fc3 }
}

#[test]
fn a_plan_of_a_file_that_does_not_fit() {
    let options = CompileOptions::batch(1);
    let said = |file: &str| {
        let plan = refusal(Net::compile_file(path(file), &options));
        assert_eq!(plan, refusal(Net::load(path(file), &Device::Cpu)), "{file}");
        plan
    };
    assert!(said("five_classes.pth").contains("fc.weight"));
    assert!(said("tensor.pth").contains("a single tensor"));
    assert!(said("absent.pth").contains("absent.pth"));
    let coded = refusal(Coded::compile_file(path("net.pth"), &options));
    assert_eq!(
        coded,
        "`Coded` cannot be compiled: it contains `rust(..)`, which may have weights of its own: load the network, and \
         compile that"
    );
    Coded::load(path("net.pth"), &Device::Cpu).and_then(|net| net.compile(&options)).expect("as it says");
}
