//! Sizes: numbers where the macro knows them, exact expressions of names where it does not.
//!
//! A [`Dim`] is a polynomial with integer coefficients over [`Atom`]s. Floor divisions that do not come out
//! even stay as atoms, so nothing is ever rounded away: two sizes are equal for every value of the names
//! if and only if their normal forms are (up to identities between floor divisions that never meet here).

use std::collections::BTreeMap;
use std::fmt;

/// A name (or an uneven floor division) in a size.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Atom {
    /// A const generic of the network.
    Generic(String),
    /// A Rust const that the macro cannot see.
    Const(String),
    /// `(symbol - remainder) / modulus`, a whole number by the facts of the `where` clause.
    Symbol {
        /// The symbol's name.
        name: String,
        /// From `where symbol % modulus == remainder`; 1 without facts.
        modulus: u64,
        /// See `modulus`.
        remainder: u64,
        /// The smallest value of this atom.
        at_least: u64,
    },
    /// `floor(dividend / divisor)`
    Floor {
        /// What is divided.
        dividend: Box<Poly>,
        /// By what.
        divisor: i128,
    },
}

impl Atom {
    /// The smallest value that it can have.
    fn lower_bound(&self) -> i128 {
        match self {
            Self::Generic(_) | Self::Const(_) => 1,
            Self::Symbol { at_least, .. } => i128::from(*at_least),
            Self::Floor { dividend, divisor } => match dividend.lower_bound() {
                Some(bound) => bound.div_euclid(*divisor),
                None => 0,
            },
        }
    }

    fn is_symbolic(&self) -> bool {
        match self {
            Self::Symbol { .. } => true,
            Self::Floor { dividend, .. } => dividend.terms.keys().flatten().any(Self::is_symbolic),
            Self::Generic(_) | Self::Const(_) => false,
        }
    }

    fn is_generic(&self) -> bool {
        match self {
            Self::Generic(_) => true,
            Self::Floor { dividend, .. } => dividend.terms.keys().flatten().any(Self::is_generic),
            Self::Symbol { .. } | Self::Const(_) => false,
        }
    }
}

/// A sum of products of atoms. The empty product carries the constant.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Poly {
    /// Coefficient of each product; never 0.
    pub terms: BTreeMap<Vec<Atom>, i128>,
}

impl Poly {
    fn constant(&self) -> i128 {
        self.terms.get(&Vec::new() as &Vec<Atom>).copied().unwrap_or(0)
    }

    fn add(&mut self, product: Vec<Atom>, coefficient: i128) {
        let sum = self.terms.entry(product).or_insert(0);
        *sum = sum.saturating_add(coefficient);
        self.terms.retain(|_, coefficient| *coefficient != 0);
    }

    /// A value that it never falls below, where that is plain to see.
    fn lower_bound(&self) -> Option<i128> {
        let mut bound = 0_i128;
        for (product, &coefficient) in &self.terms {
            if coefficient < 0 && !product.is_empty() {
                return None;
            }
            let factor =
                product.iter().fold(1_i128, |acc, atom| acc.saturating_mul(atom.lower_bound().max(0)));
            bound = bound.saturating_add(coefficient.saturating_mul(factor));
        }
        Some(bound)
    }
}

/// A size, or a count made of sizes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dim {
    /// A number.
    Number(i128),
    /// An expression with at least one atom.
    Expr(Box<Poly>),
}

impl From<u64> for Dim {
    fn from(value: u64) -> Self {
        Self::Number(i128::from(value))
    }
}

impl Dim {
    /// Nothing.
    pub const ZERO: Self = Self::Number(0);
    /// One.
    pub const ONE: Self = Self::Number(1);

    /// A size that is one atom.
    #[must_use]
    pub fn atom(atom: Atom) -> Self {
        Self::Expr(Box::new(Poly { terms: BTreeMap::from([(vec![atom], 1)]) }))
    }

    /// A symbol of which `symbol % modulus == remainder` and `symbol >= at_least` are known.
    #[must_use]
    pub fn symbol(name: &str, modulus: u64, remainder: u64, at_least: u64) -> Self {
        let modulus = modulus.max(1);
        let remainder = remainder % modulus;
        let at_least = at_least.max(1).saturating_sub(remainder).div_ceil(modulus);
        let atom = Atom::Symbol { name: name.to_owned(), modulus, remainder, at_least };
        &(&Self::atom(atom) * &Self::from(modulus)) + &Self::from(remainder)
    }

    /// The number, where it is one.
    #[must_use]
    pub fn number(&self) -> Option<i128> {
        match self {
            Self::Number(value) => Some(*value),
            Self::Expr(_) => None,
        }
    }

    /// The number as a `usize`, where it is one and fits.
    #[must_use]
    pub fn as_usize(&self) -> Option<usize> {
        self.number().and_then(|value| usize::try_from(value).ok())
    }

    /// Whether it depends on a symbol, which is known at run time only.
    #[must_use]
    pub fn is_symbolic(&self) -> bool {
        self.atoms().any(Atom::is_symbolic)
    }

    /// Whether it depends on a const generic of the network.
    #[must_use]
    pub fn is_generic(&self) -> bool {
        self.atoms().any(Atom::is_generic)
    }

    /// The divisions in it that need not come out even.
    pub fn floors(&self) -> impl Iterator<Item = &Atom> {
        self.atoms().filter(|atom| matches!(atom, Atom::Floor { .. }))
    }

    fn atoms(&self) -> impl Iterator<Item = &Atom> {
        match self {
            Self::Number(_) => None,
            Self::Expr(poly) => Some(poly),
        }
        .into_iter()
        .flat_map(|poly| poly.terms.keys().flatten())
    }

    /// Whether it is at least `bound` for every value of its names: yes, no, or not decidable.
    #[must_use]
    pub fn at_least(&self, bound: i128) -> Option<bool> {
        match self {
            Self::Number(value) => Some(*value >= bound),
            Self::Expr(poly) => (poly.lower_bound()? >= bound).then_some(true),
        }
    }

    /// Whether two sizes are equal: always, never, or not decidable.
    #[must_use]
    pub fn equals(&self, other: &Self) -> Option<bool> {
        match &(self - other) {
            Self::Number(difference) => Some(*difference == 0),
            // `2*K` is never `K`, because `K` is at least 1.
            difference => {
                let apart = difference.at_least(1) == Some(true) || (other - self).at_least(1) == Some(true);
                apart.then_some(false)
            }
        }
    }

    fn poly(&self) -> Poly {
        match self {
            Self::Number(0) => Poly::default(),
            Self::Number(value) => Poly { terms: BTreeMap::from([(Vec::new(), *value)]) },
            Self::Expr(poly) => (**poly).clone(),
        }
    }

    fn from_poly(poly: Poly) -> Self {
        if poly.terms.keys().all(Vec::is_empty) {
            Self::Number(poly.constant())
        } else {
            Self::Expr(Box::new(poly))
        }
    }

    /// `floor(self / divisor)`, exact: what divides evenly leaves the floor.
    ///
    /// # Panics
    /// Never: a divisor below 1 is taken as 1.
    #[must_use]
    pub fn floor_div(&self, divisor: i128) -> Self {
        let divisor = divisor.max(1);
        if divisor == 1 {
            return self.clone();
        }
        if let Self::Number(value) = self {
            return Self::Number(value.div_euclid(divisor));
        }
        let (mut whole, mut rest) = (Poly::default(), Poly::default());
        for (product, coefficient) in self.poly().terms {
            whole.add(product.clone(), coefficient.div_euclid(divisor));
            rest.add(product, coefficient.rem_euclid(divisor));
        }
        if rest.terms.keys().all(Vec::is_empty) {
            return Self::from_poly(whole);
        }
        // floor((floor(x / a) + c) / b) = floor((x + a c) / (a b))
        let constant = rest.constant();
        let mut names = rest.terms.iter().filter(|(product, _)| !product.is_empty());
        let nested = match (names.next(), names.next()) {
            (Some((product, 1)), None) => match product.as_slice() {
                [Atom::Floor { dividend, divisor: inner }] => Some((dividend.clone(), *inner)),
                _ => None,
            },
            _ => None,
        };
        if let Some((mut dividend, inner)) = nested {
            dividend.add(Vec::new(), constant.saturating_mul(inner));
            let quotient = Self::from_poly(*dividend).floor_div(divisor.saturating_mul(inner));
            return &Self::from_poly(whole) + &quotient;
        }
        let floor = Atom::Floor { dividend: Box::new(rest), divisor };
        &Self::from_poly(whole) + &Self::atom(floor)
    }

    /// `ceil(self / divisor)`
    #[must_use]
    pub fn ceil_div(&self, divisor: i128) -> Self {
        (self + &Self::Number(divisor.max(1) - 1)).floor_div(divisor)
    }

    /// With atoms replaced by sizes.
    #[must_use]
    pub fn substitute(&self, value: &dyn Fn(&Atom) -> Option<Self>) -> Self {
        let Self::Expr(poly) = self else { return self.clone() };
        let mut sum = Self::ZERO;
        for (product, coefficient) in &poly.terms {
            let mut term = Self::Number(*coefficient);
            for atom in product {
                let factor = value(atom).unwrap_or_else(|| match atom {
                    Atom::Floor { dividend, divisor } => {
                        Self::from_poly((**dividend).clone()).substitute(value).floor_div(*divisor)
                    }
                    _ => Self::atom(atom.clone()),
                });
                term = &term * &factor;
            }
            sum = &sum + &term;
        }
        sum
    }

    /// Its terms: coefficient and atoms, the constant last.
    #[must_use]
    pub fn terms(&self) -> Vec<(i128, Vec<Atom>)> {
        let mut terms: Vec<_> = self.poly().terms.into_iter().map(|(product, c)| (c, product)).collect();
        terms.sort_by_key(|(coefficient, product)| (product.is_empty(), *coefficient < 0));
        terms
    }
}

impl std::ops::Add for &Dim {
    type Output = Dim;
    fn add(self, other: Self) -> Dim {
        if let (Dim::Number(a), Dim::Number(b)) = (self, other) {
            return Dim::Number(a.saturating_add(*b));
        }
        let mut sum = self.poly();
        for (product, coefficient) in other.poly().terms {
            sum.add(product, coefficient);
        }
        Dim::from_poly(sum)
    }
}

impl std::ops::Sub for &Dim {
    type Output = Dim;
    fn sub(self, other: Self) -> Dim {
        self + &(other * &Dim::Number(-1))
    }
}

impl std::ops::Mul for &Dim {
    type Output = Dim;
    fn mul(self, other: Self) -> Dim {
        if let (Dim::Number(a), Dim::Number(b)) = (self, other) {
            return Dim::Number(a.saturating_mul(*b));
        }
        let mut result = Poly::default();
        let right = other.poly();
        for (left_product, left) in &self.poly().terms {
            for (right_product, right) in &right.terms {
                let mut product = [left_product.as_slice(), right_product.as_slice()].concat();
                product.sort();
                result.add(product, left.saturating_mul(*right));
            }
        }
        Dim::from_poly(result)
    }
}

impl<'d> std::iter::Sum<&'d Dim> for Dim {
    fn sum<I: Iterator<Item = &'d Self>>(dims: I) -> Self {
        dims.fold(Self::ZERO, |sum, dim| &sum + dim)
    }
}

impl<'d> std::iter::Product<&'d Dim> for Dim {
    fn product<I: Iterator<Item = &'d Self>>(dims: I) -> Self {
        dims.fold(Self::ONE, |product, dim| &product * dim)
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(value) => write!(f, "{value}"),
            Self::Expr(poly) => write!(f, "{poly}"),
        }
    }
}

impl Poly {
    /// A symbol of which a multiple is known, divided once more: `H/2`, halved, is `H/4`.
    fn shorter(&self, divisor: i128) -> Option<String> {
        let (product, coefficient) = self.terms.first_key_value()?;
        let [Atom::Symbol { name, modulus, remainder: 0, .. }] = product.as_slice() else { return None };
        let whole = i128::from(*modulus).checked_mul(divisor)?;
        (*coefficient > 0 && whole % coefficient == 0).then(|| format!("{name}/{}", whole / coefficient))
    }
}

impl fmt::Display for Poly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (coefficient, product)) in Dim::from_poly(self.clone()).terms().into_iter().enumerate() {
            let sign = match (index, coefficient < 0) {
                (0, false) => "",
                (0, true) => "-",
                (_, false) => " + ",
                (_, true) => " - ",
            };
            write!(f, "{sign}{}", term(coefficient.saturating_abs(), &product))?;
        }
        Ok(())
    }
}

/// `16` times the atom `H / 32` reads `H/2`.
fn term(coefficient: i128, product: &[Atom]) -> String {
    let [Atom::Symbol { name, modulus, remainder, .. }] = product else {
        let factors: Vec<String> = product.iter().map(ToString::to_string).collect();
        return match (coefficient, factors.is_empty()) {
            (_, true) => coefficient.to_string(),
            (1, false) => factors.join("*"),
            (_, false) => format!("{coefficient}*{}", factors.join("*")),
        };
    };
    let modulus = i128::from(*modulus);
    let base = if *remainder == 0 { name.clone() } else { format!("({name} - {remainder})") };
    if modulus % coefficient == 0 {
        match modulus / coefficient {
            1 => base,
            quotient => format!("{base}/{quotient}"),
        }
    } else if coefficient % modulus == 0 {
        format!("{}*{base}", coefficient / modulus)
    } else {
        format!("{coefficient}*{base}/{modulus}")
    }
}

impl fmt::Display for Atom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Generic(name) | Self::Const(name) => f.write_str(name),
            Self::Symbol { .. } => f.write_str(&term(1, std::slice::from_ref(self))),
            Self::Floor { dividend, divisor } => match dividend.terms.len() {
                1 if dividend.shorter(*divisor).is_some() => {
                    write!(f, "floor({})", dividend.shorter(*divisor).unwrap_or_default())
                }
                1 => write!(f, "floor({dividend}/{divisor})"),
                _ => write!(f, "floor(({dividend})/{divisor})"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn h(modulus: u64) -> Dim {
        Dim::symbol("H", modulus, 0, 1)
    }

    #[test]
    fn facts_make_divisions_exact() {
        let half = h(32).floor_div(2);
        assert_eq!(half.to_string(), "H/2");
        assert_eq!((&half * &Dim::from(2)).equals(&h(32)), Some(true));
        // (H + 2 - 3) / 2 + 1 with H = 32 h is H/2
        let out = &(&h(32) + &Dim::Number(-1)).floor_div(2) + &Dim::ONE;
        assert_eq!(out.equals(&half), Some(true));
    }

    #[test]
    fn without_facts_floors_stay() {
        let half = h(1).floor_div(2);
        assert_eq!((&half * &Dim::from(2)).equals(&h(1)), None);
        assert_eq!(half.to_string(), "floor(H/2)");
        assert_eq!(half.floor_div(2), h(1).floor_div(4));
    }

    #[test]
    fn arithmetic() {
        let classes = Dim::atom(Atom::Generic("CLASSES".into()));
        let weights = &(&classes * &Dim::from(512)) + &classes;
        assert_eq!(weights.to_string(), "513*CLASSES");
        assert_eq!((&weights - &weights), Dim::ZERO);
        assert_eq!(classes.at_least(1), Some(true));
        assert_eq!(classes.at_least(2), None);
    }
}
