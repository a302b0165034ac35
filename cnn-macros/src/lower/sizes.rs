//! Sizes and shapes as Rust expressions.

use super::Context;
use super::words::{ident, local};
use cnn_ir::dim::{Atom, Dim};
use cnn_ir::shape::Shape;
use proc_macro2::{Literal, Span, TokenStream};
use quote::quote;

/// A number as a literal without suffix.
pub(super) fn literal(number: usize) -> TokenStream {
    let literal = Literal::usize_unsuffixed(number);
    quote!(#literal)
}

/// A fraction as a literal.
pub(super) fn float(number: f64) -> TokenStream {
    let literal = Literal::f64_unsuffixed(number);
    quote!(#literal)
}

impl Context<'_> {
    /// A size as an expression of type `usize`; symbols are 0, which stands for any size.
    pub(super) fn size(&self, dim: &Dim) -> TokenStream {
        match dim.number() {
            Some(number) => {
                let literal = Literal::u128_unsuffixed(number.unsigned_abs());
                quote!(#literal)
            }
            None if dim.is_symbolic() => quote!(0),
            None => {
                let terms = dim.terms();
                self.sum(&terms)
            }
        }
    }

    /// Positive terms first, so that nothing underflows on the way.
    fn sum(&self, terms: &[(i128, Vec<Atom>)]) -> TokenStream {
        let (positive, negative): (Vec<_>, Vec<_>) =
            terms.iter().partition(|(coefficient, _)| *coefficient > 0);
        let mut out = TokenStream::new();
        for (index, (coefficient, atoms)) in positive.iter().enumerate() {
            let term = self.term(coefficient.unsigned_abs(), atoms);
            out.extend(if index == 0 { quote!(#term) } else { quote!(+ #term) });
        }
        if positive.is_empty() {
            out.extend(quote!(0));
        }
        for (coefficient, atoms) in negative {
            let term = self.term(coefficient.unsigned_abs(), atoms);
            out.extend(quote!(- #term));
        }
        out
    }

    fn term(&self, coefficient: u128, atoms: &[Atom]) -> TokenStream {
        let coefficient_literal = Literal::u128_unsuffixed(coefficient);
        let factors: Vec<TokenStream> = atoms.iter().map(|atom| self.atom(atom)).collect();
        let mut out = if coefficient == 1 && !factors.is_empty() {
            TokenStream::new()
        } else {
            quote!(#coefficient_literal)
        };
        for factor in factors {
            out.extend(if out.is_empty() { factor } else { quote!(* #factor) });
        }
        out
    }

    fn atom(&self, atom: &Atom) -> TokenStream {
        match atom {
            Atom::Generic(name) => {
                let name = local(name);
                quote!(#name)
            }
            // A const of the user's: looked up where the macro is called.
            Atom::Const(name) => {
                let name = ident(name, Span::call_site());
                quote!(#name)
            }
            Atom::Symbol { .. } => quote!(0),
            Atom::Floor { dividend, divisor } => {
                let terms: Vec<(i128, Vec<Atom>)> = dividend
                    .terms
                    .iter()
                    .map(|(product, coefficient)| (*coefficient, product.clone()))
                    .collect();
                let dividend = self.sum(&terms);
                let divisor = Literal::u128_unsuffixed(divisor.unsigned_abs());
                quote!((#dividend) / #divisor)
            }
        }
    }

    /// The sizes of a shape, separated by commas.
    pub(super) fn sizes(&self, shape: &Shape) -> TokenStream {
        let sizes = shape.dims().iter().map(|dim| self.size(dim));
        quote!(#(#sizes),*)
    }

    /// A shape as a type: `Chw<3, 224, 224>`, `Flat<CLASSES>`. Sizes that stable Rust cannot have in a type are
    /// 0, any size, and are checked at run time.
    pub(super) fn shape_type(&self, shape: &Shape) -> TokenStream {
        let runtime = &self.runtime;
        let sizes: Vec<TokenStream> = shape.dims().iter().map(|dim| self.size_in_type(dim)).collect();
        match shape {
            Shape::Chw(_) => quote!(#runtime::Chw<#(#sizes),*>),
            Shape::Flat(_) => quote!(#runtime::Flat<#(#sizes),*>),
            Shape::Unknown => quote!(#runtime::Flat<0>),
        }
    }

    fn size_in_type(&self, dim: &Dim) -> TokenStream {
        if dim.is_symbolic() {
            return quote!(0);
        }
        let lone = matches!(dim.terms().as_slice(), [(1, atoms)] if atoms.len() == 1);
        match (dim.number(), dim.is_generic()) {
            (Some(_), _) => self.size(dim),
            (None, true) if lone => self.size(dim),
            (None, true) => quote!(0),
            (None, false) => {
                let size = self.size(dim);
                quote!({ #size })
            }
        }
    }
}
