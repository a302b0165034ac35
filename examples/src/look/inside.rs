//! Everything that can be seen of a network that looks at a photo, and the files that show it.

use std::path::{Path, PathBuf};

use candle_core::{IndexOp, Tensor};
use candle_nn::ops::softmax_last_dim;
use cnn_runtime::{LayerInfo, Network, Stage};
use image::RgbImage;

use super::columns::{Column, column};
use super::filters::{Filters, filters};
use super::grad_cam::Map;
use super::page::{Evidence, Page, page};
use super::{Error, files, poster, sizes, values};
use crate::arithmetic::{Arithmetic, InputSize, Sliding};
use crate::classes::Classes;
use crate::classifier::Guess;

/// A network before a photo.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The network.
    pub network: &'a dyn Network,
    /// The names of its classes.
    pub classes: &'a Classes,
    /// The photo's name.
    pub photo: &'a str,
    /// The part of the photo that the network sees, of any size.
    pub seen: &'a RgbImage,
    /// The network's input `(1, C, H, W)`.
    pub input: &'a Tensor,
}

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// The class of the map; the likeliest one otherwise.
    pub class: Option<usize>,
    /// The stage of the map; the last with rows and columns otherwise.
    pub stage: Option<String>,
    /// How many of the likeliest classes are shown.
    pub top: usize,
}

/// What was seen.
#[derive(Debug)]
pub struct Inside {
    network: &'static str,
    photo: String,
    seen: RgbImage,
    input: Vec<usize>,
    layers: &'static [LayerInfo],
    scores: Vec<Guess>,
    columns: Vec<Column>,
    filters: Option<Filters>,
    arithmetic: Option<Arithmetic>,
    class: Guess,
    stage: String,
    map: Map,
}

impl Inside {
    /// Runs the network forward and, from the class's score, back.
    ///
    /// # Errors
    /// Where the network gives no classes, has no such class or stage, or none with rows and columns; where a value is
    /// not finite.
    pub fn of(subject: &Subject<'_>, wish: &Wish) -> Result<Self, Error> {
        let Subject { network, input, .. } = *subject;
        let &[classes] = network.output_shape() else {
            return Err(Error::NoClasses { network: network.name(), output: sizes(network.output_shape()) });
        };
        let all = all_scores(subject)?;
        let best =
            *all.first().ok_or(Error::NoClasses { network: network.name(), output: "0".to_owned() })?;
        let (class, probability) = match wish.class {
            None => best,
            Some(class) => {
                *all.iter().find(|(other, _)| *other == class).ok_or(Error::NoSuchClass { class, classes })?
            }
        };
        let score = |(class, probability): (usize, f32)| Guess {
            class,
            name: subject.classes.name(class),
            probability,
        };

        let stages = network.stage_gradients(input, &|output| output.i((0, class)))?;
        let names = || stages.iter().map(|(stage, _)| stage.name.as_str()).collect::<Vec<_>>().join(", ");
        let is_map = |(stage, _): &&(Stage, Tensor)| matches!(*stage.value.dims(), [_, _, height, width] if height * width > 1);
        let (shown, gradient) = match &wish.stage {
            Some(name) => stages
                .iter()
                .find(|(stage, _)| stage.name == *name)
                .ok_or_else(|| Error::NoSuchStage { stage: name.clone(), stages: names() })?,
            None => stages.iter().rfind(is_map).ok_or_else(|| Error::NoStage { network: network.name() })?,
        };
        let columns = stages.iter().map(|(stage, _)| column(&stage.name, &stage.value));
        let first = first_convolution(network);
        Ok(Self {
            network: network.name(),
            photo: subject.photo.to_owned(),
            seen: subject.seen.clone(),
            input: input.dims().iter().skip(1).copied().collect(),
            layers: network.layers(),
            scores: all.iter().take(wish.top).copied().map(score).collect(),
            columns: columns.collect::<Result<_, _>>()?,
            filters: first.as_ref().map(|(_, weight)| filters(weight)).transpose()?,
            arithmetic: first.and_then(|(layer, weight)| arithmetic(layer, weight.dims())),
            class: score((class, probability)),
            stage: shown.name.clone(),
            map: Map::of(&shown.value, gradient)?,
        })
    }

    /// The likeliest classes, the likeliest first.
    #[must_use]
    pub fn scores(&self) -> &[Guess] {
        &self.scores
    }

    /// The class of the map.
    #[must_use]
    pub fn class(&self) -> &Guess {
        &self.class
    }

    /// The stage of the map.
    #[must_use]
    pub fn stage(&self) -> &str {
        &self.stage
    }

    /// The class-activation map.
    #[must_use]
    pub fn map(&self) -> &Map {
        &self.map
    }

    /// Writes the pictures and the page into a folder, which is made where it is not there: the files, the page last.
    ///
    /// # Errors
    /// Where a file cannot be written; the others are whole.
    pub fn write(&self, folder: &Path) -> Result<Vec<PathBuf>, Error> {
        files::make_folder(folder)?;
        let mut written = Vec::new();
        let mut write = |name: &str, content: &[u8]| {
            let path = folder.join(name);
            files::write(&path, content)?;
            written.push(path);
            Ok::<_, Error>(())
        };
        let over = self.map.over(&self.seen);
        if let Some(filters) = &self.filters {
            write("filters.png", &files::png(&filters.picture)?)?;
        }
        let title = format!("{} looks at {}", self.network, self.photo);
        write(
            "activations.png",
            &files::png(&poster(&title, &self.seen, &self.input, &self.columns, &self.scores)?)?,
        )?;
        write("grad_cam.png", &files::png(&over)?)?;
        if let Some(arithmetic) = &self.arithmetic {
            write("arithmetic.svg", arithmetic.svg().as_bytes())?;
        }
        let html = page(&Page {
            network: self.network,
            photo: &self.photo,
            seen: &self.seen,
            scores: &self.scores,
            evidence: Evidence { picture: &over, class: &self.class, stage: &self.stage, map: &self.map },
            columns: &self.columns,
            filters: self.filters.as_ref(),
            arithmetic: self.arithmetic.as_ref(),
            layers: self.layers,
        })?;
        write("index.html", html.as_bytes())?;
        Ok(written)
    }
}

/// Every class with its probability, the likeliest first, of equal ones the first.
fn all_scores(subject: &Subject<'_>) -> Result<Vec<(usize, f32)>, Error> {
    let output = subject.network.forward_t(subject.input, false)?;
    let ends_in_softmax = subject.network.layers().last().is_some_and(|layer| layer.layer == "softmax");
    let output = if ends_in_softmax { output } else { softmax_last_dim(&output)? };
    let probabilities = values("the output", &output)?;
    let mut all: Vec<(usize, f32)> = probabilities.into_iter().enumerate().collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1));
    Ok(all)
}

/// The first convolution of a network, with its weight.
fn first_convolution(network: &dyn Network) -> Option<(&'static LayerInfo, Tensor)> {
    network.layers().iter().find_map(|layer| {
        let weight = network.state().get(&format!("{}.weight", layer.path))?;
        (weight.rank() == 4).then(|| (layer, weight.as_tensor().clone()))
    })
}

/// The arithmetic of a convolution with `weight` (its shape), on a small input.
///
/// A layer whose numbers are a block's parameters cannot be read by itself. Then the convolution with half padding
/// (else none) is drawn that has this kernel, this input and this output, if there is one.
fn arithmetic(layer: &LayerInfo, weight: &[usize]) -> Option<Arithmetic> {
    let (&[channels, height, width], &[_, output_height, output_width]) = (layer.input, layer.output) else {
        return None;
    };
    let &[filters, group, rows, columns] = weight else { return None };
    let input = InputSize { channels: channels as u64, height: height as u64, width: width as u64 };
    let fits = |text: String| {
        let read = Sliding::read(&text, input).ok()?;
        (read.output() == [output_height, output_width]).then_some(read)
    };
    let kernel = if rows == columns { rows.to_string() } else { format!("{rows}x{columns}") };
    let groups = channels / group.max(1);
    let stride = height.div_ceil(output_height.max(1));
    let spelled = |padding: &str| {
        let options = match (groups, padding) {
            (1, "half") => String::new(),
            (1, padding) => format!("({padding})"),
            (groups, padding) => format!("(groups={groups}, {padding})"),
        };
        format!(
            "conv{kernel}-{filters}{}{options}",
            if stride == 1 { String::new() } else { format!("/{stride}") }
        )
    };
    let read =
        fits(layer.layer.to_owned()).or_else(|| fits(spelled("half"))).or_else(|| fits(spelled("valid")))?;
    Arithmetic::draw(read.small()).ok()
}
