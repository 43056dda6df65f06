//! What a file that `init` writes is made of.

/// A piece of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Text that `init` owns: it stands between two comment lines that name it, and a later `init` replaces it.
    Own { name: &'static str, text: String },
    /// Text that is written when the file is made. It belongs to the user afterwards.
    Once(String),
}
