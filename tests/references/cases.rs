//! The recorded cases: `index.json` says what they are, one safetensors file per family holds their tensors.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use candle_core::{Device, Tensor};
use cnn_runtime::{Padding, Window};
use serde_json::{Map, Value};

fn file(name: &str) -> PathBuf {
    // Where the test runs, which may be another machine than the one that built it.
    let tests = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    PathBuf::from(tests).join("references").join(name)
}

/// One recorded case.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) family: String,
    pub(crate) name: String,
    pub(crate) op: String,
    /// The inputs in the order of the arguments; one may come twice.
    pub(crate) args: Vec<String>,
    /// The outputs; gradients are those of the first.
    pub(crate) outputs: Vec<String>,
    /// The inputs whose gradients were recorded.
    pub(crate) grads: Vec<String>,
    /// The shapes to which inputs are broadcast before the operation.
    pub(crate) expand: HashMap<String, Vec<usize>>,
    pub(crate) attrs: Attrs,
}

/// The attributes of a case; a wrong one is an error in the files, so these panic.
#[derive(Debug)]
pub(crate) struct Attrs(Map<String, Value>);

impl Attrs {
    fn get(&self, key: &str) -> &Value {
        self.0.get(key).unwrap_or_else(|| panic!("no attribute {key} among {:?}", self.0))
    }

    pub(crate) fn number(&self, key: &str) -> f64 {
        self.get(key).as_f64().expect(key)
    }

    pub(crate) fn size(&self, key: &str) -> usize {
        size(self.get(key))
    }

    pub(crate) fn flag(&self, key: &str) -> bool {
        self.get(key).as_bool().expect(key)
    }

    pub(crate) fn sizes<const N: usize>(&self, key: &str) -> [usize; N] {
        let all: Vec<usize> = self.get(key).as_array().expect(key).iter().map(size).collect();
        all.try_into().expect(key)
    }

    pub(crate) fn window(&self) -> Window {
        let padding = if self.get("padding").as_str() == Some("same") {
            Padding::Same
        } else {
            let [top, bottom, left, right] = self.sizes("padding");
            Padding::Explicit { top, bottom, left, right }
        };
        Window {
            kernel_size: self.sizes("kernel_size"),
            stride: self.sizes("stride"),
            padding,
            dilation: self.sizes("dilation"),
            ceil: self.flag("ceil"),
        }
    }
}

fn size(value: &Value) -> usize {
    usize::try_from(value.as_u64().expect("a size")).expect("a size that fits")
}

fn strings(value: &Value) -> Vec<String> {
    let all = value.as_array().expect("a list").iter();
    all.map(|name| name.as_str().expect("a name").to_owned()).collect()
}

/// All recorded cases.
pub(crate) fn index() -> Vec<Case> {
    let path = file("index.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let index: Value = serde_json::from_str(&text).expect("index.json is JSON");
    index["cases"].as_array().expect("a list of cases").iter().map(case).collect()
}

fn case(entry: &Value) -> Case {
    let text = |key: &str| entry[key].as_str().expect(key).to_owned();
    let expand = entry.get("expand").and_then(Value::as_object).into_iter().flatten();
    Case {
        family: text("family"),
        name: text("name"),
        op: text("op"),
        args: strings(&entry["args"]),
        outputs: strings(&entry["outputs"]),
        grads: strings(&entry["grads"]),
        expand: expand
            .map(|(key, shape)| (key.clone(), shape.as_array().expect("a shape").iter().map(size).collect()))
            .collect(),
        attrs: Attrs(entry["attrs"].as_object().expect("attributes").clone()),
    }
}

/// The cases of one file and its tensors.
pub(crate) struct Family {
    pub(crate) name: String,
    pub(crate) cases: Vec<Case>,
    tensors: HashMap<String, Tensor>,
}

impl Family {
    /// Reads a family and checks that its file holds the tensors of its cases and nothing else.
    pub(crate) fn load(name: &str) -> Self {
        let tensors = candle_core::safetensors::load(file(&format!("{name}.safetensors")), &Device::Cpu);
        let tensors = tensors.unwrap_or_else(|error| panic!("{name}: {error}"));
        let cases: Vec<Case> = index().into_iter().filter(|case| case.family == name).collect();
        let wanted: BTreeSet<String> = cases
            .iter()
            .flat_map(|case| {
                let grads = case.grads.iter().map(|input| format!("grad.{input}"));
                let cotangent = (!case.grads.is_empty()).then(|| "cotangent".to_owned());
                let names = case.args.iter().chain(&case.outputs).cloned().chain(grads).chain(cotangent);
                names.map(|tensor| format!("{}:{tensor}", case.name)).collect::<Vec<_>>()
            })
            .collect();
        let found: BTreeSet<String> = tensors.keys().cloned().collect();
        assert_eq!(wanted, found, "{name}.safetensors does not hold what index.json says");
        Self { name: name.to_owned(), cases, tensors }
    }

    /// A tensor of a case: an input (f32), `cotangent` (f32), an output or `grad.<input>` (f64).
    pub(crate) fn tensor(&self, case: &Case, name: &str) -> &Tensor {
        &self.tensors[&format!("{}:{name}", case.name)]
    }
}
