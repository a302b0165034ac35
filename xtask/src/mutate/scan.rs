//! `network! { .. }` in a Rust file: enough of Rust's lexer to pass over comments, strings and characters.

/// The texts between the brackets of every `network!` in a file.
pub(crate) fn declarations(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let word_before = text[..at].ends_with(|c: char| c == '_' || c.is_alphanumeric());
        if !word_before
            && let Some(rest) = text[at..].strip_prefix("network")
            && let Some(rest) = rest.trim_start().strip_prefix('!')
            && rest.trim_start().starts_with(['{', '(', '['])
        {
            let open = text.len() - rest.trim_start().len();
            let close = closing(text, open);
            found.push(&text[open + 1..close]);
            at = close;
        }
        at += step(&text[at..]);
    }
    found
}

/// The byte of the bracket that closes the one at `open`, or the end.
fn closing(text: &str, open: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = open;
    while at < text.len() {
        match text.as_bytes()[at] {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at;
        }
        at += step(&text[at..]);
    }
    text.len()
}

/// How many bytes the first thing of a text takes: a comment, a string, a character, or anything else by itself.
fn step(rest: &str) -> usize {
    let first = rest.chars().next().map_or(1, char::len_utf8);
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment(rest);
    }
    let quotes = rest.trim_start_matches('r').trim_start_matches('#');
    let prefix = rest.len() - quotes.len();
    if quotes.starts_with('"') && rest.starts_with('r') {
        let end = format!("\"{}", "#".repeat(prefix - 1));
        return quotes[1..].find(&end).map_or(rest.len(), |length| prefix + 1 + length + end.len());
    }
    match first_quote(rest) {
        Some('"') => quoted(rest, '"'),
        // `'a'` and `'\n'`, but not the lifetime `'a`.
        Some(_) if rest[1..].starts_with('\\') || rest[1..].chars().nth(1) == Some('\'') => {
            quoted(rest, '\'')
        }
        _ => first,
    }
}

fn first_quote(rest: &str) -> Option<char> {
    rest.chars().next().filter(|c| matches!(c, '"' | '\''))
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in rest.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_is_meant() {
        let text = r##"
            // network! { no }
            /* network! { /* no */ } */
            const S: &str = "network! { no }";
            const R: &str = r#"network! { "no" }"#;
            const C: [char; 3] = ['{', '\'', '"'];
            fn f<'a>(x: &'a str) {}
            my_network! { no }
            network! { A: 1 -> 1 { id /* } */ } }
            cnn::network!(B: 1 -> 1 { id });
        "##;
        assert_eq!(declarations(text), [" A: 1 -> 1 { id /* } */ } ", "B: 1 -> 1 { id }"]);
    }
}
