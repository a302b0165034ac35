//! What a layer does not take, left out or put where it belongs.

use super::spelling::Spelling;
use super::{Candidate, Search};
use crate::ast::ItemKind;
use crate::diagnostic::{Diagnostic, Edit, Problem};

impl Search<'_> {
    pub(super) fn form(&self, diagnostic: &Diagnostic, out: &mut Vec<Candidate>) {
        let Some(site) = self.sites.at(diagnostic.range) else { return };
        let ItemKind::Word(word) = &site.item.kind else { return };
        let Some(spelling) = Spelling::read(word, self.table) else { return };
        let mut propose = |cost: u32, text: String| {
            let edits = vec![Edit { range: word.range, text }];
            out.push(Candidate { cost, edits, kind: (word.range.first, "form"), text: None });
        };
        let mut changed = spelling.clone();
        match &diagnostic.problem {
            Problem::DigitsUnexpected { .. } => changed.digits.clear(),
            Problem::SizeUnexpected { .. } | Problem::TwoSizes { .. } => changed.size = None,
            Problem::StrideUnexpected { .. } => changed.stride = None,
            Problem::UnexpectedArgument { argument, .. } => {
                changed.args.retain(|arg| arg != argument);
                // `relu(0.2)`
                if spelling.head.name == "relu" {
                    propose(9, format!("leaky({argument})"));
                }
            }
            Problem::UnknownOption { option, .. } => {
                changed.args.retain(|arg| !arg.starts_with(option.as_str()));
                propose(20, changed.write());
                return;
            }
            Problem::SizeMissing { .. } => {
                for (rank, size) in (0..).zip(self.sizes_in(site)) {
                    changed.size = Some(size);
                    propose(12 + rank, changed.write());
                }
                return;
            }
            _ => return,
        }
        propose(10, changed.write());
    }
}
