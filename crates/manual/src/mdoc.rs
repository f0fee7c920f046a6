//! Writes text in mdoc, the macros of BSD's manual pages.

/// The date of the pages: that of the latest change of the interface.
const DATE: &str = "November 27, 2026";

/// A page in progress.
pub struct MdocText(String);

impl MdocText {
    pub fn begin(name: &str, section: u8, summary: &str) -> MdocText {
        let mut page = MdocText(String::new());
        page.macro_line("Dd", DATE);
        page.macro_line("Dt", &format!("{} {section}", name.to_uppercase()));
        page.macro_line("Os", "");
        page.section("NAME");
        page.macro_line("Nm", name);
        page.macro_line("Nd", &escaped(summary));
        page
    }

    pub fn finish(self) -> String {
        self.0
    }

    /// A line that is a macro. The arguments are not escaped.
    pub fn macro_line(&mut self, name: &str, arguments: &str) {
        self.0.push_str(format!(".{name} {arguments}").trim_end());
        self.0.push('\n');
    }

    pub fn section(&mut self, title: &str) {
        self.macro_line("Sh", title);
    }

    /// Paragraphs. One whose lines begin with a hyphen or a number is a list.
    pub fn paragraphs<'a>(&mut self, paragraphs: impl IntoIterator<Item = &'a String>) {
        let mut is_first = true;
        for paragraph in paragraphs {
            if is_item(paragraph) {
                self.list(paragraph);
            } else {
                if !is_first {
                    self.macro_line("Pp", "");
                }
                for (index, part) in paragraph.split('\n').enumerate() {
                    match index {
                        0 => self.text(part),
                        // Items that follow a sentence without an empty line.
                        _ => {
                            self.list(&paragraph[paragraph.find('\n').map_or(0, |at| at + 1)..]);
                            break;
                        }
                    }
                }
            }
            is_first = false;
        }
    }

    fn list(&mut self, items: &str) {
        self.macro_line("Bl", "-bullet");
        for item in items.lines() {
            let (_, text) = item.split_once(' ').unwrap_or(("", item));
            self.macro_line("It", "");
            self.text(text);
        }
        self.macro_line("El", "");
    }

    /// A list of terms, each with its text.
    pub fn terms<'a>(&mut self, terms: impl IntoIterator<Item = (&'a str, &'a str)>) {
        self.macro_line("Bl", "-tag -width Ds");
        for (term, text) in terms {
            self.macro_line("It", &format!("Sy {}", quoted(term)));
            self.text(text);
        }
        self.macro_line("El", "");
    }

    /// Text, one sentence on a line, as mdoc wants it.
    pub fn text(&mut self, text: &str) {
        for sentence in sentences(text) {
            let line = escaped(&sentence);
            if line.starts_with(['.', '\'']) {
                self.0.push_str("\\&");
            }
            self.0.push_str(&line);
            self.0.push('\n');
        }
    }

    /// Code, line by line.
    pub fn code(&mut self, code: &str) {
        self.macro_line("Bd", "-literal");
        for line in code.lines() {
            let line = line.replace('\\', "\\e");
            if line.starts_with(['.', '\'']) {
                self.0.push_str("\\&");
            }
            self.0.push_str(&line);
            self.0.push('\n');
        }
        self.macro_line("Ed", "");
    }
}

fn is_item(text: &str) -> bool {
    text.starts_with("- ")
        || text
            .split_once(". ")
            .is_some_and(|(number, _)| number.parse::<u8>().is_ok())
}

/// The sentences of a text, without spaces at their ends.
fn sentences(text: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    let mut words = text.split_whitespace().peekable();
    while let Some(word) = words.next() {
        let last = found.last_mut().expect("it is never empty");
        if !last.is_empty() {
            last.push(' ');
        }
        last.push_str(word);
        let ends = word.ends_with(['.', '?', '!']) && !word.ends_with("e.g.") && !word.ends_with("i.e.");
        if ends && words.peek().is_some() {
            found.push(String::new());
        }
    }
    found.retain(|sentence| !sentence.is_empty());
    found
}

/// Text with its code in bold.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    let mut is_code = false;
    for letter in text.chars() {
        match letter {
            '\\' => out.push_str("\\e"),
            '`' => {
                is_code = !is_code;
                out.push_str(if is_code { "\\fB" } else { "\\fP" });
            }
            '-' if is_code => out.push_str("\\-"),
            letter => out.push(letter),
        }
    }
    if is_code {
        out.push_str("\\fP");
    }
    out
}

/// An argument of a macro.
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\e").replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_be_taken_for_macros() {
        let mut page = MdocText(String::new());
        page.text(".Sh is `a-b`. 'quoted' \\n? End");
        page.code(".code \\n\nplain");
        assert_eq!(
            page.finish(),
            "\\&.Sh is \\fBa\\-b\\fP.\n\\&'quoted' \\en?\nEnd\n.Bd -literal\n\\&.code \\en\nplain\n.Ed\n"
        );
    }

    #[test]
    fn lists_follow_their_sentence() {
        let mut page = MdocText(String::new());
        page.paragraphs(&["There are:\n- one\n- two".to_owned(), "More.".to_owned()]);
        assert_eq!(
            page.finish(),
            "There are:\n.Bl -bullet\n.It\none\n.It\ntwo\n.El\n.Pp\nMore.\n"
        );
    }
}
