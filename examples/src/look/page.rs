//! Everything on one page: one HTML file that refers to nothing, for light and dark screens.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cnn_ir::summary::grouped;
use cnn_runtime::LayerInfo;
use image::RgbImage;

use super::columns::{Column, Tile};
use super::filters::Filters;
use super::grad_cam::Map;
use super::{Error, files, grad_cam, sizes};
use crate::arithmetic::Arithmetic;
use crate::classifier::Guess;
use crate::markup::escaped;

const STYLE: &str = include_str!("page.css");

/// What stands on the page.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// The network's name.
    pub network: &'a str,
    /// The photo's name.
    pub photo: &'a str,
    /// The picture that the network saw.
    pub seen: &'a RgbImage,
    /// The best classes, the best first.
    pub scores: &'a [Guess],
    /// Where the evidence is.
    pub evidence: Evidence<'a>,
    /// The activations.
    pub columns: &'a [Column],
    /// The filters of the first convolution, where there is one.
    pub filters: Option<&'a Filters>,
    /// The arithmetic of the first convolution, where it can be drawn.
    pub arithmetic: Option<&'a Arithmetic>,
    /// The table of the network.
    pub layers: &'a [LayerInfo],
}

/// A class-activation map over the picture.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The map over the picture.
    pub picture: &'a RgbImage,
    /// The class that it is about.
    pub class: &'a Guess,
    /// The stage at which it was taken.
    pub stage: &'a str,
    /// The map itself.
    pub map: &'a Map,
}

/// The page. It is both HTML and well-formed XML.
///
/// # Errors
/// Where a picture cannot be packed.
pub fn page(of: &Page<'_>) -> Result<String, Error> {
    let title = format!("{} looks at {}", of.network, of.photo);
    let answer = of
        .scores
        .first()
        .map_or_else(String::new, |best| format!("It says: {}, {}.", best.name, percent(best.probability)));
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\"/>\n\
         <title>{0}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <header><h1>{0}</h1><p>{1}</p></header>\n",
        escaped(&title),
        escaped(&answer),
    );
    html.push_str(&evidence(of)?);
    html.push_str(&columns(of)?);
    if let Some(filters) = of.filters {
        section(
            &mut html,
            "The filters of the first convolution",
            "What the network looks for first, learned from its training pictures.",
            &figure(&data_uri(&filters.picture)?, "pixels wide", &filters.caption, &filters.caption),
        );
    }
    if let Some(arithmetic) = of.arithmetic {
        html.push_str(&sliding(arithmetic));
    }
    html.push_str(&table(of.layers));
    html.push_str(
        "<footer><p>The map is Grad-CAM (Selvaraju et al., 2017, arXiv 1610.02391), its colours are Turbo (Mikhailov, \
         2019); the sliding window is drawn after Dumoulin and Visin (2016, arXiv 1603.07285); columns and table after \
         Stanford's CS231n.</p></footer>\n</main>\n</body>\n</html>\n",
    );
    Ok(html)
}

fn section(html: &mut String, heading: &str, lead: &str, body: &str) {
    let _ = writeln!(html, "<section>\n<h2>{heading}</h2>\n<p>{}</p>\n{body}</section>", escaped(lead));
}

fn evidence(of: &Page<'_>) -> Result<String, Error> {
    let Evidence { picture, class, stage, map } = of.evidence;
    let ([rows, columns], range) = (map.size, map.range());
    let name = escaped(&class.name);
    let caption = if range.high > 0.0 {
        format!(
            "Grad-CAM for <b>{name}</b> at <code>{}</code>, a map of {rows}x{columns} values: how much what the network saw \
             there raises the score of this class.",
            escaped(stage)
        )
    } else {
        format!("Nothing at <code>{}</code> raised the score of <b>{name}</b>.", escaped(stage))
    };
    let stops: Vec<String> = (0..=16)
        .map(|step| {
            let [red, green, blue] = grad_cam::heat(step as f32 / 16.0).0;
            format!("rgb({red} {green} {blue})")
        })
        .collect();
    let mut body = String::from("<div class=\"pair\">\n");
    body.push_str(&figure(
        &data_uri(of.seen)?,
        "",
        &format!("The part of {} that the network saw", of.photo),
        "What the network saw: the photo, its middle, scaled.",
    ));
    let _ = write!(
        body,
        "<figure><img src=\"{}\" alt=\"The same picture under a map of the evidence for {name}\"/>\n\
         <div class=\"scale\"><span>{:.2}</span><i style=\"background: linear-gradient(to right, {})\"></i>\
         <span>{:.2}</span></div><figcaption>{caption}</figcaption></figure>\n",
        data_uri(picture)?,
        range.low,
        stops.join(", "),
        range.high,
    );
    body.push_str(&scores(of.scores));
    body.push_str("</div>\n");
    let mut html = String::new();
    section(
        &mut html,
        "What it says, and where the evidence is",
        "The likeliest classes, of all that it knows.",
        &body,
    );
    Ok(html)
}

fn scores(scores: &[Guess]) -> String {
    let mut list = String::from("<ol class=\"scores\">\n");
    for score in scores {
        let _ = writeln!(
            list,
            "<li><div><span>{}</span><span>{}</span></div><i><b style=\"width: {:.2}%\"></b></i></li>",
            escaped(&score.name),
            percent(score.probability),
            100.0 * score.probability,
        );
    }
    list.push_str("</ol>\n");
    list
}

fn columns(of: &Page<'_>) -> Result<String, Error> {
    let mut body = String::from(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Activations, stage by stage\">\n<div class=\"columns\">\n",
    );
    for column in of.columns {
        let _ = writeln!(
            body,
            "<figure><h3>{}</h3><p>{}</p><div class=\"tiles\">",
            escaped(&column.name),
            sizes(&column.shape)
        );
        for tile in &column.tiles {
            let _ = writeln!(
                body,
                "<img class=\"pixels\" src=\"{}\" alt=\"\" title=\"{}\" width=\"{}\" height=\"{}\"/>",
                data_uri(&tile.picture)?,
                tile_title(tile),
                tile.picture.width(),
                tile.picture.height()
            );
        }
        body.push_str("</div></figure>\n");
    }
    let _ = write!(body, "<figure><h3>scores</h3><p>softmax</p>\n{}</figure>\n", scores(of.scores));
    body.push_str("</div>\n</div>\n");
    let mut html = String::new();
    section(
        &mut html,
        "What every stage makes of it",
        "A column for each stage, from the first to the last; of each the ten channels that vary most over the picture. \
         In each tile black is the smallest value and white the largest, but for the outermost fiftieth. A vector is one tile, a square for each feature.",
        &body,
    );
    Ok(html)
}

fn tile_title(tile: &Tile) -> String {
    let (low, high) = (tile.range.low, tile.range.high);
    match tile.channel {
        Some(channel) => format!("channel {channel}, {low:.2} to {high:.2}"),
        None => format!("{low:.2} to {high:.2}"),
    }
}

fn sliding(arithmetic: &Arithmetic) -> String {
    let uri = |svg: String| format!("data:image/svg+xml;base64,{}", STANDARD.encode(svg));
    let input = sizes(&arithmetic.layer().input());
    let alt = format!("{} on {input}: {}", arithmetic.layer().source(), arithmetic.formulas().join("; "));
    let body = format!(
        "<figure><picture><source media=\"(prefers-reduced-motion: reduce)\" srcset=\"{}\"/>\
         <img src=\"{}\" alt=\"{}\"/></picture></figure>\n",
        uri(arithmetic.still()),
        uri(arithmetic.svg()),
        escaped(&alt)
    );
    let mut html = String::new();
    let lead = format!(
        "Its first convolution, {}, drawn on a small input of {input} and one channel.",
        arithmetic.layer().source()
    );
    section(&mut html, "How the first convolution slides", &lead, &body);
    html
}

fn table(layers: &[LayerInfo]) -> String {
    let number = |n: usize| if n == 0 { String::new() } else { grouped(n as i128) };
    let row = |cells: [String; 7]| {
        let [path, layer, output, memory, parameters, macs, field] = cells;
        format!(
            "<tr><td>{path}</td><td>{layer}</td><td>{output}</td><td class=\"number\">{memory}</td>\
             <td class=\"number\">{parameters}</td><td class=\"number\">{macs}</td><td class=\"number\">{field}</td></tr>\n"
        )
    };
    let mut body = String::from(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"The table of the network\">\n<table>\n<thead><tr>\
         <th>path</th><th>layer</th><th>output</th><th class=\"number\">memory</th><th class=\"number\">parameters</th>\
         <th class=\"number\">MACs</th><th class=\"number\">sees</th></tr></thead>\n<tbody>\n",
    );
    for layer in layers {
        body.push_str(&row([
            escaped(layer.path),
            format!("<code>{}</code>", escaped(layer.layer)),
            sizes(layer.output),
            number(layer.activations),
            number(layer.params),
            number(layer.macs),
            layer.receptive_field.map_or_else(String::new, |field| sizes(&field)),
        ]));
    }
    let sum = |value: fn(&LayerInfo) -> usize| number(layers.iter().map(value).sum());
    body.push_str("</tbody>\n<tfoot>\n");
    body.push_str(&row([
        "total".to_owned(),
        String::new(),
        String::new(),
        sum(|layer| layer.activations),
        sum(|layer| layer.params),
        sum(|layer| layer.macs),
        String::new(),
    ]));
    body.push_str("</tfoot>\n</table>\n</div>\n");
    let mut html = String::new();
    section(
        &mut html,
        "The network, layer by layer",
        "Sizes of one picture: memory counts values (four bytes each) where a layer does not work in place, MACs are \
         multiply-accumulates, and the last column is what one value sees of the picture.",
        &body,
    );
    html
}

fn figure(uri: &str, class: &str, alt: &str, caption: &str) -> String {
    format!(
        "<figure><img class=\"{class}\" src=\"{uri}\" alt=\"{}\"/><figcaption>{}</figcaption></figure>\n",
        escaped(alt),
        escaped(caption)
    )
}

fn data_uri<P>(picture: &image::ImageBuffer<P, Vec<u8>>) -> Result<String, Error>
where
    P: image::PixelWithColorType<Subpixel = u8>,
{
    Ok(format!("data:image/png;base64,{}", STANDARD.encode(files::png(picture)?)))
}

/// `85.1 %`
fn percent(probability: f32) -> String {
    format!("{:.1} %", 100.0 * probability)
}
