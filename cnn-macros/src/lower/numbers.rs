//! Numbers that differ between the calls of a block: they become parameters of its `build`.
//!
//! A number that is the same in every call is a literal. One that differs is looked for among the block's own
//! parameters (by its values over all calls, which decides correctness), so generated code says `c` and
//! `stride` where the declaration does; what matches none becomes a parameter of its own.

use super::words::local;
use cnn_ir::dim::Dim;
use cnn_ir::model::InstanceId;
use proc_macro2::{Ident, TokenStream};
use quote::quote;
use std::collections::BTreeMap;

/// A value in one call.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Number {
    Size(Dim),
    Float(f64),
    Flag(bool),
}

impl Number {
    fn rust_type(&self) -> TokenStream {
        match self {
            Self::Size(_) => quote!(usize),
            Self::Float(_) => quote!(f64),
            Self::Flag(_) => quote!(bool),
        }
    }
}

/// A block struct, as its callers see it.
#[derive(Clone)]
pub(super) struct Callee {
    pub(super) name: Ident,
    /// The parameters of its `build`.
    pub(super) parameters: Vec<Ident>,
    /// Their values in each call.
    pub(super) values: BTreeMap<InstanceId, Vec<Number>>,
}

/// The parameters of one struct's `build`.
pub(super) struct Numbers {
    /// `None` in a network's own struct, which is built once.
    candidates: Option<Vec<Parameter>>,
}

struct Parameter {
    name: Ident,
    values: Vec<Number>,
    used: bool,
}

impl Numbers {
    /// Of a struct that is built once.
    pub(super) fn none() -> Self {
        Self { candidates: None }
    }

    /// Of a block: the arguments of each of its calls.
    pub(super) fn of_calls(calls: &[&[(String, Dim)]]) -> Self {
        let mut candidates = Vec::new();
        for (name, _) in calls.first().copied().unwrap_or_default() {
            let values: Vec<Number> = calls
                .iter()
                .filter_map(|call| call.iter().find(|(other, _)| other == name))
                .map(|(_, dim)| Number::Size(dim.clone()))
                .collect();
            if values.len() == calls.len() {
                candidates.push(Parameter { name: parameter_name(name), values, used: false });
            }
        }
        // The block's own parameters read better than `cin`, and `cin` better than `stride`.
        candidates.sort_by_key(|parameter| match parameter.name.to_string().as_str() {
            "cin" => 1,
            "stride" => 2,
            _ => 0,
        });
        Self { candidates: Some(candidates) }
    }

    /// The number as an expression inside `build`; `None` where it is the same in every call and can be
    /// written there.
    pub(super) fn parameter(&mut self, values: &[Number], hint: &str) -> Option<TokenStream> {
        let candidates = self.candidates.as_mut()?;
        let first = values.first()?;
        let fixed = match first {
            Number::Size(dim) => dim.number().is_some(),
            Number::Float(_) | Number::Flag(_) => true,
        };
        if fixed && values.iter().all(|value| value == first) {
            return None;
        }
        if let Some(known) = candidates.iter_mut().find(|parameter| parameter.values == values) {
            known.used = true;
            let name = &known.name;
            return Some(quote!(#name));
        }
        if let Some(multiple) = Self::multiple(candidates, values) {
            return Some(multiple);
        }
        let mut text = hint.to_owned();
        while candidates.iter().any(|parameter| parameter.name == text) {
            text.push('_');
        }
        let name = parameter_name(&text);
        candidates.push(Parameter { name: name.clone(), values: values.to_vec(), used: true });
        Some(quote!(#name))
    }

    /// `4 * c`
    fn multiple(candidates: &mut [Parameter], values: &[Number]) -> Option<TokenStream> {
        let sizes: Option<Vec<i128>> = values.iter().map(plain).collect();
        let sizes = sizes?;
        for parameter in candidates.iter_mut() {
            let base: Option<Vec<i128>> = parameter.values.iter().map(plain).collect();
            let Some(base) = base else { continue };
            let (Some(&size), Some(&unit)) = (sizes.first(), base.first()) else { continue };
            if unit > 1 && size % unit == 0 {
                let factor = size / unit;
                if factor > 1 && sizes.iter().zip(&base).all(|(size, unit)| *size == factor * unit) {
                    parameter.used = true;
                    let (name, factor) =
                        (&parameter.name, proc_macro2::Literal::u128_unsuffixed(factor.unsigned_abs()));
                    return Some(quote!(#factor * #name));
                }
            }
        }
        None
    }

    fn used(&self) -> impl Iterator<Item = &Parameter> {
        self.candidates.iter().flatten().filter(|parameter| parameter.used)
    }

    /// The names of `build`'s parameters.
    pub(super) fn parameters(&self) -> Vec<Ident> {
        self.used().map(|parameter| parameter.name.clone()).collect()
    }

    /// `c: usize, stride: usize`
    pub(super) fn signature(&self) -> TokenStream {
        let parameters = self.used().map(|parameter| {
            let (name, first) = (&parameter.name, parameter.values.first());
            let rust_type = first.map_or_else(|| quote!(usize), Number::rust_type);
            quote!(#name: #rust_type)
        });
        quote!(#(, #parameters)*)
    }

    /// For each parameter, its value in each call.
    pub(super) fn call_values(&self) -> Vec<Vec<Number>> {
        self.used().map(|parameter| parameter.values.clone()).collect()
    }
}

fn plain(number: &Number) -> Option<i128> {
    match number {
        Number::Size(dim) => dim.number(),
        Number::Float(_) | Number::Flag(_) => None,
    }
}

/// A parameter must not meet the names that generated code uses itself.
fn parameter_name(name: &str) -> Ident {
    let lower = name.to_lowercase();
    if matches!(lower.as_str(), "params" | "pass" | "x") {
        local(&format!("{lower}_"))
    } else {
        local(&lower)
    }
}
