//! The site: a preprocessor of mdBook, which adds the reference and the documents outside `docs`
//! to the pages, and adapts the links.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::markdown::{LinkTarget, Rewriting};
use crate::reference;
use crate::site_page::SitePage;

/// The documents of the repository that are pages of the site, besides those in `docs`.
fn documents() -> (SitePage, Vec<SitePage>) {
    let start = SitePage::document(
        "callrec",
        "index.md",
        "README.md",
        include_str!("../../../README.md"),
    );
    let others = vec![
        SitePage::document(
            "Contributing",
            "contributing.md",
            "CONTRIBUTING.md",
            include_str!("../../../CONTRIBUTING.md"),
        ),
        SitePage::document(
            "Changelog",
            "changelog.md",
            "CHANGELOG.md",
            include_str!("../../../CHANGELOG.md"),
        ),
        SitePage::document(
            "callrec for Python",
            "python.md",
            "bindings/python/README.md",
            include_str!("../../../bindings/python/README.md"),
        ),
        SitePage::document(
            "callrec for .NET",
            "dotnet.md",
            "bindings/dotnet/README.md",
            include_str!("../../../bindings/dotnet/README.md"),
        ),
    ];
    (start, others)
}

/// Adapts the links of all pages.
struct SiteLinks {
    /// The path on the site of each document of the repository.
    paths: BTreeMap<String, String>,
    /// Where the site describes each name.
    places: BTreeMap<String, String>,
}

impl SiteLinks {
    fn new() -> SiteLinks {
        SiteLinks {
            paths: BTreeMap::new(),
            places: reference::places(),
        }
    }

    fn add(&mut self, page: &SitePage) {
        self.paths.insert(page.source.clone(), page.path.clone());
        page.children.iter().for_each(|child| self.add(child));
    }

    /// The text of the page `path`, whose links are relative to `source`.
    fn adapted(&self, text: &str, path: &str, source: &str) -> String {
        let link = |target: &str| self.target(target, path, source);
        let code = |code: &str| {
            let place = self.places.get(code)?;
            (place.split('#').next() != Some(path)).then(|| relative(place, path))
        };
        let rewriting = Rewriting {
            link: &link,
            code: &code,
        };
        rewriting.of(text)
    }

    fn target(&self, target: &str, path: &str, source: &str) -> LinkTarget {
        if target.contains("://") || target.starts_with("mailto:") || target.starts_with('#') {
            return LinkTarget::Page(target.to_owned());
        }
        let (file, anchor) = match target.split_once('#') {
            Some((file, anchor)) => (file, format!("#{anchor}")),
            None => (target, String::new()),
        };
        let file = joined(source, file);
        let place = match self.paths.get(&file) {
            Some(place) => place,
            // mdBook copies the other files of docs, such as pictures.
            None => match file.strip_prefix("docs/") {
                Some(place) if place.contains('.') && !place.ends_with(".md") => place,
                _ => return LinkTarget::Nowhere,
            },
        };
        LinkTarget::Page(format!("{}{anchor}", relative(place, path)))
    }
}

/// A link of the file `source`, relative to the repository.
fn joined(source: &str, link: &str) -> String {
    let mut parts: Vec<&str> = source.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The place of the site as a link of the page `from`.
fn relative(place: &str, from: &str) -> String {
    format!("{}{place}", "../".repeat(from.matches('/').count()))
}

/// The input of a preprocessor, `[context, book]`, as the output: the book with all pages.
///
/// # Errors
///
/// The input has another form.
pub fn with_reference(input: &str) -> Result<String, String> {
    let input: Value = serde_json::from_str(input).map_err(|error| error.to_string())?;
    let mut contents = input.get(1).cloned().ok_or("the input is not [context, book]")?;
    // Version 0.4 called the items sections.
    let key = if contents["items"].is_array() {
        "items"
    } else {
        "sections"
    };
    let items = contents[key].as_array_mut().ok_or("the input has no items")?;
    let (start, others) = documents();
    let reference = reference::pages();
    let mut links = SiteLinks::new();
    let generated = [&start].into_iter().chain(&others).chain(&reference);
    generated.for_each(|page| links.add(page));
    for item in items.iter() {
        if let Some(path) = item["Chapter"]["path"].as_str() {
            links.paths.insert(format!("docs/{path}"), path.to_owned());
        }
    }
    for item in items.iter_mut() {
        // Titles of parts are items, too.
        let Some(chapter) = item.get_mut("Chapter") else {
            continue;
        };
        let (Some(text), Some(path)) = (chapter["content"].as_str(), chapter["path"].as_str()) else {
            continue;
        };
        let adapted = links.adapted(text, path, &format!("docs/{path}"));
        chapter["content"] = Value::String(adapted);
    }
    items.insert(0, chapter(&start, &links, &[]));
    for (title, pages) in [("The rest", &others), ("Reference", &reference)] {
        items.push(json!({ "PartTitle": title }));
        items.extend(pages.iter().map(|page| chapter(page, &links, &[])));
    }
    Ok(contents.to_string())
}

fn chapter(page: &SitePage, links: &SiteLinks, parents: &[&str]) -> Value {
    let mut below: Vec<&str> = parents.to_vec();
    below.push(&page.name);
    let children: Vec<Value> = page
        .children
        .iter()
        .map(|child| chapter(child, links, &below))
        .collect();
    json!({"Chapter": {
        "name": page.name, "content": links.adapted(&page.text, &page.path, &page.source), "number": null,
        "sub_items": children, "path": page.path, "source_path": null, "parent_names": parents,
    }})
}
