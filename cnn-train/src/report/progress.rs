//! Progress of a long run: a bar on a terminal, a line now and then elsewhere.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Where no bar can be drawn a line says how far things are, at most this often: it shows that the program is alive
/// and does not fill a log.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// What the bar of a training run looks like; `{things}` are what is counted.
fn template_with_message(things: &str) -> String {
    format!("{{bar:30}} {{pos}}/{{len}} {things}, {{msg}}, {{eta}} left")
}

/// How far a run is.
///
/// On a terminal it is a bar on the standard error; where that is a file or a pipe it is plain lines, one in ten
/// seconds at most, or nothing. None touches the standard output. The bar goes when the value is dropped; the lines stay.
#[derive(Debug)]
pub struct Progress {
    count: u64,
    things: String,
    form: Form,
}

#[derive(Debug)]
enum Form {
    Bar(ProgressBar),
    Lines { next: Instant },
    Nothing,
}

impl Form {
    /// A bar of this template, where there is a terminal.
    fn bar(steps: usize, template: &str) -> Option<Self> {
        io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(steps as u64), ProgressDrawTarget::stderr());
            // A template that is not well-formed would show the default bar.
            bar.set_style(
                ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            Self::Bar(bar)
        })
    }
}

impl Progress {
    /// A run of `steps` steps.
    pub fn new(steps: usize) -> Self {
        Self::with_message(steps, "steps")
    }

    /// A run that goes through `images` images, over all epochs.
    pub fn images(images: usize) -> Self {
        Self::with_message(images, "images")
    }

    fn with_message(count: usize, things: &str) -> Self {
        let lines = || Form::Lines { next: Instant::now() + LINE_EVERY };
        let form = Form::bar(count, &template_with_message(things)).unwrap_or_else(lines);
        Self { count: count as u64, things: things.to_owned(), form }
    }

    /// A run over `count` things, photos for example, of which something is printed anyway: a bar on a terminal, nothing
    /// elsewhere.
    pub fn bar(count: usize, things: &str) -> Self {
        let form = Form::bar(count, &template(things)).unwrap_or(Form::Nothing);
        Self { count: count as u64, things: things.to_owned(), form }
    }

    /// So many are done already, by an earlier run: the time left is not reckoned with them.
    pub fn begin_at(&mut self, done: usize) {
        if let Form::Bar(bar) = &self.form {
            bar.set_position(done as u64);
            bar.reset_eta();
        }
    }

    /// `step` steps, or whatever is counted, are done; `message` says what there is to say about them.
    pub fn at(&mut self, step: usize, message: impl FnOnce() -> String) {
        match &mut self.form {
            Form::Bar(bar) => {
                bar.set_message(message());
                bar.set_position(step as u64);
            }
            Form::Nothing => {}
            Form::Lines { next } => {
                let now = Instant::now();
                if now >= *next {
                    *next = now + LINE_EVERY;
                    // Progress is a courtesy: a closed standard error does not stop the run.
                    let _ = writeln!(io::stderr(), "{step} of {} {}, {}", self.count, self.things, message());
                }
            }
        }
    }

    /// Runs `print` with the bar out of its way.
    pub fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.form {
            Form::Bar(bar) => bar.suspend(print),
            Form::Lines { .. } | Form::Nothing => print(),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Form::Bar(bar) = &self.form {
            bar.finish_and_clear();
        }
    }
}

/// What the bar over `things` looks like.
fn template(things: &str) -> String {
    format!("{{bar:30}} {{pos}}/{{len}} {things}, {{eta}} left")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_of_the_bars_are_well_formed() {
        assert!(ProgressStyle::with_template(&template_with_message("images")).is_ok());
        assert!(ProgressStyle::with_template(&template("photos")).is_ok());
    }
}
