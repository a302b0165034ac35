//! Labels that training programs put before every name, and that the network does not have.

/// Translates the network's names to a file's.
///
/// The rule. Candidates are the labels that *every* tensor of the file begins with: of `module.model.a.weight` and
/// `module.model.b.weight` they are `module` and `module.model`. The first name of the network that decides is
/// one that the file has as it is (then nothing is dropped), or else one that the file has behind exactly
/// one of the candidates (then that one is dropped from all names). A name that the file has behind
/// several candidates decides nothing.
///
/// A whole network fits at most one candidate, because a candidate is never empty: if all names fit
/// behind `p` and behind `p.q`, a finite set of names would be itself with `q` before.
#[derive(Debug)]
pub(crate) struct Names {
    /// With their dots; the shortest first.
    candidates: Vec<String>,
    /// Empty where the file's names are the network's.
    dropped: Option<String>,
}

impl Names {
    pub(crate) fn new<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        // The last label is the tensor's own.
        let labels = |name: &'n str| -> Vec<&'n str> {
            let mut labels: Vec<&str> = name.split('.').collect();
            labels.pop();
            labels
        };
        let mut names = names.into_iter();
        let mut common = names.next().map(labels).unwrap_or_default();
        for name in names {
            let shared = common.iter().zip(labels(name)).take_while(|(a, b)| **a == *b).count();
            common.truncate(shared);
        }
        // No program puts more before a name than this.
        common.truncate(8);
        let candidates = (1..=common.len()).map(|count| common[..count].join(".") + ".").collect();
        Self { candidates, dropped: None }
    }

    /// The file's name for a tensor of the network.
    pub(crate) fn in_file(&mut self, name: &str, has: impl Fn(&str) -> bool) -> String {
        if self.dropped.is_none() {
            if has(name) {
                self.dropped = Some(String::new());
            } else {
                let mut fitting = self.candidates.iter().filter(|prefix| has(&format!("{prefix}{name}")));
                if let (Some(prefix), None) = (fitting.next(), fitting.next()) {
                    self.dropped = Some(prefix.clone());
                }
            }
        }
        format!("{}{name}", self.dropped())
    }

    /// The network's name for a tensor of the file.
    pub(crate) fn in_network<'n>(&self, name: &'n str) -> &'n str {
        name.strip_prefix(self.dropped()).unwrap_or(name)
    }

    /// What is dropped from the file's names, with its dot; empty where nothing is.
    pub(crate) fn dropped(&self) -> &str {
        self.dropped.as_deref().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is dropped of these names for the network's.
    fn dropped(file: &[&str], network: &[&str]) -> String {
        let mut names = Names::new(file.iter().copied());
        for name in network {
            names.in_file(name, |name| file.contains(&name));
        }
        names.dropped().to_owned()
    }

    #[test]
    fn one_common_prefix_is_dropped() {
        assert_eq!(dropped(&["module.a.w", "module.b.w"], &["a.w", "b.w"]), "module.");
        assert_eq!(
            dropped(&["module._orig_mod.a.w", "module._orig_mod.b.w"], &["a.w", "b.w"]),
            "module._orig_mod."
        );
        // The file's first label is the network's own.
        assert_eq!(dropped(&["m.features.0.w", "m.features.1.w"], &["features.0.w", "features.1.w"]), "m.");
        // What the network has first and the file lacks decides nothing.
        assert_eq!(dropped(&["module.a.w"], &["stem.w", "a.w"]), "module.");
        // A tensor without labels has nothing that could be dropped.
        assert_eq!(dropped(&["a"], &["a"]), "");
        assert_eq!(dropped(&[], &["a.w"]), "");
    }

    #[test]
    fn nothing_is_dropped_where_names_fit_as_they_are() {
        assert_eq!(dropped(&["features.0.w", "features.1.w"], &["features.0.w", "head.w"]), "");
        assert_eq!(dropped(&["module.a.w", "module.module.a.w"], &["module.a.w", "a.w"]), "");
    }

    #[test]
    fn nothing_is_dropped_that_not_all_have() {
        assert_eq!(dropped(&["module.a.w", "b.w"], &["a.w", "b.w"]), "");
    }

    #[test]
    fn nothing_is_dropped_that_is_ambiguous() {
        assert_eq!(dropped(&["m.x.w", "m.x.x.w"], &["x.w"]), "");
        // The next name decides.
        assert_eq!(dropped(&["m.x.w", "m.x.x.w", "m.x.b"], &["x.w", "x.b"]), "m.");
    }
}
