//! Reads the types and the constants of the header, and the comments above them.

use crate::header_docs::paragraphs;

/// A type of the header.
#[derive(Debug)]
pub struct HeaderType {
    pub name: String,
    /// What it is, in paragraphs.
    pub text: Vec<String>,
    /// As in the header, with the comments of its members.
    pub declaration: String,
}

/// Constants that belong together.
#[derive(Debug)]
pub struct ConstantGroup {
    pub title: String,
    pub constants: Vec<HeaderConstant>,
}

#[derive(Debug)]
pub struct HeaderConstant {
    pub name: String,
    pub value: String,
    pub text: Vec<String>,
}

/// The types of a header, by their names.
pub fn types(header: &str) -> Vec<HeaderType> {
    let mut types: Vec<HeaderType> = header.split("\n\n").filter_map(header_type).collect();
    types.sort_by(|one, other| one.name.cmp(&other.name));
    types
}

fn header_type(block: &str) -> Option<HeaderType> {
    let (comment, declaration) = block.strip_prefix("/**")?.split_once("*/\n")?;
    let declaration = declaration.trim_end();
    if !declaration.starts_with("typedef ") {
        return None;
    }
    let name = match declaration.split_once("(*") {
        Some((_, after)) => after.split(')').next()?,
        None => declaration.trim_end_matches(';').rsplit([' ', '}']).next()?,
    };
    Some(HeaderType {
        name: name.to_owned(),
        text: paragraphs(comment),
        declaration: declaration.to_owned(),
    })
}

/// The constants of a header, in its order.
pub fn constants(header: &str) -> Vec<ConstantGroup> {
    let mut groups: Vec<ConstantGroup> = Vec::new();
    for block in header.split("\n\n") {
        if let Some((_, after)) = block.split_once("/** @name ") {
            groups.push(ConstantGroup {
                title: after.lines().next().unwrap_or_default().to_owned(),
                constants: Vec::new(),
            });
        }
        if let (Some(constant), Some(group)) = (constant(block), groups.last_mut()) {
            group.constants.push(constant);
        }
    }
    groups.retain(|group| !group.constants.is_empty());
    groups
}

fn constant(block: &str) -> Option<HeaderConstant> {
    let (comment, definition) = block.strip_prefix("/**")?.split_once("*/\n#define ")?;
    let (name, value) = definition.trim_end().split_once(' ')?;
    let is_number = value.parse::<i64>().is_ok();
    (name.starts_with("REC_") && is_number).then(|| HeaderConstant {
        name: name.to_owned(),
        value: value.to_owned(),
        text: paragraphs(comment),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_constants_are_read() {
        let header = "/** @} */\n/** @name Legs\n *  @{ */\n\n/** The local\n * party. */\n#define REC_LEG_LOCAL 0\n\n/** Not a number. */\n#define REC_INIT(type) {0}\n\n/** An id. */\ntypedef struct {\n    /** Text. */\n    char text[37];\n} rec_id;\n\n/**\n * Frees.\n */\ntypedef void (*rec_free_fn)(void *user_data);\n\n/** Opaque. */\ntypedef struct rec_config rec_config;\n";
        let found = types(header);
        let names: Vec<&str> = found.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["rec_config", "rec_free_fn", "rec_id"]);
        assert!(found[2].declaration.ends_with("} rec_id;"), "{:?}", found[2]);
        let [legs] = &constants(header)[..] else {
            panic!("{:?}", constants(header));
        };
        let [local] = &legs.constants[..] else {
            panic!("{legs:?}");
        };
        assert_eq!(
            (&*legs.title, &*local.name, &*local.value, &*local.text[0]),
            ("Legs", "REC_LEG_LOCAL", "0", "The local party.")
        );
    }
}
