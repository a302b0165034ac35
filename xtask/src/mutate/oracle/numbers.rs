//! Numbers under several assignments at once.
//!
//! A declaration may hold names whose values are not known: symbols of its input, const generics. The check is made
//! for several values of each, side by side: a [`Number`] has one value for each assignment. Some assignments are
//! *real*: every symbol at several sizes that its facts allow, every generic at its default. All of these must be
//! right. The others are *shadows*: generics at other values. They only show what depends on a generic.

use std::collections::HashMap;

/// A number: what it is under each assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Number {
    real: Vec<i128>,
    /// `None` where this assignment has led to nonsense.
    shadow: Vec<Option<i128>>,
}

/// How two numbers compare over all assignments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// Equal under every assignment.
    Always,
    /// Equal where generics have their defaults, and not always.
    ByDefault,
    /// Unequal where generics have their defaults; `generic`: other values of them may change that.
    Never {
        /// Whether a generic is involved.
        generic: bool,
    },
    /// Equal for some sizes of the symbols.
    Sometimes,
}

impl Number {
    /// The one value that it has under every assignment.
    pub(super) fn visible(&self) -> Option<i128> {
        let first = *self.real.first()?;
        let same = self.real.iter().all(|&value| value == first)
            && self.shadow.iter().all(|&value| value == Some(first));
        same.then_some(first)
    }

    /// The values that must be right.
    pub(super) fn real(&self) -> &[i128] {
        &self.real
    }

    /// Whether it depends on a generic.
    pub(super) fn generic(&self) -> bool {
        self.shadow.iter().any(|&value| value != self.real.first().copied())
    }

    /// `f` of each value; `None` where a real one has none.
    pub(super) fn each(&self, mut f: impl FnMut(i128) -> Option<i128>) -> Option<Self> {
        let real = self.real.iter().map(|&value| f(value)).collect::<Option<_>>()?;
        let shadow = self.shadow.iter().map(|&value| value.and_then(&mut f)).collect();
        Some(Self { real, shadow })
    }

    /// `f` of each pair of values; `None` where a real pair has none.
    pub(super) fn with(&self, other: &Self, mut f: impl FnMut(i128, i128) -> Option<i128>) -> Option<Self> {
        let real = self.real.iter().zip(&other.real).map(|(&a, &b)| f(a, b)).collect::<Option<_>>()?;
        let shadow = self.shadow.iter().zip(&other.shadow).map(|(&a, &b)| f(a?, b?)).collect();
        Some(Self { real, shadow })
    }

    /// The sum.
    pub(super) fn plus(&self, other: &Self) -> Option<Self> {
        self.with(other, i128::checked_add)
    }

    /// The product.
    pub(super) fn times(&self, other: &Self) -> Option<Self> {
        self.with(other, i128::checked_mul)
    }

    /// How it compares with another.
    pub(super) fn compare(&self, other: &Self) -> Relation {
        let equal = self.real.iter().zip(&other.real).filter(|(a, b)| a == b).count();
        let known = || self.shadow.iter().zip(&other.shadow).filter(|(a, b)| a.is_some() && b.is_some());
        if equal == self.real.len() {
            let always = known().all(|(a, b)| a == b);
            return if always { Relation::Always } else { Relation::ByDefault };
        }
        if equal > 0 {
            return Relation::Sometimes;
        }
        Relation::Never { generic: self.generic() || other.generic() }
    }
}

/// The values of all names, for each assignment.
#[derive(Debug)]
pub(super) struct Assignments {
    real: Vec<HashMap<String, i128>>,
    shadow: Vec<HashMap<String, i128>>,
}

/// Values of generics in shadows: far apart, without common divisors.
const SHADOWS: [i128; 12] = [1009, 1013, 1019, 2003, 2011, 2017, 3001, 3011, 3019, 4001, 4003, 4007];

/// Which sizes symbols have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sizes {
    /// The smallest that are allowed, and larger ones.
    All,
    /// Those of usual images.
    Usual,
}

/// Sizes of symbols are looked for up to this.
const LARGEST_SYMBOL: i128 = 2048;

impl Assignments {
    /// Assignments for generics with their defaults, and for symbols with what may be assumed of them.
    /// `None` where nothing satisfies the facts.
    pub(super) fn new(
        generics: &[(String, i128)],
        symbols: &[String],
        sizes: Sizes,
        allows: impl Fn(&str, i128) -> bool,
    ) -> Option<Self> {
        let mut real = Vec::new();
        let rounds = match sizes {
            _ if symbols.is_empty() => 0..1,
            Sizes::All => 0..5,
            Sizes::Usual => 2..5,
        };
        for round in rounds {
            let mut values: HashMap<String, i128> = generics.iter().cloned().collect();
            for (index, symbol) in (0..).zip(symbols) {
                let allowed: Vec<i128> = (1..=LARGEST_SYMBOL).filter(|&n| allows(symbol, n)).collect();
                // The smallest; small ones that differ; sizes of usual images, different for each symbol.
                let wanted = match round {
                    0 => allowed.first(),
                    1 => allowed.get(1 + index).or(allowed.last()),
                    2 => allowed.iter().find(|&&n| n >= 64 + 17 * i128::try_from(index).unwrap_or(0)),
                    3 => allowed.iter().find(|&&n| n >= 225 + 31 * i128::try_from(index).unwrap_or(0)),
                    _ => allowed.iter().rfind(|&&n| n <= 511 - 19 * i128::try_from(index).unwrap_or(0)),
                };
                values.insert(symbol.clone(), *wanted.or(allowed.last())?);
            }
            real.push(values);
        }
        let mut shadow = Vec::new();
        if !generics.is_empty() {
            for round in 0..3 {
                let mut values = real[0].clone();
                for (index, (name, _)) in generics.iter().enumerate() {
                    values.insert(name.clone(), SHADOWS[(round * 4 + index) % SHADOWS.len()]);
                }
                shadow.push(values);
            }
        }
        Some(Self { real, shadow })
    }

    /// The same under every assignment.
    pub(super) fn constant(&self, value: i128) -> Number {
        Number { real: vec![value; self.real.len()], shadow: vec![Some(value); self.shadow.len()] }
    }

    /// What a generic or symbol stands for.
    pub(super) fn of(&self, name: &str) -> Option<Number> {
        let real = self.real.iter().map(|values| values.get(name).copied()).collect::<Option<_>>()?;
        let shadow = self.shadow.iter().map(|values| values.get(name).copied()).collect();
        Some(Number { real, shadow })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_depends_on_what() {
        let generics = [("N".to_owned(), 10)];
        let all = Assignments::new(&generics, &["H".to_owned()], Sizes::All, |_, n| n % 4 == 2).unwrap();
        let (n, h) = (all.of("N").unwrap(), all.of("H").unwrap());
        assert_eq!(n.compare(&all.constant(10)), Relation::ByDefault);
        assert_eq!(n.compare(&all.constant(12)), Relation::Never { generic: true });
        assert_eq!(h.compare(&all.constant(2)), Relation::Sometimes);
        let halved = h.each(|n| Some(n / 2 * 2)).unwrap();
        assert_eq!(h.compare(&halved), Relation::Always);
        let quartered = h.each(|n| Some(n / 4 * 4)).unwrap();
        assert_eq!(h.compare(&quartered), Relation::Never { generic: false });
        assert_eq!(all.constant(3).visible(), Some(3));
        assert!(Assignments::new(&[], &["H".to_owned()], Sizes::All, |_, n| n % 4 == 5).is_none());
    }
}
