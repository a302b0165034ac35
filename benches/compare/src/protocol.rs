//! Requests and answers, a line of JSON each: `{"run": 5}` for the milliseconds of five runs, `{"found": true}`.

use std::io::{BufRead, Write, stdin, stdout};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::engine::Engine;

const WARM_RUNS: usize = 3;
const WARM_TIME: Duration = Duration::from_millis(300);

/// Loads an engine, warms it up, and serves requests until the standard input ends.
pub fn serve(load: impl FnOnce() -> Result<Box<dyn Engine>>) -> Result<()> {
    let served = load().and_then(|mut engine| answer_all(engine.as_mut()));
    if let Err(error) = &served {
        answer(json!({ "error": format!("{error:#}") }))?;
    }
    served
}

fn answer_all(engine: &mut dyn Engine) -> Result<()> {
    warm_up(engine)?;
    answer(json!({ "ready": true }))?;
    for line in stdin().lock().lines() {
        let request: Value = serde_json::from_str(&line?)?;
        if let Some(count) = request.get("run") {
            let count = count.as_u64().context("`run` takes a number")?;
            engine.run()?;
            let times = (0..count).map(|_| timed(engine)).collect::<Result<Vec<f64>>>()?;
            answer(json!({ "ms": times }))?;
        } else {
            answer(json!({ "found": engine.found()? }))?;
        }
    }
    Ok(())
}

fn answer(value: Value) -> Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "{value}")?;
    Ok(out.flush()?)
}

/// Runs until nothing is new.
fn warm_up(engine: &mut dyn Engine) -> Result<()> {
    let began = Instant::now();
    let mut runs = 0;
    while runs < WARM_RUNS || began.elapsed() < WARM_TIME {
        engine.run()?;
        runs += 1;
    }
    Ok(())
}

/// Milliseconds of one run.
fn timed(engine: &mut dyn Engine) -> Result<f64> {
    let began = Instant::now();
    engine.run()?;
    Ok(began.elapsed().as_secs_f64() * 1e3)
}
