//! How the shapes of a message came to be.

use crate::shape::Shape;
use crate::token::TokenRange;
use std::fmt;

/// The last steps before a mistake, in the order of the data.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// Its rows.
    pub rows: Vec<TraceRow>,
}

/// One row of a [`Trace`].
#[derive(Clone, Debug, PartialEq)]
pub enum TraceRow {
    /// A step and what it gave.
    Step {
        /// Its line of the source, where that is known.
        line: Option<u32>,
        /// As written.
        text: String,
        /// What it gave.
        shape: String,
    },
    /// What follows is one of the branches that met.
    Side {
        /// What to call it.
        name: String,
        /// Its shape, where no row of its own follows.
        shape: Option<String>,
    },
    /// Where they did not fit.
    Offender {
        /// Its line of the source, where that is known.
        line: Option<u32>,
        /// As written.
        text: String,
    },
}

/// What the search for fixes looks at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    /// The shapes that met, or of which one was stated.
    pub met: Vec<Shape>,
    /// The steps that led there, the nearest first.
    pub suspects: Vec<TokenRange>,
    /// Among them, the layers that divide a size of symbols that need not be a multiple, in the order of the data.
    pub uneven: Vec<TokenRange>,
}

impl fmt::Display for Trace {
    /// A table: marker, line, step, shape.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = |line: &Option<u32>| line.map_or_else(String::new, |line| format!("line {line}"));
        let (mut places, mut texts) = (0, 0);
        for row in &self.rows {
            if let TraceRow::Step { line, text, .. } | TraceRow::Offender { line, text } = row {
                places = places.max(place(line).len());
                if !matches!(row, TraceRow::Offender { .. }) {
                    texts = texts.max(text.chars().count());
                }
            }
        }
        let gap = if places == 0 { "" } else { "  " };
        for (index, row) in self.rows.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            match row {
                TraceRow::Step { line, text, shape } => {
                    write!(f, "    {:places$}{gap}{text:texts$}  {shape}", place(line))?;
                }
                TraceRow::Side { name, shape: None } => write!(f, "  {name}:")?,
                TraceRow::Side { name, shape: Some(shape) } => write!(f, "  {name}: {shape}")?,
                TraceRow::Offender { line, text } => write!(f, "  > {:places$}{gap}{text}", place(line))?,
            }
        }
        Ok(())
    }
}
