//! The declarations of the language reference, `docs/language.md`.
//!
//! Fences are told apart by their tag: `network` resolves; `costs` and `tensors` behind it are what its last
//! network has; `refused` holds declarations, separated by blank lines, each below the messages it must give.

use cnn_ir::Network;
use cnn_ir::layer::HEADS;

const REFERENCE: &str = include_str!("../../docs/language.md");

/// A fenced text.
struct Fence {
    tag: &'static str,
    /// Line of the opening fence.
    line: usize,
    text: String,
}

fn fences() -> Vec<Fence> {
    let mut fences = Vec::new();
    let mut open: Option<Fence> = None;
    for (index, line) in REFERENCE.lines().enumerate() {
        match (line.strip_prefix("```"), open.take()) {
            (Some(_), Some(fence)) => fences.push(fence),
            (Some(tag), None) => open = Some(Fence { tag, line: index + 1, text: String::new() }),
            (None, Some(mut fence)) => {
                fence.text.push_str(line);
                fence.text.push('\n');
                open = Some(fence);
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "the last fence is never closed");
    fences
}

fn resolved(fence: &Fence) -> Network {
    match fence.text.parse() {
        Ok(network) => network,
        Err(error) => panic!("docs/language.md:{}:\n{error}", fence.line),
    }
}

#[test]
fn every_tag_is_known_and_used() {
    let found: Vec<&str> = fences().iter().map(|fence| fence.tag).collect();
    for tag in ["network", "refused", "costs", "tensors", "text"] {
        assert!(found.contains(&tag), "no fence is tagged {tag}");
    }
    for fence in fences() {
        let known = ["network", "refused", "costs", "tensors", "text"].contains(&fence.tag);
        assert!(known, "docs/language.md:{}: unknown tag {:?}", fence.line, fence.tag);
    }
}

#[test]
fn declarations_resolve_and_have_the_costs_and_names_that_are_stated() {
    let mut last: Option<Network> = None;
    for fence in fences() {
        let place = format!("docs/language.md:{}", fence.line);
        match fence.tag {
            "network" => last = Some(resolved(&fence)),
            "costs" => {
                let network = last.as_ref().expect("costs stand behind a network");
                let totals = &network.model().totals;
                for line in fence.text.lines() {
                    let (what, count) = line.split_once(' ').expect("a name and a count");
                    let found = match what {
                        "parameters" => &totals.parameters,
                        "macs" => &totals.macs,
                        "activations" => &totals.activations,
                        other => panic!("{place}: unknown cost {other}"),
                    };
                    assert_eq!(found.to_string(), count, "{place}: {what}");
                }
            }
            "tensors" => {
                let network = last.as_ref().expect("tensors stand behind a network");
                let rows = &network.model().rows;
                let names = rows
                    .iter()
                    .flat_map(|row| row.leaves.iter().map(move |leaf| format!("{}.{}", row.path, leaf.name)));
                let stated: Vec<String> = fence.text.lines().map(str::to_owned).collect();
                assert_eq!(names.collect::<Vec<_>>(), stated, "{place}");
            }
            _ => {}
        }
    }
}

#[test]
fn refusals_give_the_messages_that_are_stated() {
    for fence in fences().iter().filter(|fence| fence.tag == "refused") {
        for declaration in fence.text.split("\n\n") {
            let stated: Vec<&str> =
                declaration.lines().filter_map(|line| line.strip_prefix("// error: ")).collect();
            let place = format!("docs/language.md:{}: {declaration}", fence.line);
            let Err(error) = declaration.parse::<Network>() else { panic!("accepted: {place}") };
            let found: Vec<String> =
                error.diagnostics().iter().map(|diagnostic| diagnostic.problem.headline()).collect();
            assert_eq!(found, stated, "{place}");
        }
    }
}

#[test]
fn the_table_has_every_layer_option_and_word() {
    let rows: Vec<&str> = REFERENCE.lines().filter(|line| line.starts_with("| `")).collect();
    for head in HEADS {
        let own: String =
            rows.iter().filter(|row| row.starts_with(&format!("| `{}` |", head.name))).copied().collect();
        assert!(!own.is_empty(), "no row of {}", head.name);
        for option in head.options.iter().chain(head.words) {
            // `like` is written with its tap.
            let written = if *option == "like" { "`like @tap`".into() } else { format!("`{option}`") };
            assert!(own.contains(&written), "the row of {} lacks {written}", head.name);
        }
        let Err(error) = head.example.parse::<cnn_ir::Path>() else { continue };
        panic!("the example of {} does not parse: {error}", head.name);
    }
}
