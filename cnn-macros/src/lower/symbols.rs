//! Sizes that are known at run time only: one check each, at the boundary.

use super::Context;
use cnn_ir::dim::Atom;
use proc_macro2::{Ident, Literal, TokenStream};
use quote::quote;

/// One dimension of an input.
struct Dimension {
    /// The input's variable.
    input: Ident,
    /// The input's name, for people.
    name: String,
    /// The dimension of its tensor.
    index: usize,
    /// Its size, as a sum.
    terms: Vec<(i128, Vec<Atom>)>,
}

/// A symbol at one place of an input.
struct Place<'m> {
    symbol: &'m str,
    modulus: u64,
    remainder: u64,
    at_least: u64,
    /// The input's variable.
    input: Ident,
    /// The input's name, for people.
    name: String,
    /// The dimension of its tensor.
    dimension: usize,
}

impl Context<'_> {
    /// The facts of the `where` clause, and that a symbol has one size wherever it stands, of the inputs in these
    /// variables.
    pub(super) fn symbol_checks(&self, inputs: &[Ident]) -> TokenStream {
        let (runtime, network) = (&self.runtime, self.model.name.text.as_str());
        let mut dims: Vec<Dimension> = Vec::new();
        for (port, input) in self.model.inputs.iter().zip(inputs) {
            let name = port.name.as_ref().map_or("x", |name| &name.text);
            dims.extend(port.shape.dims().iter().enumerate().map(|(axis, dim)| Dimension {
                input: input.clone(),
                name: name.to_owned(),
                index: axis + 1,
                terms: dim.terms(),
            }));
        }
        let places: Vec<Place<'_>> = dims.iter().filter_map(place).collect();
        let mut out = TokenStream::new();
        for (index, place) in places.iter().enumerate() {
            let Place { symbol, input, dimension, .. } = place;
            let dimension_literal = super::sizes::literal(*dimension);
            let size = quote!(#input.dim(#dimension_literal)?);
            match places[..index].iter().find(|earlier| earlier.symbol == *symbol) {
                None => {
                    if let Some((rule, fits)) = place.rule() {
                        out.extend(quote! {
                            #runtime::boundary::check_size(#network, #symbol, #size, #rule, |size| #fits)?;
                        });
                    }
                }
                Some(first) => {
                    let (first_input, first_dimension) =
                        (&first.input, super::sizes::literal(first.dimension));
                    let (here, there) = (place.name(), first.name());
                    out.extend(quote! {
                        #runtime::boundary::check_equal(
                            #network,
                            #symbol,
                            (#there, #first_input.dim(#first_dimension)?),
                            (#here, #size),
                        )?;
                    });
                }
            }
        }
        out
    }
}

/// A dimension that is one symbol: `modulus * atom + remainder`.
fn place(dimension: &Dimension) -> Option<Place<'_>> {
    let Dimension { input, name, index, terms } = dimension;
    let (coefficient, [Atom::Symbol { name: symbol, modulus, remainder, at_least }]) =
        terms.first().map(|(coefficient, atoms)| (*coefficient, atoms.as_slice()))?
    else {
        return None;
    };
    let rest: i128 = terms.iter().skip(1).map(|(constant, _)| *constant).sum();
    let lone = coefficient == i128::from(*modulus) && rest == i128::from(*remainder) && terms.len() <= 2;
    lone.then(|| Place {
        symbol,
        modulus: *modulus,
        remainder: *remainder,
        at_least: *at_least,
        input: input.clone(),
        name: name.clone(),
        dimension: *index,
    })
}

impl Place<'_> {
    /// The facts in words and as a condition on `size`; `None` where every size fits.
    fn rule(&self) -> Option<(String, TokenStream)> {
        let least = self.at_least.saturating_mul(self.modulus).saturating_add(self.remainder);
        let mut words = Vec::new();
        let mut conditions = Vec::new();
        if self.modulus > 1 {
            words.push(format!("{} % {} == {}", self.symbol, self.modulus, self.remainder));
            let (modulus, remainder) =
                (Literal::u64_unsuffixed(self.modulus), Literal::u64_unsuffixed(self.remainder));
            conditions.push(quote!(size % #modulus == #remainder));
        }
        if least > 1 && !(self.at_least <= 1 && self.modulus > 1) {
            words.push(format!("{} >= {least}", self.symbol));
            let least = Literal::u64_unsuffixed(least);
            conditions.push(quote!(size >= #least));
        }
        (!words.is_empty()).then(|| (words.join(" and "), quote!(#(#conditions)&&*)))
    }

    /// `x`'s dimension 2, in words.
    fn name(&self) -> String {
        let axis = match self.dimension {
            1 => "channels",
            2 => "height",
            _ => "width",
        };
        format!("the {axis} of `{}`", self.name)
    }
}
