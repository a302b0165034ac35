//! The catalogue of errors, `docs/errors`: a page for each code, with a declaration that is wrong, the message that it
//! gives, and the declaration put right.
//!
//! `UPDATE_EXPECT=1 cargo test -p cnn-ir --test catalogue` rewrites the messages and the list of the pages; read the
//! difference.

use cnn_ir::Network;
use std::collections::BTreeSet;
use std::fs;
use std::sync::LazyLock;

const CODES: &str = include_str!("../src/diagnostic/code.rs");
const LANGUAGE: &str = include_str!("../../docs/language.md");
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../");

/// Codes by the digits behind the `N`, and what they are about.
const GROUPS: &[(&str, &str)] = &[
    ("00", "Brackets, arrows, numbers"),
    ("01", "The declaration"),
    ("02", "Names"),
    ("03", "Layers and calls"),
    ("04", "Shapes"),
    ("05", "Budgets"),
    ("06", "Lints"),
];

/// Codes that no declaration gives, and why.
const UNREACHABLE: &[(&str, &str)] = &[];

/// Lints: their messages are warnings.
fn is_lint(code: &str) -> bool {
    code.starts_with("N06")
}

/// Every code that a message can have.
fn codes() -> BTreeSet<&'static str> {
    let is_code = |text: &&str| {
        text.len() == 5 && text.starts_with('N') && text[1..].bytes().all(|byte| byte.is_ascii_digit())
    };
    CODES.split('"').filter(is_code).collect()
}

/// A page of the catalogue.
struct Page {
    code: String,
    title: String,
    /// `network`, or `rust` for what only the macro says.
    tag: String,
    wrong: String,
    /// Where a message is from that only the macro gives: `tests/ui/fail/name.stderr`.
    stderr: Option<String>,
    /// The page up to the message, the message, and what is behind it.
    before: String,
    message: String,
    behind: String,
    right: String,
}

impl Page {
    /// What the front end says of the wrong declaration, and how many messages that is.
    fn said(&self) -> (String, usize) {
        if let Some(path) = &self.stderr {
            return (read(path), 1);
        }
        match self.wrong.parse::<Network>() {
            Err(error) => (error.to_string(), error.diagnostics().len()),
            Ok(network) => {
                let messages: Vec<&str> =
                    network.warnings().iter().map(|(_, message)| message.as_str()).collect();
                (messages.join("\n"), messages.len())
            }
        }
    }
}

/// The lines of a page, taken from the top.
struct Lines<'p> {
    name: &'p str,
    lines: Vec<&'p str>,
    at: usize,
}

impl<'p> Lines<'p> {
    fn fail(&self, expected: &str) -> ! {
        let found = self.lines.get(self.at).unwrap_or(&"the end");
        panic!("docs/errors/{}:{}: expected {expected}, found {found:?}", self.name, self.at + 1)
    }

    fn peek(&self) -> Option<&'p str> {
        self.lines.get(self.at).copied()
    }

    fn take(&mut self, expected: &str) {
        if self.peek() != Some(expected) {
            self.fail(&format!("{expected:?}"));
        }
        self.at += 1;
    }

    /// `## Wrong`, with empty lines around it.
    fn heading(&mut self, heading: &str) {
        self.take("");
        self.take(heading);
        self.take("");
    }

    /// A fenced text.
    fn fence(&mut self, tag: &str) -> String {
        self.take(&format!("```{tag}"));
        let first = self.at;
        while self.peek().is_some_and(|line| line != "```") {
            self.at += 1;
        }
        let text = self.lines[first..self.at].join("\n");
        self.take("```");
        text
    }

    /// One paragraph or more.
    fn paragraphs(&mut self) {
        let is_prose = |line: &str| !line.is_empty() && !line.starts_with('#') && !line.starts_with("```");
        loop {
            if !self.peek().is_some_and(is_prose) {
                self.fail("a paragraph");
            }
            while self.peek().is_some_and(is_prose) {
                self.at += 1;
            }
            if self.peek().is_none() || !self.lines.get(self.at + 1).copied().is_some_and(is_prose) {
                return;
            }
            self.at += 1;
        }
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(format!("{ROOT}{path}")).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn write(path: &str, text: &str) {
    fs::write(format!("{ROOT}{path}"), text).unwrap_or_else(|error| panic!("{path}: {error}"));
}

fn is_update() -> bool {
    std::env::var("UPDATE_EXPECT").is_ok_and(|value| value == "1")
}

/// Reads a page; panics where it has not the form of all pages.
fn page(name: &str) -> Page {
    let text = read(&format!("docs/errors/{name}"));
    let mut lines = Lines { name, lines: text.lines().collect(), at: 0 };
    let code = name.trim_end_matches(".md").to_owned();
    let title = lines.peek().and_then(|line| line.strip_prefix(&format!("# {code}: ")));
    let Some(title) = title.filter(|title| !title.is_empty() && !title.ends_with('.')) else {
        lines.fail(&format!("a title, `# {code}: ..` without a full stop"));
    };
    lines.at += 1;
    lines.take("");
    lines.paragraphs();
    lines.heading("## Wrong");
    let tag = if lines.peek() == Some("```rust") { "rust" } else { "network" };
    let wrong = lines.fence(tag);
    lines.take("");
    let mut stderr = None;
    if tag == "rust" {
        let path = lines.peek().and_then(|line| line.strip_prefix("<!-- ")?.strip_suffix(" -->"));
        let is_stderr = |path: &&str| path.starts_with("tests/ui/fail/") && path.ends_with(".stderr");
        let Some(path) = path.filter(is_stderr) else {
            lines.fail("`<!-- tests/ui/fail/name.stderr -->`");
        };
        stderr = Some(path.to_owned());
        lines.at += 1;
    }
    let opened = lines.at + 1;
    let message = lines.fence("message");
    let closed = lines.at - 1;
    lines.heading("## Right");
    let right = lines.fence("network");
    if lines.peek().is_some() {
        lines.take("");
        lines.paragraphs();
    }
    if lines.peek().is_some() {
        lines.fail("the end of the page");
    }
    for line in text.lines() {
        assert_eq!(line, line.trim_end(), "docs/errors/{name}: white space at the end of a line");
    }
    let joined = |lines: &[&str]| lines.iter().map(|line| format!("{line}\n")).collect();
    Page {
        title: title.to_owned(),
        tag: tag.to_owned(),
        before: joined(&lines.lines[..opened]),
        behind: joined(&lines.lines[closed..]),
        code,
        wrong,
        stderr,
        message,
        right,
    }
}

/// The names of all files of the catalogue but `README.md`.
fn names() -> BTreeSet<String> {
    let files = fs::read_dir(format!("{ROOT}docs/errors")).expect("docs/errors");
    let names = files.map(|file| file.expect("a file").file_name().to_string_lossy().into_owned());
    names.filter(|name| name != "README.md").collect()
}

/// All pages in order, their messages brought up to date where that is asked for.
static PAGES: LazyLock<Vec<Page>> = LazyLock::new(|| {
    let mut pages: Vec<Page> = names().iter().map(|name| page(name)).collect();
    if is_update() {
        for page in &mut pages {
            page.message = page.said().0.trim_end().to_owned();
            let text = format!("{}{}\n{}", page.before, page.message, page.behind);
            write(&format!("docs/errors/{}.md", page.code), &text);
        }
    }
    pages
});

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let pages: BTreeSet<&str> = PAGES.iter().map(|page| page.code.as_str()).collect();
    let mut expected = codes();
    for (code, reason) in UNREACHABLE {
        assert!(expected.remove(code), "{code} is no code");
        assert!(!reason.is_empty(), "{code}: say why");
    }
    assert_eq!(pages, expected);
}

#[test]
fn wrong_declarations_give_the_messages_that_are_stated() {
    for page in PAGES.iter() {
        let Page { code, message, .. } = page;
        let (said, count) = page.said();
        assert_eq!(*message, said.trim_end(), "docs/errors/{code}.md: run with UPDATE_EXPECT=1");
        let ends = message.matches(&format!("[{code}]")).count();
        assert_eq!((count, ends), (1, 1), "docs/errors/{code}.md: one message, with the code of its page");
        if page.tag == "network" {
            assert_eq!(page.wrong.parse::<Network>().is_ok(), is_lint(code), "docs/errors/{code}.md");
        }
    }
}

#[test]
fn what_only_the_macro_says_is_in_the_tests_of_the_macro() {
    for page in PAGES.iter() {
        let Some(stderr) = &page.stderr else { continue };
        let source = read(&stderr.replace(".stderr", ".rs"));
        for line in page.wrong.lines() {
            assert!(source.lines().any(|other| other == line), "docs/errors/{}.md: {line}", page.code);
        }
    }
}

#[test]
fn right_declarations_have_neither_errors_nor_warnings() {
    for page in PAGES.iter() {
        match page.right.parse::<Network>() {
            Err(error) => panic!("docs/errors/{}.md: {error}", page.code),
            Ok(network) => {
                let warnings = network.warnings();
                assert!(warnings.is_empty(), "docs/errors/{}.md: {}", page.code, warnings[0].1);
            }
        }
    }
}

#[test]
fn the_list_of_the_pages_is_complete() {
    let text = read("docs/errors/README.md");
    let introduction = text.split("\n## ").next().unwrap_or_default().trim_end();
    assert!(introduction.starts_with("# "), "docs/errors/README.md: a title and what this is");
    let mut list = format!("{introduction}\n");
    for (digits, what) in GROUPS {
        list.push_str(&format!("\n## N{digits}xx {what}\n\n"));
        for Page { code, title, .. } in PAGES.iter().filter(|page| &page.code[1..3] == *digits) {
            list.push_str(&format!("- [{code}]({code}.md): {title}\n"));
        }
    }
    if is_update() {
        write("docs/errors/README.md", &list);
    } else {
        assert_eq!(text, list, "docs/errors/README.md: run with UPDATE_EXPECT=1");
    }
}

/// What GitHub calls a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[test]
fn links_lead_somewhere() {
    let headings = LANGUAGE.lines().filter(|line| line.starts_with('#'));
    let anchors: BTreeSet<String> =
        headings.map(|line| anchor(line.trim_start_matches('#').trim_start())).collect();
    let codes = codes();
    for page in PAGES.iter() {
        let text = format!("{}{}", page.before, page.behind);
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let leads = match target.split_once('#') {
                Some((file, heading)) => file == "../language.md" && anchors.contains(heading),
                None if target.starts_with("https://") => true,
                None => target.strip_suffix(".md").is_some_and(|code| codes.contains(code)),
            };
            assert!(leads, "docs/errors/{}.md: {target} leads nowhere", page.code);
        }
    }
}

/// Brackets that do not match are refused by rustc, before any macro sees them.
const OF_THE_LEXER: &[&str] = &["N0001", "N0002"];

/// Every wrong declaration goes through rustc as well, in one file: `cargo test --test ui` compares what it says.
#[test]
fn the_test_of_the_compiler_has_every_wrong_declaration() {
    let mut file = String::from(
        "// Every wrong declaration of the catalogue, `docs/errors`. Written by `cnn-ir/tests/catalogue.rs` with\n\
         // UPDATE_EXPECT=1; `deny(deprecated)` makes the lints errors, so that they are compared.\n\
         #![deny(deprecated)]\n",
    );
    for page in
        PAGES.iter().filter(|page| page.tag == "network" && !OF_THE_LEXER.contains(&page.code.as_str()))
    {
        let lines: String = page.wrong.lines().map(|line| format!("        {line}\n")).collect();
        let module = page.code.to_lowercase();
        file.push_str(&format!(
            "\nmod {module} {{\n    use cnn_runtime::prelude::*;\n    network! {{\n{lines}    }}\n}}\n"
        ));
    }
    file.push_str("\nfn main() {}\n");
    const PATH: &str = "tests/ui/fail/catalogue.rs";
    if is_update() {
        write(PATH, &file);
    } else {
        assert_eq!(read(PATH), file, "{PATH}: run with UPDATE_EXPECT=1");
    }
}
