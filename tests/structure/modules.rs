//! The modules of a package, and the references between them.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::buffer::{Cursor, TokenBuffer};
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItemFn, Item, ItemMod, ItemUse, Macro, Meta, Token, UseTree};

/// The names from the package's root to a module; none for the root itself.
pub type ModulePath = Vec<String>;

/// A path in the source text, and the module that contains it.
struct WrittenPath {
    inside: ModulePath,
    names: Vec<String>,
}

#[derive(Default)]
struct Module {
    /// Imports of this module, by their local name.
    imports: BTreeMap<String, Vec<String>>,
    /// Modules that this module imports with `*`.
    globs: Vec<Vec<String>>,
    /// Items declared here, except modules.
    declared: HashSet<String>,
}

/// Where a path leads.
enum Resolution {
    Module(ModulePath),
    Item,
    /// Outside this package.
    Elsewhere,
}

/// All modules of a package, except those under `#[cfg(test)]`.
pub struct Modules {
    modules: BTreeMap<ModulePath, Module>,
    written: Vec<WrittenPath>,
}

/// A path in one module that leads to another module.
pub struct Reference {
    pub from: ModulePath,
    pub to: ModulePath,
    /// The path in the source text.
    pub text: String,
}

impl Modules {
    /// Reads the package with this `lib.rs`.
    pub fn read(lib: &Path) -> Modules {
        let mut modules = Modules {
            modules: BTreeMap::new(),
            written: Vec::new(),
        };
        let directory = lib.parent().expect("a file has a directory");
        modules.read_file(lib, Vec::new(), directory);
        modules
    }

    pub fn count(&self) -> usize {
        self.modules.len()
    }

    /// `below`: the directory of its modules' files.
    fn read_file(&mut self, file: &Path, path: ModulePath, below: &Path) {
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        self.read_items(&parsed.items, path, file, below);
    }

    fn read_items(&mut self, items: &[Item], path: ModulePath, file: &Path, below: &Path) {
        self.modules.entry(path.clone()).or_default();
        let mut reader = ModuleReader {
            path: path.clone(),
            modules: self,
            inner: Vec::new(),
        };
        for item in items {
            reader.module().declared.extend(name_of(item));
            reader.visit_item(item);
        }
        for inner in reader.inner {
            let name = inner.ident.to_string();
            let mut inner_path = path.clone();
            inner_path.push(name.clone());
            if let Some((_, items)) = &inner.content {
                self.read_items(items, inner_path, file, &below.join(&name));
                continue;
            }
            let (inner_file, inner_below) = file_of(&inner, &name, file, below);
            self.read_file(&inner_file, inner_path, &inner_below);
        }
    }

    /// Every reference from one module to another. Re-exports are followed to the declaration.
    pub fn references(&self) -> Vec<Reference> {
        let mut references = Vec::new();
        for written in &self.written {
            let mut passed = BTreeSet::new();
            self.follow(&written.inside, &written.names, &mut passed, &mut HashSet::new());
            for to in passed {
                references.push(Reference {
                    from: written.inside.clone(),
                    to,
                    text: written.names.join("::"),
                });
            }
        }
        references
    }

    /// Follows a path and adds every module on the way to `passed`.
    fn follow(
        &self,
        inside: &ModulePath,
        names: &[String],
        passed: &mut BTreeSet<ModulePath>,
        seen: &mut HashSet<(ModulePath, String)>,
    ) -> Resolution {
        let mut at = inside.clone();
        for name in names {
            match name.as_str() {
                "self" => {}
                "crate" => at = Vec::new(),
                "super" => {
                    at.pop();
                }
                _ => match self.enter(&at, name, passed, seen) {
                    Resolution::Module(module) => at = module,
                    other => return other,
                },
            }
            passed.insert(at.clone());
        }
        Resolution::Module(at)
    }

    /// Resolves one name in a module.
    fn enter(
        &self,
        at: &ModulePath,
        name: &str,
        passed: &mut BTreeSet<ModulePath>,
        seen: &mut HashSet<(ModulePath, String)>,
    ) -> Resolution {
        let Some(module) = self.modules.get(at) else {
            return Resolution::Elsewhere;
        };
        if !seen.insert((at.clone(), name.to_owned())) {
            return Resolution::Elsewhere;
        }
        let child: ModulePath = at.iter().cloned().chain([name.to_owned()]).collect();
        if self.modules.contains_key(&child) {
            return Resolution::Module(child);
        }
        if module.declared.contains(name) {
            return Resolution::Item;
        }
        if let Some(import) = module.imports.get(name) {
            return self.follow(at, import, passed, seen);
        }
        // The name may come from a glob import.
        for glob in &module.globs {
            let mut through = BTreeSet::new();
            let Resolution::Module(source) = self.follow(at, glob, &mut through, seen) else {
                continue;
            };
            let found = self.enter(&source, name, &mut through, seen);
            if !matches!(found, Resolution::Elsewhere) {
                passed.append(&mut through);
                return found;
            }
        }
        Resolution::Elsewhere
    }
}

/// The file of a module without a body, and the directory of its modules' files.
fn file_of(module: &ItemMod, name: &str, file: &Path, below: &Path) -> (PathBuf, PathBuf) {
    if let Some(path) = module.attrs.iter().find_map(path_attribute) {
        let file = file.with_file_name(path);
        let below = file.parent().map(Path::to_owned).unwrap_or_default();
        return (file, below);
    }
    let beside = below.join(format!("{name}.rs"));
    let file = if beside.exists() {
        beside
    } else {
        below.join(name).join("mod.rs")
    };
    (file, below.join(name))
}

fn path_attribute(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(value) = &attribute.meta else {
        return None;
    };
    let syn::Expr::Lit(literal) = &value.value else {
        return None;
    };
    match &literal.lit {
        syn::Lit::Str(path) if value.path.is_ident("path") => Some(path.value()),
        _ => None,
    }
}

/// Whether the attribute limits its item to tests.
fn is_for_tests(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg") && conditions(&attribute.meta).iter().any(needs_test)
}

fn needs_test(condition: &Meta) -> bool {
    let inner = conditions(condition);
    if condition.path().is_ident("all") {
        inner.iter().any(needs_test)
    } else if condition.path().is_ident("any") {
        !inner.is_empty() && inner.iter().all(needs_test)
    } else {
        condition.path().is_ident("test")
    }
}

fn conditions(of: &Meta) -> Vec<Meta> {
    let Meta::List(list) = of else { return Vec::new() };
    let inner = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
    inner.map_or_else(|_| Vec::new(), |inner| inner.into_iter().collect())
}

fn next(cursor: Cursor<'_>) -> Cursor<'_> {
    cursor.token_tree().map_or_else(Cursor::empty, |(_, next)| next)
}

fn name_of(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Collects the paths and declarations of one module, without its inner modules.
struct ModuleReader<'a> {
    path: ModulePath,
    modules: &'a mut Modules,
    inner: Vec<ItemMod>,
}

impl ModuleReader<'_> {
    fn add_path(&mut self, names: Vec<String>) {
        let inside = self.path.clone();
        self.modules.written.push(WrittenPath { inside, names });
    }

    fn module(&mut self) -> &mut Module {
        self.modules.modules.entry(self.path.clone()).or_default()
    }

    fn read_use(&mut self, tree: &UseTree, mut names: Vec<String>) {
        let (name, local_name) = match tree {
            UseTree::Path(path) => {
                names.push(path.ident.to_string());
                return self.read_use(&path.tree, names);
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.read_use(tree, names.clone());
                }
                return;
            }
            UseTree::Glob(_) => {
                self.module().globs.push(names.clone());
                self.add_path(names);
                return;
            }
            UseTree::Name(name) => (name.ident.to_string(), name.ident.to_string()),
            UseTree::Rename(rename) => (rename.ident.to_string(), rename.rename.to_string()),
        };
        let local_name = if name == "self" {
            names.last().cloned().unwrap_or_default()
        } else {
            names.push(name);
            local_name
        };
        self.module().imports.insert(local_name, names.clone());
        self.add_path(names);
    }

    fn read_tokens(&mut self, mut cursor: Cursor<'_>) {
        while !cursor.eof() {
            if let Some((group, _, _, _)) = cursor.any_group() {
                self.read_tokens(group);
            }
            let Some((word, after)) = cursor.ident() else {
                cursor = next(cursor);
                continue;
            };
            let mut names = vec![word.to_string()];
            cursor = after;
            while let Some((name, after)) = name_after_colons(cursor) {
                names.push(name);
                cursor = after;
            }
            if names.len() > 1 {
                self.add_path(names);
            }
        }
    }
}

fn name_after_colons(cursor: Cursor<'_>) -> Option<(String, Cursor<'_>)> {
    let (first, cursor) = cursor.punct()?;
    let (second, cursor) = cursor.punct()?;
    if first.as_char() != ':' || second.as_char() != ':' {
        return None;
    }
    let (name, cursor) = cursor.ident()?;
    Some((name.to_string(), cursor))
}

impl<'ast> Visit<'ast> for ModuleReader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if !attributes(item).iter().any(is_for_tests) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        if !function.attrs.iter().any(is_for_tests) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        self.inner.push(module.clone());
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.read_use(&item.tree, Vec::new());
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<String> = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string())
            .collect();
        self.add_path(names);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, mac: &'ast Macro) {
        let buffer = TokenBuffer::new2(mac.tokens.clone());
        self.read_tokens(buffer.begin());
        visit::visit_macro(self, mac);
    }
}
