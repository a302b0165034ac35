//! What was recorded of torchvision's networks: a JSON file for each, and the logits of all.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use candle_core::{Device, Tensor};
use serde_json::Value;

fn file(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "models", name].iter().collect()
}

/// The names of the networks that were recorded.
pub(crate) fn names() -> Vec<String> {
    let entries = std::fs::read_dir(file("")).expect("the folder of the references");
    let files =
        entries.map(|entry| entry.expect("a file").file_name().into_string().expect("a name in UTF-8"));
    files.filter_map(|file| file.strip_suffix(".json").map(str::to_owned)).collect()
}

/// Four numbers that hardly stay the same where a value of a tensor changes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Digest {
    pub(crate) mean: f64,
    pub(crate) least: f64,
    pub(crate) largest: f64,
    /// The sum of the products with the values called `probe`, over the root of their number.
    pub(crate) probe: f64,
}

/// What a module of torchvision's gives.
#[derive(Debug)]
pub(crate) struct Module {
    pub(crate) shape: Vec<usize>,
    pub(crate) digest: Digest,
}

/// What was recorded of one network.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) name: String,
    /// What the weights of convolutions are multiplied by.
    pub(crate) gain: f64,
    /// The shape of the batch.
    pub(crate) input: [usize; 4],
    /// Names and shapes, in the order of the `state_dict`.
    pub(crate) tensors: Vec<(String, Vec<usize>)>,
    /// The modules whose path has at most two names.
    pub(crate) modules: HashMap<String, Module>,
    /// Of the input (called so) and of every parameter; none where they were not recorded.
    pub(crate) gradients: BTreeMap<String, Digest>,
}

impl Recorded {
    pub(crate) fn load(name: &str) -> Self {
        let path = file(&format!("{name}.json"));
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let entry: Value =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(text_of(&entry["name"]), name, "{}", path.display());
        Self {
            name: name.to_owned(),
            gain: number(&entry["gain"]),
            input: shape(&entry["input"]).try_into().expect("four sizes"),
            tensors: rows(&entry["tensors"])
                .map(|row| (text_of(&row[0]).to_owned(), shape(&row[1])))
                .collect(),
            modules: rows(&entry["modules"]).map(|row| (text_of(&row[0]).to_owned(), module(row))).collect(),
            gradients: entry.get("gradients").map_or(BTreeMap::new(), |gradients| {
                rows(gradients).map(|row| (text_of(&row[0]).to_owned(), digest(&row[1..]))).collect()
            }),
        }
    }

    /// The outputs of the network: the logits, then those of other heads.
    pub(crate) fn outputs(&self) -> Vec<(String, Tensor)> {
        let all = candle_core::safetensors::load(file("logits.safetensors"), &Device::Cpu);
        let all = all.unwrap_or_else(|error| panic!("logits.safetensors: {error}"));
        let own = all.into_iter().filter_map(|(key, value)| {
            let (network, output) = key.split_once(':').expect("a network and an output");
            (network == self.name).then(|| (output.to_owned(), value))
        });
        let mut outputs: Vec<_> = own.collect();
        outputs.sort_by_key(|(output, _)| (output != "logits", output.clone()));
        outputs
    }
}

fn rows(value: &Value) -> impl Iterator<Item = &Vec<Value>> {
    value.as_array().expect("a list").iter().map(|row| row.as_array().expect("a row"))
}

fn module(row: &[Value]) -> Module {
    Module { shape: shape(&row[1]), digest: digest(&row[2..]) }
}

fn digest(numbers: &[Value]) -> Digest {
    let [mean, least, largest, probe] = numbers else { panic!("not four numbers: {numbers:?}") };
    Digest { mean: number(mean), least: number(least), largest: number(largest), probe: number(probe) }
}

fn shape(value: &Value) -> Vec<usize> {
    text_of(value).split('x').map(|size| size.parse().expect("a size")).collect()
}

fn text_of(value: &Value) -> &str {
    value.as_str().expect("text")
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}
