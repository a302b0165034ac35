//! The page: well-formed, complete in itself, and with hostile names only as text.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use candle_core::{Device, Tensor};
use cnn_examples::arithmetic::Arithmetic;
use cnn_examples::classifier::Guess;
use cnn_examples::look::columns::column;
use cnn_examples::look::filters::filters;
use cnn_examples::look::grad_cam::Map;
use cnn_examples::look::page::{Evidence, Page, page};
use cnn_runtime::LayerInfo;
use image::{Rgb, RgbImage};
use roxmltree::{Document, ParsingOptions};

fn parsed(html: &str) -> Document<'_> {
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    Document::parse_with_options(html, options).unwrap_or_else(|error| panic!("{error}"))
}

/// What holds of every page.
pub(super) fn check(html: &str) {
    let document = parsed(html);
    assert!(html.starts_with("<!DOCTYPE html>"));
    let tags = |name: &'static str| document.descendants().filter(move |node| node.has_tag_name(name));
    assert_eq!(document.root_element().attribute("lang"), Some("en"));
    assert_eq!((tags("h1").count(), tags("title").count()), (1, 1));
    assert_eq!(tags("script").count() + tags("link").count() + tags("a").count(), 0);
    let mut pictures = 0;
    for node in document.descendants() {
        for attribute in node.attributes() {
            match attribute.name() {
                "src" | "srcset" => {
                    let (kind, data) = attribute.value().split_once(";base64,").expect("a data URI");
                    let bytes = STANDARD.decode(data).unwrap();
                    match kind {
                        "data:image/png" => assert!(image::load_from_memory(&bytes).is_ok()),
                        "data:image/svg+xml" => {
                            assert!(Document::parse(std::str::from_utf8(&bytes).unwrap()).is_ok());
                        }
                        other => panic!("{other}"),
                    }
                    pictures += 1;
                }
                "href" | "action" | "data" => panic!("{attribute:?}"),
                name => assert!(!name.starts_with("on"), "{attribute:?}"),
            }
        }
        if node.has_tag_name("img") {
            assert!(node.attribute("alt").is_some());
        }
    }
    assert!(pictures >= 4);
    assert!(!html.contains("http:") && !html.contains("https:") && !html.contains("url("));
    assert!(html.contains("prefers-color-scheme: dark"));
}

#[test]
fn hostile_names_are_text() {
    let hostile = "<script>alert(\"1\")</script> & 'x' \u{0}\u{7}";
    let seen = RgbImage::from_pixel(8, 8, Rgb([7, 8, 9]));
    let scores = [Guess { class: 0, name: hostile.to_owned(), probability: 1.0 }];
    let value = Tensor::ones((1, 1, 2, 2), candle_core::DType::F32, &Device::Cpu).unwrap();
    let columns = [column(hostile, &value).unwrap()];
    let filters = filters(&value).unwrap();
    let map = Map::of(&value, &value).unwrap();
    let layers = [
        LayerInfo::new("a.<b>", "conv(kernel=k)-c & more", &[3, 8, 8], &[16, 8, 8])
            .costs(448, 27_648, 1024)
            .sees(3, 3),
        LayerInfo::new("fc", "fc10", &[1024], &[10]).costs(10_250, 10_240, 10),
    ];
    let html = page(&Page {
        network: "Net",
        photo: hostile,
        seen: &seen,
        scores: &scores,
        evidence: Evidence { picture: &seen, class: &scores[0], stage: hostile, map: &map },
        columns: &columns,
        filters: Some(&filters),
        arithmetic: Some(&Arithmetic::of("conv3-1", "5".parse().unwrap()).unwrap()),
        layers: &layers,
    })
    .unwrap();
    check(&html);
    let document = parsed(&html);
    let text: String =
        document.descendants().filter(|node| node.is_text()).filter_map(|node| node.text()).collect();
    assert!(text.contains("<script>alert(\"1\")</script> & 'x' \u{fffd}\u{fffd}"));
    // The totals are those of the two layers.
    let foot = document.descendants().find(|node| node.has_tag_name("tfoot")).unwrap();
    let cells: Vec<&str> = foot
        .descendants()
        .filter(|node| node.has_tag_name("td"))
        .map(|node| node.text().unwrap_or(""))
        .collect();
    assert_eq!(cells, ["total", "", "", "1,034", "10,698", "37,888", ""]);
}
