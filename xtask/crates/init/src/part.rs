//! What a file that `init` writes is made of, and the comment lines around the parts that it owns.

/// A piece of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Text that `init` owns: it stands between two comment lines that name it, and a later `init` replaces it.
    Own { name: &'static str, text: String },
    /// Text that is written when the file is made. It belongs to the user afterwards.
    Once(String),
}

/// The first and the last line of an own part, before its name. All files have comments of this kind.
pub const BEGIN: &str = "# begin cargo xtask init: ";
pub const END: &str = "# end cargo xtask init: ";

impl Part {
    /// As it stands in a file. The comment lines are indented like the first line of the text.
    pub fn written(&self) -> String {
        let (name, text) = match self {
            Part::Once(text) => return text.clone(),
            Part::Own { name, text } => (name, text.trim_end_matches('\n')),
        };
        let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let indent = &first[..first.len() - first.trim_start().len()];
        format!("{indent}{BEGIN}{name}\n{text}\n{indent}{END}{name}\n")
    }
}

/// A file with all its parts, as it is made if there is none.
pub fn whole(parts: &[Part]) -> String {
    parts.iter().map(Part::written).collect()
}
