//! One struct: its fields, how it is built, how it runs.
//!
//! A block's struct is lowered from all its calls at once: the bodies have one structure (resolution saw to
//! that), so they are walked side by side, and each step is a column of as many steps as there are calls.

use super::Context;
use super::chain::Chain;
use super::numbers::{Callee, Number, Numbers};
use super::sizes::{float, literal};
use super::words::{camel, field, ident, local, located};
use cnn_ir::ast::Merge;
use cnn_ir::dim::Dim;
use cnn_ir::model::{Call, NetworkCall, NetworkTarget, Shortcut, Step};
use cnn_ir::token::TokenRange;
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use std::collections::BTreeSet;

/// A struct that is being made.
pub(super) struct Owner<'m> {
    pub(super) context: &'m Context<'m>,
    callees: &'m [Callee],
    name: Ident,
    pub(super) numbers: Numbers,
    /// The arguments of each call, for the numbers of structs inside this one.
    calls: Vec<&'m [(String, Dim)]>,
    fields: Vec<Field>,
    /// Structs for projections that only some calls have.
    nested: Vec<TokenStream>,
    taps_read: BTreeSet<String>,
}

struct Field {
    name: Ident,
    rust_type: TokenStream,
    build: TokenStream,
    doc: String,
}

impl<'m> Owner<'m> {
    /// The struct of the network itself.
    pub(super) fn root(context: &'m Context<'m>, callees: &'m [Callee], name: Ident) -> Self {
        Self::new(context, callees, name, Numbers::none(), Vec::new())
    }

    /// The struct of a block, with the arguments of each of its calls.
    pub(super) fn block(
        context: &'m Context<'m>,
        callees: &'m [Callee],
        name: Ident,
        calls: Vec<&'m [(String, Dim)]>,
    ) -> Self {
        Self::new(context, callees, name, Numbers::of_calls(&calls), calls)
    }

    fn new(
        context: &'m Context<'m>,
        callees: &'m [Callee],
        name: Ident,
        numbers: Numbers,
        calls: Vec<&'m [(String, Dim)]>,
    ) -> Self {
        let (fields, nested, taps_read) = (Vec::new(), Vec::new(), BTreeSet::new());
        Self { context, callees, name, numbers, calls, fields, nested, taps_read }
    }

    /// Declaration and implementation of a block's struct.
    pub(super) fn finish(&mut self, bodies: Vec<&'m [Step]>, doc: &str) -> TokenStream {
        let x = local("x");
        let mut chain = Chain::from_reference(x.clone());
        self.note_reads(&bodies);
        self.steps(&bodies, &mut chain);
        let (runtime, name, value) = (&self.context.runtime, &self.name, self.context.value());
        let (declarations, builds) = (self.declarations(), self.builds());
        let signature = self.numbers.signature();
        let nested = &self.nested;
        let visibility = self.context.visibility();
        let (build, run) = if self.context.intact {
            let (statements, result) = (chain.statements(), chain.result());
            let used = !self.fields.is_empty();
            let unused = if used { quote!() } else { quote!(let _ = params;) };
            (
                quote!(#unused ::core::result::Result::Ok(Self { #builds })),
                quote!(#statements ::core::result::Result::Ok(#result)),
            )
        } else {
            let message = self.context.broken();
            (message.clone(), message)
        };
        quote! {
            #(#nested)*

            #[doc = #doc]
            #[derive(Clone, Debug)]
            #visibility struct #name { #declarations }

            #[automatically_derived]
            #[allow(dead_code, unused_imports, unused_variables, clippy::all, clippy::pedantic)]
            impl #name {
                fn build(params: &#runtime::params::Params<'_> #signature) -> #runtime::Result<Self> {
                    #build
                }

                fn run<#value: #runtime::Value>(
                    &self,
                    #x: &#value,
                    pass: &#runtime::Pass<#value>,
                ) -> #runtime::CandleResult<#value> {
                    #run
                }
            }
        }
    }

    /// `pub conv1: Conv2d,` for each field.
    pub(super) fn declarations(&self) -> TokenStream {
        let fields = self.fields.iter().map(|Field { name, rust_type, doc, .. }| {
            quote! { #[doc = #doc] pub #name: #rust_type, }
        });
        quote!(#(#fields)*)
    }

    /// `conv1: Conv2d::new(..)?,` for each field.
    pub(super) fn builds(&self) -> TokenStream {
        let fields = self.fields.iter().map(|Field { name, build, .. }| quote!(#name: #build,));
        quote!(#(#fields)*)
    }

    /// Structs that stand beside this one.
    pub(super) fn nested(&self) -> &[TokenStream] {
        &self.nested
    }

    /// Adds a field and gives its final name.
    pub(super) fn field(
        &mut self,
        name: &str,
        label: Option<&cnn_ir::ast::Ident>,
        rust_type: TokenStream,
        build: TokenStream,
        doc: String,
    ) -> Ident {
        let mut name = name.to_owned();
        while name == "state" || self.fields.iter().any(|field| field.name == name.as_str()) {
            name.push('_');
        }
        // A label that is the whole name keeps the user's own span, for renaming and go-to-definition.
        let span = match label {
            Some(label) if label.text == name => self.context.bridge.span(label.token),
            Some(label) => located(self.context.bridge.span(label.token)),
            None => Span::mixed_site(),
        };
        let name = ident(&name, span);
        self.fields.push(Field { name: name.clone(), rust_type, build, doc });
        name
    }

    /// A size inside `build`.
    pub(super) fn build_size(&mut self, column: &[Dim], hint: &str) -> TokenStream {
        let values: Vec<Number> = column.iter().cloned().map(Number::Size).collect();
        match self.numbers.parameter(&values, hint) {
            Some(parameter) => parameter,
            None => column.first().map_or_else(|| quote!(0), |dim| self.context.size(dim)),
        }
    }

    /// A number that the macro sees, inside `build`.
    pub(super) fn build_usize(&mut self, column: &[usize], hint: &str) -> TokenStream {
        let dims: Vec<Dim> = column.iter().map(|&n| Dim::from(n as u64)).collect();
        self.build_size(&dims, hint)
    }

    /// A fraction inside `build`.
    pub(super) fn build_float(&mut self, column: &[f64], hint: &str) -> TokenStream {
        let values: Vec<Number> = column.iter().copied().map(Number::Float).collect();
        match self.numbers.parameter(&values, hint) {
            Some(parameter) => parameter,
            None => float(column.first().copied().unwrap_or_default()),
        }
    }

    /// A flag inside `build`.
    fn build_flag(&mut self, column: &[bool], hint: &str) -> TokenStream {
        let values: Vec<Number> = column.iter().copied().map(Number::Flag).collect();
        match self.numbers.parameter(&values, hint) {
            Some(parameter) => parameter,
            None => {
                let value = column.first().copied().unwrap_or_default();
                quote!(#value)
            }
        }
    }

    /// A number inside `run`: a literal, or a field where the calls differ.
    pub(super) fn run_usize(&mut self, column: &[usize], hint: &str) -> TokenStream {
        match column.first() {
            Some(&first) if column.iter().all(|&value| value == first) => literal(first),
            _ => {
                let build = self.build_usize(column, hint);
                let field = self.field(hint, None, quote!(usize), build, "Differs between the calls.".into());
                quote!(self.#field)
            }
        }
    }

    /// A fraction inside `run`.
    #[allow(clippy::float_cmp, reason = "the same literal or not")]
    pub(super) fn run_float(&mut self, column: &[f64], hint: &str) -> TokenStream {
        match column.first() {
            Some(&first) if column.iter().all(|&value| value == first) => float(first),
            _ => {
                let build = self.build_float(column, hint);
                let field = self.field(hint, None, quote!(f64), build, "Differs between the calls.".into());
                quote!(self.#field)
            }
        }
    }

    /// Notes which taps are read, so that the others take no variable.
    pub(super) fn note_reads(&mut self, bodies: &[&'m [Step]]) {
        for step in bodies.iter().flat_map(|body| body.iter()) {
            match step {
                Step::Read(name) => drop(self.taps_read.insert(name.text.clone())),
                Step::Taps { taps, .. } => self.taps_read.extend(taps.iter().cloned()),
                Step::Layer(layer) => {
                    if let cnn_ir::layer::Op::Crop { like: Some(tap), .. } = &layer.op {
                        self.taps_read.insert(tap.clone());
                    }
                }
                Step::Residual { body, shortcut, .. } => {
                    self.note_reads(&[body]);
                    if let Shortcut::Projection(steps) = shortcut {
                        self.note_reads(&[steps]);
                    }
                }
                Step::Dense { body, .. } => self.note_reads(&[body]),
                Step::Branches { branches, .. } => {
                    for branch in branches {
                        self.note_reads(&[branch]);
                    }
                }
                _ => {}
            }
        }
    }

    /// Outputs are read at the end.
    pub(super) fn note_read(&mut self, tap: &str) {
        self.taps_read.insert(tap.to_owned());
    }

    /// The steps of a path, over all calls side by side.
    pub(super) fn steps(&mut self, bodies: &[&'m [Step]], chain: &mut Chain) {
        let length = bodies.iter().map(|body| body.len()).min().unwrap_or(0);
        for index in 0..length {
            let column: Vec<&'m Step> = bodies.iter().map(|body| &body[index]).collect();
            self.step(&column, chain);
        }
    }

    fn step(&mut self, column: &[&'m Step], chain: &mut Chain) {
        let Some(first) = column.first() else { return };
        match first {
            Step::Layer(_) => {
                let layers: Vec<_> = column
                    .iter()
                    .filter_map(|step| match step {
                        Step::Layer(layer) => Some(layer),
                        _ => None,
                    })
                    .collect();
                self.layer(&layers, chain);
            }
            Step::Call(_) => {
                let calls: Vec<&'m Call> = column
                    .iter()
                    .filter_map(|step| match step {
                        Step::Call(call) => Some(call),
                        _ => None,
                    })
                    .collect();
                self.call(&calls, chain);
            }
            Step::Residual { .. } => self.residual(column, chain),
            Step::Dense { .. } => {
                let bodies: Vec<&'m [Step]> = column
                    .iter()
                    .filter_map(|step| match step {
                        Step::Dense { body, .. } => Some(body.as_slice()),
                        _ => None,
                    })
                    .collect();
                let mut inner = chain.inner();
                self.steps(&bodies, &mut inner);
                let (x, branch, value) = (chain.reference(), local("branch"), inner.expression());
                let v = self.context.value();
                chain.push(quote!({
                    let #branch = #value;
                    #v::concat(&[#x, &#branch])?
                }));
            }
            Step::Branches { merge, branches, .. } => self.branches(column, *merge, branches.len(), chain),
            Step::Taps { merge, taps, .. } => {
                let taps: Vec<Ident> = taps.iter().map(|tap| tap_variable(tap)).collect();
                chain.push(self.merged(*merge, &taps));
            }
            Step::Tap(name) => {
                if self.taps_read.contains(&name.text) {
                    let (tap, value) = (tap_variable(&name.text), chain.cloned());
                    chain.statement(quote!(let #tap = #value;));
                }
            }
            Step::Read(name) => chain.goto(tap_variable(&name.text), true),
            Step::Input(index) => chain.goto(self.context.input_variable(*index), false),
            Step::Keep(name) => {
                let value = chain.reference();
                chain.push(quote!(pass.keep(#name, #value)?));
            }
            Step::Flatten => {
                let x = chain.receiver();
                chain.push(quote!(#x.flatten()?));
            }
            Step::Network(call) => self.network_call(call, chain),
            Step::Custom { path, expression, output, .. } => {
                self.custom(path, *expression, output, chain);
            }
            Step::Broken => {}
        }
    }

    /// A block, or a list of its copies.
    fn call(&mut self, column: &[&'m Call], chain: &mut Chain) {
        let Some(first) = column.first() else { return };
        let Some(callee) = self.callees.get(first.block.0).cloned() else { return };
        let name = &callee.name;
        let mut builds = Vec::new();
        for (index, (path, _)) in first.copies.iter().enumerate() {
            let mut arguments = Vec::new();
            for (position, parameter) in callee.parameters.iter().enumerate() {
                let values: Vec<Number> = column
                    .iter()
                    .filter_map(|call| call.copies.get(index))
                    .filter_map(|(_, id)| callee.values.get(id)?.get(position).cloned())
                    .collect();
                arguments.push(self.argument(&values, &parameter.to_string()));
            }
            builds.push(quote!(#name::build(&params.pp(#path) #(, #arguments)*)?));
        }
        let doc = format!("`{}`: {}", first.source, self.flow_of(first));
        match (&first.list, builds.as_slice()) {
            (Some(list), _) => {
                let count = literal(builds.len());
                let field = self.field(
                    &field(list, "block"),
                    first.label.as_ref(),
                    quote!([#name; #count]),
                    quote!([#(#builds),*]),
                    doc,
                );
                let (x, block) = (local("x"), local("block"));
                let start = chain.cloned();
                chain.push(quote! {
                    self.#field.iter().try_fold(#start, |#x, #block| #block.run(&#x, pass))?
                });
            }
            (None, [build]) => {
                let path = &first.copies[0].0;
                let field = self.field(
                    &field(
                        path,
                        &first.source.to_lowercase().split('(').next().unwrap_or("block").replace(' ', ""),
                    ),
                    first.label.as_ref(),
                    quote!(#name),
                    build.clone(),
                    doc,
                );
                let x = chain.reference();
                chain.push(quote!(self.#field.run(#x, pass)?));
            }
            (None, _) => {}
        }
    }

    fn flow_of(&self, call: &Call) -> String {
        let instances = &self.context.model.instances;
        let first = call.copies.first().map(|(_, id)| &instances[id.0]);
        let last = call.copies.last().map(|(_, id)| &instances[id.0]);
        match (first, last) {
            (Some(first), Some(last)) if self.calls.len() <= 1 => {
                format!("{} to {}", first.input, last.output)
            }
            _ => "a block".into(),
        }
    }

    /// The value of a callee's parameter, inside this struct's `build`.
    fn argument(&mut self, values: &[Number], hint: &str) -> TokenStream {
        match values.first() {
            Some(Number::Size(_)) | None => {
                let dims: Vec<Dim> = values
                    .iter()
                    .filter_map(|value| match value {
                        Number::Size(dim) => Some(dim.clone()),
                        _ => None,
                    })
                    .collect();
                self.build_size(&dims, hint)
            }
            Some(Number::Float(_)) => {
                let floats: Vec<f64> = values
                    .iter()
                    .filter_map(|value| match value {
                        Number::Float(float) => Some(*float),
                        _ => None,
                    })
                    .collect();
                self.build_float(&floats, hint)
            }
            Some(Number::Flag(_)) => {
                let flags: Vec<bool> = values
                    .iter()
                    .filter_map(|value| match value {
                        Number::Flag(flag) => Some(*flag),
                        _ => None,
                    })
                    .collect();
                self.build_flag(&flags, hint)
            }
        }
    }

    fn residual(&mut self, column: &[&'m Step], chain: &mut Chain) {
        let parts: Vec<(&'m [Step], &'m Shortcut)> = column
            .iter()
            .filter_map(|step| match step {
                Step::Residual { body, shortcut, .. } => Some((body.as_slice(), shortcut)),
                _ => None,
            })
            .collect();
        let bodies: Vec<&'m [Step]> = parts.iter().map(|(body, _)| *body).collect();
        let mut inner = chain.inner();
        self.steps(&bodies, &mut inner);
        let (x, body, shortcut, value) =
            (chain.reference(), local("body"), local("shortcut"), inner.expression());
        let projected: Vec<(usize, &'m [Step])> = parts
            .iter()
            .enumerate()
            .filter_map(|(index, (_, shortcut))| match shortcut {
                Shortcut::Projection(steps) => Some((index, steps.as_slice())),
                _ => None,
            })
            .collect();
        let absent = parts.iter().filter(|(_, shortcut)| matches!(shortcut, Shortcut::Absent)).count();
        let expression = if projected.len() == parts.len() {
            let mut other = chain.inner();
            let steps: Vec<&'m [Step]> = projected.iter().map(|(_, steps)| *steps).collect();
            self.steps(&steps, &mut other);
            let other = other.expression();
            quote!({
                let #body = #value;
                let #shortcut = #other;
                #body.add(&#shortcut)?
            })
        } else if !projected.is_empty() {
            let field = self.optional_projection(&projected, parts.len());
            let (projection, clone) = (local("projection"), chain.cloned());
            quote!({
                let #body = #value;
                let #shortcut = match &self.#field {
                    ::core::option::Option::Some(#projection) => #projection.run(#x, pass)?,
                    ::core::option::Option::None => #clone,
                };
                #body.add(&#shortcut)?
            })
        } else if absent == parts.len() {
            value
        } else if absent > 0 {
            let flags: Vec<bool> =
                parts.iter().map(|(_, shortcut)| matches!(shortcut, Shortcut::Identity)).collect();
            let build = self.build_flag(&flags, "skip");
            let doc = "Whether the input is added to the body's output.".into();
            let field = self.field("skip", None, quote!(bool), build, doc);
            quote!({
                let #body = #value;
                if self.#field { #body.add(#x)? } else { #body }
            })
        } else {
            quote!({
                let #body = #value;
                #body.add(#x)?
            })
        };
        chain.push(expression);
    }

    /// A projection that only some calls have: a struct of its own in an `Option`.
    fn optional_projection(&mut self, projected: &[(usize, &'m [Step])], calls: usize) -> Ident {
        let label =
            projected.first().and_then(|(_, steps)| label_of(steps)).unwrap_or_else(|| "shortcut".into());
        let name = ident(&format!("{}{}", self.name, camel(&label)), self.name.span());
        let own: Vec<&'m [(String, Dim)]> = projected.iter().map(|(index, _)| self.calls[*index]).collect();
        let mut owner = Owner::block(self.context, self.callees, name.clone(), own);
        let bodies: Vec<&'m [Step]> = projected.iter().map(|(_, steps)| *steps).collect();
        let tokens = owner.finish(bodies, "The projection of a residual, where the shapes differ.");
        self.nested.push(tokens);
        // Its parameters, as numbers of this struct: calls without projection have none of their own.
        let values = owner.numbers.call_values();
        let mut arguments = Vec::new();
        for (parameter, column) in owner.numbers.parameters().iter().zip(&values) {
            let hint = parameter.to_string();
            let known = self.calls.iter().all(|call| call.iter().any(|(name, _)| *name == hint));
            let values: Vec<Number> = if known {
                self.calls
                    .iter()
                    .filter_map(|call| call.iter().find(|(name, _)| *name == hint))
                    .map(|(_, dim)| Number::Size(dim.clone()))
                    .collect()
            } else {
                // Where the projection is absent the value is not used.
                let mut given =
                    projected.iter().zip(column).map(|((index, _), value)| (*index, value.clone()));
                let mut next = given.next();
                (0..calls)
                    .map(|call| match &next {
                        Some((index, value)) if *index == call => {
                            let value = value.clone();
                            next = given.next();
                            value
                        }
                        _ => column.first().cloned().unwrap_or(Number::Size(Dim::ZERO)),
                    })
                    .collect()
            };
            arguments.push(self.argument(&values, &hint));
        }
        let flags: Vec<bool> =
            (0..calls).map(|call| projected.iter().any(|(index, _)| *index == call)).collect();
        let flag = self.build_flag(&flags, "project");
        let build = quote! {
            if #flag {
                ::core::option::Option::Some(#name::build(params #(, #arguments)*)?)
            } else {
                ::core::option::Option::None
            }
        };
        let doc = "The projection, where the shapes differ.".into();
        self.field(&label, None, quote!(::core::option::Option<#name>), build, doc)
    }

    fn branches(&mut self, column: &[&'m Step], merge: Merge, count: usize, chain: &mut Chain) {
        let mut lets = TokenStream::new();
        let mut values = Vec::new();
        let parts: Vec<Ident> = (1..=count).map(|index| local(&format!("part_{index}"))).collect();
        if merge == Merge::Split {
            let x = chain.receiver();
            lets.extend(quote!(let [#(#parts),*] = #x.split()?;));
        }
        for (index, part) in parts.into_iter().enumerate() {
            let bodies: Vec<&'m [Step]> = column
                .iter()
                .filter_map(|step| match step {
                    Step::Branches { branches, .. } => branches.get(index).map(Vec::as_slice),
                    _ => None,
                })
                .collect();
            let mut inner = chain.inner();
            if merge == Merge::Split {
                inner.goto(part, true);
            }
            self.steps(&bodies, &mut inner);
            let (branch, value) = (local(&format!("branch_{}", index + 1)), inner.expression());
            lets.extend(quote!(let #branch = #value;));
            values.push(branch);
        }
        let merged = self.merged(merge, &values);
        chain.push(quote!({ #lets #merged }));
    }

    /// `V::concat(&[&a, &b])?`, `a.add(&b)?.add(&c)?`
    fn merged(&self, merge: Merge, values: &[Ident]) -> TokenStream {
        let value = self.context.value();
        if matches!(merge, Merge::Concat | Merge::Split) {
            return quote!(#value::concat(&[#(&#values),*])?);
        }
        let operation = local(merge.keyword());
        match values.split_first() {
            Some((first, others)) => quote!(#first #(.#operation(&#others)?)*),
            None => TokenStream::new(),
        }
    }

    fn network_call(&mut self, call: &NetworkCall, chain: &mut Chain) {
        let path = &call.path;
        let rust_type = match &call.target {
            NetworkTarget::Local { name, generics } => {
                let name = ident(&name.text, self.context.bridge.span(name.token));
                let generics: Vec<TokenStream> = generics.iter().map(|dim| self.context.size(dim)).collect();
                if generics.is_empty() { quote!(#name) } else { quote!(#name<#({ #generics }),*>) }
            }
            NetworkTarget::External(range) => self.context.bridge.stream(*range),
        };
        let doc = format!("Another network: {} to {}.", call.input, call.output);
        let build = quote!(<#rust_type>::build(&params.pp(#path))?);
        let name = if path.is_empty() { "network".to_owned() } else { field(path, "network") };
        let label = call.label.as_ref().filter(|label| label.text != "_");
        let field = self.field(&name, label, rust_type, build, doc);
        let x = chain.reference();
        let read: Vec<_> = call.stages.iter().filter(|stage| self.taps_read.contains(&stage.tap)).collect();
        if read.is_empty() && call.goes_on {
            chain.push(quote!(self.#field.run(#x, pass)?));
            return;
        }
        let runtime = &self.context.runtime;
        let (inside, names) = (local("inside"), read.iter().map(|stage| &stage.name));
        chain.statement(quote!(let #inside = #runtime::Pass::inside(pass, &[#(#names),*]);));
        let run = quote!(self.#field.run(#x, &#inside)?);
        if call.goes_on {
            chain.push(run);
        } else {
            chain.statement(quote!(#run;));
        }
        for stage in read {
            let (tap, name) = (tap_variable(&stage.tap), &stage.name);
            chain.statement(quote!(let #tap = #inside.kept(#name)?;));
        }
    }

    fn custom(
        &mut self,
        path: &str,
        expression: TokenRange,
        output: &cnn_ir::shape::Shape,
        chain: &mut Chain,
    ) {
        let runtime = self.context.runtime.clone();
        // Without the user's parentheses, which would be unnecessary here: they belong to `rust(..)`.
        let inside = TokenRange { first: expression.first + 1, last: expression.last.saturating_sub(1) };
        let expression = self.context.bridge.stream(inside);
        let sizes = self.context.sizes(output);
        let doc = format!("Rust code: gives {output}.");
        // The expression may take parameters from `params`, as the layers do: the same name, seen by both.
        let build = quote!({
            let params = params.pp(#path);
            let _ = &params;
            #runtime::layers::Custom::new(#path, (#expression), &[#sizes])
        });
        let field = self.field(&field(path, "custom"), None, quote!(#runtime::layers::Custom), build, doc);
        let x = chain.reference();
        chain.push(quote!(self.#field.run(#x)?));
    }
}

/// The variable of a tap, or of a stage of another network.
pub(super) fn tap_variable(name: &str) -> Ident {
    match name.split_once('.') {
        Some((network, stage)) => local(&format!("stage_{network}__{stage}")),
        None => local(&format!("tap_{name}")),
    }
}

/// The label at the beginning of the paths of a projection.
fn label_of(steps: &[Step]) -> Option<String> {
    let path = steps.iter().find_map(|step| match step {
        Step::Layer(layer) => Some(&layer.path),
        Step::Call(call) => call.copies.first().map(|(path, _)| path),
        _ => None,
    })?;
    let label = path.split('.').next()?;
    (!label.starts_with(|c: char| c.is_ascii_digit())).then(|| label.to_owned())
}
