//! Tokens: the only input of the parser.
//!
//! The macro fills a [`TokenTable`] from the compiler's tokens, the text front end ([`crate::lex`])
//! from a string. Positions are token indices: the macro turns a [`TokenRange`] into an underline,
//! the text front end into a byte range. Nothing here knows about spans, white space or lines.

/// The three pairs of brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delimiter {
    /// `( )`
    Parenthesis,
    /// `[ ]`
    Bracket,
    /// `{ }`
    Brace,
}

impl Delimiter {
    /// The opening character.
    #[must_use]
    pub const fn open(self) -> char {
        match self {
            Self::Parenthesis => '(',
            Self::Bracket => '[',
            Self::Brace => '{',
        }
    }

    /// The closing character.
    #[must_use]
    pub const fn close(self) -> char {
        match self {
            Self::Parenthesis => ')',
            Self::Bracket => ']',
            Self::Brace => '}',
        }
    }
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A word: `conv3`, `x2`, `CLASSES`.
    Ident,
    /// A number with or without a suffix (`64`, `3x224x224`, `0.5`, `5M`), or a quoted literal.
    Literal,
    /// One character of punctuation; `joint` when the next character is punctuation too.
    Punct {
        /// The character.
        character: char,
        /// Whether the next token follows without a gap.
        joint: bool,
    },
    /// An opening bracket; `partner` is the index of its closing one.
    Open {
        /// Which bracket.
        delimiter: Delimiter,
        /// Index of the closing token.
        partner: u32,
    },
    /// A closing bracket; `partner` is the index of its opening one.
    Close {
        /// Which bracket.
        delimiter: Delimiter,
        /// Index of the opening token.
        partner: u32,
    },
}

/// One token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Its text, as written.
    pub text: Box<str>,
}

/// A range of tokens, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenRange {
    /// Index of the first token.
    pub first: u32,
    /// Index of the last token.
    pub last: u32,
}

impl TokenRange {
    /// The range of a single token.
    #[must_use]
    pub const fn at(token: u32) -> Self {
        Self { first: token, last: token }
    }

    /// From the beginning of this range to the end of `other`.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self { first: self.first.min(other.first), last: self.last.max(other.last) }
    }
}

/// All tokens of one declaration, brackets matched.
#[derive(Clone, Debug, Default)]
pub struct TokenTable {
    tokens: Vec<Token>,
    open: Vec<u32>,
    /// The line on which each token stands, for messages only: meaning never depends on it.
    lines: Vec<u32>,
    line: u32,
}

impl TokenTable {
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The tokens that follow stand on this line of the source.
    pub fn at_line(&mut self, line: u32) {
        self.line = line;
    }

    /// The line on which a token stands, where the tokens stand on several (an editor may not tell).
    #[must_use]
    pub fn line(&self, token: u32) -> Option<u32> {
        let several = self.lines.iter().any(|line| Some(line) != self.lines.first());
        self.lines.get(token as usize).copied().filter(|_| several)
    }

    fn push(&mut self, token: Token) {
        self.tokens.push(token);
        self.lines.push(self.line);
    }

    /// Number of tokens.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The index that the next token will get.
    #[must_use]
    pub fn next_index(&self) -> u32 {
        u32::try_from(self.tokens.len()).unwrap_or(u32::MAX)
    }

    /// Adds a word.
    pub fn push_ident(&mut self, text: &str) {
        self.push(Token { kind: TokenKind::Ident, text: text.into() });
    }

    /// Adds a literal.
    pub fn push_literal(&mut self, text: &str) {
        self.push(Token { kind: TokenKind::Literal, text: text.into() });
    }

    /// Adds one character of punctuation.
    pub fn push_punct(&mut self, character: char, joint: bool) {
        let text = character.to_string().into();
        self.push(Token { kind: TokenKind::Punct { character, joint }, text });
    }

    /// Adds an opening bracket.
    pub fn open(&mut self, delimiter: Delimiter) {
        self.open.push(self.next_index());
        let kind = TokenKind::Open { delimiter, partner: u32::MAX };
        self.push(Token { kind, text: delimiter.open().to_string().into() });
    }

    /// Closes the innermost open bracket; returns whether it was one of that kind.
    ///
    /// Nothing is added where it was not.
    pub fn close(&mut self, delimiter: Delimiter) -> bool {
        let index = self.next_index();
        let Some(&opener) = self.open.last() else { return false };
        match &mut self.tokens[opener as usize].kind {
            TokenKind::Open { delimiter: opened, partner } if *opened == delimiter => *partner = index,
            _ => return false,
        }
        self.open.pop();
        let kind = TokenKind::Close { delimiter, partner: opener };
        self.push(Token { kind, text: delimiter.close().to_string().into() });
        true
    }

    /// Whether a bracket of that kind is open.
    #[must_use]
    pub fn is_open(&self, wanted: Delimiter) -> bool {
        let kind = |&opener: &u32| self.tokens.get(opener as usize).map(|token| token.kind);
        self.open
            .iter()
            .filter_map(kind)
            .any(|kind| matches!(kind, TokenKind::Open { delimiter, .. } if delimiter == wanted))
    }

    /// The innermost bracket that is still open.
    #[must_use]
    pub fn innermost_open(&self) -> Option<(u32, Delimiter)> {
        let &opener = self.open.last()?;
        match self.tokens[opener as usize].kind {
            TokenKind::Open { delimiter, .. } => Some((opener, delimiter)),
            _ => None,
        }
    }

    /// The token at `index`.
    #[must_use]
    pub fn get(&self, index: u32) -> Option<&Token> {
        self.tokens.get(index as usize)
    }

    /// The tokens with those of `range` replaced. Brackets are matched again; `None` where they do not match.
    #[must_use]
    pub fn replaced(&self, edits: &[(TokenRange, &Self)]) -> Option<Self> {
        let mut out = Self::default();
        let mut at = 0;
        for (range, replacement) in edits {
            out.copy(self.tokens.get(at..range.first as usize)?)?;
            out.copy(&replacement.tokens)?;
            at = range.last as usize + 1;
        }
        out.copy(self.tokens.get(at..)?)?;
        out.open.is_empty().then_some(out)
    }

    fn copy(&mut self, tokens: &[Token]) -> Option<()> {
        for token in tokens {
            match token.kind {
                TokenKind::Open { delimiter, .. } => self.open(delimiter),
                TokenKind::Close { delimiter, .. } => {
                    if !self.close(delimiter) {
                        return None;
                    }
                }
                _ => self.push(token.clone()),
            }
        }
        Some(())
    }

    /// The tokens of `range` as text, spaced as the language is usually written.
    #[must_use]
    pub fn text(&self, range: TokenRange) -> String {
        let mut out = String::new();
        let mut previous: Option<&Token> = None;
        // Behind `==`, `=>` and `->` stands a space, behind the `=` of `pad=1` none.
        let mut behind_operator = false;
        let last = (range.last as usize + 1).min(self.tokens.len());
        let tokens = self.tokens.get(range.first as usize..last).unwrap_or_default();
        let mut inside_operator = false;
        for (index, token) in tokens.iter().enumerate() {
            let operator = !inside_operator && tokens.get(index + 1).is_some_and(|next| pair(token, next));
            let in_path = index > 1 && double_colon(&tokens[index - 2], &tokens[index - 1]);
            if let Some(previous) = previous.filter(|_| !inside_operator && !in_path)
                && (behind_operator || operator || spaced(previous, token))
            {
                out.push(' ');
            }
            out.push_str(&token.text);
            behind_operator = inside_operator;
            inside_operator = operator;
            previous = Some(token);
        }
        out
    }
}

/// Whether two tokens are an operator of two characters that stands between spaces.
fn pair(left: &Token, right: &Token) -> bool {
    let (TokenKind::Punct { character, joint: true }, TokenKind::Punct { character: next, .. }) =
        (left.kind, right.kind)
    else {
        return false;
    };
    matches!((character, next), ('-' | '=', '>') | ('=' | '>', '='))
}

/// Whether two tokens are the `::` of a Rust path.
fn double_colon(left: &Token, right: &Token) -> bool {
    matches!(left.kind, TokenKind::Punct { character: ':', joint: true })
        && matches!(right.kind, TokenKind::Punct { character: ':', .. })
}

/// Whether the language is usually written with a space between these two tokens.
fn spaced(left: &Token, right: &Token) -> bool {
    use TokenKind::{Close, Ident, Literal, Open, Punct};
    let is_word = |token: &Token| matches!(token.kind, Ident | Literal);
    match (&left.kind, &right.kind) {
        (Punct { character: ',' | ';' | ':', joint: false }, _) => true,
        (_, Punct { character: '%', .. }) | (Punct { character: '%', .. }, _) => true,
        (Ident | Literal | Close { .. }, Punct { character: '@', .. }) => true,
        (Close { delimiter: Delimiter::Brace, .. }, _) | (_, Open { delimiter: Delimiter::Brace, .. }) => {
            true
        }
        (Open { delimiter: Delimiter::Brace, .. }, _) | (_, Close { delimiter: Delimiter::Brace, .. }) => {
            true
        }
        (Punct { character: '|', .. }, _) | (_, Punct { character: '|', .. }) => true,
        (Ident, Open { .. }) => left.text.as_ref() == "else",
        (Close { .. }, _) => is_word(right),
        _ => is_word(left) && is_word(right),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_spaced_as_it_is_usually_written() {
        for written in [
            "conv(kernel=[7, 1])-16/[2, 1](pad=[3, 0])",
            "bn(eps=-1)",
            "backbone::Net",
            "self::Head::<10>",
            "H % 32 == 0",
            "features: (conv3-8 bn relu -> pool2) x2/2",
            "residual { conv3-8 } else (conv1-8)",
            "conv3-8 @a",
        ] {
            let lexed = crate::lex::lex(written);
            let all = TokenRange { first: 0, last: lexed.table.next_index() - 1 };
            assert_eq!(lexed.table.text(all), written);
        }
    }
}
