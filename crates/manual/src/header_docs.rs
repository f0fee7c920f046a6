//! Reads the functions of the header, and the comments above them.

/// A function of the header.
#[derive(Debug)]
pub struct HeaderFunction {
    pub name: String,
    /// The type of the result.
    pub result: String,
    /// The declarations of the parameters.
    pub parameters: Vec<String>,
    /// What the function does, in paragraphs. A paragraph of a list has one line for each item.
    pub text: Vec<String>,
    /// The names of the parameters, and what they are.
    pub parameter_texts: Vec<(String, String)>,
    /// What the function returns; empty for a status.
    pub returns: String,
    /// The closing lines, from `Threads` to `Source`.
    pub closing: Vec<(String, String)>,
}

impl HeaderFunction {
    /// The text of a closing line; empty if there is none.
    pub fn closing(&self, title: &str) -> &str {
        let found = self.closing.iter().find(|(known, _)| known == title);
        found.map_or("", |(_, text)| text)
    }

    /// What it does, in a few words: the first sentence without its capital letter and full stop.
    pub fn summary(&self) -> String {
        let first = self.text.first().map_or("", String::as_str);
        let sentence = first.split(". ").next().unwrap_or_default().trim_end_matches('.');
        let sentence = sentence.split(", ").next().unwrap_or_default();
        let mut letters = sentence.chars();
        let begin = letters.next().map(|letter| letter.to_lowercase().to_string());
        begin.unwrap_or_default() + letters.as_str()
    }
}

const CLOSING: [&str; 7] = [
    "Threads",
    "Blocking",
    "In callbacks",
    "Ownership",
    "Errors",
    "Since",
    "Source",
];

/// The functions of a header, in its order.
pub fn functions(header: &str) -> Vec<HeaderFunction> {
    let blocks = header.split("\n\n").filter(|block| block.starts_with("/**"));
    blocks.filter_map(function).collect()
}

fn function(block: &str) -> Option<HeaderFunction> {
    let (comment, declaration) = block.split_once("*/\n")?;
    let declaration = declaration.split_whitespace().collect::<Vec<_>>().join(" ");
    let declaration = declaration.strip_suffix(");")?;
    if declaration.starts_with("typedef") {
        return None;
    }
    let (before, parameters) = declaration.split_once('(')?;
    let name_at = before.rfind([' ', '*'])? + 1;
    let mut function = HeaderFunction {
        name: before[name_at..].to_owned(),
        result: before[..name_at].trim().to_owned(),
        parameters: Vec::new(),
        text: Vec::new(),
        parameter_texts: Vec::new(),
        returns: String::new(),
        closing: Vec::new(),
    };
    if parameters != "void" {
        function.parameters = parameters.split(", ").map(str::to_owned).collect();
    }
    for paragraph in paragraphs(comment) {
        take(&mut function, paragraph);
    }
    Some(function)
}

/// The paragraphs of a comment. Each tag and each closing line begins one.
pub fn paragraphs(comment: &str) -> Vec<String> {
    let mut found: Vec<String> = vec![String::new()];
    for line in comment.trim_start_matches("/**").lines() {
        let line = line.trim_start().trim_start_matches('*').trim();
        let is_item = line.starts_with("- ")
            || line
                .split_once(". ")
                .is_some_and(|(number, _)| number.parse::<u8>().is_ok());
        let begins = line.starts_with('@') || closing_of(line).is_some();
        let last = found.last_mut().expect("it is never empty");
        if (line.is_empty() || begins) && !last.is_empty() {
            found.push(String::new());
        }
        let last = found.last_mut().expect("it is never empty");
        if !last.is_empty() {
            last.push(if is_item { '\n' } else { ' ' });
        }
        last.push_str(line);
    }
    found.retain(|paragraph| !paragraph.is_empty());
    found
}

fn closing_of(line: &str) -> Option<(&'static str, &str)> {
    CLOSING
        .iter()
        .find_map(|title| Some((*title, line.strip_prefix(title)?.strip_prefix(": ")?)))
}

fn take(function: &mut HeaderFunction, paragraph: String) {
    let parameter = paragraph
        .strip_prefix("@param[out] ")
        .or_else(|| paragraph.strip_prefix("@param "));
    if let Some((name, text)) = parameter.and_then(|text| text.split_once(' ')) {
        function.parameter_texts.push((name.to_owned(), text.to_owned()));
    } else if let Some(text) = paragraph.strip_prefix("@return ") {
        text.clone_into(&mut function.returns);
    } else if let Some((title, text)) = closing_of(&paragraph) {
        function.closing.push((title.to_owned(), text.to_owned()));
    } else {
        function.text.push(paragraph);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "/** no function */\n\n/**\n * Opens a thing, and locks it. More.\n *\n * The kinds:\n *\n * - one,\n *   which is long\n * - two\n *\n * @param name The name.\n *   Must not be NULL.\n * @param[out] thing The thing.\n *\n * Threads: any.\n * Errors: `A`,\n * `B`.\n * Since: 0.1.0\n */\nrec_status rec_thing_open(const char *name,\n                          rec_thing *thing);\n\n/** Says so. */\nconst char *rec_say(void);\n";

    #[test]
    fn functions_are_read_with_their_comments() {
        let found = functions(HEADER);
        let [open, say] = &found[..] else {
            panic!("{found:?}");
        };
        assert_eq!((&*open.name, &*open.result), ("rec_thing_open", "rec_status"));
        assert_eq!(open.parameters, ["const char *name", "rec_thing *thing"]);
        assert_eq!(open.text[2], "- one, which is long\n- two");
        assert_eq!(
            open.parameter_texts[0],
            ("name".to_owned(), "The name. Must not be NULL.".to_owned())
        );
        assert_eq!(open.parameter_texts[1].0, "thing");
        assert_eq!(
            (open.closing("Threads"), open.closing("Errors")),
            ("any.", "`A`, `B`.")
        );
        assert_eq!(open.summary(), "opens a thing");
        assert_eq!(
            (&*say.name, &*say.result, say.parameters.len()),
            ("rec_say", "const char *", 0)
        );
    }
}
