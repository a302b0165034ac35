//! Straight-line code: one value after another in one variable.
//!
//! The variable is assigned anew by each step, not shadowed: a shadowed value would live to the end of the
//! function, and every activation of the network with it.

use super::words::local;
use proc_macro2::{Ident, TokenStream};
use quote::quote;

/// The statements of a path.
pub(super) struct Chain {
    statements: Vec<Statement>,
    current: Ident,
    /// Whether `current` is a value here, or a reference to one that came in.
    owned: bool,
}

enum Statement {
    Assign(TokenStream),
    Other(TokenStream),
}

impl Chain {
    /// Starts from a reference.
    pub(super) fn from_reference(name: Ident) -> Self {
        Self { statements: Vec::new(), current: name, owned: false }
    }

    /// Starts inside another chain, from its value.
    pub(super) fn inner(&self) -> Self {
        Self { statements: Vec::new(), current: self.current.clone(), owned: self.owned }
    }

    /// The value so far, for a method of it.
    pub(super) fn receiver(&self) -> TokenStream {
        let current = &self.current;
        quote!(#current)
    }

    /// The value so far, as a `&V`.
    pub(super) fn reference(&self) -> TokenStream {
        let current = &self.current;
        if self.owned { quote!(&#current) } else { quote!(#current) }
    }

    /// The value so far, as a `V` (tensors are counted references: a clone copies no values).
    pub(super) fn cloned(&self) -> TokenStream {
        let reference = self.reference();
        quote!(::core::clone::Clone::clone(#reference))
    }

    /// The next value.
    pub(super) fn push(&mut self, expression: TokenStream) {
        self.statements.push(Statement::Assign(expression));
        self.current = local("x");
        self.owned = true;
    }

    /// A statement that changes no value.
    pub(super) fn statement(&mut self, statement: TokenStream) {
        self.statements.push(Statement::Other(statement));
    }

    /// Goes on from another variable.
    pub(super) fn goto(&mut self, variable: Ident, owned: bool) {
        self.current = variable;
        self.owned = owned;
    }

    fn assigned(&self) -> usize {
        self.statements.iter().filter(|statement| matches!(statement, Statement::Assign(_))).count()
    }

    /// The statements.
    pub(super) fn statements(&self) -> TokenStream {
        let x = local("x");
        let mutable = if self.assigned() > 1 { quote!(mut) } else { TokenStream::new() };
        let mut declared = false;
        let statements = self.statements.iter().map(|statement| match statement {
            Statement::Assign(expression) if declared => quote!(#x = #expression;),
            Statement::Assign(expression) => {
                declared = true;
                quote!(let #mutable #x = #expression;)
            }
            Statement::Other(statement) => statement.clone(),
        });
        quote!(#(#statements)*)
    }

    /// The value at the end, as a `V`.
    pub(super) fn result(&self) -> TokenStream {
        let x = local("x");
        if self.owned && self.assigned() > 0 && self.current == x { quote!(#x) } else { self.cloned() }
    }

    /// The whole as an expression: the last step itself where there is only one.
    pub(super) fn expression(&self) -> TokenStream {
        match self.statements.as_slice() {
            [] => self.result(),
            [Statement::Assign(only)] if self.owned => only.clone(),
            _ => {
                let (statements, result) = (self.statements(), self.result());
                quote!({ #statements #result })
            }
        }
    }
}
