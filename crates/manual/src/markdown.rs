//! Changes the links of Markdown, and makes links of names in code.

use std::collections::HashSet;

/// Where a link leads on the site.
pub enum LinkTarget {
    Page(String),
    /// To nothing on the site: only the label remains.
    Nowhere,
}

/// The changes of one page.
pub struct Rewriting<'a> {
    pub link: &'a dyn Fn(&str) -> LinkTarget,
    /// The page about what this inline code names, if there is one. It becomes a link where a
    /// section first names it.
    pub code: &'a dyn Fn(&str) -> Option<String>,
}

impl Rewriting<'_> {
    /// The text with its changed links. Code blocks and headings keep theirs.
    pub fn of(&self, text: &str) -> String {
        let (mut out, mut prose) = (String::new(), String::new());
        let (mut is_code, mut named) = (false, HashSet::new());
        for line in text.split_inclusive('\n') {
            let is_fence = line.trim_start().starts_with("```");
            let is_heading = !is_code && line.starts_with('#');
            if is_code || is_fence || is_heading {
                self.prose(&prose, &mut named, &mut out);
                prose.clear();
                out.push_str(line);
            } else {
                prose.push_str(line);
            }
            if is_heading {
                named.clear();
            }
            is_code ^= is_fence;
        }
        self.prose(&prose, &mut named, &mut out);
        out
    }

    fn prose(&self, prose: &str, named: &mut HashSet<String>, out: &mut String) {
        let mut rest = prose;
        while let Some(at) = rest.find(['`', '[']) {
            out.push_str(&rest[..at]);
            rest = &rest[at..];
            rest = match rest.starts_with('`') {
                true => self.inline_code(rest, named, out),
                false => self.bracket(rest, out),
            };
        }
        out.push_str(rest);
    }

    /// Takes inline code from the beginning of the text, and returns what follows.
    fn inline_code<'t>(&self, text: &'t str, named: &mut HashSet<String>, out: &mut String) -> &'t str {
        let Some(end) = text[1..].find('`').map(|end| end + 1) else {
            out.push_str(text);
            return "";
        };
        let code = &text[1..end];
        match (self.code)(code).filter(|_| named.insert(code.to_owned())) {
            Some(target) => out.push_str(&format!("[`{code}`]({target})")),
            None => out.push_str(&text[..=end]),
        }
        &text[end + 1..]
    }

    /// Takes a link from the beginning of the text, or a bracket that begins none.
    fn bracket<'t>(&self, text: &'t str, out: &mut String) -> &'t str {
        let Some((label, target, rest)) = link(text) else {
            out.push('[');
            return &text[1..];
        };
        match (self.link)(target) {
            LinkTarget::Page(page) => out.push_str(&format!("[{label}]({page})")),
            LinkTarget::Nowhere => out.push_str(label),
        }
        rest
    }
}

/// The label and the target of a link at the beginning of a text, and what follows it.
fn link(text: &str) -> Option<(&str, &str, &str)> {
    let (mut is_code, mut end) = (false, None);
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            '`' => is_code = !is_code,
            ']' if !is_code => {
                end = Some(at);
                break;
            }
            '[' if !is_code => return None,
            _ => {}
        }
    }
    let end = end?;
    let (target, rest) = text[end + 1..].strip_prefix('(')?.split_once(')')?;
    Some((&text[1..end], target, rest))
}

/// The anchor of a heading, as GitHub and mdBook make it.
pub fn anchor(heading: &str) -> String {
    let letters = heading.trim().chars().flat_map(char::to_lowercase);
    letters
        .filter_map(|letter| match letter {
            ' ' => Some('-'),
            '-' | '_' => Some(letter),
            _ => letter.is_alphanumeric().then_some(letter),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_change_and_names_become_links_once_a_section() {
        let link = |target: &str| match target.strip_prefix("docs/") {
            Some(page) => LinkTarget::Page(page.to_owned()),
            None => LinkTarget::Nowhere,
        };
        let code = |code: &str| (code == "rec_open").then(|| "open.md".to_owned());
        let rewriting = Rewriting {
            link: &link,
            code: &code,
        };
        assert_eq!(
            rewriting.of("# `rec_open`\n`rec_open`, `rec_open` [`a]`](docs/a.md) [b] [c](d)\n"),
            "# `rec_open`\n[`rec_open`](open.md), `rec_open` [`a]`](a.md) [b] c\n"
        );
        assert_eq!(
            rewriting.of("```c\n[a](docs/b)\n```\n[`rec_open`](docs/x)\n## A\n`rec_open`"),
            "```c\n[a](docs/b)\n```\n[`rec_open`](x)\n## A\n[`rec_open`](open.md)"
        );
    }

    #[test]
    fn anchors_have_no_punctuation() {
        assert_eq!(
            anchor("`rec_close` returns `REC_ERR_TIMEOUT`"),
            "rec_close-returns-rec_err_timeout"
        );
    }
}
