//! Random inputs to both front ends: token tables of words in any order, texts of them, and declarations that were cut
//! and stirred. No input may panic or take long.
//!
//! The same words as `fuzz` has, which needs cargo-fuzz and finds more with fewer inputs; this needs nothing, and is fast.

use crate::mutate::{Random, sources};
use clap::Args;
use std::path::Path;
use std::time::{Duration, Instant};

#[path = "../../fuzz/targets/words.rs"]
mod words;

/// An input that takes longer is a hang.
const LONGEST: Duration = Duration::from_secs(10);
/// The most words of an input.
const WORDS: u64 = 48;

/// What is asked for.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Where the random numbers begin.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many inputs.
    #[arg(long, default_value_t = 100_000)]
    count: u64,
}

/// What one thread found.
#[derive(Default)]
struct Found {
    panics: Vec<String>,
    slowest: Duration,
    slowest_input: String,
}

/// Runs the inputs on two threads; an error where one panics or hangs.
pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let texts: Vec<String> = sources::find(&top)?.into_iter().map(|source| source.text).collect();
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let start = Instant::now();
    let found = std::thread::scope(|scope| {
        let half = |thread: u64| {
            let texts = &texts;
            scope.spawn(move || {
                let mut found = Found::default();
                for index in (thread..arguments.count).step_by(2) {
                    one(&mut Random::new(arguments.seed, index), texts, &mut found);
                }
                found
            })
        };
        [half(0), half(1)].map(|thread| thread.join().unwrap_or_default())
    });
    std::panic::set_hook(hook);
    let slowest = found.iter().max_by_key(|found| found.slowest).ok_or("no thread ran")?;
    println!(
        "{} inputs in {:.0} s; the slowest took {:.1} ms: {:?}",
        arguments.count,
        start.elapsed().as_secs_f64(),
        slowest.slowest.as_secs_f64() * 1000.0,
        slowest.slowest_input
    );
    let panics: Vec<&String> = found.iter().flat_map(|found| &found.panics).collect();
    for input in panics.iter().take(10) {
        println!("PANIC: {input:?}");
    }
    match (panics.len(), slowest.slowest > LONGEST) {
        (0, false) => Ok(()),
        (0, true) => Err("an input took too long".to_owned()),
        (count, _) => Err(format!("{count} inputs panicked")),
    }
}

/// One input, of one of four kinds.
fn one(random: &mut Random, texts: &[String], found: &mut Found) {
    let length = random.below(WORDS);
    let data: Vec<u8> = (0..length).map(|_| random.next().to_le_bytes()[0]).collect();
    let kind = random.below(4);
    let input = match kind {
        0 => words::text(&data),
        1 => format!("Net: 3x16x16 -> 10 {{ {} }}", words::text(&data)),
        2 => stirred(random, texts),
        _ => String::new(),
    };
    let start = Instant::now();
    let result = std::panic::catch_unwind(|| {
        if kind == 3 {
            let table = words::table(&data);
            let (file, mistakes) = cnn_ir::parse::parse(&table);
            let _ = cnn_ir::check::check(&file, &table, mistakes);
        } else {
            let _ = input.parse::<cnn_ir::Network>();
        }
    });
    let took = start.elapsed();
    let shown = || if kind == 3 { format!("tokens {}", words::text(&data)) } else { input.clone() };
    if result.is_err() {
        found.panics.push(shown());
    }
    if took > found.slowest {
        found.slowest = took;
        found.slowest_input = shown();
    }
}

/// A declaration with a part left out, and a part or a word put somewhere else.
fn stirred(random: &mut Random, texts: &[String]) -> String {
    let Some(text) = texts.get(usize::try_from(random.below(texts.len() as u64)).unwrap_or(0)) else {
        return String::new();
    };
    let characters: Vec<char> = text.chars().collect();
    let mut place = || usize::try_from(random.below(characters.len() as u64 + 1)).unwrap_or(0);
    let (a, b, at) = (place(), place(), place());
    let (low, high) = (a.min(b), a.max(b).min(a.min(b) + 40));
    let word = words::WORDS[usize::try_from(random.below(words::WORDS.len() as u64)).unwrap_or(0)];
    let mut out: String = characters[..at].iter().collect();
    out.push_str(word);
    out.extend(&characters[low..high]);
    out.extend(&characters[at.max(low).min(high)..]);
    out
}
