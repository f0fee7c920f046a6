//! A page that the preprocessor adds to the site.

/// A page that is not in `docs`.
pub struct SitePage {
    pub name: String,
    /// Relative to the site.
    pub path: String,
    /// The file whose links are relative to it, relative to the repository.
    pub source: String,
    pub text: String,
    pub children: Vec<SitePage>,
}

impl SitePage {
    pub fn with(mut self, children: Vec<SitePage>) -> SitePage {
        self.children = children;
        self
    }

    pub fn document(name: &str, path: &str, source: &str, text: &str) -> SitePage {
        SitePage {
            name: name.to_owned(),
            path: path.to_owned(),
            source: source.to_owned(),
            text: text.to_owned(),
            children: Vec::new(),
        }
    }
}
